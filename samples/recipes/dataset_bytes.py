"""Parquet, Arrow and SQLite written by hand: what the recipes and tests of datasets share."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

Pairs = Sequence[tuple[str, str | bytes]]
Field = tuple[str, object]


# Thrift, compact protocol.


class Small(int):
    """A number that Thrift declares as i32; readers insist on the difference."""


def varint(value: int) -> bytes:
    """Return an unsigned number, seven bits in each byte."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def thrift(fields: dict[int, object]) -> bytes:
    """Return a struct of int (i64), `Small` (i32), bytes, str, bool, lists of one kind and dict."""
    out, last = bytearray(), 0
    for number, value in sorted(fields.items()):
        kind, payload = _thrift_value(value)
        step = number - last
        head = bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _zigzag(number)
        out += head + payload
        last = number
    return bytes(out) + b"\0"


def _zigzag(value: int) -> bytes:
    return varint((value << 1 ^ value >> 63) & 0xFFFF_FFFF_FFFF_FFFF)


def _thrift_value(value: object) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return (1 if value else 2), b""
    if isinstance(value, int):
        return (5 if isinstance(value, Small) else 6), _zigzag(value)
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        return 8, varint(len(raw)) + raw
    if isinstance(value, dict):
        return 12, thrift(value)
    assert isinstance(value, list)
    kinds = [_thrift_value(one) for one in value]
    kind = kinds[0][0] if kinds else 12
    count = (
        bytes([len(value) << 4 | kind]) if len(value) < 15 else bytes([0xF0 | kind]) + varint(len(value))
    )
    return 9, count + b"".join(payload for _, payload in kinds)


# Parquet.


def parquet(
    columns: dict[str, list[str] | list[bytes]],
    metadata: Pairs = (),
    *,
    changed: dict[int, object] | None = None,
    chunk: dict[int, object] | None = None,
    meta: dict[int, object] | None = None,
) -> bytes:
    """Return a table of required byte arrays in plain pages.

    Args:
        columns: values by name; text columns when they are str.
        metadata: key-value pairs of the footer.
        changed: fields of FileMetaData that are replaced.
        chunk: fields of every ColumnChunk that are replaced.
        meta: fields of every ColumnMetaData that are replaced.
    """
    body, chunks = bytearray(b"PAR1"), []
    rows = max((len(values) for values in columns.values()), default=0)
    elements: list[object] = [{4: "schema", 5: Small(len(columns))}]
    for name, values in columns.items():
        element: dict[int, object] = {1: Small(6), 3: Small(0), 4: name}
        if values and isinstance(values[0], str):
            element[6] = Small(0)
        elements.append(element)
        page = _plain_page(values)
        facts: dict[int, object] = {
            1: Small(6),
            2: [Small(0)],
            3: [name],
            4: Small(0),
            5: len(values),
            6: len(page),
            7: len(page),
            9: len(body),
        }
        chunks.append({2: len(body), 3: facts | (meta or {})} | (chunk or {}))
        body += page
    group = {1: chunks, 2: len(body) - 4, 3: rows}
    fields: dict[int, object] = {1: Small(2), 2: elements, 3: rows, 4: [group], 6: "weighbridge sample"}
    if metadata:
        fields[5] = [{1: key, 2: value} for key, value in metadata]
    return bytes(body) + parquet_footer(fields | (changed or {}))


def parquet_footer(fields: dict[int, object]) -> bytes:
    """Return the footer with its length and magic."""
    footer = thrift(fields)
    return footer + struct.pack("<I", len(footer)) + b"PAR1"


def _plain_page(values: Sequence[str | bytes]) -> bytes:
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    content = b"".join(struct.pack("<I", len(value)) + value for value in raw)
    page = {1: Small(len(raw)), 2: Small(0), 3: Small(3), 4: Small(3)}
    header = {1: Small(0), 2: Small(len(content)), 3: Small(len(content)), 5: page}
    return thrift(header) + content


