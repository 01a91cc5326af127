"""Write small HDF5 files by hand: superblock 0, object headers of version 1, everything spelled out.

Shared by the recipes of HDF5 and Keras, and by tests. Source: HDF5 File Format Specification 3.0.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MASK = 0xFFFF_FFFF

BYTE = b"\x10\x00\x00\x00" + struct.pack("<IHH", 1, 0, 8)
FLOAT = b"\x11\x20\x1f\x00" + struct.pack("<IHHBBBBI", 4, 0, 32, 23, 8, 0, 23, 127)
ROWS = b"\x19\x00\x00\x00" + struct.pack("<I", 16) + BYTE


def text_type(size: int) -> bytes:
    """A string of fixed length, padded with zeros."""
    return b"\x13\x01\x00\x00" + struct.pack("<I", size)


def opaque_type(size: int) -> bytes:
    """Bytes without a meaning."""
    return b"\x15\x00\x00\x00" + struct.pack("<I", size)


def size_of(kind: bytes) -> int:
    """Bytes of one element."""
    return int.from_bytes(kind[4:8], "little")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _space(dims: Sequence[int]) -> bytes:
    return struct.pack("<BBB5x", 1, len(dims), 0) + b"".join(struct.pack("<Q", one) for one in dims)


def _message(kind: int, data: bytes) -> bytes:
    data = _padded(data)
    return struct.pack("<HHB3x", kind, len(data), 0) + data


def _header(messages: Sequence[bytes]) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def attribute(name: str, data: bytes, kind: bytes | None = None, dims: Sequence[int] = ()) -> bytes:
    """An attribute; without a type its bytes are one text."""
    raw = name.encode() + b"\0"
    kind = text_type(max(1, len(data))) if kind is None else kind
    space = _space(dims)
    head = struct.pack("<BxHHH", 1, len(raw), len(kind), len(space))
    return _message(0x0C, head + _padded(raw) + _padded(kind) + _padded(space) + (data or b"\0"))


@dataclass(slots=True)
class Group:
    """Links and attributes. A link is an object, or the bytes that follow the name of another kind."""

    links: Mapping[str, Group | Dataset | Link] = field(default_factory=dict)
    attributes: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is not a hard one: its type and its value."""

    kind: int
    value: bytes


def soft(target: str) -> Link:
    return Link(1, target.encode())


def external(file: str, target: str) -> Link:
    return Link(64, b"\0" + file.encode() + b"\0" + target.encode() + b"\0")


@dataclass(slots=True)
class Dataset:
    """An array.

    Attributes:
        data: its elements, in one piece; None when they were never written.
        external: name of the file that holds them.
        source: name of the file that a virtual dataset of the same shape takes them from.
        filters: numbers and names; the array is then in chunks, and none was written.
        rows: elements of `ROWS`.
    """

    kind: bytes
    dims: Sequence[int] = ()
    data: bytes | None = None
    external: str | None = None
    source: str | None = None
    filters: Sequence[tuple[int, bytes]] = ()
    rows: Sequence[bytes] = ()
    attributes: Sequence[bytes] = ()


def write(root: Group, user_block: bytes = b"") -> bytes:
    """Return the file; a user block has 512 bytes, or a power of two more."""
    writer = _Writer()
    address = writer.group(root)
    entry = struct.pack("<QQII16x", 0, address, 0, 0)
    numbers = struct.pack("<QQQQ", len(user_block), UNDEFINED, len(user_block) + writer.end, UNDEFINED)
    head = SIGNATURE + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0)
    return user_block + head + numbers + entry + b"".join(writer.parts)


