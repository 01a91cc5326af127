"""Read the footer of a Parquet file: schema, row groups, key-value metadata; no page is read.

    "PAR1"  pages ...  FileMetaData (thrift compact)  u32 length of it  "PAR1"

"PARE" at the end: the footer is encrypted. Readers look at the end only, so a file without the
first magic is one too. Source: https://github.com/apache/parquet-format
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB, MIB, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.datasets.thrift_compact import Thrift, read_struct

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
BYTE_ARRAY = 6
_TAIL_BYTES = 64 * KIB
_LARGEST_FOOTER = 64 * MIB
_MAX_ELEMENTS = 1_000_000
_PAGE_HEADER_BYTES = 256


class ParquetAnomaly(StrEnum):
    """A rule of the format that a footer breaks."""

    OUTSIDE = "a column chunk lies outside of the file"
    NEGATIVE = "a size or count is negative"
    ROWS_DIFFER = "the row groups do not add up to the number of rows"
    FOREIGN_FILE = "a column chunk is in another file"
    NO_HEAD = "the first four bytes are not PAR1"
    TREE_BROKEN = "the schema's counts of children make no tree"


@dataclass(frozen=True, slots=True)
class SchemaElement:
    """One node of the schema, in depth-first order; groups have `children`."""

    name: str
    physical_type: int | None
    children: int


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """One column of one row group, as the footer has it.

    Attributes:
        file_path: another file that holds the pages; "" for this one.
        start: offset of its first page.
        dictionary_offset: None without a dictionary page.
    """

    path: str
    file_path: str
    physical_type: int
    num_values: int
    compressed_bytes: int
    uncompressed_bytes: int
    start: int
    dictionary_offset: int | None
    row_group: int


@dataclass(frozen=True, slots=True)
class ParquetFooter:
    """What the footer says.

    Attributes:
        metadata: key and value pairs as bytes, repeats included.
    """

    num_rows: int
    created_by: str
    schema: tuple[SchemaElement, ...]
    columns: tuple[ColumnChunk, ...]
    metadata: tuple[tuple[bytes, bytes], ...]
    row_groups: int
    footer_offset: int
    is_signed_plaintext: bool
    anomalies: tuple[Anomaly[ParquetAnomaly], ...]


@dataclass(frozen=True, slots=True)
class DictionaryPage:
    """The header of a dictionary page: its size when inflated, and how many values it has."""

    uncompressed_bytes: int
    num_values: int


def has_encrypted_footer(source: ByteSource) -> bool:
    """True when the file ends with PARE: nothing in it can be read without a key."""
    return bytes(source.read_at(max(0, source.size - 4), 4)) == ENCRYPTED


def read_footer(source: ByteSource, limits: Limits) -> ParquetFooter:
    """Read the footer: one read of at most 64 KiB, a second one when it is longer.

    Raises:
        Malformed: no footer, or one that is not thrift.
        LimitReached: a footer of more than 64 MiB.
    """
    data, offset = _footer_bytes(source, limits)
    try:
        fields, _ = read_struct(data)
    except Malformed as error:
        raise Malformed(f"the footer can't be read: {error.reason}", offset + error.offset) from None
    return _Footer(source, fields, offset).read()


def read_dictionary_page(source: ByteSource, column: ColumnChunk) -> DictionaryPage | None:
    """Read the header of a column's dictionary page; None when there is none to be read."""
    if column.dictionary_offset is None or not 0 <= column.dictionary_offset < source.size:
        return None
    head = bytes(source.read_at(column.dictionary_offset, _PAGE_HEADER_BYTES))
    try:
        fields, _ = read_struct(head)
    except Malformed:
        return None
    detail = fields.get(7)
    if fields.get(1) != 2 or not isinstance(detail, dict):
        return None
    return DictionaryPage(_number(fields, 2), _number(detail, 1))


def _footer_bytes(source: ByteSource, limits: Limits) -> tuple[bytes, int]:
    size = source.size
    if size < 12:
        raise Malformed("shorter than two magics and a length")
    tail = bytes(source.read_at(max(0, size - _TAIL_BYTES), _TAIL_BYTES))
    if tail[-4:] != MAGIC:
        raise Malformed("does not end with PAR1: cut off, or not Parquet", size - 4)
    length = int.from_bytes(tail[-8:-4], "little")
    if length > size - 8:
        raise Malformed(f"the footer of {length:,} bytes is longer than the file", size - 8)
    if length > min(_LARGEST_FOOTER, limits.header_bytes):
        raise LimitReached(f"a footer of {length:,} bytes; up to {_LARGEST_FOOTER:,} are read")
    start = size - 8 - length
    if length + 8 <= len(tail):
        return tail[-8 - length : -8], start
    return bytes(source.read_at(start, length)), start