def dictionary_page(values: Sequence[bytes], *, uncompressed: int) -> bytes:
    """Return the header of a dictionary page that claims to inflate to `uncompressed` bytes."""
    page = {1: Small(len(values)), 2: Small(0)}
    return thrift({1: Small(2), 2: Small(uncompressed), 3: Small(8), 7: page}) + bytes(8)


# FlatBuffers, children behind their parents.


def flatbuffer(fields: dict[int, Field]) -> bytes:
    """Return a buffer with one root table; see `_Builder.table` for the kinds of fields."""
    builder = _Builder()
    builder.out += bytes(4)
    struct.pack_into("<I", builder.out, 0, builder.table(fields))
    return bytes(builder.out) + bytes(-len(builder.out) % 8)


class _Builder:
    """A growing buffer."""

    def __init__(self) -> None:
        self.out = bytearray()

    def table(self, fields: dict[int, Field]) -> int:
        """Write a table and return its offset.

        Kinds: a struct code for numbers; `table`, `text`, `tables`, and `structs` (bytes of a
        vector and its count).
        """
        count = max(fields, default=-1) + 1
        self._align(8)
        vtable = len(self.out)
        self.out += bytes(4 + 2 * count)
        self._align(8)
        at = len(self.out)
        self.out += struct.pack("<i", at - vtable) + bytes(4)
        later: list[tuple[int, Field]] = []
        for index, (kind, value) in fields.items():
            is_number = kind in "?bBhHiIqQ"
            size = struct.calcsize("<" + kind) if is_number else 4
            self._align(max(size, 4))
            struct.pack_into("<H", self.out, vtable + 4 + 2 * index, len(self.out) - at)
            if is_number:
                self.out += struct.pack("<" + kind, value)
            else:
                later.append((len(self.out), (kind, value)))
                self.out += bytes(4)
        self._align(8)
        struct.pack_into("<HH", self.out, vtable, 4 + 2 * count, len(self.out) - at)
        for place, field in later:
            target = self._child(field)
            struct.pack_into("<I", self.out, place, target - place)
        return at

    def _child(self, field: Field) -> int:
        kind, value = field
        if kind == "table":
            assert isinstance(value, dict)
            return self.table(value)
        if kind == "tables":
            assert isinstance(value, list)
            self._align(4)
            at = len(self.out)
            self.out += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for index, inner in enumerate(value):
                place = at + 4 + 4 * index
                struct.pack_into("<I", self.out, place, self.table(inner) - place)
            return at
        if kind == "structs":
            assert isinstance(value, tuple)
            self._align(8)
            self.out += bytes(4)
            at = len(self.out)
            self.out += struct.pack("<I", value[1]) + value[0]
            return at
        raw = value.encode() if isinstance(value, str) else value
        assert isinstance(raw, bytes)
        self._align(4)
        at = len(self.out)
        self.out += struct.pack("<I", len(raw)) + raw + b"\0"
        return at

    def _align(self, to: int) -> None:
        self.out += bytes(-len(self.out) % to)


# Arrow.

_UTF8, _SCHEMA, _RECORDS, _V5 = 5, 1, 3, 4


def arrow_field(name: str, pairs: Pairs = (), *, kind: int = _UTF8) -> dict[int, Field]:
    """Return a field; 5 is text and 4 is bytes."""
    fields: dict[int, Field] = {0: ("text", name), 1: ("?", True), 2: ("B", kind), 3: ("table", {})}
    fields[5] = ("tables", [])
    if pairs:
        fields[6] = ("tables", [_pair(key, value) for key, value in pairs])
    return fields


def extension(name: str, metadata: bytes) -> Pairs:
    """Return the pairs that make a field an extension type."""
    return (("ARROW:extension:name", name), ("ARROW:extension:metadata", metadata))


def _pair(key: str, value: str | bytes) -> dict[int, Field]:
    return {0: ("text", key), 1: ("text", value)}


def arrow_schema(fields: Sequence[dict[int, Field]], pairs: Pairs = ()) -> bytes:
    """Return the message of a schema."""
    schema: dict[int, Field] = {1: ("tables", list(fields))}
    if pairs:
        schema[2] = ("tables", [_pair(key, value) for key, value in pairs])
    return _message(_SCHEMA, schema, b"")


