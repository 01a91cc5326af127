"""Find the programs inside a program: what it hands to `exec` or a shell, and what its texts encode."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from weighbridge.formats.scripts.facts import Argument, Language, ScriptCall, ScriptFacts
from weighbridge.formats.scripts.layers import PeelBudget, as_text, looks_like_code, peel
from weighbridge.formats.scripts.programs import read_program
from weighbridge.formats.scripts.python_source import read_python
from weighbridge.formats.scripts.shell import read_argv, read_shell
from weighbridge.knowledge.payload_tables import PayloadTables

TEXT_CHARS = 64 << 10
TOTAL_CHARS = 512 << 10
"""Characters of one string, and of all strings of a program, that are searched for signs."""
_DEPTH = 6
_PROGRAMS = 64
_PEELED = 200
_SHORTEST = 16
_KEYWORDS = frozenset({"args", "cmd", "command", "source", "stmt", "setup", "code", "file"})


@dataclass(frozen=True, slots=True)
class Program:
    """One program, and the encodings around it, outermost first."""

    facts: ScriptFacts
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes below one or more encodings that are no text: a pickle, code objects, an executable."""

    layers: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A program and all that it carries; `is_complete` is False when a limit left something unread."""

    programs: tuple[Program, ...]
    blobs: tuple[Blob, ...]
    is_complete: bool


def unfold(facts: ScriptFacts, tables: PayloadTables, budget: PeelBudget | None = None) -> Unfolded:
    """Walk from a program to those inside it: at most 64, 6 levels deep, within the budget's bytes."""
    return _Unfolding(tables, budget if budget is not None else PeelBudget()).run(facts)


@dataclass(slots=True)
class _Unfolding:
    tables: PayloadTables
    budget: PeelBudget
    seen: set[tuple[Language, str]] = field(default_factory=set)
    blobs: dict[bytes, Blob] = field(default_factory=dict)

    def run(self, facts: ScriptFacts) -> Unfolded:
        found: list[Program] = []
        pending: deque[tuple[Program, int]] = deque([(Program(facts, facts.layers), 0)])
        is_complete = True
        while pending:
            program, depth = pending.popleft()
            is_complete = is_complete and program.facts.is_complete and _fits(program.facts)
            found.append(program)
            for inner in self._inside(program):
                if depth >= _DEPTH or len(found) + len(pending) >= _PROGRAMS:
                    is_complete = False
                    break
                pending.append((inner, depth + 1))
        return Unfolded(
            tuple(found), tuple(self.blobs.values()), is_complete and not self.budget.is_crossed
        )

    def _inside(self, program: Program) -> Iterator[Program]:
        for nested in program.facts.nested:
            self.seen.add((nested.language, nested.text))
            yield Program(nested, program.layers + nested.layers)
        for layers, facts in (*self._encoded(program.facts), *self._handed(program.facts)):
            if (facts.language, facts.text) not in self.seen:
                self.seen.add((facts.language, facts.text))
                yield Program(facts, program.layers + layers)

    def _encoded(self, facts: ScriptFacts) -> Iterator[tuple[tuple[str, ...], ScriptFacts]]:
        """Programs in strings that decode to one."""
        long = [text for text in facts.strings if len(text) >= _SHORTEST]
        for text in sorted(long, key=len, reverse=True)[:_PEELED]:
            for peeled in peel(text, self.budget):
                if isinstance(peeled.content, bytes):
                    self.blobs.setdefault(peeled.content, Blob(peeled.layers, peeled.content))
                elif looks_like_code(peeled.content):
                    yield peeled.layers, read_program(peeled.content)

    def _handed(self, facts: ScriptFacts) -> Iterator[tuple[tuple[str, ...], ScriptFacts]]:
        """Programs that are literal arguments of a call that runs them."""
        if facts.language is Language.SHELL:
            return  # the reader of command lines has found them
        imports = frozenset(facts.imports)
        for call in facts.calls:
            for language, table in self.tables.runners.items():
                if any(sign.holds("", imports, piped=False) for sign in table.find(call.name)):
                    if not self.budget.take(_length(call)):
                        return
                    yield from (((), read) for read in _arguments(call, language))


def _fits(facts: ScriptFacts) -> bool:
    """True when every string can be searched; one unbroken word is looked at by its beginning alone."""
    is_cut = any(len(text) > TEXT_CHARS and b" " in _raw(text) for text in facts.strings)
    total = sum(min(len(text), TEXT_CHARS) for text in facts.strings)
    is_peeled = sum(len(text) >= _SHORTEST for text in facts.strings) <= _PEELED
    return not is_cut and total <= TOTAL_CHARS and is_peeled


def _length(call: ScriptCall) -> int:
    """Characters that would be read as a program."""
    given = (*call.arguments, *(value for _, value in call.keywords))
    flat = [item for value in given for item in (value if isinstance(value, tuple) else (value,))]
    return sum(len(item) for item in flat if isinstance(item, (str, bytes)))


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _arguments(call: ScriptCall, language: Language) -> Iterator[ScriptFacts]:
    given = [*call.arguments, *(value for name, value in call.keywords if name in _KEYWORDS)]
    if language is Language.PYTHON:
        for value in given[:2]:
            text = _text(value)
            if text is not None and (value is given[0] or looks_like_code(text)):
                yield read_python(text)
        return
    yield from read_command(given)


def read_command(given: list[Argument]) -> Iterator[ScriptFacts]:
    """What is run by a call with these arguments: a command line, or a program and its words."""
    words = [text for text in map(_text, given) if text is not None]
    if len(words) > 1:
        yield read_argv(words[1:] if words[1:2] and _same_program(words[0], words[1]) else words)
    elif words:
        yield read_shell(words[0])
    for value in given:
        if isinstance(value, tuple) and value:
            head, *rest = (_text(item) for item in value)
            yield read_argv([_interpreter(head, rest), *(word or "?" for word in rest)])


def layered(facts: ScriptFacts, layers: tuple[str, ...]) -> ScriptFacts:
    """The same program, said to lie below these encodings."""
    return replace(facts, layers=layers + facts.layers)


def _interpreter(head: str | None, rest: list[str | None]) -> str:
    """`[sys.executable, "-c", ...]`: a program that is computed and takes `-c` or `-m` is Python."""
    if head is not None:
        return head
    return "python" if rest[:1] in (["-c"], ["-m"]) else "?"


def _same_program(first: str, second: str) -> bool:
    return first.rpartition("/")[2] == second.rpartition("/")[2]


def _text(value: Argument) -> str | None:
    if isinstance(value, bytes):
        return as_text(value)
    return value if type(value) is str else None
