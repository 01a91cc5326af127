"""Read TorchScript code: which operators and classes it names, without a parser that could be outgrown.

TorchScript is written in a subset of Python, one file for each type of a module:

    class Net(Module):
      training : bool
      fc : __torch__.torch.nn.modules.linear.Linear
      def forward(self: __torch__.Net, x: Tensor) -> Tensor:
        _0 = torch.add(x, CONSTANTS.c0)
        return ops.torchvision.nms(x, _0, 0.5)

`torch.NAME` is the operator aten::NAME and `ops.NS.NAME` is NS::NAME. The compiler also takes either
table under another name: `t = torch`, then `t.save(x, "f")`. Tokens are enough to see all of them; a
tree would cost a hundred times the text. Source: python_print.cpp and import_source.cpp of
torch/csrc/jit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.formats.scripts.python_tokens import Token, TokenKind, tokens

AS_PYTHON_BYTES = 1 << 20
"""Code up to here is shown to the judges of Python too: an importer of packages may take it for that."""

_ROOTS = frozenset({"torch", "ops", "__torch__", "CONSTANTS"})
_BARE = {
    "print": "prim::Print",
    "rpc_async": "prim::rpc_async",
    "rpc_sync": "prim::rpc_sync",
    "rpc_remote": "prim::rpc_remote",
}
_CLASSES = "__torch__.torch.classes."
_OPENING, _CLOSING = "([{", ")]}"
_MOST_ARGUMENT_TOKENS = 400
_ARGUMENT_TOKENS = 4_000_000
_LONG_LINE, _LONGEST_LINE, _OVERLAP = 20_000, 100_000, 64
_LONGEST_TEXT = 200
_FIRST_STATEMENT = re.compile(
    r"\A\ufeff?(?:[ \t\f]*(?:\#[^\n]*)?\r?\n|op_version_set[ \t]*=[ \t]*\d+[ \t]*\r?\n"
    r"|import[ \t]+__torch__[^\n]*\n)*(class|def)[ \t]+\w"
)


_PYTHON_ONLY = re.compile(
    r"^[ \t]*(?:import[ \t]+(?!__torch__)|from[ \t]+[\w.]+[ \t]+import\b)"
    r"|\b__(?:import|builtins)__\b|\bexec\(",
    re.MULTILINE,
)


class NameKind(StrEnum):
    """How a TorchScript file names something."""

    OPERATOR = "operator"
    """`torch.add`, `ops.torchvision.nms`: the name is `aten::add`, `torchvision::nms`."""
    METHOD = "method"
    """`t.save(...)` where `torch` was given another name before: it may be aten::save."""
    CLASS = "class"
    """A class written in C++: the name is what follows `__torch__.torch.classes.`."""
    MODULE = "module"
    """`ops` or `ops.NS` itself as a value: the serializer keeps the word for itself and writes no such
    thing. (`torch` may be the name of a value; what it gives by another name is a METHOD.)"""


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that the code names.

    Attributes:
        is_called: False when it is only named, as in `f = torch.save`.
        arguments: literal texts among the arguments.
        function: the class and function around it, `Net.forward`.
    """

    kind: NameKind
    name: str
    line: int
    function: str
    is_called: bool = True
    arguments: tuple[str, ...] = ()


def looks_like_torchscript(head: str) -> bool:
    """True when the first statement is one that a TorchScript file can begin with.

    The loader takes classes and functions and nothing else: no import, no text, no assignment.
    """
    return _FIRST_STATEMENT.match(head) is not None


def is_python_too(text: str) -> bool:
    """True when the text has statements that Python knows and TorchScript does not."""
    return _PYTHON_ONLY.search(text) is not None


def read_torchscript(text: str) -> Iterator[Named]:
    """Yield what the code names, in the order of the text. Takes any text; linear in its length."""
    return _Reader(text).read()


