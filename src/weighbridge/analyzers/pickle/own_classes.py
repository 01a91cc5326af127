"""Methods of classes that a pickle brings along and that run while it is loaded.

A class of cloudpickle or dill is data until one of its methods runs. Some run by themselves: when an
object is rebuilt, put into a set or thrown away, or when another class is derived.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import text
from weighbridge.formats.pickle.trace import Call, Stream

ON_DERIVING = frozenset({"__init_subclass__", "__prepare__", "__set_name__", "__subclasshook__"})
_ON_LOADING = ON_DERIVING | frozenset(
    {"__del__", "__dict__", "__getattr__", "__getattribute__", "__hash__", "__new__", "__setattr__"}
    | {"__setitem__", "__setstate__", "_missing_", "add", "append", "extend"}
)
_NONE = 0x4E
COMPUTED = "a name that is computed"


def methods_that_run(stream: Stream, is_function: Callable[[int], bool]) -> frozenset[str]:
    """Return the names of such methods, `COMPUTED` among them where a name can't be told.

    Args:
        stream: its containers are recorded here.
        is_function: whether a value is a function or class that the stream makes.
    """
    stream.record_all()
    found: set[str] = set()
    for holder, items in stream.children.items():
        if stream.opcode(holder) in o.TUPLES and len(items) == 3:  # setattr(holder, name, value)
            name = text(stream, items[1])
            if name is None and is_function(items[0]):
                found.add(COMPUTED)
            elif name in _ON_LOADING:
                found.add(name)
        elif stream.opcode(holder) in o.DICTS | o.CALLS:
            for key, value in zip(items[::2], items[1::2], strict=False):
                name = text(stream, key)
                if name is None and is_function(value):
                    found.add(COMPUTED)
                elif name in _ON_LOADING and not _is_judged_elsewhere(stream, value):
                    found.add(name)
    return frozenset(found)


def _is_judged_elsewhere(stream: Stream, value: int) -> bool:
    """True for None and for a name: what is imported is judged by what it is."""
    return stream.opcode(value) == _NONE or stream.import_at(value) is not None


def handed_values(stream: Stream, keeps: Callable[[Call], bool]) -> frozenset[int]:
    """Return the values that are arguments of calls: whoever is called may run their methods.

    Args:
        stream: its containers are recorded here.
        keeps: whether a call only keeps what it is given.
    """
    stream.record_all()
    found: set[int] = set()
    for call in stream.calls():
        if call.opcode not in ("NEWOBJ", "NEWOBJ_EX") and call.arguments is not None and not keeps(call):
            found.update(stream.items(call.arguments))
    return frozenset(found)
