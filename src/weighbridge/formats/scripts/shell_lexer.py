"""Cut a command line into commands, words and operators: POSIX shells, cmd.exe and PowerShell.

Total: an open quote ends with the text. A word keeps the programs that it substitutes, and knows
whether all of it is literal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

_BLANK = " \t\r\n"
_NEST = 12


class Dialect(StrEnum):
    POSIX = "posix"
    WINDOWS = "windows"


class Joint(StrEnum):
    """What stands before a command."""

    START = "start"
    """The text's start, `;`, `&&`, `||`, `&`, a new line, a bracket."""
    PIPE = "pipe"


@dataclass(slots=True)
class Word:
    """One word. `text` has its quotes removed and `$(...)`, `$name` left as they are written."""

    text: str = ""
    is_literal: bool = True
    is_quoted: bool = False
    substituted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Redirection:
    """`operator` without its descriptor: `>`, `>>`, `<`, `<<<`, `>&`, `<&`."""

    operator: str
    target: Word


@dataclass(slots=True)
class Command:
    """Words and redirections between two operators."""

    joint: Joint
    line: int
    words: list[Word] = field(default_factory=list)
    redirections: list[Redirection] = field(default_factory=list)


_OPERATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "(", ")", "\n")
_REDIRECTIONS = ("&>>", "<<<", "&>", ">>", "<<", "<>", ">&", "<&", ">|", ">", "<")


def commands(text: str, dialect: Dialect, most: int) -> Iterator[Command]:
    """Yield at most `most` commands that have a word or a redirection, in the order of the text."""
    lexer = _Lexer(text, dialect)
    found = 0
    for command in lexer.read():
        if command.words or command.redirections:
            yield command
            found += 1
            if found >= most:
                return


