"""What a Python file of a repository does that neither models nor their tools do, part by part.

`program_judgement` knows programs as such. Here it also counts when a part runs, what it hides, and what
the parts of one file do together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from weighbridge.analyzers.executables.program_judgement import (
    DECODED,
    DESTROYS,
    HIDES,
    MINER,
    SHELL,
    STAYS,
    STOLEN,
)
from weighbridge.analyzers.executables.told import (
    RUNS_TEXT,
    PartSigns,
    Told,
    has_any_sign,
    is_text,
    is_writing,
    part_signs,
    starting_place,
    token_in,
    told,
    told_of,
    words_of,
)
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.facts import ScriptCall
from weighbridge.formats.scripts.python_flows import REVERSED
from weighbridge.formats.scripts.python_scope_walk import XOR
from weighbridge.formats.scripts.python_scopes import Flow, Guard, PythonScope, RunsWhen
from weighbridge.knowledge.python_signs import PythonSigns, installed_python_signs

CONCEALED, NOT_CODE, ADDRESS, SPIES, REPLACES = "SCR020", "SCR021", "SCR022", "SCR023", "SCR024"
REPORTS, INSTALLS, WATCHES, WAITS, UNPICKLES_EARLY = "SCR025", "SCR026", "SCR027", "SCR028", "SCR029"
CONTACTS, STARTS_LATER, ADDS_PACKAGE, FOREIGN = "SCR030", "SCR031", "SCR032", "SCR033"
TAKES_OVER = "SCR034"
POWERS: Final = frozenset({REPLACES, CONTACTS, STARTS_LATER, ADDS_PACKAGE, FOREIGN})
"""Rules that say no more than that a program can do something."""

_UNASKED: Final = frozenset({RunsWhen.IMPORTED, RunsWhen.LOADED, RunsWhen.USED})
_EARLY: Final = frozenset({RunsWhen.IMPORTED, RunsWhen.LOADED})
_ESCAPE: Final = re.compile(r"[)\]}\"']\s{0,9}\.\s{0,9}__class__\s{0,9}\.\s{0,9}__(?:base|bases|mro)__")
_ADDRESS: Final = re.compile(
    r"(?i)^(?:https?|wss?|ftp|tcp)://|^\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?$|\.onion\b"
)
_SETTINGS: Final = re.compile(r"(?:self\.)?(?:config|cfg|configuration)\.(?!get$)\w")
_PEOPLE: Final = frozenset({"USER", "USERNAME", "LOGNAME", "COMPUTERNAME", "HOSTNAME", "USERDOMAIN"})
_HOMES: Final = frozenset({"~", "~/", "/", "/home", "/root", "C:\\", "C:/", "/*", "~/*"})
_HOME_VARIABLES: Final = frozenset({"HOME", "USERPROFILE", "~", "/", ""})
_PURE_HOME: Final = re.compile(
    r"^(?:os|pathlib|os\.path|os\.environ(?:\.get|\[\])?|os\.getenv|str|pathlib\.Path(?:\.home)?(?:\(\))?"
    r"|os\.path\.(?:expanduser|abspath|realpath)(?:\(\))?|pathlib\.Path\(\)\.expanduser(?:\(\))?)$"
)
_OWN_FILE: Final = re.compile(
    r"^(?:__file__|sys\.argv(?:\[\])?|os\.path\.(?:abspath|realpath)|os\.path|pathlib\.Path(?:\(\))?|sys|os|pathlib"
    r"|pathlib\.Path\(\)\.(?:resolve|absolute)(?:\(\))?)$"
)
_PIP: Final = re.compile(r"(?i)\b(?:pip3?|uv pip|easy_install|conda)\b.{0,40}?\binstall\b")
_INDEX: Final = re.compile(r"(?i)(?:^|\s)(?:-i|--index-url|--extra-index-url|--find-links|-f)[ =]")
_URL: Final = re.compile(r"(?i)\b(?:git\+)?(?:https?|ssh|ftp|git)://[^\s\"'<>]{1,400}")
_OUTSIDE: Final = re.compile(r"(?i)^(?:curl|wget|nc|ncat|powershell|pwsh)\b|\b(?:curl|wget)\s")
_CODE_RUNNERS: Final = frozenset({"exec", "types.FunctionType", "types.CodeType"})
_NEW_YEARS: Final = range(2025, 2101)
_NEW_SECONDS: Final = 1_700_000_000
_SHORT: Final = 120


def judge_behaviour(scopes: Iterable[PythonScope]) -> Iterator[Told]:
    """Yield what the parts of one file do, each for itself and together."""
    parts = [_Part(scope) for scope in scopes]
    for part in parts:
        yield from told_of(part.scope, part.all())
    yield from _together(parts)


def judge_escape(tree: ast.Module, text: str) -> Iterator[Told]:
    """Yield the walk from a literal to all classes that there are: `().__class__.__base__`."""
    if _ESCAPE.search(text) is None:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(
                attr="__base__" | "__bases__" | "__mro__",
                value=ast.Attribute(
                    attr="__class__", value=ast.Constant() | ast.Tuple() | ast.List() | ast.Dict()
                ),
            ):
                words = f"line {node.lineno}: {ast.unparse(node)[:100]} leads to all classes"
                yield Told(CONCEALED, "hidden name", words, node.lineno)


@dataclass(frozen=True)
class _Part:
    scope: PythonScope

    @cached_property
    def signs(self) -> PythonSigns:
        """What Python code does."""
        return installed_python_signs()

    @cached_property
    def known(self) -> PartSigns:
        """What any program does."""
        return part_signs(self.scope.facts)

    @cached_property
    def texts(self) -> frozenset[str]:
        """Short literals; what is long or has lines is documentation, or data."""
        strings = self.scope.facts.strings
        return frozenset(
            one for one in strings if isinstance(one, str) and len(one) < _SHORT and "\n" not in one
        )

    def all(self) -> Iterator[Told]:
        for flow in self.scope.flows:
            yield from self._concealed(flow)
            yield from self._network(flow)
            yield from self._program(flow)
            yield from self._file(flow)
            yield from self._loaded(flow)
        yield from self._trusted()
        yield from self._hoard()
        yield from self._pool()
        yield from self._locks()
        yield from self._machine_code()
        for guard in self.scope.guards:
            yield from self._guarded(guard)

    # One call.

    def _concealed(self, flow: Flow) -> Iterator[Told]:
        name, call = flow.call.name, flow.call
        is_grave = name in RUNS_TEXT or self.known.has(
            name, "runs_program", "runs_code", "sends", "downloads"
        )
        if flow.is_concealed and is_grave:
            yield told(CONCEALED, "hidden name", call, "is a name that was put together from pieces")
        if name in _CODE_RUNNERS and not self._decodes(flow.sources):
            source = self.signs.text(flow.texts, "data_file")
            reads = self.known.first(flow.sources, "reads_file")
            reads = reads or self.signs.first(flow.sources, "reads_data")
            settings = next((one for one in sorted(flow.program) if _SETTINGS.match(one)), None)
            if settings is not None and self.scope.runs in _UNASKED:
                yield told(NOT_CODE, "code in data", call, f"runs the text of {settings}")
            if source is not None and reads is not None:
                yield told(NOT_CODE, "code in data", call, f"runs what it reads from {quoted(source)}")
        first = next(iter(call.arguments), None)
        is_known = not flow.is_literal and is_text(first) and re.search(r"\w\w", first) is not None
        is_turned = {XOR, REVERSED} & flow.program or (is_known and self._decodes(flow.program))
        if is_turned and self.known.has(name, "runs_program"):
            yield told(
                CONCEALED, "hidden command", call, "starts a command that was put into another form"
            )

    def _decodes(self, names: Iterable[str]) -> bool:
        return bool({XOR, REVERSED} & set(names)) or self.known.first(names, "decodes") is not None

    def _network(self, flow: Flow) -> Iterator[Told]:
        name, call = flow.call.name, flow.call
        if not self.known.has(name, "downloads", "sends", "connects", "resolves"):
            return
        address = next((one for one in call.arguments[:2] if is_text(one)), "")
        is_hidden = not flow.is_literal and _ADDRESS.search(address) and self._decodes(flow.program)
        if is_hidden and self.scope.runs is not RunsWhen.CALLED:
            yield told(ADDRESS, "hidden address", call, f"contacts {quoted(address)}, which was hidden")
        asked = self.signs.first(flow.sources, "names_host")
        if asked is not None and self.scope.runs in _EARLY and not self._is_near(flow):
            yield told(REPORTS, "report", call, f"tells another host what {asked} gives")
        is_early = self.scope.runs is RunsWhen.IMPORTED and not self.known.has(name, "resolves")
        if is_early and not self._is_near(flow):
            yield told(CONTACTS, "contact", call, "contacts another host")
        token = token_in(flow, self.known) if self.known.has(name, "resolves") else None
        if token is not None:
            yield told(STOLEN, "exfiltration", call, f"looks a name up that holds {token}")

    def _is_near(self, flow: Flow) -> bool:
        """True for a connection of a machine to itself, and to others of its cluster."""
        words = words_of(flow.call)
        named = self.known.has(flow.call.name, "connects", "listens")
        if self.known.has(flow.call.name, "resolves"):
            named = not any(re.search(r"\w\.[a-z]{2,}$", text) for text in flow.texts)
        return named or re.search(r"(?i)localhost|127\.0\.0\.1|0\.0\.0\.0", words) is not None

    def _program(self, flow: Flow) -> Iterator[Told]:
        name, call = flow.call.name, flow.call
        words = words_of(call)
        if not self.known.has(name, "runs_program") and not self.signs.has(name, "installs"):
            return
        if _OUTSIDE.search(words) and _URL.search(words):
            token = token_in(flow, self.known)
            if token is not None:
                yield told(STOLEN, "exfiltration", call, f"sends {token}")
            if {"os.environ", "os.environ.items", "os.environ.copy"} & flow.sources:
                yield told(STOLEN, "exfiltration", call, "sends the environment")
        is_pip = self.signs.has(name, "installs") and re.search(r"\binstall\b", words)
        if is_pip or _PIP.search(words):
            yield from self._installed(call, words)
        elif self.scope.runs in (RunsWhen.LOADED, RunsWhen.USED) and self.scope.owner:
            yield told(STARTS_LATER, name, call, "starts a program")

    def _installed(self, call: ScriptCall, words: str) -> Iterator[Told]:
        strange = [url for url in _URL.findall(words) if not self._is_known_host(url)]
        if strange:
            how = "from an index of its own" if _INDEX.search(words) else "from an address of its own"
            yield told(INSTALLS, "package", call, f"installs a package {how}: {quoted(strange[0])}")
        else:
            yield told(ADDS_PACKAGE, "package", call, "installs packages while it runs")

    def _is_known_host(self, url: str) -> bool:
        try:
            host = urlsplit(url.removeprefix("git+")).hostname or ""
        except ValueError:
            return False
        return self.signs.text([host], "known_package_host") is not None

    def _file(self, flow: Flow) -> Iterator[Told]:
        name, call = flow.call.name, flow.call
        if self.signs.has(name, "deletes_tree") and self._is_home(flow):
            yield told(DESTROYS, "destructive", call, "deletes the whole home directory, or all")
        is_own = "__file__" in flow.sources and all(map(_OWN_FILE.match, flow.sources))
        if is_own and not flow.texts and self.signs.has(name, "deletes_file"):
            yield told(HIDES, "deletes itself", call, "deletes the file that it stands in")
        if self.scope.runs in _UNASKED:
            yield from self._placed(flow)

    def _is_home(self, flow: Flow) -> bool:
        first = next(iter(flow.call.arguments), None)
        if is_text(first):
            return first in _HOMES
        asks_home = self.signs.first(flow.program, "home") or "HOME" in flow.texts
        return bool(
            asks_home
            and flow.texts - {"ignore_errors"} <= _HOME_VARIABLES
            and all(map(_PURE_HOME.match, flow.program))
        )

    def _placed(self, flow: Flow) -> Iterator[Told]:
        """A write to where something is run at every start, or to where packages are installed."""
        call = flow.call
        is_write = is_writing(call) or self.signs.has(call.name, "places_file")
        is_registry = self.signs.has(call.name, "registers")
        if not (is_write or is_registry):
            return
        place = starting_place(flow.texts)
        if place is not None and not (is_registry and "Run" not in place):
            yield told(
                STAYS, "persistence", call, f"writes to {quoted(place)}, which is run at every start"
            )
        library = next((one for one in sorted(flow.sources) if _is_library_file(one)), None)
        site = self.signs.first(flow.sources, "site_folder") or library
        if site is not None and is_write and _is_python(flow.texts):
            yield told(STAYS, "changed library", call, f"writes among the installed packages ({site})")

    def _loaded(self, flow: Flow) -> Iterator[Told]:
        name, call = flow.call.name, flow.call
        if self.signs.has(name, "foreign_code"):
            yield told(FOREIGN, "other repository", call, "runs the code of another repository")
        fetched = self.known.first(flow.program, "downloads")
        early = {RunsWhen.IMPORTED} if name.startswith("torch.") else _EARLY
        if fetched is not None and name.startswith(_UNPICKLERS) and self.scope.runs in early:
            yield told(UNPICKLES_EARLY, "unpickles", call, f"makes objects of what {fetched} fetched")

    # One part.

    def call(self, *wanted: str) -> ScriptCall | None:
        return next(
            (call for call in self.scope.facts.calls if self.known.has(call.name, *wanted)), None
        )

    def _trusted(self) -> Iterator[Told]:
        """`trust_remote_code=True` with a repository that the file names."""
        for call in self.scope.facts.calls:
            repository = next(iter(call.arguments), None)
            if ("trust_remote_code", True) in call.keywords and is_text(repository):
                yield told(FOREIGN, "other repository", call, "runs the code of the repository")

    def opens(self, *wanted: str) -> ScriptCall | None:
        """The first call with a sign whose arguments agree with it."""
        return self.known.call(self.scope.facts, *wanted)

    def _hoard(self) -> Iterator[Told]:
        """A place of secrets in a part that reads and sends, though no value was seen to flow."""
        place = self.signs.text(self.texts, "hoard")
        sent = self.call("sends")
        read = self.call("reads_file", "walks_files")
        if place is not None and sent is not None and read is not None:
            why = f"in a part that reads {quoted(place)} ({read.name}, line {read.place})"
            yield told(STOLEN, "exfiltration", sent, why)

    def _pool(self) -> Iterator[Told]:
        pool = self.signs.text(self.texts, "pool")
        started = self.call("runs_program", "connects")
        if pool is not None and started is not None:
            yield told(MINER, "crypto-miner", started, f"in a part that names {quoted(pool)}")

    def _locks(self) -> Iterator[Told]:
        """Every file of a folder is changed letter by letter, and the old one removed."""
        walks = self.call("walks_files")
        removes = self.call("deletes_file") or self.named("os.rename", "os.replace", "shutil.move")
        writes = next((one for one in self.scope.facts.calls if is_writing(one)), None)
        if XOR in self.scope.facts.references and walks and removes and writes:
            yield told(DESTROYS, "destructive", walks, f"changes all files, with {removes.name}")
        encrypts = self.call("encrypts") and writes
        for call in self.scope.facts.calls:
            first = next(iter(call.arguments), None)
            if is_text(first) and first in _HOMES and self.known.has(call.name, "walks_files"):
                harm = encrypts or (removes if call.name == "os.walk" else None)
                if harm is not None:
                    yield told(
                        DESTROYS, "destructive", call, f"goes through all files, with {harm.name}"
                    )

    def named(self, *names: str) -> ScriptCall | None:
        return next((call for call in self.scope.facts.calls if call.name in names), None)

    def _machine_code(self) -> Iterator[Told]:
        names = self.scope.facts.references
        made = self.named("mmap.mmap")
        called = self.named("ctypes.CFUNCTYPE", "ctypes.PYFUNCTYPE", "ctypes.WINFUNCTYPE")
        if made is not None and called is not None and "mmap.PROT_EXEC" in names:
            yield told(DECODED, "machine code", made, f"with {called.name}")

    # Conditions.

    def _guarded(self, guard: Guard) -> Iterator[Told]:
        if self.scope.runs not in _UNASKED:
            return
        call = next((one for one in guard.guarded if _starts_or_runs(one)), None)
        if call is None:
            return
        why = self._waits_for(guard)
        if why is not None:
            yield told(WAITS, "waits", call, f"only where line {guard.line} finds {why}")

    def _waits_for(self, guard: Guard) -> str | None:
        is_dated = any(
            number in _NEW_YEARS or _NEW_SECONDS < number < 2 * _NEW_SECONDS for number in guard.numbers
        ) or any(re.match(r"20[2-9]\d-?\d\d", text) for text in guard.texts)
        if is_dated and self.signs.first(guard.asks, "tells_time"):
            return "the right date"
        is_person = _PEOPLE & guard.texts and self.known.first(guard.asks, "reads_env")
        is_named = guard.texts and self.signs.first(guard.asks, "names_host")
        if is_named or (is_person and len(guard.texts) > 1):
            return "the right machine or user"
        if self.signs.first(guard.asks, "tells_place"):
            return "the right country"
        watched = self.signs.text(guard.texts, "watched")
        return f"nobody looking ({quoted(watched)})" if watched is not None else None


_UNPICKLERS: Final = (
    "pickle.load",
    "_pickle.load",
    "dill.load",
    "cloudpickle.load",
    "joblib.load",
    "torch.load",
)


def _together(parts: list[_Part]) -> Iterator[Told]:
    """What only several parts of a file show."""
    signs = installed_python_signs()
    sends = any(part.call("sends") is not None for part in parts)
    for part in parts:
        for call in part.scope.facts.calls:
            sees = signs.has(call.name, "watches_screen")
            if sees or signs.has(call.name, "watches_user"):
                is_early = not sees or part.scope.runs is RunsWhen.IMPORTED
                rule = SPIES if sends and is_early else WATCHES
                words = "takes what the user types, copies or sees"
                words += ", in a file that sends" if sends else ""
                yield from told_of(part.scope, [told(rule, "watches the user", call, words)])
    yield from _shells(parts)
    for part in parts:
        yield from _patched(part, parts, signs)


def _shells(parts: list[_Part]) -> Iterator[Told]:
    """A connection, and a shell that is put on it, in several methods of a class."""
    owners = {part.scope.owner for part in parts if part.scope.owner}
    for owner in sorted(owners):
        own = [part for part in parts if part.scope.owner == owner]
        connect = next(filter(None, (part.opens("connects", "listens") for part in own)), None)
        shell = next(filter(None, (part.opens("spawns_shell") for part in own)), None)
        hands = [part for part in own if part.named("os.dup2", "pty.spawn") is not None]
        if connect is not None and shell is not None and hands:
            words = f"with {shell.name}, line {shell.place}"
            yield from told_of(hands[0].scope, [told(SHELL, "reverse-shell", connect, words)])


def _patched(part: _Part, parts: list[_Part], signs: PythonSigns) -> Iterator[Told]:
    """Functions of others that a part replaces, and what those do that it puts there."""
    for one in part.scope.patches:
        if signs.has(one.name, "patched"):
            acts = any(_acts(other) for other in parts if other.scope.name == one.by)
            yield _replaced(part, one.line, f"{one.name} = {one.by}", acts=acts)
    for call in part.scope.facts.calls:
        if signs.has(call.name, "hooks_imports"):
            acts = any(_acts(other) for other in parts if other.scope.owner)
            yield _replaced(part, call.place, call.name, acts=acts)


def _replaced(part: _Part, line: int, what: str, *, acts: bool) -> Told:
    scope = part.scope
    when = f"({scope.name}: {scope.runs})"
    if acts and scope.runs is not RunsWhen.CALLED:
        words = "puts a function there that contacts a host or starts programs"
        return Told(TAKES_OVER, "replaced function", f"line {line}: {what} {words} {when}", line)
    words = "changes what everybody else calls"
    return Told(REPLACES, "replaced function", f"line {line}: {what} {words} {when}", line)


def _acts(part: _Part) -> bool:
    return part.call("sends", "downloads", "runs_program", "connects") is not None


def _is_library_file(name: str) -> bool:
    """`torch.__file__`: where another package lies."""
    return name.endswith(".__file__") and not name.startswith(("self.", "cls.", "__main__."))


def _is_python(texts: Iterable[str]) -> bool:
    return any(text.endswith((".py", ".pth", ".so", ".pyd")) for text in texts)


def _starts_or_runs(call: ScriptCall) -> bool:
    return call.name in RUNS_TEXT or has_any_sign(call.name, frozenset({"runs_program"}))
