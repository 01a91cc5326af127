"""A tensor as the header or the pickle of a weight file states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor, without its elements.

    Attributes:
        dtype: in the words of safetensors (`F32`, `BF16`); "?" when it has none of them.
        shape: outermost first.
        memory: of torch files, the storage and the place in it: equal for tensors that share memory.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    memory: str | None = None


@dataclass(frozen=True, slots=True)
class TensorGroup:
    """The tensors of one dictionary.

    Attributes:
        path: keys of the dictionaries that lead to it; empty for the outermost.
        is_cut: there are more tensors than were read.
    """

    path: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    is_cut: bool = False
