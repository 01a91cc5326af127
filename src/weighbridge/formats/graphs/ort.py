"""Walk ONNX Runtime's own model format, a FlatBuffer, and give the same parts as an ONNX file.

    InferenceSession  0 ort_version  1 model
    Model             0 ir_version  1 opset_import  6 doc_string  7 graph  9 metadata_props
    Graph             0 initializers  2 nodes  7 sparse_initializers
    Node              0 name  1 doc_string  2 domain  5 op_type  10 attributes
    Attribute         0 name  4 i  5 s  6 t  7 g  10 strings  11 tensors  12 graphs
    Tensor            0 name  1 doc_string  2 dims  3 data_type  4 raw_data  5 string_data

Tables may share tables: each is walked once. Source: onnxruntime, core/flatbuffers/schema/ort.fbs
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import KIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.carried_file import may_be_file
from weighbridge.formats.flatbuffer import FlatBuffer, Scalar, Table, Vector
from weighbridge.formats.graphs.onnx_parts import (
    Attribute,
    Content,
    IrVersion,
    Node,
    Opset,
    Part,
    Scope,
    Tensor,
    Text,
)

IDENTIFIER: Final = b"ORTM"
_HEAD_BYTES = 64
_TEXT_BYTES = 64 * KIB
_MOST_TABLES = 5_000_000
_KEPT = 4_096

_Task: TypeAlias = "tuple[Table, Scope]"


def walk_ort(source: ByteSource) -> Iterator[Part]:
    """Yield the parts of an ORT model.

    Raises:
        Malformed: an offset leads astray; what came before was yielded.
        LimitReached: more tables than any model has.
    """
    yield from _Walk(FlatBuffer(source)).run()


class _Walk:
    def __init__(self, buffer: FlatBuffer) -> None:
        self._buffer = buffer
        self._seen: set[int] = set()
        self._graphs: list[_Task] = []

    def run(self) -> Iterator[Part]:
        if self._buffer.identifier() != IDENTIFIER:
            raise Malformed("no ORTM at byte 4", 4)
        model = self._buffer.root().table(1)
        if model is None:
            raise Malformed("an ORT file without a model")
        yield from self._model(model)
        while self._graphs:
            yield from self._graph(*self._graphs.pop())

    def _is_new(self, table: Table) -> bool:
        if table.at in self._seen:
            return False
        if len(self._seen) >= _MOST_TABLES:
            raise LimitReached(f"more than {_MOST_TABLES:,} tables")
        self._seen.add(table.at)
        return True

    def _model(self, model: Table) -> Iterator[Part]:
        root = Scope("")
        version = model.place(0)
        if version is not None:
            yield IrVersion(model.scalar(0, Scalar.LONG), version)
        for opset in _tables(model, 1):
            yield Opset(opset.text(0) or "", opset.scalar(1, Scalar.LONG), opset.at)
        yield from self._text(model, 6, "doc_string", root)
        yield from self._text(model, 8, "doc_string", root)
        for entry in _tables(model, 9):
            key = entry.text(0, _TEXT_BYTES) or ""
            yield from self._text(entry, 1, key, root, is_metadata=True)
        graph = model.table(7)
        if graph is not None:
            self._graphs.append((graph, root))

    def _graph(self, graph: Table, scope: Scope) -> Iterator[Part]:
        if not self._is_new(graph):
            return
        for tensor in _tables(graph, 0):
            yield from self._tensor(tensor, scope, is_initializer=True)
        for number, node in enumerate(_tables(graph, 2)):
            if self._is_new(node):
                yield from self._node(node, Scope(f"node {number}", scope))
        for sparse in _tables(graph, 7):
            yield from self._tensors([sparse.table(0), sparse.table(1)], scope)

    def _node(self, node: Table, scope: Scope) -> Iterator[Part]:
        yield from self._text(node, 1, "doc_string", scope)
        attributes: list[Attribute] = []
        for found in _tables(node, 10):
            if self._is_new(found):
                attributes.append(self._attribute(found, scope))
                tensors = [found.table(6), *_tables(found, 11)]
                yield from self._tensors(tensors, scope)
        yield Node(
            node.text(5, _TEXT_BYTES) or "",
            node.text(2, _TEXT_BYTES) or "",
            "",
            node.text(0, _TEXT_BYTES) or "",
            tuple(attributes),
            None,
            scope,
            node.at,
        )

    def _attribute(self, found: Table, scope: Scope) -> Attribute:
        name = found.text(0, _TEXT_BYTES) or ""
        for graph in (found.table(7), *_tables(found, 12)):
            if graph is not None:
                self._graphs.append((graph, Scope(name[:40], scope)))
        number = found.scalar(4, Scalar.LONG) if found.place(4) is not None else None
        whole = found.vector(5, 1)
        strings = [_content(whole)] if whole is not None else []
        return Attribute(name, number, (*strings, *_strings(found, 10)))

    def _tensors(self, tensors: list[Table | None], scope: Scope) -> Iterator[Part]:
        for tensor in tensors:
            if tensor is not None:
                yield from self._tensor(tensor, scope, is_initializer=False)

    def _tensor(self, tensor: Table, scope: Scope, *, is_initializer: bool) -> Iterator[Part]:
        if not self._is_new(tensor):
            return
        yield from self._text(tensor, 1, "doc_string", scope)
        dims = tensor.vector(2, 8)
        raw = tensor.vector(4, 1)
        yield Tensor(
            name=tensor.text(0, _TEXT_BYTES) or "",
            dims=tuple(dims.numbers(Scalar.LONG, _KEPT)) if dims is not None else (),
            data_type=tensor.scalar(3, Scalar.INT),
            external=(),
            is_external=False,
            raw=_content(raw) if raw is not None else None,
            strings=tuple(_strings(tensor, 5)),
            is_initializer=is_initializer,
            scope=scope,
            at=tensor.at,
        )

    def _text(
        self, table: Table, index: int, key: str, scope: Scope, *, is_metadata: bool = False
    ) -> Iterator[Text]:
        value = table.vector(index, 1)
        if value is not None and value.count:
            text = value.bytes_of(_TEXT_BYTES).decode("utf-8", "backslashreplace")
            rest = _content(value) if value.count > _TEXT_BYTES else None
            yield Text(key, text, is_metadata, rest, scope, value.start)


def _tables(table: Table, index: int) -> Iterator[Table]:
    vector = table.vector(index, 4)
    if vector is not None:
        yield from vector.tables()


def _content(vector: Vector) -> Content:
    return Content(vector.start, vector.count, vector.bytes_of(_HEAD_BYTES))


def _strings(table: Table, index: int) -> Iterator[Content]:
    """Yield the strings of a vector that may be files: vocabularies hold a million words."""
    vector = table.vector(index, 4)
    kept = 0
    for number in range(0 if vector is None else vector.count):
        assert vector is not None
        slot = vector.start + 4 * number
        at = slot + vector.buffer.number(slot, Scalar.UINT)
        length = vector.buffer.number(at, Scalar.UINT)
        head = vector.buffer.data(at + 4, min(length, _HEAD_BYTES))
        if length > vector.buffer.stop - at - 4:
            raise Malformed("a string reaches beyond the file", at)
        if may_be_file(head):
            kept += 1
            if kept > _KEPT:
                raise LimitReached(f"more than {_KEPT:,} files among the strings of one table")
            yield Content(at + 4, length, head)