class _Reader:
    """One pass over the tokens, with those of one line at hand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._class = ""
        self._function = ""
        self._aliases: dict[str, str] = {}
        self._tokens_left = _ARGUMENT_TOKENS
        self._torch_is_value = False

    def read(self) -> Iterator[Named]:
        for line in _logical_lines(self._text):
            self._enter(line)
            yield from self._names(line)

    def _enter(self, line: list[Token]) -> None:
        if len(line) < 2 or line[0].text not in ("class", "def"):
            return
        if line[0].text == "class":
            self._class, self._function = line[1].text[:_LONGEST_TEXT], ""
        else:
            self._function = line[1].text[:_LONGEST_TEXT]

    def _names(self, line: list[Token]) -> Iterator[Named]:
        at = 0
        while at < len(line):
            if line[at].kind is not TokenKind.NAME:
                at += 1
                continue
            stop = _chain_end(line, at)
            chain = [token.text for token in line[at:stop:2]]
            yield from self._chain(line, at, stop, chain)
            at = stop

    def _chain(self, line: list[Token], at: int, stop: int, chain: list[str]) -> Iterator[Named]:
        before = line[at - 1].text if at else ""
        is_called = stop < len(line) and line[stop].text == "("
        if before == ".":
            # What follows a parenthesis: `(x).save`, `(ops).image.read_file`.
            yield from self._method(line, stop, chain[-1], is_called)
            return
        first = chain[0]
        if first in _ROOTS and len(chain) > 1:
            yield from self._rooted(line, stop, chain, is_called)
        elif first == "torch":
            self._torch_is_value |= stop >= len(line) or line[stop].text not in ("=", ":")
        elif first == "ops":
            yield from self._module(line, stop, first)
        elif len(chain) == 1 and is_called:
            yield from self._bare_call(line, stop, first)
        elif len(chain) > (2 if first == "self" else 1):
            yield from self._method(line, stop, chain[-1], is_called)

    def _rooted(
        self, line: list[Token], stop: int, chain: list[str], is_called: bool
    ) -> Iterator[Named]:
        dotted = ".".join(chain)
        if dotted.startswith(_CLASSES):
            yield self._named(NameKind.CLASS, dotted.removeprefix(_CLASSES), line, stop, is_called)
        elif chain[0] == "torch":
            yield self._named(NameKind.OPERATOR, f"aten::{chain[1]}", line, stop, is_called)
        elif chain[0] == "ops" and len(chain) > 2:
            yield self._named(NameKind.OPERATOR, f"{chain[1]}::{chain[2]}", line, stop, is_called)
        elif chain[0] == "ops":
            yield self._named(NameKind.MODULE, dotted, line, stop, is_called)

    def _module(self, line: list[Token], stop: int, name: str) -> Iterator[Named]:
        after = line[stop].text if stop < len(line) else ""
        if after not in ("=", ":"):  # a keyword, or an attribute of that name
            yield self._named(NameKind.MODULE, name, line, stop, is_called=False)

    def _method(self, line: list[Token], stop: int, name: str, is_called: bool) -> Iterator[Named]:
        if not self._torch_is_value:
            return
        if is_called:
            yield self._named(NameKind.METHOD, name, line, stop, is_called)
        elif len(line) > 2 and line[1].text == "=" and line[0].kind is TokenKind.NAME:
            self._aliases[line[0].text] = name

    def _bare_call(self, line: list[Token], stop: int, name: str) -> Iterator[Named]:
        if name in _BARE:
            yield self._named(NameKind.OPERATOR, _BARE[name], line, stop, is_called=True)
        elif name in self._aliases:
            yield self._named(NameKind.METHOD, self._aliases[name], line, stop, is_called=True)
        elif name == "getattr" and (self._torch_is_value or self._names_torch(line, stop)):
            texts = self._texts(line, stop)
            if texts:
                yield self._named(NameKind.METHOD, texts[-1], line, stop, is_called=True)

    def _names_torch(self, line: list[Token], at: int) -> bool:
        return any(token.text == "torch" for token in line[at : at + 8])

    def _named(self, kind: NameKind, name: str, line: list[Token], stop: int, is_called: bool) -> Named:
        function = ".".join(filter(None, (self._class, self._function)))
        arguments = self._texts(line, stop) if is_called else ()
        where = line[min(stop, len(line) - 1)].line
        return Named(kind, name[:_LONGEST_TEXT], where, function, is_called, arguments)

    def _texts(self, line: list[Token], at: int) -> tuple[str, ...]:
        """Literal texts in the brackets that open at `at`; those of inner calls too."""
        depth = 0
        found: list[str] = []
        for token in line[at : at + _MOST_ARGUMENT_TOKENS] if self._tokens_left > 0 else ():
            self._tokens_left -= 1
            if token.kind is TokenKind.STRING:
                found.append(_text(token.text))
            elif token.kind is TokenKind.MARK:
                depth += (token.text in _OPENING) - (token.text in _CLOSING)
            if depth <= 0:
                break
        return tuple(found)


def _logical_lines(text: str) -> Iterator[list[Token]]:
    """Lines as the grammar sees them: one that ends within brackets goes on in the next.

    Lists of thousands of numbers come in pieces.
    """
    line: list[Token] = []
    depth = 0
    for token in tokens(text):
        if token.kind is TokenKind.NEWLINE:
            if line and depth <= 0:
                yield line
                line, depth = [], 0
            continue
        if token.kind is TokenKind.MARK:
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
        line.append(token)
        if len(line) > _LONG_LINE and token.text == ",":
            yield line
            line = []
        elif len(line) > _LONGEST_LINE:
            yield line
            line = line[-_OVERLAP:]  # so that nothing hides in the cut
    if line:
        yield line


def _chain_end(line: list[Token], at: int) -> int:
    stop = at + 1
    while stop + 1 < len(line) and line[stop].text == "." and line[stop + 1].kind is TokenKind.NAME:
        stop += 2
    return stop


def _text(literal: str) -> str:
    try:
        value = ast.literal_eval(literal[:4096])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return literal.strip("\"'")
    return value if isinstance(value, str) else literal
