"""Load `signatures/payloads/*.toml`: what calls, programs and texts are signs of, and of which class.

A sign is one small observation ("opens a connection"); a class is a combination of signs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.formats.scripts.facts import Language
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table

_FILES = ("python.toml", "shell.toml", "text.toml", "classes.toml")
_SECTIONS = frozenset({"call", "reference", "runner", "program", "text", "class"})


class PayloadClass(StrEnum):
    """What a program is for, as far as its text shows."""

    REVERSE_SHELL = "reverse-shell"
    DOWNLOAD_AND_RUN = "download-and-run"
    CREDENTIAL_READ = "credential-read"
    EXFILTRATION = "exfiltration"
    PERSISTENCE = "persistence"
    DISCOVERY = "discovery"
    DESTRUCTIVE = "destructive"
    OBFUSCATED = "obfuscated"
    NETWORK = "network"
    """Contacts a host, and nothing shows to what end."""
    DEMONSTRATION = "demonstration"
    """Prints, or opens a calculator, and no more."""
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class NameSign:
    """A sign that a name gives: of a call, a reference or a program.

    Attributes:
        argument: must be found in the literal arguments; None asks nothing.
        unless: must not be found there.
        imports: one of these modules must be imported; empty asks nothing.
        stdin: something must be piped into the program.
    """

    sign: str
    argument: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    imports: frozenset[str] = frozenset()
    stdin: bool = False

    def holds(self, words: str, imports: frozenset[str], *, piped: bool) -> bool:
        return (
            (self.argument is None or self.argument.search(words) is not None)
            and (self.unless is None or self.unless.search(words) is None)
            and (not self.imports or bool(self.imports & imports))
            and (piped or not self.stdin)
        )


@dataclass(frozen=True, slots=True)
class NameTable:
    """Names -> signs: exact, by beginning (`os.exec*`), by method (`*.connect`)."""

    exact: Mapping[str, tuple[NameSign, ...]]
    beginnings: tuple[tuple[str, NameSign], ...]
    methods: Mapping[str, tuple[NameSign, ...]]
    starts: tuple[str, ...] = ()
    """What `beginnings` begin with: most names begin with none."""

    @classmethod
    def of(cls, pairs: list[tuple[str, NameSign]]) -> NameTable:
        exact: dict[str, tuple[NameSign, ...]] = {}
        methods: dict[str, tuple[NameSign, ...]] = {}
        beginnings: list[tuple[str, NameSign]] = []
        for name, sign in pairs:
            if name.endswith("*"):
                beginnings.append((name[:-1], sign))
            elif name.startswith("*."):
                methods[name[2:]] = (*methods.get(name[2:], ()), sign)
            else:
                exact[name] = (*exact.get(name, ()), sign)
        return cls(exact, tuple(beginnings), methods, tuple(start for start, _ in beginnings))

    def find(self, name: str) -> Iterator[NameSign]:
        yield from self.exact.get(name, ())
        if name.startswith(self.starts):
            yield from (sign for beginning, sign in self.beginnings if name.startswith(beginning))
        yield from self.methods.get(name.rpartition(".")[2], ())


@dataclass(frozen=True, slots=True)
class Combination:
    """One way to be of a class: every group needs one of its signs."""

    kind: PayloadClass
    groups: tuple[tuple[str, ...], ...]
    why: str


class PayloadTables:
    """The tables of one folder, each part made when it is first asked for.

    Raises:
        UsageError: a file is unreadable or an entry is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def calls(self) -> NameTable:
        return NameTable.of(list(self._named("call", "argument")))

    @cached_property
    def references(self) -> NameTable:
        return NameTable.of(list(self._named("reference", "argument")))

    @cached_property
    def programs(self) -> NameTable:
        return NameTable.of(list(self._named("program", "words")))

    @cached_property
    def runners(self) -> Mapping[Language, NameTable]:
        """Calls that are given a program as text."""
        return {
            language: NameTable.of(
                [
                    (name, NameSign(language.value, imports=frozenset(entry.texts("imports"))))
                    for entry in self._entries("runner")
                    if entry.text("language") == language.value
                    for name in entry.texts("names")
                ]
            )
            for language in Language
        }

    @cached_property
    def texts(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """(sign, pattern), to be searched in literal strings."""
        return tuple(
            (entry.text("sign"), _pattern(entry, "|".join(entry.texts("patterns")), re.IGNORECASE))
            for entry in self._entries("text")
        )

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        return tuple(_combination(entry) for entry in self._entries("class"))

    def _named(self, section: str, condition: str) -> Iterator[tuple[str, NameSign]]:
        for entry in self._entries(section):
            sign = NameSign(
                entry.text("sign"),
                _optional(entry, condition),
                _optional(entry, "unless"),
                frozenset(entry.texts("imports")),
                stdin=entry.flag("stdin", default=False),
            )
            for name in entry.texts("names"):
                yield name, sign

    def _entries(self, section: str) -> tuple[Table, ...]:
        return tuple(entry for root in self._roots for entry in root.tables(section))

    @cached_property
    def _roots(self) -> tuple[Table, ...]:
        return tuple(_root(self._folder / name) for name in _FILES)


@lru_cache(maxsize=1)
def installed_tables() -> PayloadTables:
    """Those that came with this installation; read once, when first needed."""
    return PayloadTables(signatures_dir() / "payloads")


def _root(path: Path) -> Table:
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the payload tables in {path}: {error}") from error
    root = Table.of(loaded, str(path))
    root.reject_unknown(_SECTIONS)
    return root


def _combination(entry: Table) -> Combination:
    groups = entry.values.get("all_of")
    if not isinstance(groups, list) or not groups:
        raise UsageError(f"{entry.where}: 'all_of' must be a list of lists of signs")
    named = Table({str(number): group for number, group in enumerate(groups)}, entry.where)
    try:
        kind = PayloadClass(entry.text("class"))
    except ValueError:
        raise UsageError(f"{entry.where}: {entry.text('class')!r} is not a class") from None
    return Combination(
        kind, tuple(named.texts(str(number)) for number in range(len(groups))), entry.text("why")
    )


def _optional(entry: Table, key: str) -> re.Pattern[str] | None:
    return _pattern(entry, entry.text(key), re.NOFLAG) if key in entry.values else None


def _pattern(entry: Table, text: str, flags: re.RegexFlag) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise UsageError(f"{entry.where}: {text!r} is not a pattern: {error}") from error
