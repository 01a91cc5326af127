r"""Walk Arrow IPC (files, streams, and one message in a string): schemas, and where buffers lie.

    message = FF FF FF FF  i32 length of metadata  Message (FlatBuffer, padded to 8)  body
    stream  = message* [FF FF FF FF 00 00 00 00]         before 0.15 without the FF FF FF FF
    file    = "ARROW1\0\0"  stream  Footer  i32 length of it  "ARROW1"

Readers of a file go by the footer's blocks, those of a stream from message to message. No buffer is
read; each is checked to lie in the body of its message, which readers don't do by themselves.
Source: https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog
from weighbridge.formats.datasets.arrow_schema import ArrowSchema, read_schema
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table
from weighbridge.formats.held_bytes import HeldBytes

FILE_MAGIC, FEATHER_MAGIC, CONTINUATION = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"
_LARGEST_METADATA = 64 * MIB
_MAX_MESSAGES = 200_000
_MAX_REMOTE_MESSAGES = 64
_MAX_BUFFERS = 1_000_000
_BLOCK = struct.Struct("<qi4xq")


class IpcAnomaly(StrEnum):
    """A rule of the format that a file breaks."""

    BUFFER_OUTSIDE = "a buffer lies outside of the body of its message"
    NEGATIVE = "a length is negative"
    CUT = "the file ends within a message"
    BLOCK_OUTSIDE = "the footer points outside of the file"
    BAD_MESSAGE = "a message can't be read"
    NO_FOOTER = "the file has no footer"


class Header(IntEnum):
    """What a message is: `MessageHeader` of Message.fbs."""

    SCHEMA = 1
    DICTIONARY = 2
    RECORDS = 3
    TENSOR = 4
    SPARSE_TENSOR = 5


@dataclass(frozen=True, slots=True)
class IpcContents:
    """What a file or stream holds.

    Attributes:
        schemas: the footer's first, then those of messages; equal ones once.
        rows: of all record batches that were walked.
        unwalked: messages of a remote file whose metadata was not fetched; 0 when all were.
    """

    schemas: tuple[ArrowSchema, ...]
    batches: int
    dictionaries: int
    rows: int
    unwalked: int
    anomalies: tuple[Anomaly[IpcAnomaly], ...]


@dataclass(frozen=True, slots=True)
class _Message:
    at: int
    body: int
    body_length: int
    header: Header | None
    table: Table | None

    @property
    def stop(self) -> int:
        return self.body + self.body_length


def is_ipc_stream(head: bytes) -> bool:
    """True when the bytes begin with the message of a schema."""
    try:
        message = _read_message(HeldBytes(head), 0, whole=False)
    except (Malformed, LimitReached):
        return False
    return message is not None and message.header is Header.SCHEMA


def schema_of_message(data: bytes) -> ArrowSchema:
    """Read the schema out of one message, as Parquet keeps it under `ARROW:schema`.

    Raises:
        Malformed: there is no such message.
        LimitReached: from `read_schema`.
    """
    message = _read_message(HeldBytes(data), 0, whole=True)
    if message is None or message.header is not Header.SCHEMA or message.table is None:
        raise Malformed("no message with a schema")
    return read_schema(message.table)


def walk_ipc(source: ByteSource) -> IpcContents:
    """Walk all messages of a file or stream.

    Raises:
        Malformed: not one message with a schema can be read.
        LimitReached: more than 200,000 messages, or one with more than 64 MiB of metadata.
    """
    walk = _Walk(source)
    is_file = bytes(source.read_at(0, 6)) == FILE_MAGIC
    try:
        blocks = walk.footer() if is_file else None
        if blocks is None:
            walk.sequence(8 if is_file else 0)
        else:
            walk.blocks(blocks)
    except struct.error:
        raise Malformed("a struct of the footer is cut off") from None
    if not walk.schemas:
        raise Malformed("no schema that can be read")
    return walk.contents()


class _Walk:
    """Goes through one file and collects what its messages say."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._log: AnomalyLog[IpcAnomaly] = AnomalyLog()
        self._seen: set[int] = set()
        self._batches = self._dictionaries = self._rows = self._unwalked = 0
        self.schemas: list[ArrowSchema] = []

    def contents(self) -> IpcContents:
        return IpcContents(
            tuple(self.schemas),
            self._batches,
            self._dictionaries,
            self._rows,
            self._unwalked,
            self._log.all(),
        )

    def footer(self) -> list[int] | None:
        """Read the footer; return the offsets of the messages that it points to, None without one."""
        size = self._source.size
        end = bytes(self._source.read_at(max(0, size - 10), 10))
        length = int.from_bytes(end[:4], "little")
        if end[4:] != FILE_MAGIC or not 0 < length <= size - 18:
            self._note(IpcAnomaly.NO_FOOTER, "the file does not end with a footer and ARROW1", size)
            return None
        if length > _LARGEST_METADATA:
            raise LimitReached(f"a footer of {length:,} bytes; up to {_LARGEST_METADATA:,} are read")
        start = size - 10 - length
        table = FlatBuffer(HeldBytes(self._source.read_at(start, length))).root()
        schema = table.table(1)
        if schema is not None:
            self.schemas.append(read_schema(schema))
        return [*self._places(table, 2), *self._places(table, 3)]

    def _places(self, footer: Table, index: int) -> Iterator[int]:
        vector = footer.vector(index, _BLOCK.size)
        if vector is None:
            return
        if vector.count > _MAX_MESSAGES:
            raise LimitReached(f"a footer with {vector.count:,} blocks")
        for at, metadata, body in _BLOCK.iter_unpack(vector.bytes_of(vector.count * _BLOCK.size)):
            if at < 0 or metadata < 0 or body < 0 or at + metadata + body > self._source.size:
                detail = f"a block of {metadata:,} + {body:,} bytes at {at:,}"
                self._note(IpcAnomaly.BLOCK_OUTSIDE, detail, max(0, min(at, self._source.size)))
            else:
                yield at

    def sequence(self, at: int) -> None:
        """Walk from message to message."""
        while at < self._source.size:
            message = self._message(at)
            if message is None:
                return
            at = message.stop

    def blocks(self, offsets: list[int]) -> None:
        """Walk what the footer points to."""
        for at in offsets:
            if at not in self._seen:
                self._message(at)

    def _message(self, at: int) -> _Message | None:
        """Read and judge one message; None when the walk can't go on behind it."""
        most = _MAX_REMOTE_MESSAGES if self._source.is_remote else _MAX_MESSAGES
        if len(self._seen) >= most:
            if not self._source.is_remote:
                raise LimitReached(f"more than {_MAX_MESSAGES:,} Arrow messages")
            self._unwalked += 1
            return None
        self._seen.add(at)
        try:
            message = _read_message(self._source, at, whole=True)
            if message is not None:
                self._judge(message)
        except Malformed as error:
            self._note(IpcAnomaly.BAD_MESSAGE, error.reason, at)
            return None
        return message

    def _judge(self, message: _Message) -> None:
        if message.body_length < 0:
            raise Malformed(f"a body of {message.body_length:,} bytes", message.at)
        if message.stop > self._source.size:
            detail = f"a body of {message.body_length:,} bytes reaches beyond the end"
            self._note(IpcAnomaly.CUT, detail, message.at)
        if message.table is None:
            return
        match message.header:
            case Header.SCHEMA:
                schema = read_schema(message.table)
                if schema not in self.schemas:
                    self.schemas.append(schema)
            case Header.RECORDS:
                self._batches += 1
                self._records(message, message.table)
            case Header.DICTIONARY:
                self._dictionaries += 1
                records = message.table.table(1)
                if records is not None:
                    self._records(message, records)
            case Header.TENSOR | Header.SPARSE_TENSOR | None:
                pass

    def _records(self, message: _Message, table: Table) -> None:
        rows = table.scalar(0, Scalar.LONG)
        self._rows += max(0, rows)
        if rows < 0:
            self._note(IpcAnomaly.NEGATIVE, f"a batch of {rows:,} rows", message.at)
        for what, index in (("node", 1), ("buffer", 2)):
            vector = table.vector(index, 16)
            if vector is None:
                continue
            if vector.count > _MAX_BUFFERS:
                raise LimitReached(f"a batch with {vector.count:,} {what}s")
            pairs = struct.iter_unpack("<qq", vector.bytes_of(16 * vector.count))
            for first, second in pairs:
                self._pair(message, what, first, second)

    def _pair(self, message: _Message, what: str, first: int, second: int) -> None:
        if first < 0 or second < 0:
            self._note(IpcAnomaly.NEGATIVE, f"a {what} with {first:,} and {second:,}", message.at)
        elif what == "buffer" and first + second > message.body_length:
            detail = (
                f"a buffer of {second:,} bytes at {first:,} in a body of {message.body_length:,} bytes"
            )
            self._note(IpcAnomaly.BUFFER_OUTSIDE, detail, message.at)

    def _note(self, kind: IpcAnomaly, detail: str, at: int) -> None:
        self._log.add(kind, detail, at=at)


