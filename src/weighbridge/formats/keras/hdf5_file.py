"""Open HDF5 from a byte source: by range, without plugins, and without any other file.

    superblock  signature(8) version(1) ...          at 0, or at 512, 1024, 2048, ...
    version 0   offset size at 13, addresses from 24: base, free space, end of file, driver
    version 1   the same, from 28
    version 2,3 offset size at 9, addresses from 12: base, extension, end of file, root

The library is native code and raises whatever it likes: all of it becomes `Malformed` here.
Source: HDF5 File Format Specification 3.0, section II.A.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import h5py

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.keras.hdf5_heap import HeapGuard

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
FIRST_USER_BLOCK: Final = 512
_LIBRARY_ERRORS = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    BufferError,
    MemoryError,
    SystemError,
)
_PAGE_BYTES = 4096
_PAGES = 256


class RangeFile(io.RawIOBase):
    """A byte source as the file object that h5py reads from.

    Small reads of a remote source are widened to pages: the library asks for a few bytes at a time.
    """

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._at = 0
        self._guard = HeapGuard(source)
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self.failure: ReadError | LimitReached | None = None
        """What the source raised; the library loses it on the way."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}
        self._at = max(0, bases[whence] + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # it is a memoryview
        view = memoryview(buffer).cast("B")
        try:
            data = self._read(len(view))
            objection = self._guard.objection(data, self._at)
        except (ReadError, LimitReached) as error:
            self.failure = error
            raise OSError(str(error)) from None
        if objection is not None:
            raise OSError(objection)
        view[: len(data)] = data
        # The driver takes what it gets for the whole: what lies behind the end is zeros.
        view[len(data) :] = bytes(len(view) - len(data))
        self._at += len(view)
        return len(view)

    def _read(self, length: int) -> bytes | memoryview:
        if not self._source.is_remote or length > _PAGE_BYTES:
            return self._source.read_at(self._at, length)
        first, last = self._at // _PAGE_BYTES, (self._at + max(length, 1) - 1) // _PAGE_BYTES
        data = b"".join(self._page(number) for number in range(first, last + 1))
        begin = self._at - first * _PAGE_BYTES
        return data[begin : begin + length]

    def _page(self, number: int) -> bytes:
        page = self._pages.get(number)
        if page is None:
            page = bytes(self._source.read_at(number * _PAGE_BYTES, _PAGE_BYTES))
            self._pages[number] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return page


@contextmanager
def native(file: RangeFile, what: str) -> Iterator[None]:
    """Turn whatever the library raises into `Malformed`, or into what the source had raised."""
    try:
        yield
    except _LIBRARY_ERRORS as error:
        if file.failure is not None:
            raise file.failure from None
        reason = " ".join(str(error).split())[:200]
        raise Malformed(f"{what}: {type(error).__name__}: {reason}") from None


@contextmanager
def opened(source: ByteSource) -> Iterator[tuple[h5py.File, RangeFile]]:
    """Open the file for reading; nothing else on this machine is opened for it.

    Raises:
        Malformed: the library can't open it.
        ReadError, LimitReached: from the source.
    """
    _forget_plugins()
    raw = RangeFile(source)
    with native(raw, "HDF5"):
        # No locking and no cache of chunks: they are for files that are written, and read in full.
        file = h5py.File(raw, "r", rdcc_nbytes=0)
    try:
        yield file, raw
    finally:
        with native(raw, "HDF5"):
            file.close()


def _forget_plugins() -> None:
    """What is installed here must not be loaded, and must not matter."""
    from h5py import h5pl

    while h5pl.size():
        h5pl.remove(0)


@dataclass(frozen=True, slots=True)
class Superblock:
    """Where the file's content begins and ends.

    Attributes:
        offset: of the signature; what lies before it is the user block.
        end: behind the last byte that the file says it has; None when the superblock has no end.
    """

    offset: int
    end: int | None


def find_superblock(source: ByteSource) -> Superblock | None:
    """Return the first superblock, where the library looks for it: at 0, 512, 1024, 2048, ..."""
    at = 0
    while at < source.size:
        head = bytes(source.read_at(at, 96))
        if head.startswith(SIGNATURE):
            return Superblock(at, _end(head, at))
        at = 2 * at or FIRST_USER_BLOCK
    return None


def _end(head: bytes, offset: int) -> int | None:
    layouts = {0: (13, 24), 1: (13, 28), 2: (9, 12), 3: (9, 12)}
    size_at, addresses_at = layouts.get(head[8] if len(head) > 8 else 255, (0, 0))
    size = head[size_at] if 0 < size_at < len(head) else 0
    if size not in (2, 4, 8) or len(head) < addresses_at + 3 * size:
        return None
    begin = addresses_at + 2 * size
    end = int.from_bytes(head[begin : begin + size], "little")
    base = int.from_bytes(head[addresses_at : addresses_at + size], "little")
    # A file that was moved behind something keeps its addresses; the library finds the base anew.
    end += offset - base
    return end if end > offset + addresses_at else None
