"""Which files of a target are wanted: patterns that mean what those of the hub's own client mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weighbridge.fetchers.interface import Entry, Problem, ProblemKind

_CODE = (".py", ".json", ".yaml", ".yml", ".jinja", ".toml", ".cfg", ".ini", ".txt", ".sh")
_COMPANION_BYTES = 1 << 20
_MOST_COMPANIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is wanted. `*` crosses `/`, as in `huggingface_hub`; a folder is written with `/` at its end.

    Attributes:
        include: a file must match one of these; None is every file.
        exclude: a file must match none of these.
        also: names that are wanted whatever the patterns say.
        with_companions: also look at small files of code and configuration that are not wanted.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    also: frozenset[str] = frozenset()
    with_companions: bool = False

    def wants(self, name: str) -> bool:
        """Tell whether the file is to be downloaded."""
        if name in self.also:
            return True
        if self.include is not None and not any(_matches(name, one) for one in self.include):
            return False
        return not any(_matches(name, one) for one in self.exclude)

    def split(self, items: Iterable[Entry | Problem]) -> Split:
        """Sort what a target lists into what is wanted, what is only looked at, and what is neither."""
        wanted: list[Entry] = []
        rest: list[Entry] = []
        problems: list[Problem] = []
        for item in items:
            if isinstance(item, Problem):
                if item.kind is ProblemKind.TOO_MANY_FILES or self.wants(item.name):
                    problems.append(item)
            else:
                (wanted if self.wants(item.name) else rest).append(item)
        beside = [item for item in rest if self.with_companions and _is_companion(item)][
            :_MOST_COMPANIONS
        ]
        return Split(
            wanted=tuple(wanted),
            beside=tuple(beside),
            problems=tuple(problems),
            left_out=tuple(sorted(item.name for item in rest)),
        )


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A listing, sorted.

    Attributes:
        wanted: to scan and to download.
        beside: to scan only.
        problems: what is no file, or can't be read.
        left_out: names of all that is not downloaded.
    """

    wanted: tuple[Entry, ...]
    beside: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    left_out: tuple[str, ...]


def patterns(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    """Return patterns as a tuple, whichever way they were given."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def _matches(name: str, pattern: str) -> bool:
    pattern = pattern.replace("\\", "/")
    return fnmatchcase(name, f"{pattern}*" if pattern.endswith("/") else pattern)


def is_code(name: str) -> bool:
    """Tell by its name whether a file is code or configuration."""
    return name.lower().endswith(_CODE)


def _is_companion(entry: Entry) -> bool:
    size = entry.size_bytes
    return size is not None and size <= _COMPANION_BYTES and is_code(entry.name)
