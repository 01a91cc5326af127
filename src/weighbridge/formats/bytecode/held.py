"""What one place of the abstract stack is known to hold: a name, a literal, or parts that are."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.formats.bytecode.values import CodeObject, Container, Kind, Layout, Value
from weighbridge.formats.scripts.facts import Argument, Item, Unknown

_MAX_ITEMS = 256
_MAX_NAME = 300
_MAX_TEXT = 1 << 16
_IMPORTERS = ("__import__", "importlib.__import__", "importlib.import_module")
COMPUTED_ROOT = "<computed>"
"""Stands at the begin of a dotted name for an object that we can't name; `<x>` for a local one."""


@dataclass(frozen=True, slots=True)
class Held:
    """One value.

    Attributes:
        name: dotted, when it is something that has been looked up or called.
        literal: when it is a constant.
        items: of a tuple or list that is built or constant.
        pairs: of a dict with literal text as keys.
        is_null: the NULL that calls of 3.11 and later have beside the callable.
        is_self: the object whose method is called, known from the method's name already.
    """

    name: str | None = None
    literal: Item = Unknown.COMPUTED
    items: tuple[Held, ...] | None = None
    pairs: tuple[tuple[str, Held], ...] | None = None
    is_null: bool = False
    is_self: bool = False

    @property
    def argument(self) -> Argument:
        """What it is as an argument of a call."""
        return self.literal if self.items is None else tuple(item.literal for item in self.items)

    @property
    def text(self) -> str | None:
        """The literal text that it is."""
        is_text = isinstance(self.literal, str) and not isinstance(self.literal, Unknown)
        return str(self.literal) if is_text else None


UNKNOWN = Held()
NULL = Held(is_null=True)
SELF = Held(is_self=True)


def constant(value: Value, layout: Layout) -> Held:
    """What LOAD_CONST puts on the stack; of the items of a tuple only those that are no tuples."""
    if isinstance(value, Container) and value.kind is not Kind.DICT:
        value = value.items
    if not isinstance(value, tuple):
        return _scalar(value, layout)
    if len(value) > _MAX_ITEMS:
        return UNKNOWN
    return Held(items=tuple(_scalar(item, layout) for item in value))


def _scalar(value: Value, layout: Layout) -> Held:
    if isinstance(value, bytes):
        return Held(literal=as_text(value, layout))
    if value is None or isinstance(value, bool | int | float | str):
        return Held(literal=value)
    return UNKNOWN


def as_text(value: bytes, layout: Layout) -> str | bytes:
    """The strings of Python 2 are bytes: ASCII ones count as text."""
    if layout is Layout.PYTHON2 and value.isascii():
        return value.decode("ascii")
    return value


def attribute(owner: Held, name: str) -> Held:
    """`owner.name`."""
    root = owner.name
    if root is None and owner.text is not None:
        root = "str()"
    elif root is None and isinstance(owner.literal, bytes):
        root = "bytes()"
    return Held(name=_joined(root or COMPUTED_ROOT, name))


def result(callee: Held, arguments: tuple[Held, ...]) -> Held:
    """What a call gives: for `getattr`, `__import__` and their like the thing that they look up."""
    name = _plain(callee)
    first = arguments[0] if arguments else UNKNOWN
    if name == "getattr" and len(arguments) >= 2 and arguments[1].text is not None:
        return attribute(first, arguments[1].text)
    if name == "__import__" and first.text is not None:
        has_list = len(arguments) >= 4 and bool(arguments[3].items)
        return Held(name=first.text if has_list else first.text.partition(".")[0])
    if name in _IMPORTERS and first.text is not None:
        return Held(name=first.text)
    if name.endswith(".__enter__"):
        return Held(name=name.removesuffix(".__enter__"))
    return Held(name=_joined(name + "()", "")) if callee.name is not None else UNKNOWN


def imported_by_call(callee: Held, arguments: tuple[Held, ...]) -> str | None:
    """The module that a call of `__import__` or the like loads, when its name is literal."""
    return arguments[0].text if arguments and _plain(callee) in _IMPORTERS else None


def _plain(callee: Held) -> str:
    name = callee.name or COMPUTED_ROOT
    return name.removeprefix("builtins.").removeprefix("__builtin__.")


def weight(value: Held) -> int:
    """What keeping a value costs, in stack places."""
    text = value.literal if isinstance(value.literal, str | bytes) else b""
    return len(text) // 8 + len(value.items or ()) + len(value.pairs or ())


def subscript(owner: Held, key: Held) -> Held:
    """`owner[key]`, where that is another way to write a name."""
    name, text = owner.name, key.text
    if name is None or text is None:
        return UNKNOWN
    if name in ("sys.modules", "globals()", "locals()", "vars()", "__builtins__"):
        return Held(name=text)
    if name.endswith(".__dict__"):
        return Held(name=_joined(name.removesuffix(".__dict__"), text))
    return UNKNOWN


def added(left: Held, right: Held) -> Held:
    """`left + right` for text, bytes, and tuples."""
    if left.items is not None and right.items is not None:
        both = left.items + right.items
        return Held(items=both) if len(both) <= _MAX_ITEMS else UNKNOWN
    if left.text is not None and right.text is not None:
        whole = left.text + right.text if len(left.text) + len(right.text) <= _MAX_TEXT else None
        return Held(literal=whole) if whole is not None else UNKNOWN
    if isinstance(left.literal, bytes) and isinstance(right.literal, bytes):
        short = len(left.literal) + len(right.literal) <= _MAX_TEXT
        return Held(literal=left.literal + right.literal) if short else UNKNOWN
    return UNKNOWN


def extended(left: Held, right: Held) -> Held:
    """A list after `extend`, a dict after `update`."""
    if left.items is not None and right.items is not None:
        return added(left, right)
    if left.pairs is not None and right.pairs is not None:
        both = left.pairs + right.pairs
        return Held(pairs=both) if len(both) <= _MAX_ITEMS else UNKNOWN
    return UNKNOWN


def mapping(keys: tuple[Held, ...], values: tuple[Held, ...]) -> Held:
    """A dict, known when all keys are literal text."""
    names = [key.text for key in keys]
    pairs = tuple((name, value) for name, value in zip(names, values, strict=False) if name is not None)
    known = len(pairs) == len(keys) == len(values) and len(pairs) <= _MAX_ITEMS
    return Held(pairs=pairs) if known else UNKNOWN


def _joined(owner: str, name: str) -> str:
    whole = f"{owner}.{name}" if name else owner
    return whole if len(whole) <= _MAX_NAME else f"{COMPUTED_ROOT}.{name[:_MAX_NAME]}"


def nested_codes(constants: tuple[Value, ...]) -> tuple[CodeObject, ...]:
    """Code objects among constants; a compiler puts them nowhere deeper."""
    return tuple(value for value in constants if isinstance(value, CodeObject))
