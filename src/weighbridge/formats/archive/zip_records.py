"""The records of a zip file, one by one: central header, local header, end of directory.

Each decoder takes bytes that are already there and returns a value or None; nothing here reads a
source or loops over a declared count. Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.6.

    central  PK 1 2 | made need flags method time date crc csize size | nlen elen clen
                    | disk iattr eattr offset | name extra comment
    local    PK 3 4 | need flags method time date crc csize size | nlen elen | name extra
    end      PK 5 6 | disk cd_disk entries_here entries cd_size cd_offset clen | comment
"""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

CENTRAL_SIGNATURE = b"PK\x01\x02"
LOCAL_SIGNATURE = b"PK\x03\x04"
END_SIGNATURE = b"PK\x05\x06"
END64_SIGNATURE = b"PK\x06\x06"
LOCATOR64_SIGNATURE = b"PK\x06\x07"

CENTRAL = struct.Struct("<4s6H3I5H2I")
LOCAL = struct.Struct("<4s5H3I2H")
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")

FLAG_ENCRYPTED = 0x1
FLAG_DESCRIPTOR = 0x8
FLAG_PATCH_DATA = 0x20
FLAG_STRONG_ENCRYPTION = 0x40
FLAG_UTF8 = 0x800
FLAG_MASKED_HEADER = 0x2000
EVASION_FLAGS = FLAG_ENCRYPTED | FLAG_PATCH_DATA | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADER
"""Flags that make careful readers refuse a member. Source: CVE-2025-1945."""

METHOD_STORED = 0
METHOD_AES = 99

_MASK16, _MASK32 = 0xFFFF, 0xFFFFFFFF
_EXTRA_ZIP64, _EXTRA_UNICODE_PATH = 0x0001, 0x7075
_MADE_BY_UNIX = (3, 19)
_EMPTY_STREAM_BYTES = 32
"""Some writers deflate a directory's nothing to two bytes; other methods need a few more."""


class View(StrEnum):
    """Which of the two headers a member was read from."""

    CENTRAL = "central directory"
    LOCAL = "local header"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """A member as one of its headers describes it.

    Attributes:
        name: UTF-8 or cp437 reading of `raw_name`, as the flags say; bytes that break UTF-8 are escaped.
        header_offset: of the local header, from the start of the source; may lie outside of it.
        data_offset: first byte of the data; None until the local header has been read.
        mode: Unix mode from the external attributes; 0 when not stated.
        unicode_name: of a valid unicode-path extra field (0x7075), or None.
        disk: number of the split part that the header says the member starts on.
        header_length: bytes of this header as stored, its variable fields included.
    """

    name: str
    raw_name: bytes
    view: View
    method: int
    flags: int
    crc: int
    compressed_size: int
    size: int
    header_offset: int
    data_offset: int | None = None
    mode: int = 0
    unicode_name: str | None = None
    disk: int = 0
    header_length: int = 0

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/") and self.size == 0 and self.compressed_size <= _EMPTY_STREAM_BYTES

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def claims_encryption(self) -> bool:
        return bool(self.flags & EVASION_FLAGS) or self.method == METHOD_AES

    @property
    def stored_length(self) -> int:
        """Bytes that the longest reading takes: some readers of stored data go by `size`."""
        if self.method == METHOD_STORED:
            return max(self.compressed_size, self.size)
        return self.compressed_size

    @property
    def least_end(self) -> int:
        """Where the member's data ends at the earliest, from the start of the source."""
        if self.data_offset is not None:
            return self.data_offset + self.compressed_size
        return self.header_offset + LOCAL.size + len(self.raw_name) + self.compressed_size


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord:
    """Where an end record says that the directory is. 32-bit and Zip64 records look alike here."""

    disk: int
    directory_disk: int
    entries: int
    directory_size: int
    directory_offset: int
    comment_length: int = 0


def central_length(data: bytes | memoryview) -> int | None:
    """Return the length of the central header at the start of `data`; None when it is none."""
    if len(data) < CENTRAL.size or bytes(data[:4]) != CENTRAL_SIGNATURE:
        return None
    name_length, extra_length, comment_length = CENTRAL.unpack_from(data)[10:13]
    return int(CENTRAL.size + name_length + extra_length + comment_length)


def decode_central(data: bytes | memoryview, *, base: int) -> ZipMember | None:
    """Decode the central header at the start of `data`.

    Args:
        data: from the signature on, at least to the end of the record.
        base: bytes that stand before the archive; added to the stated offset.

    Returns:
        None when the signature is another one or the record is cut.
    """
    length = central_length(data)
    if length is None or len(data) < length:
        return None
    fields = CENTRAL.unpack_from(data)
    _, made_by, _, flags, method, _, _, crc, compressed, size = fields[:10]
    name_length, extra_length, _, disk, _, attributes, offset = fields[10:]
    raw_name = bytes(data[CENTRAL.size : CENTRAL.size + name_length])
    extra = bytes(data[CENTRAL.size + name_length : CENTRAL.size + name_length + extra_length])
    size, compressed, offset, disk = _apply_zip64(extra, size, compressed, offset, disk)
    return ZipMember(
        name=decode_name(raw_name, flags),
        raw_name=raw_name,
        view=View.CENTRAL,
        method=method,
        flags=flags,
        crc=crc,
        compressed_size=compressed,
        size=size,
        header_offset=offset + base,
        mode=attributes >> 16 if made_by >> 8 in _MADE_BY_UNIX else 0,
        unicode_name=_unicode_path(extra, raw_name),
        disk=disk,
        header_length=length,
    )


