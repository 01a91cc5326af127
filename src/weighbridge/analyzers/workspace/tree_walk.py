"""Texts of a tree by their place, within bounds: by key, or by any key that is a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.workspace.commands import Command, commands_of
from weighbridge.formats.documents.strict_json import Json

_MOST_NODES: Final = 50_000
_DEPTH: Final = 40


def mapping(value: Json) -> Mapping[str, Json]:
    """The value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> list[Json]:
    """The value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """The value when it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def texts_of(value: Json) -> list[str]:
    """A text, or the texts of a list."""
    return [one for one in ([value] if isinstance(value, str) else items(value)) if isinstance(one, str)]


def nodes(tree: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield place, key and value of every member of a mapping, depth first, up to 50,000."""
    pending: list[tuple[str, Json, int]] = [("", tree, 0)]
    seen = 0
    while pending:
        place, value, depth = pending.pop()
        below: list[tuple[str, Json, int]] = []
        if isinstance(value, Mapping):
            for key, item in value.items():
                seen += 1
                yield f"{place}/{key}"[:400], str(key), item
                below.append((f"{place}/{key}"[:400], item, depth + 1))
        elif isinstance(value, list):
            below = [(f"{place}/{number}"[:400], item, depth + 1) for number, item in enumerate(value)]
            seen += len(below)
        if seen > _MOST_NODES:
            return
        if depth < _DEPTH:
            pending += reversed(below)


def command_line(value: Json) -> str:
    """A command as one line: a text, or a list of words; "" for anything else."""
    if isinstance(value, str):
        return value
    words = [one for one in items(value) if isinstance(one, str)]
    return " ".join(f"'{word}'" if " " in word and "'" not in word else word for word in words)


def commands_at(value: Json, place: str) -> Iterator[Command]:
    """Commands of a setting: a text, a list of words, or a mapping of several of them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from commands_at(command_line(item), f"{place}/{key}")
        return
    line = command_line(value)
    if line.strip():
        yield from commands_of(line, place)
