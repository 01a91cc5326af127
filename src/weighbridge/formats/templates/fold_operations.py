"""Filters of Jinja and methods of Python's texts, over literals; see `fold` for the law."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from weighbridge.formats.templates.fold import (
    Arguments,
    Keywords,
    Operation,
    bounded,
    braces,
    percent,
    plain,
    spread,
)
from weighbridge.formats.templates.values import LONGEST, Refused, Value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise Refused
    return value


def _argument(arguments: Arguments, keywords: Keywords, at: int, name: str, default: Value) -> Value:
    if name in keywords:
        return keywords[name]
    return arguments[at] if at < len(arguments) else default


def _on_text(change: Callable[[str], str]) -> Operation:
    """A filter or method that takes no argument."""

    def apply(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
        if arguments or keywords:
            raise Refused
        return bounded(change(plain(value)))

    return apply


def _stripped(how: Callable[[str, str | None], str]) -> Operation:
    def apply(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
        chars = _argument(arguments, keywords, 0, "chars", None)
        return how(plain(value), None if chars is None else _text(chars))

    return apply


def _join(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    if "attribute" in keywords or len(arguments) > 1:
        raise Refused
    between = plain(_argument(arguments, keywords, 0, "d", ""))
    items = [plain(one) for one in spread(value)]
    if sum(map(len, items)) + len(between) * len(items) > LONGEST:
        raise Refused
    return between.join(items)


def _joined_by(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    """`', '.join(items)`: the method has it the other way round."""
    if len(arguments) != 1:
        raise Refused
    return _join(arguments[0], (value,), {})


def _replace(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    text = plain(value)
    old = plain(_argument(arguments, keywords, 0, "old", None))
    new = plain(_argument(arguments, keywords, 1, "new", None))
    found = text.count(old)
    if len(text) + found * len(new) > LONGEST or len(arguments) > 2:
        raise Refused
    return text.replace(old, new)


def _reverse(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return value[::-1] if isinstance(value, str) else spread(value)[::-1]


def _list(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return spread(value)


def _first(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return next(iter(spread(value)), None)


def _last(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return next(iter(spread(value)[::-1]), None)


def _length(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return len(spread(value))


def _number(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    text = plain(value)
    if len(text) > 20 or not text.lstrip("-").isdecimal():
        raise Refused
    return int(text)


def _default(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return value


def _unique(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return tuple(dict.fromkeys(plain(one) for one in spread(value)))


def _sorted(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    if arguments or keywords:
        raise Refused
    return tuple(sorted((plain(one) for one in spread(value)), key=str.lower))


def _map(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    if not arguments or keywords:
        raise Refused
    operation = FILTERS.get(_text(arguments[0]))
    if operation is None or operation is _map:
        raise Refused
    return tuple(bounded(operation(one, arguments[1:], {})) for one in spread(value))


def _format(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return percent(_text(value), arguments)


def _braces(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return braces(_text(value), arguments, keywords)


def _split(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    between = _argument(arguments, keywords, 0, "sep", None)
    if between == "" or len(arguments) > 1:
        raise Refused
    return bounded(tuple(_text(value).split(None if between is None else _text(between))))


def _center(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    width = _argument(arguments, keywords, 0, "width", 80)
    fill = _argument(arguments, keywords, 1, "fillchar", " ")
    if not isinstance(width, int) or width > LONGEST or not isinstance(fill, str) or len(fill) != 1:
        raise Refused
    return plain(value).center(width, fill)


def _zeros(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    width = _argument(arguments, keywords, 0, "width", 0)
    if not isinstance(width, int) or width > LONGEST:
        raise Refused
    return _text(value).zfill(width)


def _without_start(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return _text(value).removeprefix(plain(_argument(arguments, keywords, 0, "prefix", None)))


def _without_end(value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    return _text(value).removesuffix(plain(_argument(arguments, keywords, 0, "suffix", None)))


FILTERS: Final[Mapping[str, Operation]] = {
    "join": _join,
    "replace": _replace,
    "reverse": _reverse,
    "lower": _on_text(str.lower),
    "upper": _on_text(str.upper),
    "capitalize": _on_text(str.capitalize),
    "title": _on_text(str.title),
    "trim": _stripped(str.strip),
    "string": _on_text(str),
    "safe": _on_text(str),
    "list": _list,
    "first": _first,
    "last": _last,
    "length": _length,
    "count": _length,
    "int": _number,
    "default": _default,
    "d": _default,
    "unique": _unique,
    "sort": _sorted,
    "map": _map,
    "format": _format,
    "center": _center,
}
"""What the name of a filter stands for, where the filter is one that builds names."""

METHODS: Final[Mapping[str, Operation]] = {
    "join": _joined_by,
    "replace": _replace,
    "lower": _on_text(str.lower),
    "casefold": _on_text(str.casefold),
    "upper": _on_text(str.upper),
    "capitalize": _on_text(str.capitalize),
    "title": _on_text(str.title),
    "swapcase": _on_text(str.swapcase),
    "strip": _stripped(str.strip),
    "lstrip": _stripped(str.lstrip),
    "rstrip": _stripped(str.rstrip),
    "format": _braces,
    "split": _split,
    "center": _center,
    "zfill": _zeros,
    "removeprefix": _without_start,
    "removesuffix": _without_end,
    "__str__": _on_text(str),
}
"""Methods of texts."""


def apply(operation: Operation, value: Value, arguments: Arguments, keywords: Keywords) -> Value:
    """Return what an operation gives.

    Raises:
        Refused: it gives nothing, takes other arguments, or costs too much.
    """
    try:
        return bounded(operation(value, arguments, keywords))
    except (TypeError, ValueError):
        raise Refused from None
