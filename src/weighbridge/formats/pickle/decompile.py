"""Write a value of a stream as the line of Python that builds it.

For people only: the text is cut, escaped and never evaluated.
"""

from __future__ import annotations

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import NotLiteral
from weighbridge.formats.pickle.trace import Call, Import, Resolution, Stream

_DEPTH = 6
_ITEMS = 12
_LITERAL_CHARS = 240
_LINE_CHARS = 600


def decompile(stream: Stream, value: int) -> str:
    """One line of Python for a value. Call `stream.record` with it first, to see into containers."""
    return cut(_value(stream, value, _DEPTH), _LINE_CHARS)


def decompile_call(stream: Stream, call: Call) -> str:
    """One line of Python for a call: `posix.system('id')`."""
    return cut(_call(stream, call, _DEPTH), _LINE_CHARS)


def spell(found: Import) -> str:
    """An import as dotted name; `<computed>` stands for a part that is not provable."""
    if found.resolution is Resolution.EXTENSION and found.module is None:
        return f"<extension code {found.code}>"
    return f"{_part(found.module)}.{_part(found.name)}"


def cut(text: str, length: int) -> str:
    """Cut in the middle: what a command starts and ends with says most."""
    if len(text) <= length:
        return text
    half = (length - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def _part(part: str | None) -> str:
    if part is None:
        return "<computed>"
    return part if part.isprintable() and part else repr(part)


def _value(stream: Stream, value: int, depth: int) -> str:
    if value < 0 or depth <= 0:
        return "..."
    found = stream.import_at(value)
    if found is not None:
        return spell(found)
    call = stream.call_at(value)
    if call is not None:
        return _call(stream, call, depth)
    op = stream.opcode(value)
    if op in o.CONTAINERS:
        return _container(stream, value, op, depth)
    if op in (o.PERSID, o.BINPERSID):
        return "persistent_load(...)"
    try:
        return cut(repr(stream.literal_at(value)), _LITERAL_CHARS)
    except NotLiteral:
        return f"<value at {stream.place(value)}>"


def _call(stream: Stream, call: Call, depth: int) -> str:
    inst = stream.inst_import(call)
    callee = spell(inst) if inst is not None else _value(stream, call.callee, depth - 1)
    if call.arguments is None:
        return f"{callee}(...)"
    is_tuple = call.arguments == call.offset or stream.opcode(call.arguments) in o.TUPLES
    if not is_tuple:
        return f"{callee}(*{_value(stream, call.arguments, depth - 1)})"
    parts = _items(stream, stream.items(call.arguments), depth)
    if call.keywords is not None:
        parts.append(f"**{_value(stream, call.keywords, depth - 1)}")
    return f"{callee}({', '.join(parts)})"


def _container(stream: Stream, value: int, op: int, depth: int) -> str:
    items = stream.items(value)
    if op in o.DICTS:
        pairs = list(zip(items[::2], items[1::2], strict=False))
        shown = [
            f"{_value(stream, k, depth - 1)}: {_value(stream, v, depth - 1)}" for k, v in pairs[:_ITEMS]
        ]
        return "{" + ", ".join([*shown, *(["..."] if len(pairs) > _ITEMS else [])]) + "}"
    inside = ", ".join(_items(stream, items, depth))
    if op in o.TUPLES:
        return f"({inside},)" if len(items) == 1 else f"({inside})"
    return f"[{inside}]" if op in o.LISTS else "{" + inside + "}"


def _items(stream: Stream, items: tuple[int, ...], depth: int) -> list[str]:
    shown = [_value(stream, item, depth - 1) for item in items[:_ITEMS]]
    return [*shown, "..."] if len(items) > _ITEMS else shown
