"""Samples of archives and compressed streams: structure alone. What is inside is plain text or None."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT = b"weighbridge-marker: plain text, nothing to run\n"
_NONE_PICKLE = b"\x80\x04N."
_MIB = 1 << 20
_END_OF_TAR = bytes(1024)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    yield from _zip_tricks()
    yield from _zip_oddities()
    yield from _zip_twins()
    yield from _tars()
    yield from _tar_twins()
    yield from _streams()


@dataclass(frozen=True)
class _Member:
    """One zip member; `local_...` is what its local header says instead."""

    name: bytes
    data: bytes = _TEXT
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    mode: int = 0
    extra: bytes = b""
    local_name: bytes | None = None
    local_flags: int | None = None
    local_size: int | None = None

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        flags = self.flags if self.local_flags is None else self.local_flags
        stored = len(self.data) if self.local_size is None else self.local_size
        fields = (20, flags, 0, 0, 33, self._crc, stored, self._size, len(name), 0)
        return struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields) + name + self.data

    def central(self, offset: int) -> bytes:
        sizes = (self._crc, len(self.data), self._size)
        lengths = (len(self.name), len(self.extra), 0, 0, 0)
        fields = (3 << 8 | 20, 20, self.flags, 0, 0, 33, *sizes, *lengths, self.mode << 16, offset)
        return struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fields) + self.name + self.extra

    @property
    def _crc(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc

    @property
    def _size(self) -> int:
        return len(self.data) if self.size is None else self.size


def _end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _zip(*members: _Member, between: bytes = b"", count: int | None = None) -> bytes:
    body, directory = b"", b""
    for member in members:
        directory += member.central(len(body))
        body += member.local() + between
    return body + directory + _end(len(members) if count is None else count, len(directory), len(body))


def _zip_tricks() -> Iterator[tuple[str, bytes]]:
    """What no writer makes."""
    yield "zip/two-names.pt", _zip(_Member(b"archive/data.pkl", local_name=b"archive/notes.txt"))
    yield "zip/flagged-but-plain.pt", _zip(_Member(b"archive/data.pkl", _NONE_PICKLE, flags=1))
    yield "zip/same-name-twice.pt", _zip(_Member(b"a.txt"), _Member(b"a.txt", _TEXT * 2))
    yield "zip/overlap.zip", _overlapping()
    yield "zip/wrong-checksum-of-pickle.pt", _zip(_Member(b"data.pkl", _NONE_PICKLE, crc=0xC0FFEE))
    yield "zip/two-sizes.zip", _zip(_Member(b"a.txt", local_size=4))
    yield "zip/two-directories.zip", _two_directories()
    yield "zip/file-named-as-directory.pt", _zip(_Member(b"archive/data.pkl/"))
    yield "zip/unicode-name-differs.zip", _zip(_with_unicode_name(b"notes.txt", "data.pkl"))


def _zip_oddities() -> Iterator[tuple[str, bytes]]:
    """What accidents and unusual tools make."""
    wrong = _Member(b"a.txt", crc=0xC0FFEE)
    yield "zip/wrong-checksum.zip", _zip(wrong, _Member(b"b.txt"))
    hidden = _Member(b"hidden.txt").local()
    yield "zip/member-in-no-directory.zip", _zip(_Member(b"a.txt"), between=hidden)
    yield "zip/prefix.zip", b"#!/bin/sh\necho weighbridge-marker\nexit\n" + _zip(_Member(b"a.txt"))
    yield "zip/appended-text.zip", _zip(_Member(b"a.txt")) + _TEXT
    yield "zip/bytes-between-members.zip", _zip(_Member(b"a.txt"), _Member(b"b.txt"), between=_TEXT)
    yield "zip/wrong-count.zip", _zip(_Member(b"a.txt"), _Member(b"b.txt"), count=1)
    yield "zip/offset-outside.zip", _offset_outside()
    yield "zip/flag-in-one-header.zip", _zip(_Member(b"a.txt", local_flags=1))
    yield "zip/backslash.zip", _zip(_Member(b"folder\\a.txt"))
    yield "zip/no-checksums.pt", _zip(_Member(b"a.txt", crc=0), _Member(b"b.txt", crc=0))


def _zip_twins() -> Iterator[tuple[str, bytes]]:
    """The same shapes, as ordinary writers make them."""
    yield (
        "zip/plain.pt",
        _zip(_Member(b"archive/data.pkl", _NONE_PICKLE), _Member(b"archive/version", b"3\n")),
    )
    yield "zip/same-file-twice.zip", _zip(_Member(b"a.txt"), _Member(b"a.txt"))
    yield "zip/nested.zip", _zip(_Member(b"inner.zip", _zip(_Member(b"a.txt"))))
    yield "zip/directory-entry.zip", _zip(_Member(b"folder/", b""), _Member(b"folder/a.txt"))
    yield "zip/unicode-name.zip", _zip(_with_unicode_name(b"na#U00efve.txt", "naïve.txt"))
    yield "zip/padded.zip", _zip(_Member(b"a.txt"), _Member(b"b.txt"), between=bytes(64))
    yield "zip/empty.zip", _end(0, 0, 0)


def _overlapping() -> bytes:
    """The data of the first member is the second member, header and all."""
    inner = _Member(b"inner.txt")
    outer = _Member(b"outer.bin", inner.local())
    start = len(outer.local()) - len(inner.local())
    directory = outer.central(0) + inner.central(start)
    return outer.local() + directory + _end(2, len(directory), len(outer.local()))


def _two_directories() -> bytes:
    """The stated offset leads to one directory, the size counted back from the end to another."""
    hidden, shown = _Member(b"hidden.txt", _TEXT * 4), _Member(b"public.txt")
    body = hidden.local() + shown.local()
    first = hidden.central(0) + bytes(4)
    # A reader that counts back takes the first directory for bytes before the archive.
    second = shown.central(len(hidden.local()) - len(first))
    return body + first + second + _end(1, len(second), len(body))


def _with_unicode_name(name: bytes, unicode_name: str) -> _Member:
    field = struct.pack("<BI", 1, zlib.crc32(name)) + unicode_name.encode()
    return _Member(name, extra=struct.pack("<2H", 0x7075, len(field)) + field)


def _offset_outside() -> bytes:
    present = _Member(b"a.txt")
    directory = present.central(0) + _Member(b"absent.txt").central(0xFFFFFFF0)
    return present.local() + directory + _end(2, len(directory), len(present.local()))


def _header(
    name: str, size: int = 0, flag: bytes = b"0", *, link: str = "", mode: int = 0o644, prefix: str = ""
) -> bytes:
    """One ustar header."""
    fields = name.encode().ljust(100, b"\0")
    fields += b"%07o\0" % mode + b"%07o\0" % 0 * 2 + b"%011o\0" % size + b"%011o\0" % 0
    rest = (
        flag
        + link.encode().ljust(100, b"\0")
        + b"ustar\00000"
        + bytes(80)
        + prefix.encode().ljust(167, b"\0")
    )
    checksum = sum(fields) + 8 * 0x20 + sum(rest)
    return fields + b"%06o\0 " % checksum + rest


def _file(name: str, data: bytes = _TEXT, *, mode: int = 0o644) -> bytes:
    return _header(name, len(data), mode=mode) + _padded(data)


def _link(name: str, target: str) -> bytes:
    return _header(name, flag=b"2", link=target)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def _pax(**records: str) -> bytes:
    data = b""
    for key, value in records.items():
        record = f" {key}={value}\n".encode()
        length = len(record)
        while length != len(record) + len(str(length)):
            length = len(record) + len(str(length))
        data += str(length).encode() + record
    return _header("pax", len(data), b"x") + _padded(data)


def _tars() -> Iterator[tuple[str, bytes]]:
    yield "archive/climbs-out.tar", _file("../../outside.txt") + _END_OF_TAR
    yield "archive/climbs-out.zip", _zip(_Member(b"../../outside.txt"))
    yield "archive/absolute.tar", _file("/outside.txt") + _END_OF_TAR
    yield "archive/link-out.tar", _link("link", "/outside") + _file("a.txt") + _END_OF_TAR
    yield "archive/link-to-accounts.tar", _link("model.bin", "/etc/passwd") + _END_OF_TAR
    yield "archive/system-name.tar", _file("/etc/cron.d/marker") + _END_OF_TAR
    yield "archive/through-link.tar", _link("link", "/outside") + _file("link/a.txt") + _END_OF_TAR
    yield (
        "archive/special-files.tar",
        _header("null", flag=b"3") + _header("pipe", flag=b"6") + _END_OF_TAR,
    )
    yield "archive/set-user-id.tar", _file("tool", mode=0o4755) + _END_OF_TAR
    yield "archive/sparse-bomb.tar", _sparse_bomb()
    yield "archive/encrypted.zip", _encrypted()
    yield "archive/two-names.tar", _pax(path="data.pkl") + _file("notes.txt") + _END_OF_TAR
    yield "archive/two-sizes.tar", _two_sizes()
    yield "archive/second-archive.tar", _file("a.txt") + _END_OF_TAR + _file("b.txt") + _END_OF_TAR
    broken = bytearray(_file("broken.txt"))
    broken[148:154] = b"000000"
    yield "archive/broken-header.tar", _file("a.txt") + bytes(broken) + _file("b.txt") + _END_OF_TAR
    yield "archive/same-file-twice.tar", _file("a.txt") + _file("a.txt") + _END_OF_TAR


def _tar_twins() -> Iterator[tuple[str, bytes]]:
    yield "archive/plain.tar", _file("folder/../a.txt") + _file("b.txt") + _END_OF_TAR + bytes(9216)
    yield "archive/link-inside.tar", _link("link", "folder") + _file("link/a.txt") + _END_OF_TAR
    yield "archive/long-name.tar", _pax(path="x" * 150) + _file("x" * 100) + _END_OF_TAR
    hard_link = _header("b.txt", len(_TEXT), b"1", link="a.txt")
    yield "archive/hard-link.tar", _file("a.txt") + hard_link + _file("c.txt") + _END_OF_TAR


def _sparse_bomb() -> bytes:
    size = str(1 << 40)
    records = {"GNU.sparse.map": f"0,{len(_TEXT)}", "GNU.sparse.size": size, "GNU.sparse.name": "a.bin"}
    return _pax(**records) + _file("GNUSparseFile.0/a.bin") + _END_OF_TAR


def _two_sizes() -> bytes:
    """Readers that know pax skip the inner member, others read it as one."""
    inner = _file("inner.txt")
    return _pax(size=str(len(inner))) + _header("outer.bin", 0) + inner + _file("a.txt") + _END_OF_TAR


def _encrypted() -> bytes:
    """What encrypted data looks like: 12 bytes longer than the plain text, and noise."""
    noise = b"".join(zlib.crc32(b"%d" % index).to_bytes(4) for index in range(15))
    return _zip(_Member(b"secret.txt", noise, flags=1, size=len(noise) - 12))


def _streams() -> Iterator[tuple[str, bytes]]:
    plain = gzip.compress(_TEXT, compresslevel=0, mtime=0)
    yield "archive/plain.txt.gz", plain
    yield "archive/two-members.txt.gz", plain + plain
    yield "archive/wrong-checksum.txt.gz", plain[:-8] + b"\0\0\0\0" + plain[-4:]
    yield "archive/appended.txt.gz", plain + _TEXT
    yield "archive/bomb.gz", gzip.compress(bytes(40 * _MIB), mtime=0)
