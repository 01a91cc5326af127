"""What a program is for, as far as that can be told of code that is meant to be read and run.

A pickle needs no program at all, so there any payload class is an alarm. A repository of code opens
files, asks for tokens and talks to hosts all day long. Here only what ordinary programs do not do
counts: a value that was fetched or decoded and is run, a secret that is sent, a shell on a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeGuard

from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.facts import Argument, Language, ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.python_scopes import Flow, PythonScope, RunsWhen
from weighbridge.formats.scripts.shell import read_shell
from weighbridge.knowledge.payload_programs import read_command
from weighbridge.knowledge.payload_tables import NameTable, PayloadTables, installed_tables
from weighbridge.knowledge.payloads import Classified, PayloadClass, classify
from weighbridge.knowledge.script_patterns import installed_script_patterns

SHELL, FETCHED, STOLEN, STAYS, DESTROYS = "SCR001", "SCR002", "SCR003", "SCR004", "SCR005"
DECODED, HIDDEN, STARTS, MINER = "SCR006", "SCR007", "SCR008", "SCR009"
DELIVERS, UNPICKLES = "SCR010", "SCR013"

_MALICIOUS_COMMANDS: Final = {
    PayloadClass.REVERSE_SHELL: SHELL,
    PayloadClass.DOWNLOAD_AND_RUN: FETCHED,
    PayloadClass.PERSISTENCE: STAYS,
}
_OF_COMMANDS: Final = frozenset({STOLEN, STAYS, DESTROYS, DECODED})
_MAKES_ROOM: Final = ("VirtualAlloc", "VirtualAllocEx", "NtAllocateVirtualMemory")
_STARTS_THREAD: Final = (
    "CreateThread",
    "CreateRemoteThread",
    "QueueUserAPC",
    "EnumWindows",
    "RtlMoveMemory",
    "WriteProcessMemory",
)
_POOL: Final = "stratum+tcp:"
_RUNS_TEXT: Final = frozenset(
    {"exec", "eval", "compile", "execfile", "types.FunctionType", "types.CodeType"}
)
"""Calls that run what they are given; deserializers are judged by the formats that they read."""
_SPELLING: Final = frozenset(
    {
        "chr",
        "unichr",
        "chr()",
        "str.join",
        "map",
        "ord",
        "int",
        "list",
        "range",
        "reversed",
        "str",
        "len",
    }
)
"""Calls that spell a text letter by letter; among others they tell nothing."""
_HIDDEN_SHELL: Final = re.compile(
    r"(?i)\b(?:powershell|pwsh)(?:\.exe)?\b.*?\s[-/](?:e(?:nc|c|nco\w*)?\s+[A-Za-z0-9+/=]{16}|w(?:in\w*)?\s+(?:h\w*|1)\b)"
)
_INTERPRETER: Final = re.compile(
    r"(?i)(?:^|[\\/])(?:python[\d.]*|sh|bash|zsh|cmd|powershell|pwsh|node|perl|ruby)(?:\.exe)?\s.*?"
    r"(?:-c|-e|/c|-command|-enc\w*)\b"
)
_SINK_SIGNS: Final = frozenset({"runs_program", "sends", "downloads"})
_WRITERS: Final = (".write", ".write_bytes", ".write_text")
_OPENS: Final = ("open", "io.open", "codecs.open")
_LOADS_NATIVE: Final = ("ctypes.CDLL", "ctypes.cdll.LoadLibrary", "ctypes.PyDLL", "ctypes.WinDLL")
_DESERIALIZES: Final = (
    "pickle.load",
    "dill.load",
    "cloudpickle.load",
    "marshal.load",
    "joblib.load",
    "torch.load",
)
_TOKEN_VARIABLE: Final = re.compile(
    r"^(?:(?:HF|HUGGING_?FACE\w*)_TOKEN|AWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN|ACCESS_KEY_ID)"
    r"|(?:GITHUB|GITLAB|GH|NPM|PYPI)_\w*TOKEN|AZURE_CLIENT_SECRET|GOOGLE_APPLICATION_CREDENTIALS)$"
)
_HOME_OR_ROOT: Final = re.compile(r"(?:^|\s)(?:/|/\*|~/?|\$HOME/?|--no-preserve-root)(?:\s|$)")
_SECRET_PLACE: Final = "credential_path"
_STORES: Final = (
    "browser_cookie3.",
    "browsercookie.",
    "win32crypt.CryptUnprotectData",
    "secretstorage.",
    "keyring.get_password",
)
_DROPS: Final = re.compile(
    r"(?i)\b(?:webhook\.site|transfer\.sh|interact\.sh|oast\.(?:fun|live|me|pro|site|online)|oastify\.com"
    r"|burpcollaborator\.net|requestbin\.|pipedream\.net|canarytokens\.com|dnslog\.cn|jsonkeeper\.com)"
)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a program is for: the rule, a word for it, and what shows it."""

    rule: str
    kind: str
    evidence: str
    line: int = 0


