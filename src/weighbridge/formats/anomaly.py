"""What is wrong with a header that can be read all the same.

A parser raises `Malformed` only when there is nothing to read. All else is an `Anomaly`, so that
one file can have several, and an analyzer decides what each of them means.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=StrEnum)

_MAX_OF_A_KIND = 1_000


@dataclass(frozen=True, slots=True)
class Anomaly(Generic[Kind]):
    """One rule of a format that one file breaks.

    Attributes:
        kind: which rule; each format has its own enum.
        offset: in bytes from the start of the artifact; of the header when JSON gives no place.
        subject: the tensor, key or field; "" when it is the file as a whole.
        detail: what is there, in words, with the numbers that disagree.
    """

    kind: Kind
    offset: int
    subject: str
    detail: str


class AnomalyLog(Generic[Kind]):
    """Collects anomalies, at most 1,000 of each kind: a hostile header can have millions."""

    def __init__(self) -> None:
        self._anomalies: list[Anomaly[Kind]] = []
        self._seen: Counter[Kind] = Counter()

    def add(self, kind: Kind, detail: str, *, at: int, subject: str = "") -> None:
        self._seen[kind] += 1
        if self._seen[kind] <= _MAX_OF_A_KIND:
            self._anomalies.append(Anomaly(kind, at, subject, detail))

    def all(self) -> tuple[Anomaly[Kind], ...]:
        """Return what was added, in order."""
        return tuple(self._anomalies)


def quoted(name: str) -> str:
    """Return `name` as a literal of at most 80 characters: names come from the file."""
    return repr(name if len(name) <= 80 else name[:79] + "…")