@dataclass(slots=True)
class _Lexer:
    text: str
    dialect: Dialect
    at: int = 0
    line: int = 1

    def read(self) -> Iterator[Command]:
        command = Command(Joint.START, 1)
        while self.at < len(self.text):
            char = self.text[self.at]
            if self._skip(char):
                continue
            redirection = self._redirection()
            if redirection is not None:
                command.redirections.append(redirection)
                continue
            operator = next((one for one in _OPERATORS if self.text.startswith(one, self.at)), None)
            if operator is None:
                self._add(command, self._word())
                continue
            self.at += len(operator)
            self.line += operator == "\n"
            yield command
            command = Command(Joint.PIPE if operator in ("|", "|&") else Joint.START, self.line)
        yield command

    def _skip(self, char: str) -> bool:
        if char in " \t\r":
            self.at += 1
            return True
        is_start = self.at == 0 or self.text[self.at - 1] in _BLANK + ";&|("
        if char == "#" and is_start:
            end = self.text.find("\n", self.at)
            self.at = end if end >= 0 else len(self.text)
            return True
        return False

    def _add(self, command: Command, word: Word) -> None:
        """`2>file`: digits right before a redirection are its descriptor, not a word."""
        following = self.text[self.at : self.at + 1]
        if word.text.isdigit() and not word.is_quoted and following in ("<", ">") and following:
            return
        command.words.append(word)

    def _redirection(self) -> Redirection | None:
        operator = next((one for one in _REDIRECTIONS if self.text.startswith(one, self.at)), None)
        if operator is None or self.text.startswith(("<(", ">("), self.at):
            return None
        self.at += len(operator)
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        return Redirection(operator.lstrip("&") if operator.startswith("&") else operator, self._word())

    def _word(self) -> Word:
        word = Word()
        start = self.at
        parts: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in _BLANK or self._ends_word(char):
                break
            parts.append(self._piece(char, word))
        word.text = "".join(parts)
        if self.at == start and self.at < len(self.text):  # a lone character that begins nothing
            self.at += self.text[self.at] not in _BLANK + "|;&()<>"
        return word

    def _ends_word(self, char: str) -> bool:
        if char in "<>" and self.text.startswith("(", self.at + 1):
            return False
        return char in "|;&()<>"

    def _piece(self, char: str, word: Word) -> str:
        """The next piece of a word: a quoted run, an escape, a substitution, a character."""
        text, at = self.text, self.at
        if char == "'" and self.dialect is Dialect.POSIX:
            return self._single(word)
        if char == '"' or char == "'":
            return self._double(word, char)
        if text.startswith(("$(", "<(", ">("), at):
            return self._bracketed(word, 2)
        if text.startswith("$'", at):
            self.at += 1
            return _unescaped(self._single(word))
        if char == "`":
            return self._backticks(word)
        if char == "\\" and self.dialect is Dialect.POSIX:
            self.at = at + 2
            self.line += text[at + 1 : at + 2] == "\n"
            return "" if text[at + 1 : at + 2] == "\n" else text[at + 1 : at + 2]
        if char == "^" and self.dialect is Dialect.WINDOWS:
            self.at = at + 2
            return text[at + 1 : at + 2].strip("\n")
        if char == "$":
            word.is_literal = False
        self.at = at + 1
        return char

    def _single(self, word: Word) -> str:
        word.is_quoted = True
        end = self.text.find("'", self.at + 1)
        end = end if end >= 0 else len(self.text)
        inside = self.text[self.at + 1 : end]
        self._move(end + 1)
        return inside

    def _double(self, word: Word, quote: str) -> str:
        word.is_quoted = True
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == quote:
                break
            if char == "\\" and self.dialect is Dialect.POSIX:
                escaped = self.text[self.at + 1 : self.at + 2]
                parts.append(escaped if escaped in '"\\$`' else f"\\{escaped}")
                self.at += 2
            elif self.text.startswith("$(", self.at):
                parts.append(self._bracketed(word, 2))
            elif char == "`" and self.dialect is Dialect.POSIX:
                parts.append(self._backticks(word))
            else:
                word.is_literal = word.is_literal and not (char == "$" and self._names_variable())
                parts.append(char)
                self._move(self.at + 1)
        self.at += 1
        return "".join(parts)

    def _names_variable(self) -> bool:
        following = self.text[self.at + 1 : self.at + 2]
        return following.isalnum() or following in ("_", "{", "@", "*")

    def _bracketed(self, word: Word, opening: int) -> str:
        """`$(...)` and `<(...)`: up to the bracket that closes it, quotes minded."""
        start = self.at
        inside, at, depth, quote = start + opening, start + opening, 1, ""
        while at < len(self.text) and depth:
            char = self.text[at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == "\\":
                at += 1
            else:
                depth += (char == "(") - (char == ")")
            at += 1
        end = at - 1 if depth == 0 else min(at, len(self.text))
        return self._substituted(word, start, inside, end, min(at, len(self.text)))

    def _backticks(self, word: Word) -> str:
        end = self.text.find("`", self.at + 1)
        end = end if end >= 0 else len(self.text)
        if self.dialect is Dialect.WINDOWS:  # PowerShell's escape
            escaped = self.text[self.at + 1 : self.at + 2]
            self._move(self.at + 2)
            return escaped
        return self._substituted(word, self.at, self.at + 1, end, end + 1)

    def _substituted(self, word: Word, start: int, inside: int, end: int, stop: int) -> str:
        word.is_literal = False
        if len(word.substituted) < _NEST:
            word.substituted.append(self.text[inside:end])
        self._move(stop)
        return self.text[start:stop]

    def _move(self, stop: int) -> None:
        self.line += self.text.count("\n", self.at, stop)
        self.at = stop


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "e": "\x1b", "a": "\a"}


def _unescaped(text: str) -> str:
    r"""`$'\x41'`: what ANSI-C quoting spells."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        escape = text[at + 1 : at + 2] if text[at] == "\\" else ""
        digits = text[at + 2 : at + 4]
        if (
            escape == "x"
            and len(digits) == 2
            and all(char in "0123456789abcdefABCDEF" for char in digits)
        ):
            parts.append(chr(int(digits, 16)))
            at += 4
        elif escape:
            parts.append(_ESCAPES.get(escape, escape))
            at += 2
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)