def malicious_commands(lines: Iterable[str]) -> Iterator[Told]:
    """Yield what is malicious among command lines that were found without their surroundings."""
    for line in lines:
        if _POOL in line:
            yield Told(MINER, "crypto-miner", f"joins a pool of miners: {quoted(line)}")
            continue
        if _HIDDEN_SHELL.search(line):
            yield Told(HIDDEN, "hidden PowerShell", f"PowerShell without a window: {quoted(line)}")
        yield from judge_commands(read_shell(line))


def judge_commands(facts: ScriptFacts) -> Iterator[Told]:
    """Yield what a program of command lines is for, where that is malicious."""
    for one in classify(facts):
        rule = _MALICIOUS_COMMANDS.get(one.kind)
        if rule is not None and not _is_everyday(one):
            yield Told(rule, one.kind.value, f"{one.why}: {one.witness}", _line_of(facts, one))


def _is_everyday(classified: Classified) -> bool:
    """True for `pip install` alone, and for git where it asks about the repository that it is in."""
    asks_git = classified.witness.startswith("git(") and "clone" not in classified.witness
    return asks_git or classified.why.startswith("installing a package")


def _line_of(facts: ScriptFacts, classified: Classified) -> int:
    first = classified.witness.partition("(")[0]
    return next((call.place for call in facts.calls if call.name == first), 0)


def is_sink(name: str) -> bool:
    """True for a call of which it matters what it is given."""
    return (
        name in _RUNS_TEXT
        or name in _OPENS
        or name.startswith((*_LOADS_NATIVE, *_DESERIALIZES))
        or name.endswith(_WRITERS)
        or any(one.sign in _SINK_SIGNS for one in installed_tables().calls.find(name))
    )


def judge_scope(scope: PythonScope) -> Iterator[Told]:
    """Yield what one part of a Python file does that ordinary code does not."""
    for told in _Judging(scope, installed_tables(), frozenset(scope.facts.imports)).all():
        yield Told(told.rule, told.kind, f"{told.evidence} ({scope.name}: {scope.runs})", told.line)


