"""Adapters against what their configuration and their base say of them (THREATS HUB-15).

PEFT loads every tensor of an adapter's file whose name the model has, and ignores the others: a tensor
with the name of a weight of the base replaces that weight, whatever the configuration says.

Source: peft.utils.save_and_load.set_peft_model_state_dict, peft.tuners.lora.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.tensor_reader import TensorReader
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.weights.tensor_entry import Tensor

_FOREIGN, _RANK, _MISFIT = "SHD021", "SHD022", "SHD023"
_CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = ("adapter_model.safetensors", "adapter_model.bin")
_MATRIX: Final = re.compile(
    r"(?:^|\.)(?:lora_[A-Za-z_]+|magnitude_vector|trainable_tokens_\w+)(?:\.|\Z)"
)
_DOWN: Final = re.compile(r"\.lora_A(?:\.\w+)?\.weight\Z|\.lora_A\Z")
_HEAD: Final = re.compile(
    r"\.(?:embed_tokens|lm_head|wte|word_embeddings|embed_out|tok_embeddings|shared|embed_in)\.\w+\Z"
    r"|(?:^|\.)(?:classifier|score|qa_outputs|v_head|value_head)\."
)
_READS_HIDDEN: Final = re.compile(
    r"\.(?:q_proj|k_proj|v_proj|gate_proj|up_proj|query_key_value|c_attn)\."
)
_SHOWN: Final = 4


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge each adapter with the files of its folder."""
    reader = TensorReader(view, context)
    for name in view.named(_CONFIG):
        config = view.mapping(name)
        if config is None or config.get("peft_type") != "LORA":
            continue
        folder = posixpath.dirname(name)
        weights = next((one for one in _beside(view, folder)), None)
        if weights is not None:
            tensors = reader.read(weights).tensors
            yield from _foreign(weights, tensors, config)
            yield from _ranks(weights, tensors, config)
            yield from _fit(view, weights, tensors)


def _beside(view: RepositoryView, folder: str) -> Iterator[str]:
    for base in _WEIGHTS:
        name = posixpath.join(folder, base)
        if name in view.files:
            yield name


def _foreign(weights: str, tensors: Sequence[Tensor], config: Mapping[str, Json]) -> Iterator[Finding]:
    """Tensors that are no matrices of the adapter, and that the configuration does not announce."""
    saved = tuple(_texts(config.get("modules_to_save")))
    has_biases = config.get("bias") not in (None, "none")
    foreign = [
        tensor.name
        for tensor in tensors
        if not _MATRIX.search(tensor.name)
        and not _HEAD.search(tensor.name)  # PEFT saves embeddings that have grown, and heads
        and not (has_biases and tensor.name.endswith(".bias"))
        and not any(f".{module}." in tensor.name for module in saved)
    ]
    if foreign:
        shown = ", ".join(quoted(name) for name in foreign[:_SHOWN])
        more = f" and {len(foreign) - _SHOWN:,} more" if len(foreign) > _SHOWN else ""
        evidence = f"{shown}{more}: no matrix of the adapter, and not in modules_to_save"
        yield _finding(_FOREIGN, weights, foreign[0], evidence)


def _ranks(weights: str, tensors: Sequence[Tensor], config: Mapping[str, Json]) -> Iterator[Finding]:
    rank, pattern = config.get("r"), config.get("rank_pattern")
    values = (rank, *(pattern.values() if isinstance(pattern, Mapping) else ()))
    allowed = {value for value in values if isinstance(value, int)}
    ranks = {
        tensor.shape[0]: tensor.name
        for tensor in tensors
        if _DOWN.search(tensor.name) and len(tensor.shape) == 2
    }
    for found, name in ranks.items():
        if type(rank) is int and found not in allowed:
            evidence = f"{quoted(name)} has rank {found:,}, the configuration says {rank:,}"
            yield _finding(_RANK, weights, name, evidence)
            return


def _fit(view: RepositoryView, weights: str, tensors: Sequence[Tensor]) -> Iterator[Finding]:
    """With the base at hand: an adapter of another model has other widths."""
    config = view.base.mapping("config.json") if view.base is not None else None
    inner = config.get("text_config") if config is not None else None
    hidden = inner.get("hidden_size") if isinstance(inner, Mapping) else None
    if hidden is None and config is not None:
        hidden = config.get("hidden_size", config.get("n_embd"))
    if type(hidden) is not int:
        return
    for tensor in tensors:
        is_inner = _DOWN.search(tensor.name) and _READS_HIDDEN.search(tensor.name)
        if is_inner and len(tensor.shape) == 2 and tensor.shape[1] != hidden:
            evidence = f"{quoted(tensor.name)} reads {tensor.shape[1]:,} values, the base has {hidden:,}"
            yield _finding(_MISFIT, weights, tensor.name, evidence)
            return


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (one for one in value if isinstance(one, str))


def _finding(rule: str, path: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=(path,), subject=subject[:200], evidence=evidence)
