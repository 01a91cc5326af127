"""What an HDF5 file is made of, as far as anybody asks: links, datasets, attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

BUILT_IN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""deflate, shuffle, fletcher32, szip, nbit, scaleoffset, and the LZF that h5py brings along."""


class LinkKind(StrEnum):
    """Links that are no hard links."""

    SOFT = "soft"
    EXTERNAL = "external"
    USER_DEFINED = "user-defined"


@dataclass(frozen=True, slots=True)
class Hdf5Link:
    """A name that stands for something elsewhere. Nothing follows it.

    Attributes:
        place: path of the link within the file.
        file: the other file, as the link spells it; "" for others than external ones.
        target: path within it; of a user-defined link its class.
    """

    place: str
    kind: LinkKind
    file: str
    target: str


class TypeKind(StrEnum):
    """What elements are, as far as it matters who could read something else out of them."""

    BYTES = "bytes"
    """One-byte integers and opaque data."""
    TEXT = "text"
    ROWS = "rows"
    """Runs of bytes, each with its own length."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Hdf5Filter:
    """One step that the bytes of a dataset went through."""

    number: int
    name: str


class Content(Protocol):
    """The bytes of a dataset, for whoever wants them. Nothing is read before it is asked for."""

    def head(self) -> bytes:
        """Return the first bytes, 64 at most; b"" when they can't be read.

        Raises:
            Malformed, ReadError, LimitReached
        """
        ...

    def whole(self) -> bytes:
        """Return all bytes.

        Raises:
            LimitReached: more than 64 MiB.
            Malformed, ReadError
        """
        ...

    def rows(self) -> Iterator[bytes]:
        """Yield the elements of `TypeKind.ROWS`.

        Raises:
            LimitReached: after the first 1,000.
            Malformed, ReadError
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdf5Dataset:
    """An array, without its elements.

    Attributes:
        shape: None for an empty dataspace, and for a virtual dataset: to ask would open its sources.
        item_bytes: of one element, in the file.
        filters: in the order in which they were applied.
        external: files that hold the elements instead of this one.
        sources: files that a virtual dataset is put together from; "." is this one.
        offset: where the elements are, when they lie in one piece and as they are.
        stored_bytes: of that piece.
    """

    place: str
    kind: TypeKind
    shape: tuple[int, ...] | None
    item_bytes: int
    filters: tuple[Hdf5Filter, ...]
    external: tuple[str, ...]
    sources: tuple[str, ...]
    offset: int | None
    stored_bytes: int
    content: Content

    @property
    def declared_bytes(self) -> int:
        """What a reader would have to hold."""
        size = self.item_bytes if self.shape is not None else 0
        for length in self.shape or ():
            size *= length
        return size


@dataclass(frozen=True, slots=True)
class Hdf5Attribute:
    """One attribute of text or bytes; numbers are not read.

    Attributes:
        place: path of the object that has it.
        values: its elements; an array of one-byte numbers is one of them.
    """

    place: str
    name: str
    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Hdf5Unread:
    """An object or attribute that could not be read; the walk goes on."""

    place: str
    reason: str


Hdf5Event: TypeAlias = Hdf5Link | Hdf5Dataset | Hdf5Attribute | Hdf5Unread
