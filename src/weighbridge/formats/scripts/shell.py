"""Read what a command line would do: programs with their words, and the programs inside it.

`sh -c`, `python -c`, `powershell -enc` and what is piped into an interpreter are programs of their
own, read by the reader of their language. A pipe of literals (`echo ... | base64 -d | sh`) is worked
out by our own decoders.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath, PureWindowsPath

from weighbridge.formats.scripts.facts import Language, ScriptCall, ScriptFacts
from weighbridge.formats.scripts.layers import PeelBudget
from weighbridge.formats.scripts.python_source import read_python
from weighbridge.formats.scripts.shell_lexer import Command, Dialect, Joint, Word, commands
from weighbridge.formats.scripts.shell_pipes import Piped, flowing

_CHARS = 1 << 20
_COMMANDS = 2_000
_WORDS = 256
_DEPTH = 6
_NESTED = 64
_SHOWN = 4096
_WINDOWS = re.compile(
    r"\b[A-Za-z]:\\|%\w+%|^\s*(?:cmd|powershell|pwsh|start|reg|schtasks|mshta|certutil|bitsadmin|rundll32)\b"
    r"|\.exe\b|\$env:|\b(?:IEX|Invoke-\w+|New-Object|Start-Process)\b",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"(?:python|pypy|ipython)w?[0-9.]*")
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh", "rbash"})
_POWERSHELL = frozenset({"powershell", "pwsh"})
_WRAPPERS = frozenset(
    {"sudo", "nohup", "env", "time", "setsid", "exec", "command", "busybox", "builtin", "doas", "nice"}
    | {"stdbuf", "ionice", "then", "do", "else", "if", "while", "until", "!", "{", "start", "call", "@"}
)
_START_FLAGS = frozenset({"/b", "/min", "/max", "/wait", ""})
_COUNTED = frozenset({"timeout", "xargs", "watch"})
_EVALUATORS = frozenset({"eval", "iex", "invoke-expression"})
_EXECUTABLE = re.compile(r"\.(?:exe|com|cmd|bat)$")


def read_shell(text: str) -> ScriptFacts:
    """Facts of any text, as a command line."""
    return _read(text, _DEPTH, _Room())


def read_argv(words: Sequence[str]) -> ScriptFacts:
    """Facts of a program and its arguments, as `exec` takes them: nothing is split or expanded."""
    command = Command(Joint.START, 1, [Word(word) for word in words[:_WORDS]])
    reading = _Reading(" ".join(words)[:_CHARS], _DEPTH, _Room())
    reading.add(command)
    return reading.facts(is_complete=len(words) <= _WORDS)


def _read(text: str, depth: int, room: _Room) -> ScriptFacts:
    cut = text[:_CHARS]
    dialect = Dialect.WINDOWS if _WINDOWS.search(cut) else Dialect.POSIX
    reading = _Reading(cut, depth, room)
    count = 0
    for command in commands(cut, dialect, _COMMANDS):
        reading.add(command)
        count += 1
    return reading.facts(is_complete=len(text) <= _CHARS and count < _COMMANDS)


@dataclass(slots=True)
class _Room:
    """What may still be read, shared by a program and all that is nested in it."""

    programs: int = _NESTED
    bytes: PeelBudget = field(default_factory=PeelBudget)


@dataclass(slots=True)
class _Reading:
    text: str
    depth: int
    room: _Room
    calls: list[ScriptCall] = field(default_factory=list)
    strings: dict[str | bytes, None] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)
    nested: list[ScriptFacts] = field(default_factory=list)
    is_cut: bool = False
    flow: Piped | None = None
    """What the last command writes, when that is literal, and the layers that came off it."""

    def __post_init__(self) -> None:
        self.strings[self.text] = None

    def facts(self, *, is_complete: bool) -> ScriptFacts:
        return ScriptFacts(
            calls=tuple(self.calls),
            references=tuple(self.references),
            strings=tuple(self.strings),
            is_complete=is_complete and not self.is_cut,
            language=Language.SHELL,
            nested=tuple(self.nested),
            text=self.text[:_SHOWN],
        )

    def add(self, command: Command) -> None:
        for word in [*command.words, *(one.target for one in command.redirections)]:
            self.strings[word.text] = None
            for inside in word.substituted:
                self._nest_shell(inside, ())
        stdin = self._stdin(command)
        words = _stripped(command.words)
        self._note(command, words, stdin)
        if words:
            self._programs(words, stdin)
        self.flow = flowing(_name(words), [word.text for word in words[1:]], stdin, self.room.bytes)

    def _stdin(self, command: Command) -> Piped | None:
        for redirection in command.redirections:
            if redirection.operator == "<<<" and redirection.target.is_literal:
                return Piped(redirection.target.text)
        return self.flow if command.joint is Joint.PIPE else None

    def _note(self, command: Command, words: list[Word], stdin: Piped | None) -> None:
        keywords = [(one.operator, one.target.text) for one in command.redirections]
        if command.joint is Joint.PIPE:
            keywords.append(("stdin", (stdin.text if stdin is not None else None) or "pipe"))
        given = tuple(word.text for word in words[1:_WORDS])
        self.calls.append(ScriptCall(_name(words), given, tuple(keywords), command.line))
        if len(words) < len(command.words):
            self.references |= dict.fromkeys(
                _WRAPPERS & {program_name(word.text) for word in command.words}
            )

    def _programs(self, words: list[Word], stdin: Piped | None) -> None:
        name, given = _name(words), [word.text for word in words[1:]]
        if name in _SHELLS:
            self._after(given, ("-c",), stdin, self._nest_shell)
        elif _PYTHON.fullmatch(name):
            self._after(given, ("-c",), stdin, self._nest_python)
        elif name in _EVALUATORS and given:
            self._nest_shell(" ".join(given), ())
        elif name == "cmd":
            at = next((n for n, word in enumerate(given) if word.lower() in ("/c", "/k", "/r")), None)
            if at is not None:
                self._nest_shell(" ".join(given[at + 1 :]), ())
        elif name in _POWERSHELL:
            self._powershell(given)

    def _after(
        self,
        given: list[str],
        flags: tuple[str, ...],
        stdin: Piped | None,
        nest: Callable[[str, tuple[str, ...]], None],
    ) -> None:
        """The word behind `-c` (or `-lc`, `-ic`), else what comes in by the pipe."""
        for number, word in enumerate(given):
            is_flag = word in flags or (re.fullmatch(r"-[a-zA-Z]*c", word) is not None)
            if is_flag and number + 1 < len(given):
                nest(given[number + 1], ())
                return
        if stdin is not None:
            text = stdin.text
            if text is not None:
                nest(text, stdin.layers)

    def _powershell(self, given: list[str]) -> None:
        for number, word in enumerate(given):
            flag = word.lower().lstrip("-/")
            rest = given[number + 1 :]
            if not word.startswith(("-", "/")) or not rest:
                continue
            if flag and "encodedcommand".startswith(flag) and flag[0] == "e" and flag != "ep":
                text = _utf16(rest[0])
                if text is not None:
                    self._nest_shell(text, ("base64",))
                return
            if "command".startswith(flag) and flag:
                self._nest_shell(" ".join(rest), ())
                return

    def _nest_shell(self, text: str, layers: tuple[str, ...]) -> None:
        if self._may_nest():
            self.nested.append(_layered(_read(text, self.depth - 1, self.room), layers))

    def _nest_python(self, text: str, layers: tuple[str, ...]) -> None:
        if self._may_nest():
            self.nested.append(_layered(read_python(text), layers))

    def _may_nest(self) -> bool:
        may = self.depth > 0 and self.room.programs > 0
        self.room.programs -= 1
        self.is_cut = self.is_cut or not may
        return may


def _stripped(words: list[Word]) -> list[Word]:
    """The words from the program on that does the work, behind assignments, `sudo` and the like."""
    at = 0
    while at < len(words):
        text = words[at].text
        name = program_name(text)
        if _ASSIGNMENT.match(text):
            at += 1
        elif at + 1 < len(words) and name in _WRAPPERS | _COUNTED:
            at = _behind_flags(words, at + 1, counted=name in _COUNTED)
        else:
            break
    return words[at:]


def _behind_flags(words: list[Word], at: int, *, counted: bool) -> int:
    while at < len(words) - 1:
        text = words[at].text
        takes_more = text in ("-u", "-n", "-I", "-P", "-k", "-s")
        is_count = counted and text[:1].isdigit()
        if not text.startswith("-") and text.lower() not in _START_FLAGS and not is_count:
            break
        at += 2 if takes_more and at + 2 < len(words) else 1
    return at


def _name(words: list[Word]) -> str:
    return program_name(words[0].text) if words else ""


def program_name(word: str) -> str:
    """The program that a word names: no folder, no `.exe`, in lower case."""
    path = PureWindowsPath(word) if "\\" in word else PurePosixPath(word)
    return _EXECUTABLE.sub("", path.name.lower())


def _utf16(packed: str) -> str | None:
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4))
    except ValueError:
        return None
    return data.decode("utf-16-le", "replace")


def _layered(facts: ScriptFacts, layers: tuple[str, ...]) -> ScriptFacts:
    return replace(facts, layers=layers) if layers else facts
