"""Read the few values of an HDF5 file that a loader gives a meaning: text, bytes, rows of bytes.

Everything is asked of the library before it is read: its type, its size, and the filters that it went
through. A filter that is not built in would be loaded from this machine, so it is never run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from h5py import h5a, h5d, h5s, h5t

from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.keras.hdf5_file import RangeFile, native
from weighbridge.formats.keras.hdf5_types import BUILT_IN_FILTERS, TypeKind

HEAD_BYTES = 64
LARGEST_BYTES = 64 * MIB
MOST_ROWS = 1_000
_MOST_ELEMENTS = 100_000
_LARGEST_PACKED = 1 * MIB
"""A compressed chunk may hold a thousand times as much, and the library inflates it whole."""


def type_kind(kind: h5t.TypeID) -> TypeKind:
    """Sort a type by what could be read out of it.

    Types whose bits don't fill their bytes are left alone: converting them has crashed the library.
    """
    match kind.get_class():
        case h5t.STRING if not kind.is_variable_str() or _is_byte(kind.get_super()):
            return TypeKind.TEXT
        case h5t.OPAQUE:
            return TypeKind.BYTES
        case h5t.INTEGER if _is_byte(kind):
            return TypeKind.BYTES
        case h5t.VLEN if _is_sequence(kind) and _is_byte(kind.get_super()):
            return TypeKind.ROWS
        case _:
            return TypeKind.OTHER


def _is_byte(kind: h5t.TypeID) -> bool:
    return bool(
        kind.get_class() == h5t.INTEGER
        and kind.get_size() == 1
        and (kind.get_precision(), kind.get_offset()) == (8, 0)
        and kind.get_order() in (h5t.ORDER_LE, h5t.ORDER_BE)
    )


def _is_sequence(kind: h5t.TypeID) -> bool:
    """Neither text nor a number that stands for nothing: two bytes, the class, and that number."""
    return bool(kind.encode()[3] & 0x0F == 0)


def attribute_values(attribute: h5a.AttrID) -> tuple[bytes, ...] | None:
    """Return the elements of an attribute of text or bytes; None for numbers and the like.

    Raises:
        LimitReached: more than 100,000 elements or 64 MiB.
    """
    kind = attribute.get_type()
    sort = type_kind(kind)
    space = attribute.get_space()
    if sort is TypeKind.OTHER or space.get_simple_extent_type() == h5s.NULL:
        return None
    count, size = space.get_simple_extent_npoints(), kind.get_size()
    if count * size > LARGEST_BYTES or (sort is not TypeKind.BYTES and count > _MOST_ELEMENTS):
        raise LimitReached(f"an attribute of {count:,} elements of {size:,} bytes was not read")
    values = numpy.empty(space.get_simple_extent_dims(), dtype=attribute.dtype)
    attribute.read(values)
    if sort is TypeKind.BYTES:
        return (values.tobytes(),)
    return tuple(_as_bytes(value) for value in values.ravel().tolist())


def _as_bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return value
    return value.tobytes() if isinstance(value, numpy.ndarray) else b""


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """Reads one dataset on demand; see `hdf5_types.Content`."""

    file: RangeFile
    dataset: h5d.DatasetID
    kind: TypeKind
    filters: tuple[int, ...]
    is_elsewhere: bool
    """Its elements are in other files, or put together from others."""

    def head(self) -> bytes:
        with native(self.file, "the first bytes of a dataset"):
            if not self._is_readable(self._step_bytes()) or self._first_packed() > _LARGEST_PACKED:
                return b""
            space = self.dataset.get_space()
            dims = space.get_simple_extent_dims()
            if 0 in dims:
                return b""
            if dims:
                last = min(dims[-1], HEAD_BYTES if self.kind is TypeKind.BYTES else 1)
                counts = (*(1 for _ in dims[:-1]), last)
                space.select_hyperslab(tuple(0 for _ in dims), counts)
            return self._read(space)[:HEAD_BYTES]

    def whole(self) -> bytes:
        with native(self.file, "the bytes of a dataset"):
            space = self.dataset.get_space()
            size = space.get_simple_extent_npoints() * self.dataset.get_type().get_size()
            if not self._is_readable(max(size, self._step_bytes())):
                raise LimitReached(f"{size:,} bytes in a dataset; up to {LARGEST_BYTES:,} are read")
            return self._read(space)

    def rows(self) -> Iterator[bytes]:
        with native(self.file, "the rows of a dataset"):
            count = self.dataset.get_space().get_simple_extent_npoints()
            dims = self.dataset.get_space().get_simple_extent_dims()
            is_readable = self._is_readable(self._step_bytes())
        if not is_readable:
            raise LimitReached("its filter is a plugin, or its chunks are too large; it was not read")
        if len(dims) > 1:
            raise LimitReached(f"rows in {len(dims)} dimensions were not read")
        for number in range(min(count, MOST_ROWS)):
            with native(self.file, f"row {number}"):
                space = self.dataset.get_space()
                if dims:
                    space.select_hyperslab((number,), (1,))
                row = self._read(space)
            yield row
        if count > MOST_ROWS:
            raise LimitReached(f"{count:,} rows; the first {MOST_ROWS:,} were read")

    def _is_readable(self, size: int) -> bool:
        return (
            not self.is_elsewhere
            and all(number in BUILT_IN_FILTERS for number in self.filters)
            and size <= LARGEST_BYTES
        )

    def _first_packed(self) -> int:
        """Bytes of the first chunk as it is stored, when it went through a filter."""
        dims = self.dataset.get_space().get_simple_extent_dims()
        if not self.filters or not dims or 0 in dims:
            return 0
        return self.dataset.get_chunk_info_by_coord(tuple(0 for _ in dims)).size or 0

    def _step_bytes(self) -> int:
        """The least that is decompressed to get at one element."""
        plist = self.dataset.get_create_plist()
        size: int = self.dataset.get_type().get_size()
        if plist.get_layout() == h5d.CHUNKED:
            for length in plist.get_chunk():
                size *= length
        return size

    def _read(self, space: h5s.SpaceID) -> bytes:
        count = space.get_select_npoints()
        if count == 0:
            return b""
        if count < 0 or count > LARGEST_BYTES:
            raise Malformed("a dataset of no size")
        memory = h5s.create_simple((count,))
        kind = self.dataset.get_type()
        if self.kind is TypeKind.BYTES or (self.kind is TypeKind.TEXT and not kind.is_variable_str()):
            # In the file's own type nothing is converted.
            raw = numpy.empty((count * kind.get_size(),), dtype="u1")
            self.dataset.read(memory, space, raw, mtype=kind)
            return bytes(raw.tobytes())
        values = numpy.empty((count,), dtype=self.dataset.dtype)
        self.dataset.read(memory, space, values)
        return b"".join(_as_bytes(value) for value in values.tolist())
