"""Code objects from their parts: the fields of marshal, or the arguments of `types.CodeType`.

    2.7       argcount nlocals stacksize flags code constants names varnames
              filename name firstlineno lnotab freevars cellvars                       14
    3.0-3.7   argcount kwonly nlocals ... as before                                    15
    3.8-3.10  argcount posonly kwonly nlocals ... as before                            16
    3.11+     argcount posonly kwonly nlocals stacksize flags code constants names varnames
              filename name qualname firstlineno linetable exceptiontable freevars cellvars   18

`dill` puts the line table in front of all, and its `_create_code` also takes the 20 arguments of an
early 3.11.

Source: `code_new` in Objects/codeobject.c of each release; dill/_dill.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.values import CodeObject, Layout, Value

_HEAD = ("code", "constants", "names", "varnames", "filename", "name")
_TAIL = ("first_line", "lines", "freevars", "cellvars")
_ARGUMENTS: dict[int, tuple[Layout, tuple[str, ...]]] = {
    14: (Layout.PYTHON2, (*["int"] * 4, *_HEAD, *_TAIL)),
    15: (Layout.KEYWORD_ONLY, (*["int"] * 5, *_HEAD, *_TAIL)),
    16: (Layout.POSITIONAL_ONLY, (*["int"] * 6, *_HEAD, *_TAIL)),
    18: (
        Layout.LOCALS_PLUS,
        (*["int"] * 6, *_HEAD, "qualname", "first_line", "lines", "handlers", "freevars", "cellvars"),
    ),
    20: (
        Layout.LOCALS_PLUS,
        (
            *["int"] * 6,
            *_HEAD,
            *("qualname", "first_line", "lines", "lines", "lines", "handlers", "freevars", "cellvars"),
        ),
    ),
}
FEWEST_ARGUMENTS = min(_ARGUMENTS)
_CELL, _FREE, _LOCAL = 0x40, 0x80, 0x20


def code_from_arguments(arguments: Sequence[Value]) -> CodeObject:
    """Build what `types.CodeType(*arguments)` or dill's `_create_code(*arguments)` would.

    Text in the place of bytes counts as Latin-1: so old pickles carry the strings of Python 2.

    Raises:
        Malformed: too few or too many, or one is of another kind.
    """
    given = list(arguments)
    if given and not isinstance(given[0], int):
        del given[0]  # dill's line table
    if len(given) not in _ARGUMENTS:
        raise Malformed(f"no code object has {len(arguments)} parts")
    layout, fields = _ARGUMENTS[len(given)]
    parts: dict[str, Value] = {}
    for field, value in zip(fields, given, strict=True):
        if field == "int" and not isinstance(value, int):
            raise Malformed("a count of a code object is no number")
        parts[field] = value
    return code_from_parts(layout, parts)


def code_from_parts(layout: Layout, parts: Mapping[str, Value]) -> CodeObject:
    """Build a code object from named fields; `kinds` stands for the three kinds of local names.

    Raises:
        Malformed: a field is of another kind.
    """
    names = _variables(parts)
    first_line = parts["first_line"]
    if not isinstance(first_line, int):
        raise Malformed("the line of a code object is no number")
    return CodeObject(
        name=_text(parts["name"]),
        qualname=_text(parts["qualname"]) if "qualname" in parts else None,
        filename=_text(parts["filename"]),
        first_line=first_line,
        names=_texts(parts["names"]),
        varnames=names["varnames"],
        freevars=names["freevars"],
        cellvars=names["cellvars"],
        local_names=names["local"],
        constants=_items(parts["constants"]),
        code=_bytes(parts["code"]),
        layout=layout,
    )


def _variables(parts: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    varnames = _texts(parts["varnames"])
    if "kinds" not in parts:
        cells, free = _texts(parts["cellvars"]), _texts(parts["freevars"])
        own = set(varnames)
        behind = (*(name for name in cells if name not in own), *free)
        return {"varnames": varnames, "cellvars": cells, "freevars": free, "local": varnames + behind}
    kinds = _bytes(parts["kinds"])
    if len(kinds) != len(varnames):
        raise Malformed("not every local name of a code object has a kind")

    def of(bit: int) -> tuple[str, ...]:
        return tuple(name for name, kind in zip(varnames, kinds, strict=True) if kind & bit)

    return {"varnames": of(_LOCAL), "cellvars": of(_CELL), "freevars": of(_FREE), "local": varnames}


def _items(value: Value) -> tuple[Value, ...]:
    if not isinstance(value, tuple):
        raise Malformed("a field of a code object is no tuple")
    return value


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(_text(item) for item in _items(value))


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise Malformed("a name of a code object is no text")
    return value


def _bytes(value: Value) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            raise Malformed("the instructions of a code object are no bytes") from None
    if not isinstance(value, bytes):
        raise Malformed("the instructions of a code object are no bytes")
    return value
