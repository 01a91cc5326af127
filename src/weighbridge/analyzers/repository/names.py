"""Names that are taken for others: look-alikes, collisions, and modules that imports find first."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from weighbridge.analyzers.file_names import part_findings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.import_shadows import judge_imports
from weighbridge.analyzers.repository.native_libraries import judge_libraries
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.listed import listed

_LOOKS_LIKE, _COLLIDES = "NAM003", "NAM004"
_FULLWIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge folders by their names, and each folder's files beside each other."""
    yield from _folders(view)
    for names in view.folders.values():
        yield from _look_alikes(names)
        yield from _collisions(names)
    yield from judge_imports(view)
    yield from judge_libraries(view)


def _folders(view: RepositoryView) -> Iterator[Finding]:
    """Each folder once, on its first file."""
    seen: set[str] = set()
    for folder, names in view.folders.items():
        path = ""
        for part in folder.split("/") if folder else ():
            path = f"{path}/{part}"
            if path not in seen:
                seen.add(path)
                yield from part_findings((names[0],), part)


def _look_alikes(names: Sequence[str]) -> Iterator[Finding]:
    bases = {posixpath.basename(name): name for name in names}
    loaded = listed("names/loaded.tsv")
    for base, name in bases.items():
        if base.isascii():
            continue
        skeleton = _skeleton(base)
        if skeleton == base or not skeleton.isascii():
            continue
        if skeleton in bases:
            evidence = f"{_spelled(base)} beside {quoted(skeleton)}"
        elif skeleton in loaded:
            evidence = f"{_spelled(base)} is not {quoted(skeleton)}, which {loaded[skeleton]} open"
        else:
            continue
        yield Finding(rule=_LOOKS_LIKE, path=(name,), subject=skeleton[:200], evidence=evidence)


def _skeleton(base: str) -> str:
    """The name with each letter replaced by the one of ASCII that it looks like."""
    return unicodedata.normalize("NFC", base).translate(_FULLWIDTH).translate(_letters())


@cache
def _letters() -> dict[int, str]:
    rows = listed("tokenizers/look_alikes.tsv")
    return {ord(letter): plain for letter, plain in rows.items() if len(letter) == 1 and plain.isalpha()}


def _spelled(base: str) -> str:
    """The name, and which of its letters are not what they seem."""
    odd = dict.fromkeys(char for char in base if not char.isascii())
    names = ", ".join(unicodedata.name(char, f"U+{ord(char):04X}") for char in list(odd)[:3])
    return f"{quoted(base)} ({names})"


def _collisions(names: Sequence[str]) -> Iterator[Finding]:
    """On systems that fold case or compose letters one file replaces the other."""
    first: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        other = first.setdefault(folded, name)
        if other != name:
            base = posixpath.basename(name)
            evidence = f"{quoted(base)} and {quoted(posixpath.basename(other))} in one folder"
            yield Finding(rule=_COLLIDES, path=(name,), subject=base[:200], evidence=evidence)
