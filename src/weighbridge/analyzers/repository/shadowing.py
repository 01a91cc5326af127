"""Weights that lie in a repository twice: what was reviewed may not be what a loader takes.

Compared are names, shapes and types of tensors, never their elements: two files that agree in all of
them can still hold other numbers, and a conversion that a bot made can't be told from one that the
publisher made.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.finding_weight import has_high
from weighbridge.analyzers.repository.shard_maps import judge_index
from weighbridge.analyzers.repository.tensor_comparison import Difference, difference
from weighbridge.analyzers.repository.tensor_reader import Listed, TensorReader, Trouble
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.analyzers.repository.weight_sets import SAFE, Twins, WeightSet, twins_in, weight_sets
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

_SHAPES, _NAMES, _CHECKPOINT_NAMES, _TYPES = "SHD001", "SHD002", "SHD003", "SHD004"
_DANGEROUS, _UNUSABLE, _OTHER_FRAMEWORK = "SHD005", "SHD006", "SHD007"
_SINGLE, _COMPONENT, _HIDDEN = "SHD011", "SHD012", "SHD013"
_MOST_SHARDS = 1_024
_SHOWN = 4
_FRAMEWORKS = frozenset({"pt", "mlx", "np", "numpy"})
_PIPELINE = "model_index.json"


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge each folder on its own, and the components of each diffusers pipeline together."""
    reader = TensorReader(view, context)
    found: dict[str, tuple[WeightSet, ...]] = {}
    for folder, names in view.folders.items():
        sets = weight_sets(folder, names)
        if not sets:
            continue
        found[folder] = sets
        yield from _hidden(folder, sets)
        for one in sets:
            yield from _single(one)
            yield from judge_index(one, view, reader)
        for twins in twins_in(sets):
            yield from _twins(twins, view, reader)
    yield from _pipelines(view, found)


def _twins(twins: Twins, view: RepositoryView, reader: TensorReader) -> Iterator[Event]:
    if max(len(twins.safe.files), len(twins.other.files)) > _MOST_SHARDS:
        return
    safe = reader.read_all(_taken(twins.safe))
    yield from _dangerous(twins, safe, view)
    if not twins.other.is_pickle:
        return
    other = reader.read_all(_taken(twins.other))
    if safe.trouble is not None:
        if other.trouble in (None, Trouble.TOO_LARGE) and _is_told(twins, safe.trouble):
            yield _unusable(twins, safe.trouble)
        return
    yield from _framework(twins, safe)
    if other.trouble is None:
        compared = difference(safe.tensors, other.groups)
        if compared is not None:
            yield from _differences(twins, compared)


def _taken(weights: WeightSet) -> Sequence[str]:
    """What a loader opens: the file without a number when there is one, else all shards."""
    return weights.files if weights.single is None else (weights.single,)


def _dangerous(twins: Twins, safe: Listed, view: RepositoryView) -> Iterator[Finding]:
    is_clean = safe.trouble is None and not any(has_high(view.findings(n)) for n in twins.safe.files)
    for name in twins.other.files:
        if is_clean and has_high(view.findings(name)):
            clean = posixpath.basename(twins.safe.first)
            evidence = f"{quoted(clean)} holds the same model without code\n{twins.choice}"
            yield Finding(rule=_DANGEROUS, path=(name,), subject=clean[:200], evidence=evidence)


def _is_told(twins: Twins, trouble: Trouble) -> bool:
    """What merely has the name of safetensors is told where its content is."""
    return trouble is not Trouble.TOO_LARGE and (twins.is_slot or trouble is not Trouble.BROKEN)


def _unusable(twins: Twins, trouble: Trouble) -> Finding:
    name, other = twins.safe.first, posixpath.basename(twins.other.first)
    evidence = f"{trouble.value}; {quoted(other)} beside it can be loaded\n{twins.choice}"
    return Finding(rule=_UNUSABLE, path=(name,), subject=other[:200], evidence=evidence)


