"""TFLite models: operators, tensors and buffers of a FlatBuffer, without the bytes of tensors.

    Model        0 version  1 operator_codes*  2 subgraphs*  3 description  4 buffers*  6 metadata*
                 7 signature_defs*  8 external_buffer_groups*
    OperatorCode 0 deprecated_builtin_code  1 custom_code  3 builtin_code
    SubGraph     0 tensors*  1 inputs  2 outputs  3 operators*  4 name
    Tensor       0 shape  1 type  2 buffer  3 name  4 quantization  6 sparsity
    Operator     0 opcode_index  1 inputs  2 outputs  5 custom_options
    Buffer       0 data  1 offset  2 size             data may lie behind the FlatBuffer: offset, size

Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import Anomaly
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table, Vector
from weighbridge.formats.tensorflow.tflite_layout import (
    TfliteAnomaly,
    TfliteLog,
    check_quantization,
    check_shape,
)

CUSTOM = 32
_STRING = 5
_MAX_TABLES = 1_000_000
_MAX_CODES = 20_000
_MAX_KEPT = 10_000
_NAME_CHARS = KIB
_TEXT_CHARS = 16 * KIB
_CONSTANT_BYTES = 64 * KIB
_MAX_CONSTANTS = 64
_MAX_USES = 1_000
_MAX_INDEXES = 100_000
_MAX_INDEXES_IN_SUM = 20_000_000
_MAX_DIMS = 64


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a buffer: in the FlatBuffer or behind it."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class CustomUse:
    """One operator that TFLite itself does not have.

    Attributes:
        inputs: of each input the constant strings that it holds; empty when it holds none.
        at: offset of its table.
    """

    code: str
    inputs: tuple[tuple[str, ...], ...]
    subgraph: int
    at: int


@dataclass(slots=True)
class TfliteModel:
    """What is read of a model.

    Attributes:
        texts: places and texts that people or tools are shown.
        metadata: named buffers with metadata.
        external: names of files that hold buffers.
        custom_codes: names of all custom operators, used or not.
    """

    version: int = 0
    operators: int = 0
    custom_codes: list[str] = field(default_factory=list)
    uses: list[CustomUse] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    metadata: list[tuple[str, Span]] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    anomalies: tuple[Anomaly[TfliteAnomaly], ...] = ()
    broken: Malformed | LimitReached | None = None


def parse_tflite(source: ByteSource) -> TfliteModel:
    """Return the model as far as it can be read; `broken` says why no further."""
    return _Parser(source).run()


class _Parser:
    """One walk over one model."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._buffer = FlatBuffer(source)
        self._log = TfliteLog()
        self._found = TfliteModel()
        self._tables = 0
        self._indexes_read = 0
        self._codes: list[str | None] = []
        self._buffers: list[Span] = []

    def run(self) -> TfliteModel:
        try:
            self._model(self._buffer.root())
        except (Malformed, LimitReached) as error:
            self._found.broken = error
        self._found.anomalies = self._log.all()
        return self._found

    def _model(self, model: Table) -> None:
        found = self._found
        found.version = model.scalar(0, Scalar.UINT)
        self._text("description", model.text(3, _TEXT_CHARS))
        for code in self._each(model.vector(1, 4)):
            self._codes.append(_custom_code(code))
            if len(self._codes) > _MAX_CODES:
                raise LimitReached(f"more than {_MAX_CODES:,} operator codes in a TFLite model")
        found.custom_codes = [code for code in self._codes if code is not None]
        for buffer in self._each(model.vector(4, 4)):
            self._buffers.append(self._span(buffer))
        for group in self._each(model.vector(8, 4)):
            if len(found.external) < _MAX_KEPT:
                found.external.append(group.text(0, _NAME_CHARS) or "")
        self._metadata(model)
        subgraphs = model.vector(2, 4)
        for number, subgraph in enumerate(self._each(subgraphs)):
            self._subgraph(number, subgraph)
        for signature in self._each(model.vector(7, 4)):
            self._signature(signature, subgraphs.count if subgraphs else 0)

    def _metadata(self, model: Table) -> None:
        for one in self._each(model.vector(6, 4)):
            name, number = one.text(0, _NAME_CHARS) or "", one.scalar(1, Scalar.UINT)
            self._text("metadata name", name)
            if number < len(self._buffers):
                if len(self._found.metadata) < _MAX_KEPT:
                    self._found.metadata.append((name, self._buffers[number]))
            else:
                self._index("metadata buffer", number, len(self._buffers), one.at)

    def _signature(self, signature: Table, subgraphs: int) -> None:
        self._text("signature", signature.text(2, _NAME_CHARS))
        number = signature.scalar(4, Scalar.UINT)
        if number >= subgraphs:
            self._index("subgraph of a signature", number, subgraphs, signature.at)
        for index in (0, 1):
            for one in self._each(signature.vector(index, 4)):
                self._text("signature input", one.text(0, _NAME_CHARS))

    def _subgraph(self, number: int, subgraph: Table) -> None:
        self._text("subgraph", subgraph.text(4, _NAME_CHARS))
        tensors = subgraph.vector(0, 4)
        count = tensors.count if tensors else 0
        for tensor in self._each(tensors):
            self._tensor(tensor)
        self._indexes(subgraph, 1, count)
        self._indexes(subgraph, 2, count)
        for operator in self._each(subgraph.vector(3, 4)):
            self._operator(operator, number, tensors)

    def _tensor(self, tensor: Table) -> None:
        name = tensor.text(3, _NAME_CHARS) or ""
        number = tensor.scalar(2, Scalar.UINT)
        shape = tensor.vector(0, 4)
        dims = [] if shape is None else shape.numbers(Scalar.INT, _MAX_DIMS)
        stored = self._buffers[number].length if number < len(self._buffers) else 0
        # Files of the first versions have no buffers at all.
        if number >= len(self._buffers) and (self._buffers or number):
            self._index("buffer of a tensor", number, len(self._buffers), tensor.at)
        kind = tensor.scalar(1, Scalar.BYTE)
        is_sparse = tensor.place(6) is not None
        check_shape(dims, kind, stored, is_sparse=is_sparse, name=name, at=tensor.at, log=self._log)
        quantization = tensor.table(4)
        if quantization is not None:
            check_quantization(quantization, dims, name, self._log)

    def _operator(self, operator: Table, subgraph: int, tensors: Vector | None) -> None:
        self._found.operators += 1
        number = operator.scalar(0, Scalar.UINT)
        count = tensors.count if tensors else 0
        inputs = self._indexes(operator, 1, count)
        self._indexes(operator, 2, count)
        if number >= len(self._codes):
            self._index("operator code", number, len(self._codes), operator.at)
            return
        code = self._codes[number]
        if code is not None and len(self._found.uses) < _MAX_USES:
            constants = tuple(self._constant(tensors, one) for one in inputs[:_MAX_CONSTANTS])
            self._found.uses.append(CustomUse(code, constants, subgraph, operator.at))

    def _indexes(self, table: Table, index: int, count: int) -> list[int]:
        """Read tensor indexes; -1 stands for an optional input that is not there."""
        vector = table.vector(index, 4)
        if vector is None:
            return []
        found = vector.numbers(Scalar.INT, _MAX_INDEXES)
        # Many operators may share one vector: the sum is bounded, not only each.
        self._indexes_read += len(found)
        if self._indexes_read > _MAX_INDEXES_IN_SUM:
            raise LimitReached(f"more than {_MAX_INDEXES_IN_SUM:,} inputs and outputs of operators")
        for one in found:
            if not -1 <= one < count:
                self._index("tensor", one, count, table.at)
        return found

    def _constant(self, tensors: Vector | None, number: int) -> tuple[str, ...]:
        """The strings of a constant tensor: count, offsets, bytes."""
        if tensors is None or not 0 <= number < tensors.count:
            return ()
        tensor = tensors.table(number)
        buffer = tensor.scalar(2, Scalar.UINT)
        if tensor.scalar(1, Scalar.BYTE) != _STRING or buffer >= len(self._buffers):
            return ()
        span = self._buffers[buffer]
        raw = bytes(self._source.read_at(span.start, min(span.length, _CONSTANT_BYTES)))
        return tuple(_strings(raw))

    def _span(self, buffer: Table) -> Span:
        vector = buffer.vector(0, 1)
        if vector is not None and vector.count:
            return Span(vector.start, vector.count)
        offset, size = buffer.scalar(1, Scalar.ULONG), buffer.scalar(2, Scalar.ULONG)
        # 0 and 1 mean that there is no data.
        if offset <= 1 or size == 0:
            return Span(0, 0)
        if offset + size > self._source.size:
            detail = f"a buffer at {offset:,} of {size:,} bytes in a file of {self._source.size:,}"
            self._log.add(TfliteAnomaly.BUFFER_OUTSIDE, detail, at=buffer.at)
            return Span(0, 0)
        return Span(offset, size)

    def _each(self, vector: Vector | None) -> Iterator[Table]:
        """The tables of a vector, within one budget for the whole file."""
        for index in range(0 if vector is None else vector.count):
            self._tables += 1
            if self._tables > _MAX_TABLES:
                raise LimitReached(f"more than {_MAX_TABLES:,} tables in a TFLite model")
            if vector is not None:
                yield vector.table(index)

    def _text(self, place: str, text: str | None) -> None:
        if text and len(self._found.texts) < _MAX_KEPT:
            self._found.texts.append((place, text))

    def _index(self, what: str, number: int, count: int, at: int) -> None:
        detail = f"{what} {number:,} of {count:,}"
        self._log.add(TfliteAnomaly.INDEX_OUTSIDE, detail, at=at, subject=what)


def _custom_code(code: Table) -> str | None:
    """The name of a custom operator; None for a built-in one."""
    builtin = max(code.scalar(0, Scalar.BYTE), code.scalar(3, Scalar.INT))
    return (code.text(1, _NAME_CHARS) or "") if builtin == CUSTOM else None


def _strings(raw: bytes) -> Iterator[str]:
    count = int.from_bytes(raw[:4], "little")
    for number in range(min(count, _MAX_CONSTANTS)):
        start, stop = (
            int.from_bytes(raw[at : at + 4], "little") for at in (4 + 4 * number, 8 + 4 * number)
        )
        if 0 < start <= stop <= len(raw):
            yield raw[start : min(stop, start + _NAME_CHARS)].decode("utf-8", "backslashreplace")
