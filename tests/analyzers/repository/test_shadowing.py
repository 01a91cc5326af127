"""Weights that lie in a repository twice, and maps of shards."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes.shadowing import COMMAND, checkpoint, safetensors

from tests.analyzers.repository.whole_targets import judged, repository, told
from weighbridge.analyzers.repository.shadowing import judge
from weighbridge.analyzers.repository.tensor_comparison import difference
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.weights.tensor_entry import Tensor, TensorGroup
from weighbridge.formats.weights.tensor_lists import read_torch

SHAPES = {"encoder.weight": (4, 4), "encoder.bias": (4,), "head.weight": (2, 4)}
SAFE, PICKLE = "model.safetensors", "pytorch_model.bin"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"


def _twins(pickle: bytes, safe: bytes | None = None) -> list[str]:
    return told(judge, {SAFE: safe or safetensors(SHAPES), PICKLE: pickle})


def test_twins_of_the_same_tensors_are_not_told() -> None:
    assert _twins(checkpoint(SHAPES)) == []


def test_another_shape_is_told_on_the_safetensors_file() -> None:
    assert _twins(checkpoint(SHAPES | {"head.weight": (8, 4)})) == ["SHD001 model.safetensors"]


def test_a_tensor_that_only_the_pickle_has_is_told() -> None:
    assert _twins(checkpoint(SHAPES | {"trigger.gate": (4,)})) == ["SHD002 model.safetensors"]


def test_a_tensor_that_only_the_safetensors_file_has_is_told() -> None:
    more = safetensors(SHAPES | {"trigger.gate": (4,)})
    assert _twins(checkpoint(SHAPES), more) == ["SHD002 model.safetensors"]


def test_a_tensor_that_shares_memory_may_be_left_out() -> None:
    assert _twins(checkpoint(SHAPES, tied={"odd.name": "encoder.weight"})) == []


def test_the_same_extra_name_with_memory_of_its_own_is_told() -> None:
    assert _twins(checkpoint(SHAPES | {"odd.name": (4, 4)})) == ["SHD002 model.safetensors"]


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "net.body."])
def test_a_prefix_on_all_names_is_no_difference(prefix: str) -> None:
    assert _twins(checkpoint({prefix + name: shape for name, shape in SHAPES.items()})) == []


@pytest.mark.parametrize("name", ["embeddings.position_ids", "h.0.attn.masked_bias", "lm_head.weight"])
def test_what_converters_leave_out_is_no_difference(name: str) -> None:
    assert _twins(checkpoint(SHAPES | {name: (4, 4)})) == []


def test_a_pickle_that_acts_is_told_beside_its_clean_twin() -> None:
    assert "SHD005 pytorch_model.bin" in _twins(checkpoint(SHAPES, extra=COMMAND))


def test_a_pickle_that_acts_has_no_clean_twin_in_another_folder() -> None:
    files = {f"a/{SAFE}": safetensors(SHAPES), f"b/{PICKLE}": checkpoint(SHAPES, extra=COMMAND)}
    assert told(judge, files) == []


@pytest.mark.parametrize("broken", [b"", POINTER, b"\xff" * 20, safetensors(SHAPES)[:-1]])
def test_a_safetensors_file_that_can_not_be_used_is_told_beside_a_pickle(broken: bytes) -> None:
    files = {SAFE: broken, PICKLE: checkpoint(SHAPES)}
    assert told(judge, files) == ["SHD006 model.safetensors"]


def test_a_folder_of_pointers_is_a_clone_without_lfs() -> None:
    assert told(judge, {SAFE: POINTER, PICKLE: POINTER}) == []


def test_twins_of_a_variant_are_compared_with_each_other() -> None:
    other = checkpoint(SHAPES | {"head.weight": (8, 4)})
    files = {
        SAFE: safetensors(SHAPES),
        "model.fp16.safetensors": safetensors(SHAPES),
        "pytorch_model.fp16.bin": other,
    }
    assert told(judge, files) == ["SHD001 model.fp16.safetensors"]


def test_a_checkpoint_of_the_same_stem_is_told_low() -> None:
    files = {"a.safetensors": safetensors(SHAPES), "a.ckpt": checkpoint({"x": (1,)})}
    assert told(judge, files) == ["SHD003 a.safetensors"]


def test_a_header_of_another_framework_is_told_beside_a_pickle_alone() -> None:
    flax = safetensors(SHAPES, format="flax")
    assert _twins(checkpoint(SHAPES), flax) == ["SHD007 model.safetensors"]
    assert told(judge, {SAFE: flax}) == []


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def _sharded(places: dict[str, str], total: int = 8, more: dict[str, bytes] | None = None) -> list[str]:
    index = json.dumps({"metadata": {"total_size": total}, "weight_map": places}).encode()
    shards = {FIRST: safetensors({"a": (1,)}), SECOND: safetensors({"b": (1,)})}
    return told(judge, {"model.safetensors.index.json": index, **shards, **(more or {})})


INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("places", "rules"),
    [
        ({"a": FIRST, "b": SECOND}, []),
        ({"a": SECOND, "b": SECOND}, [f"SHD008 {INDEX}", f"SHD010 {INDEX}"]),
        ({"a": FIRST, "b": SECOND, "c": FIRST}, [f"SHD008 {INDEX}"]),
        ({"a": FIRST}, [f"SHD009 {INDEX}", f"SHD010 {INDEX}"]),
        ({"a": FIRST, "b": "../elsewhere.safetensors"}, [f"SHD009 {INDEX}"]),
        ({"a": FIRST, "b": SECOND, "c": "absent.safetensors"}, []),
    ],
    ids=["fits", "swapped", "in-no-shard", "unlisted", "outside", "absent"],
)
def test_the_index_is_held_against_its_shards(places: dict[str, str], rules: list[str]) -> None:
    assert _sharded(places) == rules


def test_a_wrong_total_is_told() -> None:
    assert _sharded({"a": FIRST, "b": SECOND}, total=9) == [f"SHD010 {INDEX}"]


def test_a_single_file_beside_shards_is_told() -> None:
    told_ = _sharded({"a": FIRST, "b": SECOND}, more={SAFE: safetensors({"a": (1,)})})
    assert told_ == ["SHD011 model.safetensors"]


def test_a_component_without_safetensors_is_told_on_its_pipeline() -> None:
    files = {
        "p/model_index.json": b"{}",
        "p/unet/diffusion_pytorch_model.safetensors": safetensors(SHAPES),
        "p/vae/diffusion_pytorch_model.bin": checkpoint(SHAPES),
        "q/vae/diffusion_pytorch_model.bin": checkpoint(SHAPES),
    }
    assert told(judge, files) == ["SHD012 p/model_index.json"]


def test_weights_in_a_hidden_folder_are_told() -> None:
    files = {".extra/model.safetensors": safetensors(SHAPES), "a/model.safetensors": safetensors(SHAPES)}
    assert told(judge, files) == ["SHD013 .extra/model.safetensors"]


def test_no_tensor_bytes_of_a_safetensors_file_are_read() -> None:
    large = {"a": (1024, 1024)}
    reads: dict[str, list[tuple[int, int]]] = {}
    files = {SAFE: safetensors(large), PICKLE: checkpoint(large)}
    judged(judge, repository(files, reads=reads))
    assert sum(length for _, length in reads[SAFE]) <= 64 * 1024 + 64


def _tensors(*names: str) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, "F32", (2,)) for name in names)


def test_the_dictionary_that_fits_best_is_compared() -> None:
    groups = (
        TensorGroup(("optimizer",), _tensors("a", "x", "y", "z")),
        TensorGroup(("model",), _tensors("a", "b", "c")),
    )
    found = difference(_tensors("a", "b"), groups)
    assert found is not None
    assert found.only_second == ("c",)


def test_a_list_that_was_cut_is_not_compared() -> None:
    assert difference(_tensors("a"), [TensorGroup((), _tensors("b"), is_cut=True)]) is None


def test_a_scalar_may_be_a_vector_of_one() -> None:
    ours, theirs = Tensor("a", "F32", ()), Tensor("a", "F32", (1,))
    found = difference([ours], [TensorGroup((), (theirs,))])
    assert found is not None
    assert found.shapes == ()


CHECKPOINT = checkpoint(SHAPES, tied={"t": "encoder.weight"})


def test_the_tensors_of_a_checkpoint_are_read_with_their_shapes() -> None:
    (group,) = read_torch(MemorySource(CHECKPOINT), Budget(Limits()))
    assert {one.name: one.shape for one in group.tensors} == {**SHAPES, "t": (4, 4)}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(CHECKPOINT)), st.binary(max_size=12))
def test_any_checkpoint_gives_tensors_or_a_reason(at: int, put: bytes) -> None:
    changed = CHECKPOINT[:at] + put + CHECKPOINT[at + len(put) :]
    try:
        groups = read_torch(MemorySource(changed), Budget(Limits()))
    except (Malformed, LimitReached):
        return
    assert all(size >= 0 for group in groups for one in group.tensors for size in one.shape)


class _Remote(MemorySource):
    """Counts what is asked of it, as a server would."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_remote = True
        self.requests: list[int] = []

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        self.requests.append(length)
        return super().read_at(offset, length)


def test_a_remote_checkpoint_costs_its_tail_and_its_pickle() -> None:
    source = _Remote(checkpoint({"a": (512, 1024), "b": (512, 1024)}))
    (group,) = read_torch(source, Budget(Limits()))
    assert len(group.tensors) == 2
    assert len(source.requests) <= 4
    assert sum(source.requests) < 256 * 1024


WHOLE = safetensors(SHAPES, format="pt")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(max_size=8), st.integers(0, len(CHECKPOINT)))
def test_whatever_the_twins_hold_the_judge_comes_to_an_end(at: int, put: bytes, cut: int) -> None:
    changed = WHOLE[:at] + put + WHOLE[at + len(put) :]
    files = {SAFE: changed, PICKLE: CHECKPOINT[:cut]}
    assert all(one.rule.startswith("SHD") for one in judged(judge, repository(files)))
