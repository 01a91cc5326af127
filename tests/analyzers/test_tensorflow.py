"""TensorFlow graphs: which operations are told, when they run, and what an ordinary model may do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import tensorflow as recipe
from samples.recipes.tensorflow import (
    INPUT,
    SERVED,
    call,
    chunk,
    const,
    function,
    graph,
    meta_graph,
    node,
    saved_model,
    served,
    text_attribute,
    whole,
    writing,
)

from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tensorflow import checkpoints as tensorflow_checkpoints
from weighbridge.analyzers.tensorflow import graphs as tensorflow
from weighbridge.analyzers.tensorflow import texts as tensorflow_texts
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.errors import LimitReached, Malformed, UsageError
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.formats.tensorflow.anomalies import GraphAnomaly
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.tensorflow_ops import Access, Deed, installed_ops, load_ops

ROOT = Path(__file__).parents[2]
CONTEXT = Context(Budget(Limits()), CallableKnowledge.load(ROOT / "signatures" / "callables"))
SAMPLES = dict(recipe.samples())
OPS = installed_ops()

Inspect = Callable[[Artifact, Context], Iterator[Event]]


def events(data: bytes, inspect: Inspect = tensorflow.inspect_saved_model) -> list[Event]:
    return list(inspect(Artifact(("model",), MemorySource(data)), CONTEXT))


def findings(data: bytes, inspect: Inspect = tensorflow.inspect_saved_model) -> list[Finding]:
    return [one for one in events(data, inspect) if isinstance(one, Finding)]


def rules(body: Sequence[bytes], extra: Sequence[bytes] = ()) -> list[str]:
    """The rules that a serving function with these nodes breaks."""
    return sorted({one.rule for one in findings(served(body, extra=extra))})


def in_graph(*nodes: bytes) -> list[str]:
    return sorted({one.rule for one in findings(graph(nodes), tensorflow.inspect_graph)})


def touching(op: str, path: str, inputs: Sequence[str] = ("path:output:0",)) -> list[bytes]:
    return [const("path", path), node("deed", op, inputs)]


@pytest.mark.parametrize(
    ("op", "path", "expected"),
    [
        ("WriteFile", "/home/user/.ssh/authorized_keys", ["TFG002"]),
        ("WriteFile", "plugins/evil.py", ["TFG002"]),
        ("WriteFile", "/etc/cron.d/job", ["TFG002"]),
        ("WriteFile", "C:\\Windows\\System32\\x.txt", ["TFG002"]),
        ("WriteFile", "a/../../b.txt", ["TFG003"]),
        ("WriteFile", "out.txt", ["TFG003"]),
        ("WriteFile", "s3://bucket/x", ["TFG003"]),
        ("SaveV2", "model", []),
        ("SaveV2", "/var/tmp/x", ["TFG003"]),
        ("SaveV2", "/home/user/.bashrc", ["TFG002"]),
        ("RestoreV2", "/data/init/model.ckpt", ["TFG008"]),
        ("RestoreV2", "/etc/shadow", ["TFG006"]),
        ("ReadFile", "/tmp/../etc/passwd", ["TFG006"]),
        ("ReadFile", "\\\\host.example.invalid\\share", ["TFG006"]),
        ("ReadFile", "https://example.invalid/x", ["TFG007"]),
        ("ReadFile", "words.txt", ["TFG010"]),
        ("MatchingFiles", "/data/*.png", ["TFG008"]),
        ("MatchingFiles", "/home/user/.aws/*", ["TFG006"]),
        ("TextLineDataset", "/etc/passwd", ["TFG006"]),
        ("TFRecordDataset", "gs://bucket/train.tfrecord", ["TFG008"]),
        ("TFRecordDataset", "", []),
    ],
)
def test_a_place_that_the_graph_names_decides(op: str, path: str, expected: list[str]) -> None:
    assert rules(touching(op, path)) == expected


@pytest.mark.parametrize(
    ("op", "attributes", "expected"),
    [
        ("PrintV2", {"output_stream": text_attribute("stdout")}, []),
        ("PrintV2", {"output_stream": text_attribute("file:///tmp/log")}, ["TFG003"]),
        ("DebugIdentityV2", {"debug_urls": chunk(1, chunk(2, "file:///tmp/dump"))}, ["TFG003"]),
        ("DebugIdentityV2", {"debug_urls": chunk(1, chunk(2, "grpc://example.invalid:1"))}, ["TFG011"]),
        ("DecodeProtoV2", {"descriptor_source": text_attribute("local://")}, []),
        ("DecodeProtoV2", {"descriptor_source": text_attribute("/etc/passwd")}, ["TFG006"]),
        ("ImmutableConst", {"memory_region_name": text_attribute("/etc/shadow")}, ["TFG006"]),
        ("EagerPyFunc", {"token": text_attribute("pyfunc_1")}, ["TFG001"]),
    ],
)
def test_a_place_in_an_attribute_decides(
    op: str, attributes: dict[str, bytes], expected: list[str]
) -> None:
    assert rules([node("deed", op, ["x"], attributes)]) == expected


@pytest.mark.parametrize(
    ("op", "inputs", "expected"),
    [
        ("ReadFile", ["x"], ["TFG009"]),
        ("SaveV2", ["x", "x", "x"], ["TFG004"]),
        ("RestoreV2", ["x", "x", "x"], ["TFG009"]),
        ("TextLineDataset", ["x", "x", "x"], []),
        ("RpcClient", ["x"], ["TFG012"]),
    ],
)
def test_a_place_that_the_caller_names_is_medium(
    op: str, inputs: list[str], expected: list[str]
) -> None:
    assert rules([node("deed", op, inputs)]) == expected


def test_any_content_in_a_place_that_the_caller_names_is_high() -> None:
    assert rules([node("deed", "WriteFile", ["x", "x"])]) == ["TFG029"]


@pytest.mark.parametrize(("op", "rule"), [("ReadFile", "TFG028"), ("WriteFile", "TFG003")])
def test_an_operation_without_its_inputs_is_not_silent(op: str, rule: str) -> None:
    assert in_graph(node("deed", op)) == [rule]


@pytest.mark.parametrize("op", ["SaveV2", "RestoreV2"])
def test_a_saver_in_a_graph_without_entry_points_is_silent(op: str) -> None:
    assert in_graph(node("path", "Placeholder"), node("deed", op, ["path", "path", "path"])) == []


@pytest.mark.parametrize(
    ("op", "expected"), [("ReadFile", ["TFG028"]), ("WriteFile", ["TFG003"]), ("SaveV2", ["TFG003"])]
)
def test_a_place_that_the_graph_hides_is_told(op: str, expected: list[str]) -> None:
    body = [const("a", "zz"), node("cut", "Substr", ["a:output:0"]), node("deed", op, ["cut:output:0"])]
    assert rules(body) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("/etc/passwd", "TFG006"), ("/data/cat.png", "TFG008"), ("cat.png", "TFG010")]
)
def test_files_that_a_dataset_lists_are_an_input_pipeline(path: str, expected: str) -> None:
    body = function("f", ["e"], [node("r", "ReadFile", ["e"])], {"c": b"r:contents:0"})
    mapped = node("m", "MapDataset", ["data"], {"f": chunk(10, chunk(1, "f"))})
    nodes = [const("a", path), node("data", "TensorSliceDataset", ["a"]), mapped]
    assert [one.rule for one in findings(graph(nodes, [body]), tensorflow.inspect_graph)] == [expected]


def test_a_path_that_a_served_model_takes_out_of_a_file_is_told() -> None:
    body = [
        const("list", "paths.txt"),
        node("lines", "TextLineDataset", ["list:output:0", "x", "x"]),
        node("i", "IteratorV2"),
        node("make", "MakeIterator", ["lines", "i"]),
        node("next", "IteratorGetNext", ["i"]),
        node("deed", "ReadFile", ["next:components:0"]),
    ]
    assert rules(body) == ["TFG010", "TFG028"]


def test_an_address_that_the_graph_names_is_high() -> None:
    body = [const("a", "example.invalid:80"), node("deed", "RpcClient", ["a:output:0", "x"])]
    assert rules(body) == ["TFG011"]


def test_what_is_read_and_written_again_is_told_across_functions() -> None:
    reader = function("read", ["p"], [node("r", "ReadFile", ["p"])], {"c": b"r:contents:0"})
    nodes = [
        const("from", "notes.txt"),
        call("content", "read", ["from"]),
        const("to", "copy.txt"),
        node("deed", "WriteFile", ["to", "content"]),
    ]
    found = findings(graph(nodes, [reader]), tensorflow.inspect_graph)
    assert {one.rule for one in found} == {"TFG003", "TFG010", "TFG018"}
    assert "gets what ReadFile 'r' reads" in next(one for one in found if one.rule == "TFG018").evidence


def test_what_is_written_from_elsewhere_is_no_copy() -> None:
    assert "TFG018" not in rules([*touching("ReadFile", "a.txt"), *writing("b.txt")[1:]])


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("write-on-load", "runs when the model is loaded"),
        ("write-fixed", "runs when the model is called"),
        ("read-passwd", "runs when the model is called"),
    ],
)
def test_the_evidence_says_when_it_runs(sample: str, words: str) -> None:
    (found,) = findings(SAMPLES[f"tensorflow/{sample}/saved_model.pb"])
    assert words in found.evidence


def test_what_nothing_leads_to_is_told_all_the_same() -> None:
    (found,) = findings(served([node("deed", "NoOp")], extra=writing("/tmp/x")))
    assert found.rule == "TFG003"
    assert "nothing that the file offers leads to it" in found.evidence


def test_a_resource_is_set_up_by_the_loader() -> None:
    setup = function("setup", ["a"], touching("ReadFile", "/etc/passwd"), {})
    objects = chunk(1, chunk(1, whole(1, 1) + chunk(2, "_initialize"))) + chunk(
        1, chunk(6, chunk(1, "setup"))
    )
    (found,) = findings(saved_model(graph([INPUT], [setup]), SERVED, chunk(7, objects)))
    assert "runs when the model is loaded" in found.evidence


def test_the_same_deed_in_many_nodes_is_one_finding() -> None:
    nodes = [const("path", "/etc/passwd"), *(node(f"n{at}", "ReadFile", ["path"]) for at in range(9))]
    (found,) = findings(graph(nodes), tensorflow.inspect_graph)
    assert found.evidence.endswith("and 4 more")
    assert len(found.related) == 8


def test_too_many_writers_are_told_and_limited() -> None:
    nodes = [const("p", "/tmp/x"), *(node(f"n{at}", "WriteFile", ["p", "p"]) for at in range(201))]
    walk = tensorflow.inspect_graph(Artifact(("g",), MemorySource(graph(nodes))), CONTEXT)
    found = next(walk)
    assert isinstance(found, Finding)
    assert found.rule == "TFG003"
    with pytest.raises(LimitReached, match="201 operations"):
        list(walk)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\..\\..\\b", "C:/x", "~/x"])
def test_an_asset_that_leaves_the_model_is_told(name: str) -> None:
    asset = chunk(6, chunk(1, chunk(1, "x:0")) + chunk(2, name))
    assert [one.rule for one in findings(saved_model(graph([INPUT]), asset, SERVED))] == ["TFG019"]


@pytest.mark.parametrize("name", ["words.txt", "sub/words..txt", ""])
def test_an_asset_of_the_model_is_silent(name: str) -> None:
    asset = chunk(6, chunk(1, chunk(1, "x:0")) + chunk(2, name))
    assert findings(saved_model(graph([INPUT]), asset, SERVED)) == []


def test_functions_that_end_are_no_recursion() -> None:
    one = function("one", ["a"], [call("c", "two", ["a"])], {"r": b"c:output:0"})
    two = function("two", ["a"], [node("n", "Identity", ["a"])], {"r": b"n:output:0"})
    assert findings(graph([INPUT, call("y", "one", ["x"])], [one, two]), tensorflow.inspect_graph) == []


def test_what_was_found_before_a_break_is_told() -> None:
    broken = graph(touching("ReadFile", "/etc/passwd", ["path"])) + chunk(1, b"\x0a\x7f")
    walk = tensorflow.inspect_graph(Artifact(("g",), MemorySource(broken)), CONTEXT)
    found: list[str] = []
    with pytest.raises(Malformed):
        found.extend(one.rule for one in walk if isinstance(one, Finding))
    assert found == ["TFG006", "TFG025"]


def test_keras_objects_are_shown_to_whoever_knows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    def show(artifact: Artifact, tree: object, context: Context) -> Iterator[Event | None]:
        shown.append(tree)
        yield None
        yield Coverage(path=artifact.path, format="json", outcome="analyzed")  # type: ignore[arg-type]

    monkeypatch.setattr("weighbridge.analyzers.tensorflow.carried.show_tree", show)
    keras = chunk(1, chunk(4, chunk(1, "_tf_keras_layer") + chunk(3, '{"class_name": "Lambda"}')))
    data = saved_model(graph([INPUT]), SERVED, chunk(7, keras + keras))
    assert [type(one) for one in events(data)] == [Coverage]
    assert shown == [{"class_name": "Lambda"}]


def test_a_compiled_module_is_handed_on() -> None:
    module = {"module": text_attribute(b"ML\xefR" + bytes(20))}
    nested = [
        one
        for one in events(served([node("deed", "XlaCallModule", ["x"], module)]))
        if isinstance(one, Artifact)
    ]
    assert [(one.name, one.source.size) for one in nested] == [("module-0", 24)]


def test_a_state_file_may_name_its_own_folder_by_its_path() -> None:
    texts = {
        '"/abs/model-1"': [],
        '"model-1"': [],
        '"../model-1"': ["TFG027"],
        '"http://example.invalid/m"': ["TFG027"],
    }
    told = {text: _state(f"model_checkpoint_path: {text}\n") for text in texts}
    assert told == texts


def _state(text: str) -> list[str]:
    artifact = Artifact(("checkpoint",), MemorySource(text.encode()))
    found = tensorflow_texts.judge_text(artifact, text, CONTEXT)
    assert found is not None
    return [one.rule for one in found if isinstance(one, Finding)]


def test_a_text_that_is_no_graph_is_nobodys() -> None:
    artifact = Artifact(("saved_model.txt",), MemorySource(b"words"))
    assert tensorflow_texts.judge_text(artifact, "words", CONTEXT) is None


def test_every_anomaly_has_a_rule() -> None:
    assert tensorflow.RULES.keys() == set(GraphAnomaly)
    assert len(tensorflow_checkpoints.RULES) == 5


def test_every_row_is_an_operation_that_exists() -> None:
    assert [op for op in OPS.rows if op not in OPS.known and op not in OPS.libraries] == []
    assert {row.deed for row in OPS.rows.values()} == set(Deed)
    assert OPS.known.isdisjoint(OPS.libraries)


@pytest.mark.parametrize(
    "op", ["DecodeJpeg", "Assert", "Print", "ParseExampleV2", "LookupTableExportV2", "Send"]
)
def test_operations_of_tensorflow_are_known(op: str) -> None:
    assert OPS.is_of_tensorflow(op) or op in OPS.rows


@pytest.mark.parametrize(
    "path", ["words.txt", "/data/train.tfrecord", "/home/me/model/vocab", "model", "/root/x"]
)
def test_paths_of_honest_graphs_are_not_sensitive(path: str) -> None:
    assert [OPS.sensitive(path, access) for access in Access] == [None, None]


def test_a_table_with_a_wrong_row_is_refused(tmp_path: Path) -> None:
    for page in (ROOT / "signatures" / "tensorflow").iterdir():
        (tmp_path / page.name).write_bytes(page.read_bytes())
    (tmp_path / "ops.tsv").write_text("Op\tteleports\t0\twhy\n", encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape("'teleports'")):
        load_ops(tmp_path)


ATTACK = SAMPLES["tensorflow/write-joined/saved_model.pb"]


@given(st.integers(0, len(ATTACK) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_events_or_malformed(at: int, byte: int) -> None:
    raw = bytearray(ATTACK)
    raw[at] = byte
    try:
        assert all(isinstance(one, Event) for one in events(bytes(raw)))
    except (Malformed, LimitReached):
        return


def test_a_meta_graph_is_judged_like_a_model() -> None:
    found = findings(
        meta_graph(graph(touching("ReadFile", "/etc/passwd", ["path"]))), tensorflow.inspect_meta_graph
    )
    assert [one.rule for one in found] == ["TFG006"]


def test_a_saved_model_of_two_gigabytes_is_judged_for_kilobytes() -> None:
    content = 2 * 1000**3
    tail = b"".join(chunk(1, one) for one in touching("ReadFile", "/etc/passwd", ["path"]))
    shaped = whole(1, recipe.DT_FLOAT) + chunk(2, recipe.shape([content // 4]))
    head = shaped + recipe.varint(4 << 3 | 2) + recipe.varint(content)
    for field, prefix, after in (
        (8, b"", 0),
        (2, chunk(1, "value"), 0),
        (5, chunk(1, "w") + chunk(2, "Const"), 0),
        (1, b"", 0),
        (2, b"", len(tail)),
        (2, whole(1, 1), len(tail)),
    ):
        # Each message that holds the tensor states its own length; the nodes behind it count for two.
        head = prefix + recipe.varint(field << 3 | 2) + recipe.varint(len(head) + content + after) + head
    source = SparseSource(len(head) + content + len(tail), {0: head, len(head) + content: tail})
    assert identify(source, "model.bin") == (Format.SAVED_MODEL,)
    identified = source.bytes_read
    found = list(tensorflow.inspect_saved_model(Artifact(("model.bin",), source), CONTEXT))
    assert [one.rule for one in found if isinstance(one, Finding)] == ["TFG006"]
    assert identified < 100 * KIB
    assert source.bytes_read - identified == 2_130
