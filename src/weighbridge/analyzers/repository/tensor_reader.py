"""Lists of tensors of the weight files of a repository, read once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.weights.lfs_pointer import looks_like_pointer
from weighbridge.formats.weights.safetensors import SafetensorsHeader, parse_safetensors
from weighbridge.formats.weights.tensor_entry import Tensor, TensorGroup
from weighbridge.formats.weights.tensor_lists import read_torch, safetensors_group

_POINTER_HEAD = 64
_MOST_KEPT = 256


class Trouble(Enum):
    """Why a file gives no tensors."""

    POINTER = "a Git LFS pointer, not the weights"
    EMPTY = "empty"
    BROKEN = "not readable"
    CUT = "cut off before its tensors end"
    TOO_LARGE = "too large to compare"


@dataclass(frozen=True, slots=True)
class Listed:
    """What one weight file holds.

    Attributes:
        groups: of a safetensors file one; of a pickle one for each dictionary with tensors.
        trouble: why there may be none.
        format_words: `format` in the metadata of a safetensors file.
        tensor_bytes: sum of the tensors of a safetensors file.
    """

    groups: tuple[TensorGroup, ...] = ()
    trouble: Trouble | None = None
    format_words: str | None = None
    tensor_bytes: int = 0

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(tensor for group in self.groups for tensor in group.tensors)


class TensorReader:
    """Reads lists of tensors through a view, and keeps the last 256."""

    def __init__(self, view: RepositoryView, context: Context) -> None:
        self._view = view
        self._context = context
        self._kept: dict[str, Listed] = {}

    def read(self, name: str) -> Listed:
        """Return the list of a file of the manifest."""
        if name not in self._kept:
            self._context.budget.check_time()
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = self._listed(name)
        return self._kept[name]

    def read_all(self, names: Sequence[str]) -> Listed:
        """Return the lists of the shards of one set as one; with the first trouble that there is."""
        found = [self.read(name) for name in names]
        if len(found) == 1:
            return found[0]
        return Listed(
            groups=_joined(found),
            trouble=next((one.trouble for one in found if one.trouble is not None), None),
            format_words=next((one.format_words for one in found if one.format_words), None),
            tensor_bytes=sum(one.tensor_bytes for one in found),
        )

    def _listed(self, name: str) -> Listed:
        try:
            source = self._view.artifact(name).source
        except ReadError:
            return Listed(trouble=Trouble.BROKEN)
        try:
            return self._of_source(source, name)
        except LimitReached:
            return Listed(trouble=Trouble.TOO_LARGE)
        except (Malformed, ReadError):
            return Listed(trouble=Trouble.BROKEN)
        finally:
            source.close()

    def _of_source(self, source: ByteSource, name: str) -> Listed:
        if source.size == 0:
            return Listed(trouble=Trouble.EMPTY)
        if looks_like_pointer(bytes(source.read_at(0, _POINTER_HEAD))):
            return Listed(trouble=Trouble.POINTER)
        if not name.lower().endswith(".safetensors"):
            return Listed(groups=read_torch(source, self._context.budget))
        return _of_header(parse_safetensors(source, self._context.budget.limits), source.size)


def _of_header(header: SafetensorsHeader, size: int) -> Listed:
    return Listed(
        groups=(safetensors_group(header),),
        trouble=Trouble.CUT if header.end_offset > size else None,
        format_words=dict(header.metadata).get("format"),
        tensor_bytes=header.end_offset - header.data_offset,
    )


def _joined(found: Sequence[Listed]) -> tuple[TensorGroup, ...]:
    """Shards hold parts of the same dictionaries."""
    tensors: dict[tuple[str, ...], list[Tensor]] = {}
    for number, one in enumerate(found):
        for group in one.groups:
            # Storages are counted anew in each file: two of them never share memory.
            tensors.setdefault(group.path, []).extend(
                Tensor(each.name, each.dtype, each.shape, each.memory and f"{number}/{each.memory}")
                for each in group.tensors
            )
    is_cut = any(group.is_cut for one in found for group in one.groups)
    return tuple(TensorGroup(path, tuple(ones), is_cut) for path, ones in tensors.items())