def local_length(data: bytes | memoryview) -> int | None:
    """Return the length of the local header at the start of `data`; None when it is none."""
    if len(data) < LOCAL.size or bytes(data[:4]) != LOCAL_SIGNATURE:
        return None
    *_, name_length, extra_length = LOCAL.unpack_from(data)
    return int(LOCAL.size + name_length + extra_length)


def decode_local(data: bytes | memoryview, *, header_offset: int) -> ZipMember | None:
    """Decode the local header at the start of `data`; None when it is none or is cut."""
    length = local_length(data)
    if length is None or len(data) < length:
        return None
    _, _, flags, method, _, _, crc, compressed, size, name_length, _ = LOCAL.unpack_from(data)
    raw_name = bytes(data[LOCAL.size : LOCAL.size + name_length])
    extra = bytes(data[LOCAL.size + name_length : length])
    size, compressed, _, _ = _apply_zip64(extra, size, compressed, 0, 0)
    return ZipMember(
        name=decode_name(raw_name, flags),
        raw_name=raw_name,
        view=View.LOCAL,
        method=method,
        flags=flags,
        crc=crc,
        compressed_size=compressed,
        size=size,
        header_offset=header_offset,
        data_offset=header_offset + length,
        unicode_name=_unicode_path(extra, raw_name),
        header_length=length,
    )


def decode_end(data: bytes | memoryview) -> EndRecord | None:
    """Decode the end-of-central-directory record at the start of `data`."""
    if len(data) < END.size or bytes(data[:4]) != END_SIGNATURE:
        return None
    _, disk, directory_disk, _, entries, size, offset, comment = END.unpack_from(data)
    return EndRecord(
        disk=disk,
        directory_disk=directory_disk,
        entries=entries,
        directory_size=size,
        directory_offset=offset,
        comment_length=comment,
    )


def decode_end64(data: bytes | memoryview) -> EndRecord | None:
    """Decode the Zip64 end-of-central-directory record at the start of `data`."""
    if len(data) < END64.size or bytes(data[:4]) != END64_SIGNATURE:
        return None
    _, _, _, _, disk, directory_disk, _, entries, size, offset = END64.unpack_from(data)
    return EndRecord(
        disk=disk,
        directory_disk=directory_disk,
        entries=entries,
        directory_size=size,
        directory_offset=offset,
    )


def resolve_masks(end: EndRecord, end64: EndRecord) -> EndRecord:
    """Return the strict reading: Zip64 values only where the 32-bit ones are masked."""
    return EndRecord(
        disk=end64.disk if end.disk == _MASK16 else end.disk,
        directory_disk=end64.directory_disk if end.directory_disk == _MASK16 else end.directory_disk,
        entries=end64.entries if end.entries == _MASK16 else end.entries,
        directory_size=end64.directory_size if end.directory_size == _MASK32 else end.directory_size,
        directory_offset=end64.directory_offset
        if end.directory_offset == _MASK32
        else end.directory_offset,
    )


def decode_name(raw_name: bytes, flags: int) -> str:
    """Return the name as readers show it; cp437 unless the flags say UTF-8."""
    if flags & FLAG_UTF8:
        return raw_name.decode("utf-8", "backslashreplace")
    return raw_name.decode("cp437")


def _extras(extra: bytes) -> dict[int, bytes]:
    """Split extra fields; the first of each tag counts; what is cut is left out."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        if position + 4 + length > len(extra):
            break
        found.setdefault(tag, extra[position + 4 : position + 4 + length])
        position += 4 + length
    return found


def _apply_zip64(
    extra: bytes, size: int, compressed: int, offset: int, disk: int
) -> tuple[int, int, int, int]:
    """Replace masked values by those of the Zip64 field, as far as the field reaches."""
    field = _extras(extra).get(_EXTRA_ZIP64)
    if field is None:
        return size, compressed, offset, disk
    values = [size, compressed, offset]
    position = 0
    for index, value in enumerate(values):
        if value == _MASK32 and position + 8 <= len(field):
            values[index] = struct.unpack_from("<Q", field, position)[0]
            position += 8
    if disk == _MASK16 and position + 4 <= len(field):
        disk = struct.unpack_from("<I", field, position)[0]
    return values[0], values[1], values[2], disk


def _unicode_path(extra: bytes, raw_name: bytes) -> str | None:
    """Return the name of a unicode-path field that belongs to this very name (its CRC matches)."""
    field = _extras(extra).get(_EXTRA_UNICODE_PATH)
    if field is None or len(field) < 5 or field[0] != 1:
        return None
    if struct.unpack_from("<I", field, 1)[0] != zlib.crc32(raw_name):
        return None
    return field[5:].decode("utf-8", "backslashreplace")
