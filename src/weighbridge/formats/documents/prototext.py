r"""Protocol Buffers as text, without a schema: fields by name, as they stand.

    message = field*
    field   = name [":"] value [";" | ","]
    name    = word | "[" extension or type URL "]"
    value   = scalar | string+ | "{" message "}" | "<" message ">" | "[" value, ... "]"

Caffe, TensorFlow and ONNX graphs come this way. Source:
https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.errors import LimitReached, Malformed

_MAX_DEPTH = 100
_MAX_TOKENS = 2_000_000
_TOKEN = re.compile(
    r"(?P<skip>(?:[\s;,]+|\#[^\n]*)+)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<word>-?\s?[A-Za-z0-9_.+/-]+)"
    r"|(?P<mark>[:{}<>\[\]])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CLOSES = {"{": "}", "<": ">"}


@dataclass(frozen=True, slots=True)
class TextField:
    """One field: a scalar, or a message.

    Attributes:
        text: of a scalar; of a string without its quotes, each character one byte where it was
            escaped as one.
        message: None for a scalar.
        at: index of the field's name in the text.
    """

    name: str
    text: str
    message: TextMessage | None
    at: int


@dataclass(slots=True)
class TextMessage:
    """The fields of a message, in file order."""

    fields: list[TextField] = field(default_factory=list)

    def all(self, name: str) -> Iterator[TextField]:
        """Yield the fields of one name."""
        return (one for one in self.fields if one.name == name)

    def text(self, name: str) -> str:
        """Return the last scalar of this name, as protobuf has it; "" without one."""
        found = ""
        for one in self.all(name):
            if one.message is None:
                found = one.text
        return found

    def messages(self, name: str) -> Iterator[TextMessage]:
        """Yield the messages of one name."""
        return (one.message for one in self.all(name) if one.message is not None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_prototext(text: str) -> TextMessage:
    """Read a message.

    Raises:
        Malformed: not protobuf text; `offset` counts characters.
        LimitReached: more tokens than a graph has.
    """
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens, None)
        self._root = TextMessage()
        self._open: list[tuple[TextMessage, str, int]] = [(self._root, "", 0)]
        self._lists: list[tuple[str, int]] = []

    def run(self) -> TextMessage:
        while (token := self._take()) is not None:
            _, closer, depth = self._open[-1]
            if len(self._lists) > depth:
                self._element(token)
            elif token.text == closer and token.kind == "mark":
                self._open.pop()
            else:
                self._field(token)
        if len(self._open) > 1 or self._lists:
            raise Malformed("the text ends within a message")
        return self._root

    def _take(self) -> _Token | None:
        token = self._next
        if token is not None:
            self._next = next(self._tokens, None)
        return token

    def _need(self, at: int) -> _Token:
        token = self._take()
        if token is None:
            raise Malformed("the text ends within a field", at)
        return token

    def _field(self, token: _Token) -> None:
        name = self._extension(token) if token.text == "[" and token.kind == "mark" else token.text
        if token.kind == "string" or (token.kind == "mark" and token.text != "["):
            raise Malformed("a field without a name", token.at)
        value = self._need(token.at)
        if value.kind == "mark" and value.text == ":":
            value = self._need(token.at)
        if value.kind == "mark" and value.text == "[":
            self._lists.append((name, token.at))
        else:
            self._value(name, value, token.at)

    def _element(self, token: _Token) -> None:
        if token.kind == "mark" and token.text == "]":
            self._lists.pop()
        else:
            name, at = self._lists[-1]
            self._value(name, token, at)

    def _extension(self, token: _Token) -> str:
        words = [self._need(token.at)]
        while not (words[-1].kind == "mark" and words[-1].text == "]"):
            if len(words) > 16:
                raise Malformed("no name of an extension", token.at)
            words.append(self._need(token.at))
        return "".join(one.text for one in words[:-1])

    def _value(self, name: str, value: _Token, at: int) -> None:
        message = self._open[-1][0]
        if value.kind == "mark":
            if value.text not in _CLOSES:
                raise Malformed("a field without a value", value.at)
            if len(self._open) > _MAX_DEPTH:
                raise LimitReached(f"messages nest deeper than {_MAX_DEPTH}")
            inner = TextMessage()
            message.fields.append(TextField(name, "", inner, at))
            self._open.append((inner, _CLOSES[value.text], len(self._lists)))
            return
        text = value.text
        if value.kind == "string":
            parts = [_unquoted(text)]
            while self._next is not None and self._next.kind == "string":
                parts.append(_unquoted(self._need(at).text))
            text = "".join(parts)
        message.fields.append(TextField(name, text, None, at))


def _tokens(text: str) -> Iterator[_Token]:
    at = count = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Malformed("no token of protobuf text", at)
        kind = match.lastgroup or ""
        if kind != "skip":
            count += 1
            if count > _MAX_TOKENS:
                raise LimitReached(f"more than {_MAX_TOKENS:,} tokens")
            yield _Token(kind, match[0], at)
        at = match.end()


def _unquoted(quoted: str) -> str:
    inner = quoted[1:-1]
    return _ESCAPE.sub(_character, inner) if "\\" in inner else inner


def _character(match: re.Match[str]) -> str:
    word = match[1]
    if word[0] in "xuU" and len(word) > 1:
        number = int(word[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    if word[0] in "01234567":
        return chr(int(word, 8) & 0xFF)
    return _PLAIN.get(word, word)
