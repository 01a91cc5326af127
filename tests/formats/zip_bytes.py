"""Zip files by hand: each field of both headers can lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TypeVar

_Value = TypeVar("_Value", int, bytes)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One member. A `local_` field is what the local header says instead."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    compressed_size: int | None = None
    offset: int | None = None
    disk: int = 0
    mode: int = 0
    extra: bytes = b""
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_compressed_size: int | None = None
    local_extra: bytes = b""
    after: bytes = b""
    is_listed: bool = True

    @property
    def stored(self) -> bytes:
        if self.method != 8:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()

    def local(self) -> bytes:
        name = _or(self.local_name, self.name)
        header = struct.pack(
            "<4s5H3I2H",
            b"PK\x03\x04",
            20,
            _or(self.local_flags, self.flags),
            _or(self.local_method, self.method),
            0,
            33,
            _or(self.local_crc, _or(self.crc, zlib.crc32(self.data))),
            _or(self.local_compressed_size, _or(self.compressed_size, len(self.stored))),
            _or(self.local_size, _or(self.size, len(self.data))),
            len(name),
            len(self.local_extra),
        )
        return header + name + self.local_extra + self.stored + self.after

    def central(self, offset: int) -> bytes:
        header = struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            3 << 8 | 20,
            20,
            self.flags,
            self.method,
            0,
            33,
            _or(self.crc, zlib.crc32(self.data)),
            _or(self.compressed_size, len(self.stored)),
            _or(self.size, len(self.data)),
            len(self.name),
            len(self.extra),
            0,
            self.disk,
            0,
            self.mode << 16,
            _or(self.offset, offset),
        )
        return header + self.name + self.extra


def end_record(
    *,
    count: int,
    size: int,
    offset: int,
    comment: bytes = b"",
    disk: int = 0,
    comment_length: int | None = None,
) -> bytes:
    length = _or(comment_length, len(comment))
    return (
        struct.pack("<4s4H2IH", b"PK\x05\x06", disk, disk, count, count, size, offset, length) + comment
    )


def build_zip(
    *entries: Entry,
    prefix: bytes = b"",
    counts_prefix: bool = False,
    before_directory: bytes = b"",
    comment: bytes = b"",
    suffix: bytes = b"",
    count: int | None = None,
    disk: int = 0,
) -> bytes:
    """Put an archive together; offsets count the prefix only when `counts_prefix` says so."""
    body, directory = b"", b""
    base = len(prefix) if counts_prefix else 0
    listed = 0
    for entry in entries:
        if entry.is_listed:
            directory += entry.central(base + len(body))
            listed += 1
        body += entry.local()
    body += before_directory
    end = end_record(
        count=_or(count, listed),
        size=len(directory),
        offset=base + len(body),
        comment=comment,
        disk=disk,
    )
    return prefix + body + directory + end + suffix


def _or(value: _Value | None, default: _Value) -> _Value:
    return default if value is None else value
