"""Judge the Python that a repository is loaded with: what is named, and what runs by its name.

The findings of the configurations say which classes are named. Here each of them is looked up, and what
runs of it is followed: when its module is imported, when it is made and loaded, when it is used.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.code_reading import CodeModule, CodeReader, Seen
from weighbridge.analyzers.repository.entry_points import Entry, Missing, Starts, entry_points
from weighbridge.analyzers.repository.finding_weight import rules_at
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding, Severity
from weighbridge.errors import LimitReached
from weighbridge.formats.scripts.python_calls import CallGraph, Place

_PLAIN, _NOTABLE, _UNJUDGED, _ABSENT, _LOADS_HARM, _USES_HARM, _PACKAGE = (
    "RMC030", "RMC031", "RMC032", "RMC033", "RMC034", "RMC035", "RMC012"
)  # fmt: skip
_LOADING = re.compile(
    r"__(?:new|init|post_init|init_subclass|setattr|getattr|getattribute|setstate|class_getitem|del|len|enter)__\Z"
    r"|_?(?:from|load|init)(?:_\w*)?\Z|post_init\Z|get_vocab\Z|vocab_size\Z|tie_weights\Z|setup\Z|_info\Z|_split_generators\Z|_generate_\w+\Z"
    r"|\w*_from_\w+\Z|get_config_dict\Z|_sanitize_parameters\Z|initialize\Z|build\Z"
)
"""Methods that a loader calls of the class that it was given."""
_ASKS = re.compile(r"trust_remote_code\s*=\s*True|\"trust_remote_code\":\s*true|--trust-remote-code")
_CARD_BYTES: Final = 256 * 1024
_MOST_ENTRIES: Final = 10_000
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class _Shown:
    """Something that the loader reaches, and the way there."""

    seen: Seen
    way: str


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Yield one finding, at least, for each class that a configuration names.

    Raises:
        LimitReached: there are more of them than any collection of models has.
    """
    reader = CodeReader(view, context, rules_at(Severity.HIGH), rules_at(Severity.MEDIUM))
    told: set[tuple[str, str, str]] = set()
    cards: dict[str, str] = {}
    for number, entry in enumerate(entry_points(view)):
        if number >= _MOST_ENTRIES:
            raise LimitReached(f"configurations name more than {_MOST_ENTRIES:,} classes")
        for finding in _judged(entry, reader, cards):
            key = (finding.rule, entry.config, finding.subject)
            if key not in told:
                told.add(key)
                yield finding


def _judged(entry: Entry, reader: CodeReader, cards: dict[str, str]) -> Iterator[Finding]:
    reader.context.budget.check_time()
    file = next((one for one in entry.files if one in reader.view.files), None)
    if file is None:
        yield from _absent(entry, reader.view)
        return
    modules = reader.closure(file)
    graph = CallGraph({name: one.parts for name, one in modules.items()})
    at_load, in_use, cut = _reached(entry, file, modules, graph)
    troubles = [
        *cut,
        *_troubles(entry, file, modules),
        *_other_findings(reader.view, modules, reader.harmful),
    ]
    asks = _asks(entry, reader.view, cards)
    harm = [one for one in at_load if one.seen.is_harm]
    later = [one for one in in_use if one.seen.is_harm]
    if harm:
        yield _finding(entry, _LOADS_HARM, _chains(entry, harm) + asks)
    elif later:
        yield _finding(entry, _USES_HARM, _chains(entry, later) + asks)
    elif at_load:
        yield _finding(entry, _NOTABLE, _chains(entry, at_load) + asks)
    if troubles:
        yield _finding(entry, _UNJUDGED, troubles[:_SHOWN] + asks)
    elif not harm and not later and not at_load:
        names = ", ".join(list(modules)[:10])
        yield _finding(entry, _PLAIN, [_told(entry), f"read: {names}", *asks])


def _absent(entry: Entry, view: RepositoryView) -> Iterator[Finding]:
    if entry.missing is Missing.IS_A_PACKAGE:
        lines = [_told(entry), "no module of that name lies in the repository"]
        package = entry.subject.partition(".")[0].partition("/")[0]
        yield _finding(entry, _PACKAGE, lines, subject=package)
    elif len(view.files) > 1:
        wanted = " or ".join(entry.files[:2])
        yield _finding(entry, _ABSENT, [_told(entry), f"there is no {wanted}"])


