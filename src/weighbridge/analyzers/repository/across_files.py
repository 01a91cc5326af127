"""Judge values that flow from one Python file of a repository into another.

`from .tools import run` and `run("curl ... | sh")`: neither file shows harm. A file is put together
with those that it imports from its folder, and what is told of the whole and of none of its files is
put on the file where the value is handed over.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.analyzers.executables.program_judgement import is_sink, judge_scope
from weighbridge.analyzers.executables.told import Told
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.code_reading import CodeReader
from weighbridge.analyzers.repository.finding_weight import rules_at
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.limits import MIB
from weighbridge.formats.scripts.python_linking import Linkable, Linked, link
from weighbridge.formats.scripts.python_scopes import python_scopes

_NEIGHBOUR: Final = re.compile(
    r"(?m)^[ \t]*(?:from[ \t]+(\.?)([\w.]*)[ \t]+import|import[ \t]+([\w.]+))"
)
_POWERFUL: Final = re.compile(
    r"(?<![.\w])(?:exec|eval)\b|\b(?:popen|system|subprocess|spawn\w*|socket|urlopen|requests|httpx|aiohttp)\b"
)
_MOST_ROOTS: Final = 200
_MOST_TOGETHER: Final = 30
_LARGEST: Final = MIB
_MOST_SOURCE: Final = 3 * MIB
"""Of one target: what several files import is read once for each of them."""
_SHOWN: Final = 6
_LINE: Final = re.compile(r"\bline (\d{8,})")


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Yield what files do together that none of them does alone."""
    reader = CodeReader(view, context, frozenset(), frozenset())
    harmful = rules_at(Severity.HIGH)
    done: set[str] = set()
    told: set[tuple[str, str, str]] = set()
    left = _MOST_SOURCE
    for file in _roots(view):
        if file in done or left <= 0:
            continue
        context.budget.check_time()
        parts = _together(file, reader)
        left -= sum(len(view.text(one.file) or "") for one in parts)
        done.update(one.file for one in parts[1:])
        if len(parts) < 2 or not any(_POWERFUL.search(view.text(one.file) or "") for one in parts):
            continue
        known = {found.rule for one in parts for found in view.findings(one.file)}
        for finding in _findings(link(parts), harmful - known):
            key = (finding.rule, finding.path[0], finding.subject)
            if key not in told:
                told.add(key)
                yield finding


def _roots(view: RepositoryView) -> list[str]:
    """Files that import a neighbour; first those that no other file imports."""
    files = list(view.ending(".py"))
    stems = {posixpath.basename(one).removesuffix(".py") for one in files}
    stems |= {posixpath.basename(posixpath.dirname(one)) for one in files}
    imported: set[str] = set()
    found: list[str] = []
    for file in files[: 10 * _MOST_ROOTS]:
        names = set(_neighbours(view.text(file) or "", stems))
        if names:
            found.append(file)
            imported |= names - {posixpath.basename(file).removesuffix(".py")}
    found.sort(key=lambda one: posixpath.basename(one).removesuffix(".py") in imported)
    return found[:_MOST_ROOTS]


def _neighbours(text: str, stems: set[str]) -> Iterator[str]:
    for match in _NEIGHBOUR.finditer(text):
        dot, module, plain = match.groups()
        head = (module or plain or "").partition(".")[0]
        if dot or head in stems:
            yield (module or plain or "").rpartition(".")[2] or "."


def _together(file: str, reader: CodeReader) -> list[Linkable]:
    """A file and those that it leads to, itself first."""
    found: dict[str, Linkable] = {}
    pending = [file]
    size = 0
    while pending and len(found) < _MOST_TOGETHER and size <= _LARGEST:
        name = pending.pop(0)
        if name in found:
            continue
        part = reader.linkable(name)
        if part is not None:
            found[name] = part
            size += len(reader.view.text(name) or "")
            pending += dict.fromkeys(
                one.module for one in part.imports.values() if one.module is not None
            )
    return list(found.values())


def _findings(whole: Linked, rules: frozenset[str]) -> Iterator[Finding]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in _told(whole, rules):
        place = whole.place(one.line)
        if place is not None:
            groups.setdefault((place[0], one.rule, one.kind), []).append(_shown(one.evidence, whole))
    for (file, rule, kind), lines in groups.items():
        shown = list(dict.fromkeys(lines))[:_SHOWN]
        evidence = "\n".join(line[:400] for line in shown)
        yield Finding(rule=rule, path=(file,), subject=kind[:200], evidence=evidence)


def _told(whole: Linked, rules: frozenset[str]) -> Iterable[Told]:
    for scope in python_scopes(whole.tree, is_sink).scopes:
        yield from (one for one in judge_scope(scope) if one.rule in rules)


def _shown(evidence: str, whole: Linked) -> str:
    """Lines as they are in their files."""

    def said(match: re.Match[str]) -> str:
        place = whole.place(int(match[1]))
        return match[0] if place is None else f"{place[0]}, line {place[1]}"

    return _LINE.sub(said, evidence)