def _read_message(source: ByteSource, at: int, *, whole: bool) -> _Message | None:
    """Read the message at `at`; None at the end of the stream.

    Args:
        source: file, stream or string.
        at: where its prefix begins.
        whole: the metadata must be there to its end; else as much as the first read has will do.
    """
    prefix = bytes(source.read_at(at, 8))
    if len(prefix) < 4 or prefix[:4] == b"\0\0\0\0":
        return None
    has_continuation = prefix[:4] == CONTINUATION
    begin = at + (8 if has_continuation else 4)
    length = int.from_bytes(prefix[4:] if has_continuation else prefix[:4], "little", signed=True)
    if length == 0:
        return None
    if length < 16 or (begin + length > source.size and whole):
        raise Malformed(f"metadata of {length:,} bytes", at)
    if length > _LARGEST_METADATA:
        raise LimitReached(f"a message with {length:,} bytes of metadata")
    table = FlatBuffer(HeldBytes(source.read_at(begin, length))).root()
    kind = table.scalar(1, Scalar.UBYTE)
    header = Header(kind) if kind in Header._value2member_map_ else None
    if header is None:
        raise Malformed(f"a message of the type {kind}", at)
    return _Message(at, begin + length, table.scalar(3, Scalar.LONG), header, table.table(2))