@dataclass(slots=True)
class _Judging:
    scope: PythonScope
    tables: PayloadTables
    imports: frozenset[str]
    _fetched: frozenset[str] | None = None

    def all(self) -> Iterator[Told]:
        for flow in self.scope.flows:
            name = flow.call.name
            if name in _RUNS_TEXT:
                yield from self._run(flow, flow.sources)
            elif self._has(self.tables.calls, name, "runs_program"):
                yield from self._run(flow, flow.sources if _is_interpreted(flow) else flow.program)
                yield from self._fetched_file(flow)
                yield from self._command(flow)
            elif self._has(self.tables.calls, name, "sends") or self._has(
                self.tables.calls, name, "downloads"
            ):
                yield from self._sent(flow)
            elif name.startswith(_LOADS_NATIVE):
                yield from self._fetched_file(flow)
            elif name.startswith(_DESERIALIZES):
                yield from self._deserialized(flow)
            elif name in _OPENS:
                yield from self._written(flow)
        yield from self._together()

    def _run(self, flow: Flow, sources: frozenset[str]) -> Iterator[Told]:
        """A call that runs what it is given, by where that came from."""
        call = flow.call
        fetched = self._first(sources, "downloads")
        if fetched is not None:
            yield self._told(FETCHED, "download-and-run", call, f"runs what {fetched} fetched")
        received = self._first(sources, "receives")
        if received is not None:
            yield self._told(SHELL, "remote commands", call, f"runs what {received} received")
        others = {name for name in sources - _SPELLING if "." in name or "(" in name}
        made_of = sources - _SPELLING if others else sources
        decoded = self._first(made_of, "decodes")
        if decoded is not None and call.name in _RUNS_TEXT:
            yield self._told(DECODED, "decoded code", call, f"runs what {decoded} decoded")

    def _fetched_file(self, flow: Flow) -> Iterator[Told]:
        """A call that runs a file, where the same part fetches that file."""
        words = _words(flow.call)
        shared = self._first(flow.shared, "downloads")
        if shared is not None:
            yield self._told(
                FETCHED, "download-and-run", flow.call, f"runs the file that {shared} fetched"
            )
        elif words and (words in self._fetched_paths()):
            yield self._told(FETCHED, "download-and-run", flow.call, "runs a file that was fetched")

    def _fetched_paths(self) -> frozenset[str]:
        """Literal paths that something fetched is written to."""
        if self._fetched is not None:
            return self._fetched
        calls = self.scope.facts.calls
        fetching = [one for one in calls if self._has(self.tables.calls, one.name, "downloads")]
        paths = {text for one in fetching for text in one.arguments if _is_text(text)}
        if any(
            self._first(flow.sources, "downloads") for flow in self.scope.flows if _writes(flow.call)
        ):
            opened = [one for one in calls if one.name in _OPENS and set(_mode(one)) & set("wa")]
            paths |= {text for one in opened for text in one.arguments[:1] if _is_text(text)}
        self._fetched = frozenset(paths)
        return self._fetched

    def _deserialized(self, flow: Flow) -> Iterator[Told]:
        fetched = self._first(flow.program, "downloads")
        if fetched is not None:
            yield self._told(
                UNPICKLES, "deserializes", flow.call, f"makes objects of what {fetched} fetched"
            )

    def _command(self, flow: Flow) -> Iterator[Told]:
        """A call that starts a program whose words are literal."""
        call = flow.call
        words = _words(call)
        if _HIDDEN_SHELL.search(words):
            yield self._told(HIDDEN, "hidden PowerShell", call, "PowerShell without a window")
        if _POOL in words:
            yield self._told(MINER, "crypto-miner", call, "joins a pool of miners")
        for pattern in installed_script_patterns():
            is_meant = "shell" in pattern.languages and pattern.rule in _OF_COMMANDS
            if is_meant and pattern.pattern.search(words[:4096]):
                yield self._told(pattern.rule, "command line", call, pattern.why)
        for facts in read_command(list(call.arguments)):
            for told in judge_commands(facts):
                yield self._told(told.rule, told.kind, call, told.evidence)
            for inner in (facts, *facts.nested):
                for one in inner.calls if inner.language is Language.SHELL else ():
                    given = " ".join(text for text in one.arguments if _is_text(text))
                    if one.name == "rm" and " -" in f" {given}" and _HOME_OR_ROOT.search(given):
                        yield self._told(DESTROYS, "destructive", call, "deletes everything")

    def _sent(self, flow: Flow) -> Iterator[Told]:
        """A call that sends, by what it sends."""
        call = flow.call
        if "os.environ" in flow.sources or "os.environ.copy" in flow.sources:
            yield self._told(STOLEN, "exfiltration", call, "sends the whole environment")
        store = next((name for name in sorted(flow.sources) if name.startswith(_STORES)), None)
        if store is not None:
            yield self._told(STOLEN, "exfiltration", call, f"sends what {store} gives")
        place = self._secret_place(flow.texts)
        if place is not None and self._first(flow.sources, "reads_file") is not None:
            yield self._told(STOLEN, "exfiltration", call, f"sends what it reads from {place}")
        token = self._token(flow)
        if token is not None:
            yield self._told(STOLEN, "exfiltration", call, f"sends {token}")
        drop = _DROPS.search(_words(call))
        if drop is not None:
            yield self._told(
                DELIVERS, "dead drop", call, "sends to a service where anybody takes delivery"
            )

    def _token(self, flow: Flow) -> str | None:
        """A token of this machine or its user in what is sent, other than to say who asks."""
        taken = self._first(flow.sources, "takes_credentials")
        if taken is not None:
            return f"what {taken} gives"
        if self._first(flow.sources, "reads_env") or "os.environ[]" in flow.sources:
            return next((text for text in sorted(flow.texts) if _TOKEN_VARIABLE.match(text)), None)
        if self._first(flow.sources, "downloads") is None:
            return None
        texts = (text for text in self.scope.facts.strings if isinstance(text, str))
        return next((text[:80] for text in texts if self._matches("metadata_address", text)), None)

    def _written(self, flow: Flow) -> Iterator[Told]:
        call = flow.call
        if self.scope.runs is not RunsWhen.IMPORTED or not set(_mode(call)) & set("wax+"):
            return
        if any(self._matches("persistence_path", text) for text in flow.texts):
            yield self._told(STAYS, "persistence", call, "writes what is run at every login or start")

    def _together(self) -> Iterator[Told]:
        """Signs of one part that only a shell on a connection has."""
        connects = self._call("connects") or self._call("listens")
        hands = [call for call in self.scope.facts.calls if call.name in ("os.dup2", "pty.spawn")]
        shell = self._call("spawns_shell")
        if connects is not None and hands and (shell is not None or len(hands) >= 2):
            yield self._told(SHELL, "reverse-shell", connects, f"with {hands[0].name}")
        encrypts, walks, deletes = (
            self._call(sign) for sign in ("encrypts", "walks_files", "deletes_file")
        )
        if encrypts is not None and walks is not None and deletes is not None:
            yield self._told(DESTROYS, "destructive", encrypts, f"with {walks.name}, {deletes.name}")
        names = {call.name.rpartition(".")[2]: call for call in self.scope.facts.calls}
        made = next((names[name] for name in _MAKES_ROOM if name in names), None)
        started = next((name for name in _STARTS_THREAD if name in names), None)
        if made is not None and started is not None and "ctypes" in self.imports:
            yield self._told(DECODED, "machine code", made, f"with {started}")

    # Signs.

    def _has(self, table: NameTable, name: str, sign: str) -> bool:
        return any(
            one.sign == sign and one.holds("", self.imports, piped=False) for one in table.find(name)
        )

    def _first(self, names: Iterable[str], sign: str) -> str | None:
        """The first of the names that has a sign, or is the result of one that has."""
        for name in sorted(names):
            parts = name.split("()")
            for count in range(1, len(parts) + 1):
                if self._has(self.tables.calls, "()".join(parts[:count]), sign):
                    return name
        return None

    def _call(self, sign: str) -> ScriptCall | None:
        for call in self.scope.facts.calls:
            for one in self.tables.calls.find(call.name):
                if one.sign == sign and one.holds(_words(call), self.imports, piped=False):
                    return call
        return None

    def _secret_place(self, texts: Iterable[str]) -> str | None:
        for text in sorted(texts):
            if len(text) < 200 and self._matches(_SECRET_PLACE, text):
                return quoted(text)
        return None

    def _matches(self, sign: str, text: str) -> bool:
        return any(pattern.search(text) for one, pattern in self.tables.texts if one == sign)

    def _told(self, rule: str, kind: str, call: ScriptCall, words: str) -> Told:
        shown = ", ".join(_spelled(value) for value in call.arguments[:3])
        return Told(
            rule, kind, f"line {call.place}: {call.name}({shown})"[:300] + f" {words}", call.place
        )


def _mode(call: ScriptCall) -> str:
    """The second argument of `open`."""
    given = [value for name, value in call.keywords if name == "mode"] + list(call.arguments[1:2])
    return next((one for one in given if _is_text(one)), "r")


def _writes(call: ScriptCall) -> bool:
    return call.name.endswith(_WRITERS)


def _is_interpreted(flow: Flow) -> bool:
    """True when the words behind the program are a program themselves: `python -c`, `sh -c`."""
    words = _words(flow.call)
    is_python = "sys.executable" in flow.program and "-c" in words.split()
    return is_python or _INTERPRETER.search(words) is not None


def _words(call: ScriptCall) -> str:
    given = [*call.arguments, *(value for _, value in call.keywords)]
    flat = [item for value in given for item in (value if isinstance(value, tuple) else (value,))]
    return " ".join(str(item)[:4096] for item in flat if _is_text(item) or isinstance(item, bytes))


def _is_text(value: object) -> TypeGuard[str]:
    """True for a literal; what is computed is marked by a word of an enum."""
    return isinstance(value, str) and not isinstance(value, Unknown)


def _spelled(value: Argument) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_spelled, value[:4]))}]"
    return "..." if isinstance(value, Unknown) else quoted(str(value))