class _Writer:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.end = 96

    def put(self, data: bytes) -> int:
        address = self.end
        self.parts.append(_padded(data))
        self.end += len(_padded(data))
        return address

    def group(self, group: Group) -> int:
        messages = [
            _message(0x02, struct.pack("<BBQQ", 0, 0, UNDEFINED, UNDEFINED)),
            _message(0x0A, b"\0\0"),
        ]
        messages += group.attributes
        for name, target in group.links.items():
            raw = name.encode()
            if isinstance(target, Link):
                head = struct.pack("<BBBB", 1, 8, target.kind, len(raw))
                value = struct.pack("<H", len(target.value)) + target.value
            else:
                address = self.group(target) if isinstance(target, Group) else self.dataset(target)
                head, value = struct.pack("<BBB", 1, 0, len(raw)), struct.pack("<Q", address)
            messages.append(_message(0x06, head + raw + value))
        return self.put(_header(messages))

    def dataset(self, dataset: Dataset) -> int:
        messages = [_message(0x01, _space(dataset.dims)), _message(0x03, dataset.kind)]
        messages += self.layout(dataset)
        return self.put(_header([*messages, *dataset.attributes]))

    def layout(self, dataset: Dataset) -> list[bytes]:
        if dataset.source is not None:
            block = _mapping(dataset.source)
            return [_message(0x08, struct.pack("<BBQI", 4, 3, self.heap([block]), 1))]
        if dataset.filters:
            sizes = struct.pack(
                f"<{len(dataset.dims) + 1}I", *(1 for _ in dataset.dims), size_of(dataset.kind)
            )
            chunks = struct.pack("<BBBQ", 3, 2, len(dataset.dims) + 1, UNDEFINED) + sizes
            return [_message(0x0B, _pipeline(dataset.filters)), _message(0x08, chunks)]
        data = self.row_data(dataset.rows) if dataset.rows else dataset.data
        address = self.put(data) if data is not None else UNDEFINED
        size = len(data) if data is not None else size_of(dataset.kind) * prod(dataset.dims)
        layout = _message(0x08, struct.pack("<BBQQ", 3, 1, address, size))
        if dataset.external is None:
            return [layout]
        return [layout, self.external_file(dataset.external, size)]

    def row_data(self, rows: Sequence[bytes]) -> bytes:
        heap = self.heap(rows)
        return b"".join(struct.pack("<IQI", len(row), heap, n) for n, row in enumerate(rows, start=1))

    def heap(self, blocks: Sequence[bytes]) -> int:
        """A global heap collection: numbered objects, and the rest as object 0."""
        body = b"".join(
            struct.pack("<HHIQ", number, 1, 0, len(block)) + _padded(block)
            for number, block in enumerate(blocks, start=1)
        )
        size = max(4096, len(body) + 64)
        rest = size - 16 - len(body)
        free = struct.pack("<HHIQ", 0, 0, 0, rest) + bytes(rest - 16)
        return self.put(b"GCOL" + struct.pack("<B3xQ", 1, size) + body + free)

    def external_file(self, name: str, size: int) -> bytes:
        names = _padded(bytes(8) + name.encode() + b"\0")
        data = self.put(names)
        heap = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(names), 1, data))
        slot = struct.pack("<QQQ", 8, 0, size)
        return _message(0x07, struct.pack("<B3xHHQ", 1, 1, 1, heap) + slot)


def _pipeline(filters: Sequence[tuple[int, bytes]]) -> bytes:
    data = struct.pack("<BB6x", 1, len(filters))
    for number, name in filters:
        shown = _padded(name + b"\0")
        data += struct.pack("<HHHH", number, len(shown), 1, 0) + shown
    return data


def _mapping(source: str) -> bytes:
    """One part of a virtual dataset: all of a dataset `x` of another file."""
    everything = struct.pack("<IIII", 3, 1, 0, 0)
    data = struct.pack("<BQ", 0, 1) + source.encode() + b"\0x\0" + everything + everything
    return data + struct.pack("<I", checksum(data))


def checksum(data: bytes) -> int:
    """Bob Jenkins' lookup3, `hashlittle` with an initial value of 0."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    while len(data) > 12:
        x, y, z = struct.unpack("<III", data[:12])
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
        data = data[12:]
    if data:
        x, y, z = struct.unpack("<III", data.ljust(12, b"\0"))
        return _final((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    return c


def _rotated(value: int, count: int) -> int:
    return ((value << count) | (value >> (32 - count))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for count, other in ((4, 0), (6, 1), (8, 2), (16, 0), (19, 1), (4, 2)):
        if other == 0:
            a = ((a - c) & _MASK) ^ _rotated(c, count)
            c = (c + b) & _MASK
        elif other == 1:
            b = ((b - a) & _MASK) ^ _rotated(a, count)
            a = (a + c) & _MASK
        else:
            c = ((c - b) & _MASK) ^ _rotated(b, count)
            b = (b + a) & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    c = ((c ^ b) - _rotated(b, 14)) & _MASK
    a = ((a ^ c) - _rotated(c, 11)) & _MASK
    b = ((b ^ a) - _rotated(a, 25)) & _MASK
    c = ((c ^ b) - _rotated(b, 16)) & _MASK
    a = ((a ^ c) - _rotated(c, 4)) & _MASK
    b = ((b ^ a) - _rotated(a, 14)) & _MASK
    return ((c ^ b) - _rotated(b, 24)) & _MASK
