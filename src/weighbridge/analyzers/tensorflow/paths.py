"""What kind of place a path or address in a graph names, and so how bad it is to touch it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import Enum

from weighbridge.formats.anomaly import quoted
from weighbridge.formats.tensorflow.values import HOLE, Origin, Value
from weighbridge.knowledge.tensorflow_ops import Access, TensorFlowOps

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DRIVE = re.compile(r"[a-z]:[/\\]|\\\\|~", re.IGNORECASE)
_MOST_SHOWN = 5


class Place(Enum):
    """Where a path leads, the worst first."""

    SENSITIVE = "sensitive"
    TRAVERSAL = "traversal"
    REMOTE = "remote"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    OPEN = "open"
    """Only known when the graph runs."""
    EMPTY = "empty"


_ORDER = {place: number for number, place in enumerate(Place)}


@dataclass(frozen=True, slots=True)
class Target:
    """What one argument of an operation names.

    Attributes:
        place: the worst of all texts that the argument may be.
        shown: that text, quoted for people, or what it comes from.
        why: what is sensitive about it; "" when nothing is.
        origins: what fills the parts that are not known.
    """

    place: Place
    shown: str
    why: str
    origins: frozenset[Origin]


def target_of(value: Value, access: Access, ops: TensorFlowOps) -> Target:
    """Return the worst that a value may name."""
    found = [_judged(text, value, access, ops) for text in value.texts]
    if not found:
        return Target(Place.OPEN, _named(value.origins), "", value.origins)
    return min(found, key=lambda target: _ORDER[target.place])


def _judged(text: str, value: Value, access: Access, ops: TensorFlowOps) -> Target:
    path = text[7:] if text.lower().startswith("file://") else text
    why = None
    if path.strip(HOLE + "/"):
        why = ops.sensitive(path, access) or ops.sensitive(_normal(path), access)
    if why is not None:
        return Target(Place.SENSITIVE, _shown(text), why, value.origins)
    place = _place(path)
    shown = _named(value.origins) if place is Place.OPEN else _shown(text)
    return Target(place, shown, "", value.origins)


def _place(path: str) -> Place:
    if not path:
        return Place.EMPTY
    if ".." in re.split(r"[/\\]", path):
        return Place.TRAVERSAL
    if path.startswith(HOLE):
        return Place.OPEN
    if _SCHEME.match(path):
        return Place.REMOTE
    return Place.ABSOLUTE if path.startswith("/") or _DRIVE.match(path) else Place.RELATIVE


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/")) if path[:2] != "\\\\" else path


def _shown(text: str) -> str:
    return quoted(text.replace(HOLE, "<...>"))


def _named(origins: frozenset[Origin]) -> str:
    names = sorted(origin.value for origin in origins)
    return f"what {' or '.join(names[:_MOST_SHOWN])} gives" if names else "nothing that can be followed"
