"""Graphs as text (`.pbtxt`): read the text format of protobuf into the bytes of the same message.

    message = ( name ":" scalar | name [":"] "{" message "}" | name ":" "[" values "]" )*
    scalar  = number | identifier | string+            strings side by side are one

So one parser reads both. Only fields that the parser of bytes asks for are kept. Source:
https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.errors import LimitReached, Malformed

_MAX_DEPTH = 100
_MAX_TOKENS = 20_000_000
_TOKEN = re.compile(
    r"""(?:[\s,;]|\#[^\n]*)*(?:
        (?P<name>[A-Za-z_][\w.]*|\[[A-Za-z][\w.]*/[\w.]+\])
      | (?P<number>[-+]?[\d.][\w.+-]*|-[A-Za-z]+)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[:{}<>\[\]])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_LETTERS: Final = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}

_NUMBER, _TEXT = "number", "text"
_Schema = Mapping[str, tuple[int, str]]

_SCHEMAS: Final[Mapping[str, _Schema]] = {
    "SavedModel": {"saved_model_schema_version": (1, _NUMBER), "meta_graphs": (2, "MetaGraph")},
    "MetaGraph": {
        "meta_info_def": (1, "MetaInfo"),
        "graph_def": (2, "Graph"),
        "saver_def": (3, "Saver"),
        "collection_def": (4, "CollectionEntry"),
        "signature_def": (5, "SignatureEntry"),
        "asset_file_def": (6, "Asset"),
        "object_graph_def": (7, "Objects"),
    },
    "MetaInfo": {"tags": (4, _TEXT), "tensorflow_version": (5, _TEXT)},
    "Saver": {
        "filename_tensor_name": (1, _TEXT),
        "save_tensor_name": (2, _TEXT),
        "restore_op_name": (3, _TEXT),
    },
    "CollectionEntry": {"key": (1, _TEXT), "value": (2, "Collection")},
    "Collection": {
        "node_list": (1, "Texts"),
        "bytes_list": (2, "Texts"),
        "any_list": (5, "AnyList"),
    },
    "AnyList": {"value": (1, "Any")},
    "Any": {"value": (2, _TEXT), "[type.googleapis.com/tensorflow.AssetFileDef]": (2, "Asset")},
    "Texts": {"value": (1, _TEXT)},
    "SignatureEntry": {"key": (1, _TEXT), "value": (2, "Signature")},
    "Signature": {
        "inputs": (1, "TensorInfoEntry"),
        "outputs": (2, "TensorInfoEntry"),
        "method_name": (3, _TEXT),
    },
    "TensorInfoEntry": {"key": (1, _TEXT), "value": (2, "TensorInfo")},
    "TensorInfo": {"name": (1, _TEXT)},
    "Asset": {"tensor_info": (1, "TensorInfo"), "filename": (2, _TEXT)},
    "Objects": {"nodes": (1, "Object")},
    "Object": {
        "children": (1, "Child"),
        "user_object": (4, "UserObject"),
        "function": (6, "Function"),
        "bare_concrete_function": (8, "BareFunction"),
        "saveable_objects": (11, "SaveableEntry"),
    },
    "Child": {"node_id": (1, _NUMBER), "local_name": (2, _TEXT)},
    "UserObject": {"identifier": (1, _TEXT), "metadata": (3, _TEXT)},
    "Function": {"concrete_functions": (1, _TEXT)},
    "BareFunction": {"concrete_function_name": (1, _TEXT)},
    "SaveableEntry": {"key": (1, _TEXT), "value": (2, "Saveable")},
    "Saveable": {"save_function": (2, _NUMBER), "restore_function": (3, _NUMBER)},
    "Graph": {"node": (1, "Node"), "library": (2, "Library"), "version": (3, _NUMBER)},
    "Library": {"function": (1, "FunctionDef")},
    "FunctionDef": {"signature": (1, "Op"), "node_def": (3, "Node"), "ret": (4, "TextEntry")},
    "TextEntry": {"key": (1, _TEXT), "value": (2, _TEXT)},
    "Op": {"name": (1, _TEXT), "input_arg": (2, "Arg"), "output_arg": (3, "Arg")},
    "Arg": {"name": (1, _TEXT)},
    "Node": {
        "name": (1, _TEXT),
        "op": (2, _TEXT),
        "input": (3, _TEXT),
        "device": (4, _TEXT),
        "attr": (5, "AttrEntry"),
    },
    "AttrEntry": {"key": (1, _TEXT), "value": (2, "Attr")},
    "Attr": {
        "list": (1, "AttrList"),
        "s": (2, _TEXT),
        "i": (3, _NUMBER),
        "tensor": (8, "Tensor"),
        "placeholder": (9, _TEXT),
        "func": (10, "FunctionName"),
    },
    "AttrList": {"s": (2, _TEXT), "tensor": (8, "Tensor"), "func": (9, "FunctionName")},
    "FunctionName": {"name": (1, _TEXT), "attr": (2, "AttrEntry")},
    "Tensor": {
        "dtype": (1, _NUMBER),
        "tensor_shape": (2, "Shape"),
        "tensor_content": (4, _TEXT),
        "int_val": (7, _NUMBER),
        "string_val": (8, _TEXT),
        "int64_val": (10, _NUMBER),
    },
    "Shape": {"dim": (2, "Dim"), "unknown_rank": (3, _NUMBER)},
    "Dim": {"size": (1, _NUMBER)},
}
_TYPES = (
    "INVALID FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32 "
    "BFLOAT16 QINT16 QUINT16 UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64 FLOAT8_E5M2 "
    "FLOAT8_E4M3FN"
)
_WORDS: Final = {f"DT_{name}": number for number, name in enumerate(_TYPES.split())} | {
    "true": 1,
    "True": 1,
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(slots=True)
class _Open:
    """A message that is being read: what it is, and where its bytes go when it ends."""

    schema: _Schema | None
    number: int
    wire: bytearray
    ends_with: str


def kind_of_text(head: str) -> str | None:
    """Return `SavedModel`, `MetaGraph` or `Graph` for a text that begins like one; None for others."""
    if re.search(r"^[ \t]*saved_model_schema_version\s*:", head, re.MULTILINE) or re.match(
        r"\s*meta_graphs\s*[:{<]", head
    ):
        return "SavedModel"
    if re.search(r"^[ \t]*meta_info_def\s{0,8}:?\s*[{<]", head, re.MULTILINE):
        return "MetaGraph"
    begins = re.match(r"(?:\s|#[^\n]*\n)*(?:node|library|versions?)\s*:?\s*[{<\d]", head)
    if begins and re.search(r"""\bop\s*:\s*["']\w""", head):
        return "Graph"
    return None


def to_wire(text: str, message: str) -> bytes:
    """Return the bytes of the message that a text spells.

    Args:
        text: in the text format.
        message: `SavedModel`, `MetaGraph` or `Graph`.

    Raises:
        Malformed: not the text format; the offset is in characters.
        LimitReached: messages nest too deeply, or there are too many tokens.
    """
    return _Reader(text).read(_SCHEMAS[message])


class _Reader:
    """Reads one text with a stack of open messages instead of recursion."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._token = next(self._tokens)
        self._stack: list[_Open] = []

    def read(self, schema: _Schema) -> bytes:
        self._stack = [_Open(schema, 0, bytearray(), "")]
        while True:
            token = self._take()
            top = self._stack[-1]
            if token.kind == "end":
                if len(self._stack) > 1:
                    raise Malformed("a message that is never closed", token.at)
                return bytes(top.wire)
            if token.text == top.ends_with and token.kind == "mark":
                self._close()
            elif token.kind == "name":
                self._field(token, top)
            else:
                raise Malformed(f"{token.text[:20]!r} where a field's name belongs", token.at)

    def _field(self, name: _Token, top: _Open) -> None:
        number, kind = (0, "") if top.schema is None else top.schema.get(name.text, (0, ""))
        has_colon = self._skip(":")
        if self._token.kind == "mark" and self._token.text in "{<":
            self._open(number, kind)
        elif has_colon and self._skip("["):
            self._list(top, number, kind)
        elif has_colon:
            self._scalar(top, number, kind)
        else:
            raise Malformed(f"a field {name.text[:40]!r} without a value", name.at)

    def _list(self, top: _Open, number: int, kind: str) -> None:
        while not self._skip("]"):
            if self._token.kind == "mark" and self._token.text in "{<":
                depth = len(self._stack)
                self._open(number, kind)
                while len(self._stack) > depth:
                    self._inner()
            else:
                self._scalar(top, number, kind)

    def _inner(self) -> None:
        """One step within a message that is an element of a list."""
        token, top = self._take(), self._stack[-1]
        if token.text == top.ends_with and token.kind == "mark":
            self._close()
        elif token.kind == "name" and len(self._stack) < _MAX_DEPTH // 4:
            self._field(token, top)
        else:
            raise Malformed(f"{token.text[:20]!r} in a list", token.at)

    def _open(self, number: int, kind: str) -> None:
        mark = self._take()
        if len(self._stack) >= _MAX_DEPTH:
            raise LimitReached(f"messages nest deeper than {_MAX_DEPTH}")
        ends_with = "}" if mark.text == "{" else ">"
        self._stack.append(_Open(_SCHEMAS.get(kind), number, bytearray(), ends_with))

    def _close(self) -> None:
        done = self._stack.pop()
        if done.number and done.schema is not None:
            _put(self._stack[-1].wire, done.number, bytes(done.wire))

    def _scalar(self, top: _Open, number: int, kind: str) -> None:
        token = self._take()
        if token.kind == "string":
            raw = _unescaped(token.text)
            while self._token.kind == "string":
                raw += _unescaped(self._take().text)
            if number and kind == _TEXT:
                _put(top.wire, number, raw)
        elif token.kind in ("name", "number"):
            if number and kind == _NUMBER:
                top.wire += _varint(number << 3) + _varint(_number(token.text))
        else:
            raise Malformed(f"{token.text[:20]!r} where a value belongs", token.at)

    def _skip(self, mark: str) -> bool:
        if self._token.kind == "mark" and self._token.text == mark:
            self._take()
            return True
        return False

    def _take(self) -> _Token:
        token = self._token
        if token.kind != "end":
            self._token = next(self._tokens)
        return token


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    for _ in range(_MAX_TOKENS):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Malformed("no text of a protobuf message", at)
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        at = match.end()
    raise LimitReached(f"more than {_MAX_TOKENS:,} tokens")


def _unescaped(quoted: str) -> bytes:
    raw = quoted[1:-1].encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda match: _escape(match[1]), raw) if b"\\" in raw else raw


def _escape(code: bytes) -> bytes:
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code[:1] in (b"u", b"U") and len(code) > 1:
        point = int(code[1:], 16)
        return chr(point).encode("utf-8", "surrogatepass") if point < 0x110000 else b"?"
    if code[:1].isdigit() and code[:1] < b"8":
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)


def _number(text: str) -> int:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return int(text, 0) & 0xFFFF_FFFF_FFFF_FFFF if len(text) <= 24 else 0
    except ValueError:
        return 0


def _put(wire: bytearray, number: int, payload: bytes) -> None:
    wire += _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
