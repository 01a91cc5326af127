"""Read an Arrow schema: field names, extension types and their metadata, before any reader does.

    Schema    0 endianness  1 fields  2 custom_metadata
    Field     0 name  1 nullable  2 type_type  3 type  4 dictionary  5 children  6 custom_metadata
    KeyValue  0 key  1 value

Source: https://github.com/apache/arrow/blob/main/format/Schema.fbs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.flatbuffer import Scalar, Table

_MAX_DEPTH = 64
_MAX_FIELDS = 100_000
_MAX_PAIRS = 100_000
_ALL_BYTES = 64 * MIB
_NAME_BYTES = 256
_PATH_CHARS = 500

EXTENSION_NAME: Final = b"ARROW:extension:name"
EXTENSION_METADATA: Final = b"ARROW:extension:metadata"


@dataclass(frozen=True, slots=True)
class ArrowField:
    """One field, nested ones included.

    Attributes:
        path: names from the root, joined by dots.
        extension: name of its extension type; None for a plain field.
        extension_metadata: the bytes that the extension type is restored from.
        metadata: all other pairs.
    """

    path: str
    extension: str | None
    extension_metadata: bytes
    metadata: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class ArrowSchema:
    """All fields in depth-first order, and the schema's own pairs."""

    fields: tuple[ArrowField, ...]
    metadata: tuple[tuple[bytes, bytes], ...]


def read_schema(table: Table) -> ArrowSchema:
    """Read a Schema table.

    Raises:
        Malformed: an offset leads outside, or fields nest deeper than 64.
        LimitReached: more than 100,000 fields or pairs, or 64 MiB in pairs: offsets may all lead to
            the same bytes, so a small schema can be a large one.
    """
    reading = _Reading()
    fields = table.vector(1, 4)
    if fields is not None:
        for field in fields.tables():
            reading.field(field, ())
    return ArrowSchema(tuple(reading.found), tuple(reading.pairs(table, 2)))


class _Reading:
    """What was found so far in one schema, and what may still be read."""

    def __init__(self) -> None:
        self.found: list[ArrowField] = []
        self._pairs_left = _MAX_PAIRS
        self._bytes_left = _ALL_BYTES

    def field(self, table: Table, above: tuple[str, ...]) -> None:
        if len(above) >= _MAX_DEPTH:
            raise Malformed("Arrow fields nest too deeply", table.at)
        if len(self.found) >= _MAX_FIELDS:
            raise LimitReached(f"an Arrow schema of more than {_MAX_FIELDS:,} fields")
        path = (*above, table.text(0, _NAME_BYTES) or "")
        pairs = list(self.pairs(table, 6))
        names = [value for key, value in pairs if key == EXTENSION_NAME]
        restored = [value for key, value in pairs if key == EXTENSION_METADATA]
        own = tuple(pair for pair in pairs if pair[0] not in (EXTENSION_NAME, EXTENSION_METADATA))
        self.found.append(
            ArrowField(
                path=".".join(path)[:_PATH_CHARS],
                extension=names[-1].decode("utf-8", "backslashreplace") if names else None,
                extension_metadata=restored[-1] if restored else b"",
                metadata=own,
            )
        )
        children = table.vector(5, 4)
        if children is not None:
            for child in children.tables():
                self.field(child, path)

    def pairs(self, table: Table, index: int) -> Iterator[tuple[bytes, bytes]]:
        vector = table.vector(index, 4)
        for pair in vector.tables() if vector is not None else ():
            self._pairs_left -= 1
            if self._pairs_left < 0:
                raise LimitReached(f"more than {_MAX_PAIRS:,} pairs of Arrow metadata")
            yield self._value(pair, 0), self._value(pair, 1)

    def _value(self, pair: Table, index: int) -> bytes:
        vector = pair.vector(index, Scalar.UBYTE.size)
        if vector is None:
            return b""
        self._bytes_left -= vector.count
        if self._bytes_left < 0:
            raise LimitReached(f"more than {_ALL_BYTES:,} bytes of Arrow metadata")
        return vector.bytes_of(_ALL_BYTES)