def _reached(
    entry: Entry, file: str, modules: dict[str, CodeModule], graph: CallGraph
) -> tuple[list[_Shown], list[_Shown], list[str]]:
    """What runs until the model is loaded, what runs when it is used, and what was not followed."""
    early = [
        _Shown(seen, "import" if one.file == file else f"import of {one.file}")
        for one in modules.values()
        for seen in one.imported
    ]
    loading, using = _starts(entry, file, modules[file], graph)
    loaded = graph.reach(*_waves(loading))
    early += _along(loaded.came_from, loaded.way, modules, ())
    made = (place for where in loaded.classes for place in graph.methods(*where))
    used = graph.reach(*_waves([*using, *made]))
    late = _along(used.came_from, used.way, modules, loaded.came_from)
    cut = ["more functions lead to each other than are followed"]
    return _unique(early), _unique(late), cut if loaded.is_cut or used.is_cut else []


def _along(
    places: Iterable[Place],
    way: Callable[[Place], tuple[str, ...]],
    modules: Mapping[str, CodeModule],
    known: Iterable[Place],
) -> list[_Shown]:
    seen_before = {(one.module, one.function) for one in known}
    return [
        _Shown(seen, " -> ".join((*way(place), place.module)))
        for place in places
        if (place.module, place.function) not in seen_before
        for seen in modules[place.module].functions.get(place.function, ())
    ]


def _unique(found: Iterable[_Shown]) -> list[_Shown]:
    kept: dict[str, _Shown] = {}
    for one in found:
        kept.setdefault(one.seen.words, one)
    return list(kept.values())


def _starts(
    entry: Entry, file: str, module: CodeModule, graph: CallGraph
) -> tuple[list[Place], list[Place]]:
    """Which functions the loader calls, and which whoever uses the model."""
    loading: list[Place] = []
    using: list[Place] = []
    names = [entry.name] if entry.name is not None else []
    if entry.starts is not Starts.NAMED:
        names += [one for one in module.parts.classes if "." not in one]
        names += [one for one in module.parts.functions if "." not in one]
    for name in names:
        where = graph.defined(file, name)
        if where is None:
            continue
        if where[1] in graph.modules[where[0]].functions:
            place = Place(where[0], where[1])
            (using if entry.starts is Starts.USED else loading).append(place)
        for method in graph.methods(*where):
            last = method.function.rpartition(".")[2]
            is_early = entry.starts is Starts.ALL or _LOADING.match(last) is not None
            (loading if is_early else using).append(method)
    return loading, using


def _waves(places: Iterable[Place]) -> tuple[list[Place], list[Place]]:
    """What a loader or user calls by its name, and then what else there is."""
    first: list[Place] = []
    rest: list[Place] = []
    for place in places:
        last = place.function.rpartition(".")[2]
        is_called = not last.startswith("_") or _LOADING.match(last) or last == "__call__"
        (first if is_called else rest).append(place)
    return first, rest


def _troubles(entry: Entry, file: str, modules: dict[str, CodeModule]) -> list[str]:
    troubles = [one for module in modules.values() for one in module.troubles]
    if entry.name is not None and not troubles and not modules[file].parts.has(entry.name):
        troubles.append(f"{file} has no {entry.name}")
    return troubles


def _other_findings(
    view: RepositoryView, modules: dict[str, CodeModule], harmful: frozenset[str]
) -> Iterator[str]:
    """What was found in the files themselves and is no matter of when something runs."""
    for name in modules:
        rules = {one.rule for one in view.findings(name) if one.rule in harmful}
        others = sorted(rule for rule in rules if not rule.startswith("SCR") or rule == "SCR011")
        if others:
            yield f"{name} has findings of its own: {', '.join(others)}"


def _asks(entry: Entry, view: RepositoryView, cards: dict[str, str]) -> list[str]:
    """The card may tell its reader to answer the question beforehand."""
    card = posixpath.join(posixpath.dirname(entry.config), "README.md")
    if card not in cards:
        text = view.text(card, _CARD_BYTES) if card in view.files else None
        found = _ASKS.search(text or "")
        cards[card] = f"{card} says to load it with {found[0]}" if found is not None else ""
    return [cards[card]] if cards[card] else []


def _chains(entry: Entry, found: list[_Shown]) -> list[str]:
    first = _told(entry).replace(": ", " -> ")
    return [f"{first} -> {one.way}: {one.seen.words}"[:500] for one in found[:_SHOWN]]


def _told(entry: Entry) -> str:
    return f"{entry.key}: {entry.subject}" if entry.key else entry.subject


def _finding(entry: Entry, rule: str, lines: Iterable[str], *, subject: str | None = None) -> Finding:
    return Finding(
        rule=rule,
        path=(entry.config,),
        subject=(subject or entry.subject)[:200],
        evidence="\n".join(lines),
        route=entry.key,
    )
