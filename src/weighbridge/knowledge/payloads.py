"""Say what a program is for: reverse shell, download and run, credential read, ... or a demonstration.

Law: what is seen only adds. A program that prints besides opening a shell opens a shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weighbridge.formats.scripts.facts import Argument, Language, ScriptCall, ScriptFacts, Unknown
from weighbridge.knowledge.payload_programs import (
    TEXT_CHARS,
    TOTAL_CHARS,
    Program,
    Unfolded,
    unfold,
)
from weighbridge.knowledge.payload_tables import (
    NameSign,
    NameTable,
    PayloadClass,
    PayloadTables,
    installed_tables,
)

__all__ = ["Classified", "PayloadClass", "classify", "classify_programs"]

_WORDS_CHARS = 4096
_WITNESS_CHARS = 160
_KEPT = 4
_HARMLESS, _ENCODED = "harmless", "encoded_program"
_QUIET = frozenset({_HARMLESS, "carrier", "runs_program", "runs_code", "runs_stdin"})
"""Signs of calls that a demonstration may make: what they run is read for itself."""
_COVERED = frozenset(
    {
        PayloadClass.REVERSE_SHELL,
        PayloadClass.DOWNLOAD_AND_RUN,
        PayloadClass.EXFILTRATION,
    }
)
"""Classes that say already that a host is contacted."""


@dataclass(frozen=True, slots=True)
class Classified:
    """One class that a program is of.

    Attributes:
        witness: the calls, words or paths that show it, one for each sign.
        layers: encodings around the program that shows it, outermost first.
        text: how that program begins, for people.
        why: the combination of signs in words.
    """

    kind: PayloadClass
    witness: str
    layers: tuple[str, ...]
    text: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Evidence:
    witness: str
    program: Program


def classify(facts: ScriptFacts, tables: PayloadTables | None = None) -> tuple[Classified, ...]:
    """The classes of a program and of all programs inside it; at least one."""
    tables = tables if tables is not None else installed_tables()
    return classify_programs(unfold(facts, tables), tables)


def classify_programs(unfolded: Unfolded, tables: PayloadTables) -> tuple[Classified, ...]:
    """The classes of programs that belong together: signs of all of them count in sum."""
    evidence: dict[str, list[_Evidence]] = {}
    for program in unfolded.programs:
        for sign, witness in _signs(program, tables):
            kept = evidence.setdefault(sign, [])
            if len(kept) < _KEPT:
                kept.append(_Evidence(witness, program))
    found = tuple(_combined(evidence, tables))
    return found or (_rest(unfolded, evidence, tables),)


def _combined(evidence: dict[str, list[_Evidence]], tables: PayloadTables) -> Iterator[Classified]:
    """One for each class, by the first combination that holds."""
    seen: set[PayloadClass] = set()
    for combination in tables.combinations:
        if combination.kind in seen:
            continue
        if combination.kind is PayloadClass.NETWORK and seen & _COVERED:
            continue
        witnesses = [
            next((evidence[sign][0] for sign in group if sign in evidence), None)
            for group in combination.groups
        ]
        shown = [one for one in witnesses if one is not None]
        if len(shown) == len(witnesses):
            seen.add(combination.kind)
            yield _classified(combination.kind, shown, combination.why)


def _classified(kind: PayloadClass, shown: list[_Evidence], why: str) -> Classified:
    witness = "; ".join(dict.fromkeys(one.witness for one in shown))
    deepest = max((one.program for one in shown), key=lambda program: len(program.layers))
    return Classified(kind, _cut(witness, 2 * _WITNESS_CHARS), deepest.layers, deepest.facts.text, why)


def _rest(unfolded: Unfolded, evidence: dict[str, list[_Evidence]], tables: PayloadTables) -> Classified:
    """Neither good nor bad is shown: harmless when every call is known to be, else not known."""
    first = unfolded.programs[0]
    harmless = evidence.get(_HARMLESS)
    is_quiet = unfolded.is_complete and not unfolded.blobs and evidence.keys() <= _QUIET
    if harmless and is_quiet and all(_is_harmless(program, tables) for program in unfolded.programs):
        return _classified(PayloadClass.DEMONSTRATION, harmless[:1], "shows something, and no more")
    witness = next((_shown(call) for call in first.facts.calls), first.facts.text.strip())
    why = "no known combination of signs"
    return Classified(
        PayloadClass.UNCLASSIFIED, _cut(witness, _WITNESS_CHARS), (), first.facts.text, why
    )


def _is_harmless(program: Program, tables: PayloadTables) -> bool:
    """True when each call is known to be: one that nobody knows is not harmless."""
    imports = frozenset(program.facts.imports)
    return all(
        {sign.sign for sign in _of_call(call, program.facts, tables, imports)} & _QUIET
        for call in program.facts.calls
    )


# Signs.


def _signs(program: Program, tables: PayloadTables) -> Iterator[tuple[str, str]]:
    facts = program.facts
    imports = frozenset(facts.imports)
    for call in facts.calls:
        for found in _of_call(call, facts, tables, imports):
            yield found.sign, _shown(call)
        yield from _of_redirections(call)
    for name in facts.references:
        for found in tables.references.find(name):
            yield found.sign, name
    yield from _of_texts(facts.strings, tables)
    if program.layers:
        yield _ENCODED, "a program in " + ", in ".join(reversed(program.layers))


def _of_call(
    call: ScriptCall, facts: ScriptFacts, tables: PayloadTables, imports: frozenset[str]
) -> Iterator[NameSign]:
    table: NameTable = tables.programs if facts.language is Language.SHELL else tables.calls
    words = _words(call)
    piped = facts.language is Language.SHELL and any(
        name in ("stdin", "<<<", "<<") for name, _ in call.keywords
    )
    for sign in table.find(call.name):
        if sign.holds(words, imports, piped=piped):
            yield sign


def _of_redirections(call: ScriptCall) -> Iterator[tuple[str, str]]:
    for operator, target in call.keywords:
        if operator in (">", ">>", ">|") and isinstance(target, str) and target != "/dev/null":
            yield "writes_file", f"{operator} {_cut(target, 80)}"


def _of_texts(strings: Iterable[str | bytes], tables: PayloadTables) -> Iterator[tuple[str, str]]:
    left = TOTAL_CHARS
    for string in strings:
        text = (string if isinstance(string, str) else string.decode("latin-1"))[:TEXT_CHARS]
        left -= len(text)
        if left < 0:
            return
        for sign, pattern in tables.texts:
            match = pattern.search(text)
            if match is not None:
                yield sign, _around(text, match.start(), match.end())


# For people.


def _words(call: ScriptCall) -> str:
    """The literal arguments, joined."""
    values = [*call.arguments, *(value for _, value in call.keywords)]
    return " ".join(_flat(value) for value in values if value is not Unknown.COMPUTED)[:_WORDS_CHARS]


def _flat(value: Argument) -> str:
    if isinstance(value, tuple):
        return " ".join(_flat(item) for item in value if item is not Unknown.COMPUTED)
    if isinstance(value, bytes):
        return value[:_WORDS_CHARS].decode("latin-1")
    return str(value)[:_WORDS_CHARS]


def _shown(call: ScriptCall) -> str:
    given = [_spelled(value) for value in call.arguments[:6]]
    return _cut(f"{call.name}({', '.join(given)})", _WITNESS_CHARS)


def _spelled(value: Argument) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_spelled(item) for item in value[:6])}]"
    return (
        "..."
        if value is Unknown.COMPUTED
        else repr(value[:80] if isinstance(value, (str, bytes)) else value)
    )


def _around(text: str, start: int, stop: int) -> str:
    """The word or two around a match: a path from its beginning to its end."""
    low = max((text.rfind(char, max(0, start - 60), start) for char in " \t\n'\"=("), default=-1) + 1
    low = max(low, start - 60)
    ends = [at for char in " \t\n'\");|" if (at := text.find(char, stop, stop + 60)) >= 0]
    return " ".join(text[low : min(ends, default=stop + 60)].split())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 4]} ..."
