"""What a program is for, as far as that can be told of code that is meant to be read and run.

A pickle needs no program at all, so there any payload class is an alarm. A repository of code opens
files, asks for tokens and talks to hosts all day long. Here only what ordinary programs do not do
counts: a value that was fetched or decoded and is run, a secret that is sent, a shell on a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weighbridge.analyzers.executables.told import (
    OPENS,
    RUNS_TEXT,
    PartSigns,
    Told,
    has_any_sign,
    is_text,
    is_writer,
    is_writer_name,
    matches,
    opening_mode,
    part_signs,
    token_in,
    told,
    told_of,
    words_of,
)
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.facts import Language, ScriptFacts
from weighbridge.formats.scripts.python_flows import REVERSED, Flow
from weighbridge.formats.scripts.python_scope_walk import XOR
from weighbridge.formats.scripts.python_scopes import PythonScope, RunsWhen
from weighbridge.formats.scripts.shell import read_shell
from weighbridge.knowledge.payload_programs import read_command
from weighbridge.knowledge.payloads import Classified, PayloadClass, classify
from weighbridge.knowledge.python_signs import PythonSigns, installed_python_signs
from weighbridge.knowledge.script_patterns import installed_script_patterns

SHELL, FETCHED, STOLEN, STAYS, DESTROYS = "SCR001", "SCR002", "SCR003", "SCR004", "SCR005"
DECODED, HIDDEN, STARTS, MINER = "SCR006", "SCR007", "SCR008", "SCR009"
HIDES, UNPICKLES = "SCR010", "SCR013"

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
_RUNS_FILE: Final = re.compile(
    r"(?i)(?:\S*/)?(?:python[\d.]*|pypy3?|sh|bash|zsh|node|perl|ruby|powershell|pwsh|start|cscript|wscript)(?:\.exe)?(?:\s|$)"
)
_SINK_SIGNS: Final = frozenset({"runs_program", "sends", "downloads", "connects", "resolves"})
_WATCHED: Final = (
    *("imports_file", "registers", "places_file", "deletes_file", "deletes_tree", "installs"),
    *("foreign_code", "watches_user"),
)
_LOADS_NATIVE: Final = ("ctypes.CDLL", "ctypes.cdll.LoadLibrary", "ctypes.PyDLL", "ctypes.WinDLL")
_IMPORT_PATHS: Final = frozenset(
    {"sys.path.append", "sys.path.insert", "sys.path.extend", "site.addsitedir"}
)
_REPOSITORY: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_IMPORTS_BY_NAME: Final = ("importlib.import_module", "__import__")
_DESERIALIZES: Final = (
    "pickle.load",
    "dill.load",
    "cloudpickle.load",
    "marshal.load",
    "joblib.load",
    "torch.load",
)
_HOME_OR_ROOT: Final = re.compile(r"(?:^|\s)(?:/|/\*|~/?|\$HOME/?|--no-preserve-root)(?:\s|$)")
_RUNNABLE: Final = (".py", ".sh", ".bat", ".ps1", ".so", ".dll", ".exe")
_WHOLE: Final = frozenset({"os.environ", *(f"os.environ.{one}" for one in ("copy", "items", "values"))})
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


@lru_cache(maxsize=8192)
def is_sink(name: str) -> bool:
    """True for a call of which it matters what it is given."""
    return (
        name in RUNS_TEXT
        or name in OPENS
        or name in _IMPORT_PATHS
        or name.startswith((*_LOADS_NATIVE, *_DESERIALIZES))
        or is_writer_name(name)
        or has_any_sign(name, _SINK_SIGNS)
        or any(installed_python_signs().has(name, sign) for sign in _WATCHED)
    )


def judge_scope(scope: PythonScope) -> Iterator[Told]:
    """Yield what one part of a Python file does that ordinary code does not."""
    yield from told_of(scope, _Judging(scope, part_signs(scope.facts), installed_python_signs()).all())


@dataclass(slots=True)
class _Judging:
    scope: PythonScope
    signs: PartSigns
    python: PythonSigns
    _fetched: frozenset[str] | None = None
    _holders: frozenset[str] | None = None

    def all(self) -> Iterator[Told]:
        for flow in self.scope.flows:
            name = flow.call.name
            if name in RUNS_TEXT:
                yield from self._run(flow, flow.sources)
            elif self.signs.has(name, "runs_program"):
                if not _is_other_program(flow):
                    yield from self._run(flow, flow.sources if _is_interpreted(flow) else flow.program)
                yield from self._fetched_file(flow)
                yield from self._command(flow)
            elif self.signs.has(name, "sends", "downloads"):
                yield from self._sent(flow)
            elif name.startswith(_LOADS_NATIVE):
                yield from self._fetched_file(flow)
            elif name.startswith(_DESERIALIZES):
                yield from self._deserialized(flow)
            elif self.python.has(name, "imports_file"):
                if name not in _IMPORTS_BY_NAME:
                    yield from self._fetched_module(flow)
                yield from self._fetched_file(flow)
            elif name in _IMPORT_PATHS:
                yield from self._fetched_module(flow)
        yield from self._imported()
        yield from self._together()

    def _run(self, flow: Flow, sources: frozenset[str]) -> Iterator[Told]:
        """A call that runs what it is given, by where that came from."""
        call = flow.call
        fetched = self.signs.first(sources, "downloads") or self.python.first(sources, "fetches_hub")
        if fetched is not None:
            yield told(FETCHED, "download-and-run", call, f"runs what {fetched} fetched")
        received = self.signs.first(sources, "receives") or self.python.first(sources, "receives")
        if received is not None:
            yield told(SHELL, "remote commands", call, f"runs what {received} received")
        others = {name for name in sources - _SPELLING if "." in name or "(" in name}
        made_of = sources - _SPELLING if others else sources
        made_of = frozenset(
            name for name in made_of if "64encode" not in name and "32encode" not in name
        )
        decoded = self.signs.first(made_of, "decodes") or _turned(sources)
        if decoded is not None and call.name in RUNS_TEXT:
            yield told(DECODED, "decoded code", call, f"runs what {decoded} decoded")

    def _fetched_file(self, flow: Flow) -> Iterator[Told]:
        """A call that runs a file, where the same part fetches that file."""
        words = frozenset(text for text in flow.call.arguments if is_text(text)) - {""}
        shared = self.signs.first(flow.shared, "downloads")
        if shared is not None:
            yield told(FETCHED, "download-and-run", flow.call, f"runs the file that {shared} fetched")
        elif words_of(flow.call) in self._fetched_paths() or words & self._fetched_paths():
            yield told(FETCHED, "download-and-run", flow.call, "runs a file that was fetched")
        elif self._fetched_variables() & self._run_variables(flow):
            yield told(
                FETCHED, "download-and-run", flow.call, "runs the file that it wrote what it fetched to"
            )
        elif _begins_with_interpreter(flow):
            fetched = self.signs.first(flow.sources, "downloads")
            fetched = fetched or self.python.first(flow.sources, "fetches_hub")
            if fetched is not None:
                yield told(FETCHED, "download-and-run", flow.call, f"runs what {fetched} fetched")

    def _fetched_module(self, flow: Flow) -> Iterator[Told]:
        """A file, or a folder on the path of imports, that comes from the hub.

        A library may take one that its caller names; whoever names it here has chosen it.
        """
        fetched = self.python.first(flow.sources, "fetches_hub")
        is_chosen = any(_REPOSITORY.fullmatch(text) for text in flow.texts)
        if fetched is not None and (is_chosen or self.scope.runs is not RunsWhen.CALLED):
            words = f"imports what {fetched} fetched"
            yield told(FETCHED, "download-and-run", flow.call, words)

    def _run_variables(self, flow: Flow) -> frozenset[str]:
        """Local names of the file that a call runs; a module goes by a name of its own."""
        if self.python.has(flow.call.name, "imports_file"):
            return frozenset()
        return flow.variables if _begins_with_interpreter(flow) else _sole(flow)

    def _fetched_variables(self) -> frozenset[str]:
        """Local names of files that something fetched is written to."""
        if self._holders is None:
            written = [flow for flow in self.scope.flows if is_writer(flow.call)]
            fetched = [flow for flow in written if self.signs.first(flow.sources, "downloads")]
            self._holders = frozenset(name for flow in fetched for name in flow.holders)
        return self._holders

    def _fetched_paths(self) -> frozenset[str]:
        """Literal paths that something fetched is written to."""
        if self._fetched is not None:
            return self._fetched
        calls = self.scope.facts.calls
        fetching = [one for one in calls if self.signs.has(one.name, "downloads")]
        paths = {text for one in fetching for text in one.arguments if is_text(text)}
        written = [flow for flow in self.scope.flows if is_writer(flow.call)]
        written = [flow for flow in written if self.signs.first(flow.sources, "downloads")]
        if written:
            opened = [one for one in calls if one.name in OPENS and set(opening_mode(one)) & set("wa")]
            paths |= {text for one in opened for text in one.arguments[:1] if is_text(text)}
            paths |= {text for flow in written for text in flow.texts if text.endswith(_RUNNABLE)}
        modules = {path.rpartition("/")[2].removesuffix(".py") for path in paths if path.endswith(".py")}
        self._fetched = frozenset(paths | modules) - {""}
        return self._fetched

    def _imported(self) -> Iterator[Told]:
        """An import statement of a module whose file the same part fetches."""
        for path in sorted(self._fetched_paths()):
            module = path.rpartition("/")[2].removesuffix(".py")
            if path.endswith(".py") and module in self.scope.facts.imports:
                yield Told(FETCHED, "download-and-run", f"imports {quoted(module)}, which it fetched")

    def _deserialized(self, flow: Flow) -> Iterator[Told]:
        fetched = self.signs.first(flow.program, "downloads")
        if fetched is not None:
            yield told(UNPICKLES, "deserializes", flow.call, f"makes objects of what {fetched} fetched")

    def _command(self, flow: Flow) -> Iterator[Told]:
        """A call that starts a program whose words are literal."""
        call = flow.call
        words = words_of(call)
        if _HIDDEN_SHELL.search(words):
            yield told(HIDDEN, "hidden PowerShell", call, "PowerShell without a window")
        if _POOL in words:
            yield told(MINER, "crypto-miner", call, "joins a pool of miners")
        for pattern in installed_script_patterns():
            is_meant = "shell" in pattern.languages and pattern.rule in _OF_COMMANDS
            if is_meant and pattern.pattern.search(words[:4096]):
                yield told(pattern.rule, "command line", call, pattern.why)
        for facts in read_command(list(call.arguments)):
            for one in judge_commands(facts):
                yield told(one.rule, one.kind, call, one.evidence)
            for inner in (facts, *facts.nested):
                for run in inner.calls if inner.language is Language.SHELL else ():
                    given = " ".join(text for text in run.arguments if is_text(text))
                    if run.name == "rm" and " -" in f" {given}" and _HOME_OR_ROOT.search(given):
                        yield told(DESTROYS, "destructive", call, "deletes everything")

    def _sent(self, flow: Flow) -> Iterator[Told]:
        """A call that sends, by what it sends."""
        call = flow.call
        if _WHOLE & flow.sources:
            yield told(STOLEN, "exfiltration", call, "sends the whole environment")
        store = next((name for name in sorted(flow.sources) if name.startswith(_STORES)), None)
        if store is not None:
            yield told(STOLEN, "exfiltration", call, f"sends what {store} gives")
        place = self._secret_place(flow.texts)
        if (
            place is not None
            and self.signs.first(flow.sources, "reads_file", "runs_program") is not None
        ):
            yield told(STOLEN, "exfiltration", call, f"sends what it reads from {place}")
        token = self._token(flow)
        if token is not None:
            yield told(STOLEN, "exfiltration", call, f"sends {token}")
        drop = _DROPS.search(words_of(call))
        if drop is not None:
            yield told(HIDES, "dead drop", call, "sends to a service where anybody takes delivery")

    def _token(self, flow: Flow) -> str | None:
        """A token of this machine or its user in what is sent, other than to say who asks."""
        token = token_in(flow, self.signs)
        if token is not None:
            return token
        if self.signs.first(flow.sources, "downloads") is None:
            return None
        texts = (text for text in self.scope.facts.strings if isinstance(text, str))
        return next((text[:80] for text in texts if matches("metadata_address", text)), None)

    def _together(self) -> Iterator[Told]:
        """Signs of one part that only a shell on a connection has."""
        connects = self.signs.call(self.scope.facts, "connects", "listens")
        hands = [call for call in self.scope.facts.calls if call.name in ("os.dup2", "pty.spawn")]
        shell = self.signs.call(self.scope.facts, "spawns_shell")
        if connects is not None and hands and (shell is not None or len(hands) >= 2):
            yield told(SHELL, "reverse-shell", connects, f"with {hands[0].name}")
        encrypts, walks, deletes = (
            self.signs.call(self.scope.facts, sign)
            for sign in ("encrypts", "walks_files", "deletes_file")
        )
        if encrypts is not None and walks is not None and deletes is not None:
            yield told(DESTROYS, "destructive", encrypts, f"with {walks.name}, {deletes.name}")
        names = {call.name.rpartition(".")[2]: call for call in self.scope.facts.calls}
        made = next((names[name] for name in _MAKES_ROOM if name in names), None)
        started = next((name for name in _STARTS_THREAD if name in names), None)
        if made is not None and started is not None and "ctypes" in self.signs.imports:
            yield told(DECODED, "machine code", made, f"with {started}")

    def _secret_place(self, texts: Iterable[str]) -> str | None:
        for text in sorted(texts):
            if len(text) < 200 and (text == "/etc/passwd" or matches(_SECRET_PLACE, text)):
                return quoted(text)
        return None


def _begins_with_interpreter(flow: Flow) -> bool:
    """True when the first word of a command is one that runs the file that follows."""
    first = next(iter(flow.call.arguments), None)
    head = first[:1] if isinstance(first, tuple) else (first,)
    words = [text for text in (*head, *flow.texts) if is_text(text)]
    return "sys.executable" in flow.program or any(map(_RUNS_FILE.match, words))


def _is_other_program(flow: Flow) -> bool:
    """True when a command begins with a program of its own, and what was fetched is a word of it."""
    head = flow.head
    begins = re.match(r"\s*[\w./-]+\s", head) is not None
    return begins and not _RUNS_FILE.match(head.lstrip()) and not re.search(r"[;&|`$(\n]", head)


def _sole(flow: Flow) -> frozenset[str]:
    """The local names that the program is, where it is nothing else besides."""
    return flow.steering if flow.is_name else frozenset()


def _turned(names: Iterable[str]) -> str | None:
    """How letters are turned one by one, where they are."""
    words = {XOR: "^ of its bytes", REVERSED: "reading backwards"}
    return next((words[name] for name in sorted(names) if name in words), None)


def _is_interpreted(flow: Flow) -> bool:
    """True when the words behind the program are a program themselves: `python -c`, `sh -c`."""
    words = words_of(flow.call)
    is_python = "sys.executable" in flow.program and "-c" in words.split()
    return is_python or _INTERPRETER.search(words) is not None
