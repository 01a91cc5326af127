"""Read 7z archives through py7zr, into one spool, within a budget.

py7zr is an extra (`weighbridge[archives]`). It never gets a path: its worker writes into objects
of ours, which keep the names as data. Its own check of names is left out on purpose, because it
refuses a whole archive for one bad name.
"""

from __future__ import annotations

import io
import lzma
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any, cast

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB, Budget
from weighbridge.errors import LimitReached, Malformed, WeighbridgeError

SEVENZIP_MAGIC = b"7z\xbc\xaf\x27\x1c"
MISSING_EXTRA = "needs an extra: pip install 'weighbridge[archives]'"

_SIGNATURE_HEADER = struct.Struct("<6s2BI2QI")
_IN_MEMORY_BYTES = 32 * MIB


class ExtraMissing(Exception):
    """py7zr is not installed."""


class Encrypted(Exception):
    """The archive, or its list of names, can't be read without a password."""


@dataclass(frozen=True, slots=True)
class SevenZipMember:
    """A file of the archive; `offset` and `size` are its bytes in the spool."""

    name: str
    offset: int
    size: int
    is_symlink: bool


@dataclass(frozen=True, slots=True)
class SevenZipContent:
    """Everything that could be unpacked.

    Attributes:
        spool: the unpacked bytes of all members, one after the other; the caller closes it.
        unfinished: why the members end early, when they do.
        end: where the archive ends by its own account; bytes may follow.
    """

    spool: Spool
    members: tuple[SevenZipMember, ...]
    end: int
    unfinished: WeighbridgeError | None = None


class Spool:
    """A `ByteSource` that is written to at its end: memory up to 32 MiB, then a temporary file."""

    is_remote = False

    def __init__(self) -> None:
        spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - see close()
        self._file = cast(IO[bytes], spool)
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def bytes_read(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        self._file.seek(self._size)
        self._file.write(data)
        self._size += len(data)

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        self._file.seek(offset)
        return self._file.read(min(length, max(0, self._size - offset)))

    def close(self) -> None:
        self._file.close()


def read_sevenzip(source: ByteSource, budget: Budget) -> SevenZipContent:
    """Unpack an archive into a spool.

    Raises:
        ExtraMissing: py7zr is not installed.
        Encrypted: a password is needed before any name or byte can be read.
        Malformed: no 7z archive, or one that py7zr can't read at all.
        LimitReached: more members than the budget allows, or a list of names that is too long.
        ReadError: the source failed.
    """
    if find_spec("py7zr") is None:
        raise ExtraMissing(MISSING_EXTRA)
    end = _check_header(source, budget)
    with _translated():
        archive = _open(source)
        if archive.needs_password():
            raise Encrypted
        entries = list(archive.files)
    budget.enter(len(entries))
    return _unpack(archive, entries, source, budget, end)


def _check_header(source: ByteSource, budget: Budget) -> int:
    """Check the fixed header before py7zr allocates by it. Source: 7zFormat.txt, SignatureHeader."""
    head = bytes(source.read_at(0, _SIGNATURE_HEADER.size))
    if len(head) < _SIGNATURE_HEADER.size or not head.startswith(SEVENZIP_MAGIC):
        raise Malformed("no 7z archive")
    *_, crc, offset, size, _ = _SIGNATURE_HEADER.unpack(head)
    if zlib.crc32(head[12:]) != crc:
        raise Malformed("the 7z header has a wrong checksum", 8)
    end: int = _SIGNATURE_HEADER.size + offset + size
    if end > source.size:
        raise Malformed("the 7z archive is cut", source.size)
    if size > budget.limits.header_bytes:
        raise LimitReached(
            f"the 7z header of {size:,} bytes is larger than {budget.limits.header_bytes:,}"
        )
    return end


class _translated:  # noqa: N801 - reads as a phrase at its use
    """Turn what py7zr raises for broken archives into the errors of our tree."""

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from py7zr import exceptions

        if error is None or isinstance(error, (WeighbridgeError, Encrypted)):
            return
        if isinstance(error, exceptions.PasswordRequired):
            raise Encrypted from error
        if isinstance(error, exceptions.UnsupportedCompressionMethodError):
            raise Malformed("a compression method that py7zr does not know") from error
        if isinstance(error, (exceptions.ArchiveError, *_BROKEN)):
            raise Malformed(f"broken 7z archive: {type(error).__name__}") from error


# py7zr lets through whatever its parsing of broken headers runs into.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)


def _open(source: ByteSource) -> Any:  # py7zr carries no usable annotations for its worker
    import py7zr

    return py7zr.SevenZipFile(io.BufferedReader(_File(source), 64 * 1024), "r")


def _unpack(
    archive: Any, entries: list[Any], source: ByteSource, budget: Budget, end: int
) -> SevenZipContent:
    from py7zr.io import MemIO

    factory = _Factory(budget, source.size)
    unfinished: WeighbridgeError | None = None
    for entry in entries:
        if not entry.is_directory:
            archive.worker.register_filelike(entry.id, MemIO(str(entry.id), factory))
    try:
        with _translated():
            archive.worker.extract(archive.fp, None, parallel=False)
    except Encrypted:
        unfinished = Malformed("a member is encrypted")
    except (Malformed, LimitReached) as error:
        unfinished = error
    names = {str(entry.id): entry for entry in entries}
    members = tuple(
        SevenZipMember(names[key].filename, start, length, bool(names[key].is_symlink))
        for key, start, length in factory.extents()
    )
    return SevenZipContent(factory.spool, members, end, unfinished)


class _Factory:
    """Makes one `_Output` for each member; all write to the same spool."""

    def __init__(self, budget: Budget, consumed: int) -> None:
        self.spool = Spool()
        self._budget = budget
        self._consumed = consumed
        self._outputs: list[_Output] = []

    def create(self, filename: str) -> _Output:
        output = _Output(self, filename, self.spool.size)
        self._outputs.append(output)
        return output

    def write(self, data: bytes) -> None:
        self.spool.append(data)
        self._budget.expand(len(data), consumed_total=self._consumed, produced_total=self.spool.size)

    def extents(self) -> Iterator[tuple[str, int, int]]:
        for output in self._outputs:
            yield output.key, output.start, output.length


class _Output:
    """What py7zr takes for a writable file."""

    def __init__(self, factory: _Factory, key: str, start: int) -> None:
        self.key = key
        self.start = start
        self.length = 0
        self._factory = factory

    def write(self, data: bytes) -> int:
        self.length += len(data)
        self._factory.write(bytes(data))
        return len(data)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        """Nothing is buffered."""

    def size(self) -> int:
        return self.length

    def close(self) -> None:
        """The spool stays open."""


class _File(io.RawIOBase):
    """A `ByteSource` as the file object that py7zr wants."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read_at(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position