def arrow_texts(
    values: Sequence[bytes], *, offsets: Sequence[int] | None = None, moved: int = 0
) -> bytes:
    """Return the message of a batch with one column of text.

    Args:
        values: the texts.
        offsets: instead of those that are right.
        moved: added to where the last buffer is said to begin.
    """
    ends = [0]
    for value in values:
        ends.append(ends[-1] + len(value))
    places = struct.pack(f"<{len(ends)}i", *(offsets or ends))
    places += bytes(-len(places) % 8)
    data = b"".join(values)
    body = places + data + bytes(-len(data) % 8)
    buffers = struct.pack("<6q", 0, 0, 0, 4 * len(ends), len(places) + moved, len(data))
    nodes = struct.pack("<qq", len(values), 0)
    batch: dict[int, Field] = {
        0: ("q", len(values)),
        1: ("structs", (nodes, 1)),
        2: ("structs", (buffers, 3)),
    }
    return _message(_RECORDS, batch, body)


def _message(kind: int, header: dict[int, Field], body: bytes) -> bytes:
    fields: dict[int, Field] = {0: ("h", _V5), 1: ("B", kind), 2: ("table", header), 3: ("q", len(body))}
    metadata = flatbuffer(fields)
    return b"\xff\xff\xff\xff" + struct.pack("<i", len(metadata)) + metadata + body


def arrow_stream(*messages: bytes) -> bytes:
    """Return a stream with its end."""
    return b"".join(messages) + b"\xff\xff\xff\xff\0\0\0\0"


def parquet_schema(fields: Sequence[dict[int, Field]]) -> tuple[str, bytes]:
    """Return the pair under which Parquet keeps an Arrow schema."""
    return ("ARROW:schema", base64.b64encode(arrow_schema(fields)))


# SQLite.


def sqlite(
    schema: Sequence[tuple[str, str, str, int, str]], tables: Sequence[Sequence[str]] = ()
) -> bytes:
    """Return a database of pages of 4,096 bytes: the schema on the first, each table on one more."""
    count = 1 + len(tables)
    head = b"SQLite format 3\0" + struct.pack(">HBBBBBBII", 4096, 1, 1, 0, 64, 32, 32, 1, count)
    head += bytes(12) + struct.pack(">IIIII", 4, 0, 0, 1, 0) + bytes(24) + struct.pack(">II", 1, 3045000)
    head = head[:100].ljust(100, b"\0")
    head = head[:56] + struct.pack(">I", 1) + head[60:]
    rows = [_record(entry) for entry in schema]
    pages = [head + _leaf(rows, 100)]
    pages += [_leaf([_record([value]) for value in values], 0) for values in tables]
    return b"".join(pages)


def _record(values: Sequence[str | int]) -> bytes:
    serials, content = b"", b""
    for value in values:
        if isinstance(value, int):
            serials += varint_high(4)
            content += struct.pack(">i", value)
        else:
            raw = value.encode()
            serials += varint_high(13 + 2 * len(raw))
            content += raw
    return varint_high(len(serials) + 1) + serials + content


def varint_high(value: int) -> bytes:
    """Return a number with its high part first, as SQLite has it."""
    parts = [value & 0x7F]
    while value > 0x7F:
        value >>= 7
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def _leaf(records: Sequence[bytes], start: int) -> bytes:
    """Return a leaf of a table; its cells lie at the end of the page."""
    page = bytearray(4096 - start)
    end, offsets = 4096, []
    for number, record in enumerate(records, start=1):
        cell = varint_high(len(record)) + varint_high(number) + record
        end -= len(cell)
        page[end - start : end - start + len(cell)] = cell
        offsets.append(end)
    head = struct.pack(">BHHHB", 13, 0, len(records), end % 65536, 0)
    page[: len(head)] = head
    pointers = struct.pack(f">{len(offsets)}H", *offsets)
    page[len(head) : len(head) + len(pointers)] = pointers
    return bytes(page)
