"""Whether two files hold the same tensors, after what honest converters change.

They drop tensors that share memory with another one, buffers that are computed, and prefixes such as
`module.`; they cast types. What remains is a difference that no conversion makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from weighbridge.formats.weights.tensor_entry import Tensor, TensorGroup
from weighbridge.knowledge.listed import listed

_PROBED = 24
_MOST_PREFIXES = 8
_MOST_GROUPS = 16
_RENAMED = (
    (".gamma", ".weight"),
    (".beta", ".bias"),
    (".weight_g", ".parametrizations.weight.original0"),
    (".weight_v", ".parametrizations.weight.original1"),
)
_LONGEST_MATCHED = 500
_MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """What two lists do not share. Names are those of the first list, or without their prefix.

    Attributes:
        shapes: name, shape in the first, shape in the second.
        only_first: not in the second, and nothing explains it.
        only_second: not in the first, and nothing explains it.
        types: name, type in the first, type in the second.
        common: tensors that both have.
    """

    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    types: tuple[tuple[str, str, str], ...]
    common: int


def difference(first: Sequence[Tensor], groups: Sequence[TensorGroup]) -> Difference | None:
    """Compare the tensors of a safetensors file with the likeliest dictionary of a pickle.

    Returns:
        None when there is nothing to compare: one of the two is empty, or was read in part.
    """
    ours = {_renamed(tensor.name): tensor for tensor in first}
    best: Mapping[str, Tensor] = {}
    hits = -1
    if any(group.is_cut for group in groups):
        return None
    largest = sorted(groups, key=lambda group: -len(group.tensors))[:_MOST_GROUPS]
    for group in largest:
        theirs = _aligned(ours, {_renamed(tensor.name): tensor for tensor in group.tensors})
        shared = len(ours.keys() & theirs.keys())
        if (shared, -len(theirs)) > (hits, -len(best)):
            best, hits = theirs, shared
    return _compared(ours, best) if ours and best else None


def _compared(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Difference:
    common = [name for name in ours if name in theirs]
    kept = {theirs[name].memory for name in common}
    only_second = (
        name
        for name, tensor in theirs.items()
        if name not in ours and (tensor.memory is None or tensor.memory not in kept)
    )
    pairs = [(name, ours[name], theirs[name]) for name in common]
    return Difference(
        shapes=tuple((name, a.shape, b.shape) for name, a, b in pairs if not _same_shape(a, b)),
        only_first=_unexplained(name for name in ours if name not in theirs),
        only_second=_unexplained(only_second),
        types=tuple((name, a.dtype, b.dtype) for name, a, b in pairs if _other_type(a, b)),
        common=len(common),
    )


def _same_shape(first: Tensor, second: Tensor) -> bool:
    """Scalars are saved as () and as (1,)."""
    return first.shape == second.shape or {first.shape, second.shape} == {(), (1,)}


def _other_type(first: Tensor, second: Tensor) -> bool:
    return first.dtype != second.dtype and "?" not in (first.dtype, second.dtype)


def _aligned(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Rename theirs so that most names are ours: with a prefix taken off, or put on."""
    best, hits = theirs, len(ours.keys() & theirs.keys())
    for prefix in _prefixes(ours, theirs):
        inner = {
            name.removeprefix(prefix): one for name, one in theirs.items() if name.startswith(prefix)
        }
        if len(ours.keys() & inner.keys()) > hits:
            best, hits = inner, len(ours.keys() & inner.keys())
    for prefix in _prefixes(theirs, ours):
        outer = {prefix + name: one for name, one in theirs.items()}
        if len(ours.keys() & outer.keys()) > hits:
            best, hits = outer, len(ours.keys() & outer.keys())
    return best


def _prefixes(inner: Mapping[str, Tensor], outer: Mapping[str, Tensor]) -> list[str]:
    """What may stand before the names of `inner` in `outer`: `module.`, `model.` and so on."""
    found: dict[str, int] = {}
    for name in list(inner)[:_PROBED]:
        ending = f".{name}"
        for other in outer:
            if other.endswith(ending):
                prefix = other[: -len(name)]
                found[prefix] = found.get(prefix, 0) + 1
    return sorted(found, key=lambda prefix: -found[prefix])[:_MOST_PREFIXES]


def _renamed(name: str) -> str:
    for old, new in _RENAMED:
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _unexplained(names: Iterable[str]) -> tuple[str, ...]:
    pattern = _ignored()
    return tuple(
        name for name in islice(names, _MOST_TOLD) if not pattern.fullmatch(name[:_LONGEST_MATCHED])
    )


@cache
def _ignored() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in listed("shadowing/ignored.tsv")))