class _Footer:
    """Turns the bare struct into what has names, and notes what can't be true."""

    def __init__(self, source: ByteSource, fields: dict[int, Thrift], offset: int) -> None:
        self._size = source.size
        self._source = source
        self._fields = fields
        self._offset = offset
        self._log: AnomalyLog[ParquetAnomaly] = AnomalyLog()

    def read(self) -> ParquetFooter:
        if bytes(self._source.read_at(0, 4)) != MAGIC:
            self._note(ParquetAnomaly.NO_HEAD, "the file does not begin with PAR1", at=0)
        schema = tuple(self._schema())
        groups = _structs(self._fields, 4)
        columns = tuple(
            column for number, group in enumerate(groups) for column in self._columns(group, number)
        )
        self._check_rows(groups)
        return ParquetFooter(
            num_rows=_number(self._fields, 3),
            created_by=_text(self._fields, 6),
            schema=schema,
            columns=columns,
            metadata=tuple((_bytes(pair, 1), _bytes(pair, 2)) for pair in _structs(self._fields, 5)),
            row_groups=len(groups),
            footer_offset=self._offset,
            is_signed_plaintext=8 in self._fields,
            anomalies=self._log.all(),
        )

    def _schema(self) -> Iterator[SchemaElement]:
        elements = _structs(self._fields, 2)
        if not elements:
            raise Malformed("the footer has no schema", self._offset)
        if len(elements) > _MAX_ELEMENTS:
            raise LimitReached(f"a schema of {len(elements):,} elements")
        expected = 1
        for element in elements:
            children = _number(element, 5)
            expected += children - 1
            kind = element.get(1)
            physical = kind if isinstance(kind, int) and not isinstance(kind, bool) else None
            yield SchemaElement(_text(element, 4), physical, children)
        if expected != 0 or any(_number(element, 5) < 0 for element in elements):
            detail = f"{len(elements):,} schema elements whose numbers of children make no tree"
            self._note(ParquetAnomaly.TREE_BROKEN, detail)

    def _columns(self, group: dict[int, Thrift], number: int) -> Iterator[ColumnChunk]:
        for chunk in _structs(group, 1):
            meta = chunk.get(3)
            if not isinstance(meta, dict):
                continue  # an encrypted column: its metadata is elsewhere
            column = _column(chunk, meta, number)
            self._check_column(column)
            yield column

    def _check_column(self, column: ColumnChunk) -> None:
        if column.file_path:
            detail = f"{quoted(column.path)} is in {quoted(column.file_path)}"
            self._note(ParquetAnomaly.FOREIGN_FILE, detail, subject=column.file_path)
            return
        sizes = (column.num_values, column.compressed_bytes, column.uncompressed_bytes, column.start)
        if min(sizes) < 0:
            detail = f"{quoted(column.path)}: values, sizes and offset are {sizes}"
            self._note(ParquetAnomaly.NEGATIVE, detail, subject=column.path)
        elif column.start + column.compressed_bytes > self._offset:
            detail = (
                f"{quoted(column.path)}: {column.compressed_bytes:,} bytes at {column.start:,}, "
                f"and the pages end at {self._offset:,}"
            )
            self._note(ParquetAnomaly.OUTSIDE, detail, subject=column.path)

    def _check_rows(self, groups: list[dict[int, Thrift]]) -> None:
        stated, counted = _number(self._fields, 3), sum(_number(group, 3) for group in groups)
        if stated < 0:
            self._note(ParquetAnomaly.NEGATIVE, f"the table has {stated:,} rows")
        elif stated != counted and groups:  # a summary of many files has none
            detail = f"{stated:,} rows are stated, the row groups have {counted:,}"
            self._note(ParquetAnomaly.ROWS_DIFFER, detail)

    def _note(
        self, kind: ParquetAnomaly, detail: str, *, at: int | None = None, subject: str = ""
    ) -> None:
        self._log.add(kind, detail, at=self._offset if at is None else at, subject=subject)


def _column(chunk: dict[int, Thrift], meta: dict[int, Thrift], number: int) -> ColumnChunk:
    dictionary = meta.get(11)
    has_dictionary = isinstance(dictionary, int) and dictionary > 0
    data_page = _number(meta, 9)
    dictionary_offset = _number(meta, 11) if has_dictionary else None
    parts = meta.get(3)
    names = [part for part in parts if isinstance(part, bytes)] if isinstance(parts, list) else []
    return ColumnChunk(
        path=b".".join(names).decode("utf-8", "backslashreplace"),
        file_path=_text(chunk, 1),
        physical_type=_number(meta, 1),
        num_values=_number(meta, 5),
        compressed_bytes=_number(meta, 7),
        uncompressed_bytes=_number(meta, 6),
        start=data_page if dictionary_offset is None else min(dictionary_offset, data_page),
        dictionary_offset=dictionary_offset,
        row_group=number,
    )


def _number(fields: dict[int, Thrift], number: int) -> int:
    value = fields.get(number)
    return value if isinstance(value, int) else 0


def _bytes(fields: dict[int, Thrift], number: int) -> bytes:
    value = fields.get(number)
    return value if isinstance(value, bytes) else b""


def _text(fields: dict[int, Thrift], number: int) -> str:
    return _bytes(fields, number).decode("utf-8", "backslashreplace")


def _structs(fields: dict[int, Thrift], number: int) -> list[dict[int, Thrift]]:
    value = fields.get(number)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