def _framework(twins: Twins, safe: Listed) -> Iterator[Finding]:
    words = safe.format_words
    if words is not None and words not in _FRAMEWORKS and twins.is_slot:
        evidence = f"format: {quoted(words)} in the header, beside {_basename(twins.other)}"
        yield Finding(
            rule=_OTHER_FRAMEWORK,
            path=(twins.safe.first,),
            subject=words[:200],
            evidence=evidence,
            route="/__metadata__/format",
        )


def _differences(twins: Twins, compared: Difference) -> Iterator[Finding]:
    if compared.shapes:
        lines = (
            f"{quoted(name)}: {list(ours)} and {list(theirs)}" for name, ours, theirs in compared.shapes
        )
        yield _difference(_SHAPES, twins, compared.shapes[0][0], _some(tuple(lines)), compared)
    if compared.only_first or compared.only_second:
        only = chain(
            _only(_basename(twins.safe), compared.only_first),
            _only(_basename(twins.other), compared.only_second),
        )
        subject = (*compared.only_first, *compared.only_second)[0]
        rule = _NAMES if twins.is_slot else _CHECKPOINT_NAMES
        yield _difference(rule, twins, subject, "\n".join(only), compared)
    if compared.types:
        lines = (f"{quoted(name)}: {ours} and {theirs}" for name, ours, theirs in compared.types)
        yield _difference(_TYPES, twins, compared.types[0][0], _some(tuple(lines)), compared)


def _only(place: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        shown = ", ".join(quoted(name) for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        yield f"only in {place}: {shown}{more}"


def _some(lines: Sequence[str]) -> str:
    more = (f"and {len(lines) - _SHOWN:,} more",) if len(lines) > _SHOWN else ()
    return "\n".join((*lines[:_SHOWN], *more))


def _difference(rule: str, twins: Twins, name: str, lines: str, compared: Difference) -> Finding:
    other = _basename(twins.other)
    evidence = f"compared with {other}, {compared.common:,} tensors in common\n{lines}\n{twins.choice}"
    return Finding(
        rule=rule,
        path=(twins.safe.first,),
        subject=f"{posixpath.basename(twins.other.first)} {name}"[:200],
        evidence=evidence,
        route=f"tensor {name[:200]}",
    )


def _basename(weights: WeightSet) -> str:
    return quoted(posixpath.basename(weights.first))


def _single(weights: WeightSet) -> Iterator[Finding]:
    if weights.single is not None and weights.index is not None and weights.shards:
        evidence = f"{len(weights.shards):,} shards and {_basename(weights)} lie beside it"
        subject = posixpath.basename(weights.index)
        yield Finding(rule=_SINGLE, path=(weights.single,), subject=subject[:200], evidence=evidence)


def _hidden(folder: str, sets: Sequence[WeightSet]) -> Iterator[Finding]:
    part = next((part for part in folder.split("/") if part.startswith(".") and len(part) > 1), None)
    if part is not None:
        for weights in sets:
            evidence = f"in the folder {quoted(part)}, which listings leave out"
            yield Finding(rule=_HIDDEN, path=(weights.first,), subject=part[:200], evidence=evidence)


def _pipelines(view: RepositoryView, found: Mapping[str, tuple[WeightSet, ...]]) -> Iterator[Finding]:
    """Diffusers takes safetensors only when each component of the pipeline has them."""
    inner: dict[str, list[str]] = {}
    for folder in found:
        inner.setdefault(posixpath.dirname(folder), []).append(folder)
    for name in view.named(_PIPELINE):
        parts = {
            folder: {one.kind for one in found[folder]}
            for folder in inner.get(posixpath.dirname(name), ())
            if folder
        }
        safe = sorted(folder for folder, kinds in parts.items() if SAFE in kinds)
        unsafe = sorted(
            folder for folder, kinds in parts.items() if kinds & {"bin"} and SAFE not in kinds
        )
        if safe and unsafe:
            shown = ", ".join(quoted(posixpath.basename(folder)) for folder in unsafe[:_SHOWN])
            evidence = f"only a pickle in {shown}; safetensors in {len(safe):,} more"
            subject = posixpath.basename(unsafe[0])
            yield Finding(rule=_COMPONENT, path=(name,), subject=subject[:200], evidence=evidence)
