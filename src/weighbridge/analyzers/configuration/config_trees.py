"""Walk a parsed configuration: its mappings, its texts, and what `${...}` in it stands for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json

_MAX_NODES = 4_000_000
_MAX_ROUTE = 300
_MAX_STEPS = 20
_MAX_TEXT = 500
_REFERENCE = re.compile(r"\$\{([^${}:]{1,200})\}")
_PATH_PART = re.compile(r"[^.\[\]]+")


@dataclass(slots=True)
class Survey:
    """What a tree holds anywhere in it: one quick pass, before anybody walks it with routes.

    Attributes:
        keys: those of `wanted` that some mapping has, with a value that can be a name.
        references: a text holds `${`.
        expressions: a text begins with `$`.
        nemo: a text begins with `nemo:`.
    """

    keys: set[str] = field(default_factory=set)
    references: bool = False
    expressions: bool = False
    nemo: bool = False


def survey(tree: Json, wanted: frozenset[str], dotted: frozenset[str] = frozenset()) -> Survey:
    """Survey a tree; a key of `dotted` counts only when its value is a text with a dot or colon."""
    found = Survey()
    stack: list[Json] = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            found.keys |= wanted & value.keys()
            for key in dotted & value.keys():
                name = value[key]
                if isinstance(name, str) and ("." in name or ":" in name):
                    found.keys.add(key)
            items: Collection[Json] = value.values()
        elif isinstance(value, str):
            items = (value,)
        elif isinstance(value, Sequence):
            items = value
        else:
            continue
        for item in items:
            if isinstance(item, str):
                if "$" in item:
                    found.references |= "${" in item
                    found.expressions |= item.startswith("$")
                found.nemo |= item.startswith("nemo:")
            elif isinstance(item, dict | list):
                stack.append(item)
    return found


def nodes(tree: Json) -> Iterator[tuple[str, Json]]:
    """Yield (route, value) of every value, parents first; the route is a JSON pointer.

    Raises:
        LimitReached: there are more than four million, which aliases of YAML can do.
    """
    stack: list[tuple[str, Json]] = [("", tree)]
    count = 0
    while stack:
        route, value = stack.pop()
        count += 1
        if count > _MAX_NODES:
            raise LimitReached(f"the configuration has more than {_MAX_NODES:,} values")
        yield route, value
        if isinstance(value, Mapping):
            stack.extend((_below(route, key), value[key]) for key in reversed(list(value)))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            last = len(value) - 1
            stack.extend(
                (_below(route, str(last - at)), item) for at, item in enumerate(reversed(value))
            )


def mappings(tree: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Yield (route, mapping) of every mapping, parents first. Raises as `nodes` does."""
    for route, value in nodes(tree):
        if isinstance(value, Mapping):
            yield route, value


def text_of(mapping: Mapping[str, Json], key: str) -> str | None:
    """Return a text value, without the blanks around it; None for anything else."""
    value = mapping.get(key)
    return value.strip() if isinstance(value, str) else None


def child(value: Json, *keys: str) -> Json:
    """Return what stands below a chain of keys; None where the chain ends early."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def items_of(value: Json) -> Sequence[Json]:
    """Return a sequence; an empty one for anything else."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def interpolated(text: str, root: Json, route: str) -> str | None:
    """Return a text with every `${path}` replaced as OmegaConf does; None where that can't be told.

    Args:
        text: may hold references to other values of the same document.
        root: the document.
        route: of the mapping that the text is in: `${.key}` begins there.
    """
    for _ in range(_MAX_STEPS):
        found = _REFERENCE.search(text)
        if found is None:
            return text if "${" not in text else None
        value = _look_up(found[1].strip(), root, route)
        if value is None or len(text) + len(value) > _MAX_TEXT:
            return None
        text = text[: found.start()] + value + text[found.end() :]
    return None


def _look_up(path: str, root: Json, route: str) -> str | None:
    start: list[str] = []
    if path.startswith("."):
        dots = len(path) - len(path.lstrip("."))
        here = [part for part in route.split("/") if part]
        start = here[: len(here) - dots + 1] if dots <= len(here) + 1 else here
    value: Json = root
    for part in (*start, *_PATH_PART.findall(path)):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal():
            value = value[int(part)] if len(part) < 7 and int(part) < len(value) else None
        else:
            return None
    return value if isinstance(value, str) else None


def _below(route: str, key: str) -> str:
    return f"{route}/{key}" if len(route) < _MAX_ROUTE else route
