"""Decode one 512-byte tar header, and the extended headers that may stand before it.

    name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100
    | magic 8 | uname 32 | gname 32 | devmajor 8 | devminor 8 | prefix 155 | 12
    old GNU, type S: 4 x (offset 12, bytes 12) at 386, is_extended at 482, real size 12 at 483

Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual,
"Basic Tar Format" and "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

BLOCK_BYTES = 512
_CHECKSUM_FIELD = slice(148, 156)
_GNU_MAGIC = b"ustar  \0"


class TarKind(StrEnum):
    """What a member is. Values are words for people."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARD_LINK = "hard link"
    DEVICE = "device"
    FIFO = "FIFO"


_KINDS = {
    b"1": TarKind.HARD_LINK,
    b"2": TarKind.SYMLINK,
    b"3": TarKind.DEVICE,
    b"4": TarKind.DEVICE,
    b"5": TarKind.DIRECTORY,
    b"6": TarKind.FIFO,
}

PLAIN_FILE = (b"\0", b"0")
LONG_NAME, LONG_LINK, SPARSE = b"L", b"K", b"S"
PAX_LOCAL, PAX_GLOBAL = (b"x", b"X"), (b"g",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TarHeader:
    """One header block as it stands, before any extended header changes it.

    Attributes:
        type_flag: one byte.
        size: bytes of data that the block states; None when the field is no number.
        sparse_map: (offset, bytes) pairs of an old GNU sparse header, those of this block only.
    """

    name: bytes
    link_name: bytes
    type_flag: bytes
    mode: int
    size: int | None
    sparse_map: tuple[tuple[int, int], ...] = ()
    is_sparse_extended: bool = False
    real_size: int | None = None

    @property
    def kind(self) -> TarKind:
        """Unknown types are files, as POSIX says."""
        return _KINDS.get(self.type_flag, TarKind.FILE)


def decode_header(block: bytes) -> TarHeader | None:
    """Decode a header block; None when it is cut or its checksum (either variant) is wrong."""
    if len(block) < BLOCK_BYTES or not _has_valid_checksum(block):
        return None
    name, prefix = text_field(block[0:100]), text_field(block[345:500])
    is_gnu = block[257:265] == _GNU_MAGIC
    if prefix and not is_gnu and block[257:262] == b"ustar":
        name = prefix + b"/" + name
    type_flag = block[156:157]
    is_old_sparse = type_flag == SPARSE
    return TarHeader(
        name=name,
        link_name=text_field(block[157:257]),
        type_flag=type_flag,
        mode=number_field(block[100:108]) or 0,
        size=number_field(block[124:136]),
        sparse_map=sparse_pairs(block[386:482]) if is_old_sparse else (),
        is_sparse_extended=is_old_sparse and block[482] != 0,
        real_size=number_field(block[483:495]) if is_old_sparse else None,
    )


def sparse_pairs(data: bytes) -> tuple[tuple[int, int], ...]:
    """Decode (offset, bytes) pairs of 12-byte numbers, up to the first empty or broken one."""
    pairs = []
    for position in range(0, len(data) - 23, 24):
        offset = number_field(data[position : position + 12])
        length = number_field(data[position + 12 : position + 24])
        if not data[position] or offset is None or length is None:
            break
        pairs.append((offset, length))
    return tuple(pairs)


def number_field(field: bytes) -> int | None:
    """Decode an octal or base-256 number; None when it is neither or is negative."""
    if field[:1] in (b"\x80", b"\xff"):
        value = int.from_bytes(field[1:], "big", signed=False)
        return value if field[0] == 0x80 else None
    digits = text_field(field).strip()
    if not digits:
        return 0
    # int() also takes signs and underscores, which other readers don't.
    return int(digits, 8) if all(0x30 <= digit <= 0x37 for digit in digits) else None


def text_field(field: bytes) -> bytes:
    """Return the bytes before the first NUL."""
    return field.partition(b"\0")[0]


def decode_pax(data: bytes) -> tuple[dict[bytes, bytes], list[tuple[bytes, bytes]], bool]:
    """Decode pax records: `length key=value newline`, the length in decimal and counting itself.

    Returns:
        The records (the last of each key), all of them in order, and whether the data was well
        formed to its end.
    """
    ordered: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(data) and data[position]:
        space = data.find(b" ", position, position + 20)
        digits = data[position:space] if space > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        record = data[position : position + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if length < len(digits) + 3 or len(record) < length or not record.endswith(b"\n") or not equals:
            return dict(ordered), ordered, False
        ordered.append((key, value[:-1]))
        position += length
    return dict(ordered), ordered, True


def pax_number(records: Mapping[bytes, bytes], key: bytes) -> int | None:
    """Return a decimal value of at most 20 digits; None when it is absent or no number."""
    value = records.get(key, b"")
    return int(value) if value.isdigit() and len(value) <= 20 else None


def decode_tar_name(name: bytes) -> str:
    """Return a name for people; bytes that are no UTF-8 are escaped."""
    return name.decode("utf-8", "backslashreplace")


def _has_valid_checksum(block: bytes) -> bool:
    """The sum with the checksum field taken as spaces; old writers summed signed characters."""
    stated = number_field(block[_CHECKSUM_FIELD])
    rest = block[: _CHECKSUM_FIELD.start] + block[_CHECKSUM_FIELD.stop :]
    unsigned = 8 * 0x20 + sum(rest)
    signed = unsigned - 256 * sum(byte > 0x7F for byte in rest)
    return stated is not None and stated in (unsigned, signed) and any(block)
