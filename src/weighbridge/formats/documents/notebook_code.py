"""Cells of IPython as Python: what its magics hide from Python's grammar, taken out and kept.

    %%bash            the rest of the cell is a program of that language
    !command          a line for the shell; `x = !command` keeps what it prints
    %name arguments   a magic; `%pip install name` is one, and so is `pip install name` alone
    name?             asks for help

Law: every line of a cell is Python, a command or a magic, or belongs to the program of a cell magic.

Source: IPython documentation, "Built-in magic commands".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from weighbridge.formats.scripts.python_source import parse

_CELL_MAGIC: Final = re.compile(r"%%\s{0,20}([!\w.]{1,60})[ \t]*(.*)")
_LINE: Final = re.compile(
    r"(?P<indent>[ \t]*)(?:(?P<target>[A-Za-z_][\w.,\[\]'\" \t]{0,200}?)[ \t]*=[ \t]*)?(?P<mark>!"
    r"!|!|%)(?P<rest>[^\n]*)\Z"
)
_BARE: Final = re.compile(
    r"(?P<indent>[ \t]*)(?P<rest>(?:pip3?|conda|mamba|uv)[ \t]+"
    r"(?:install|uninstall|add|pip|list|show|update|create|freeze|download)\b[^\n]*)\Z"
)
_HELP: Final = re.compile(r"[ \t]*(?:\?{1,2}[\w.%*]+|[\w.%*\[\]]+\?{1,2})[ \t]*\Z")
_STILL_PYTHON: Final = frozenset(
    {
        "time",
        "timeit",
        "capture",
        "prun",
        "python",
        "python3",
        "python2",
        "pypy",
        "debug",
        "memit",
        "mprun",
        "lprun",
    }
    | {
        "capture_output",
        "wandb",
        "skip",
        "snoop",
        "heat",
        "scalene",
        "oss",
        "notify",
        "cache",
        "cython",
        "px",
    }
)
_SHELLS: Final = frozenset({"bash", "sh", "!", "!!", "shell", "sx", "system", "zsh"})
_LINE_SHELLS: Final = frozenset({"system", "sx", "sc", "bash", "sh", "shell"})
_INSTALLERS: Final = frozenset({"pip", "pip3", "conda", "mamba", "uv"})
_TIMERS: Final = frozenset({"time", "timeit", "prun"})
_LINE_CHARS: Final = 20_000
_BARE_ANYWHERE: Final = re.compile(r"(?m)^[ \t]*(?:pip3?|conda|mamba|uv)[ \t]+\w")


@dataclass(frozen=True, slots=True)
class Magic:
    """A line magic: `%name rest`, or a cell magic with the body of the cell."""

    line: int
    name: str
    rest: str
    body: str | None = None


@dataclass(slots=True)
class CellParts:
    """What one cell is made of.

    Attributes:
        python: with a line for each line of the cell, so that numbers agree; "" when there is none.
        commands: line number and text of what goes to the shell.
        magics: all others.
    """

    python: str = ""
    commands: list[tuple[int, str]] = field(default_factory=list)
    magics: list[Magic] = field(default_factory=list)


def split_cell(source: str) -> CellParts:
    """Tell Python, commands and magics of a cell apart."""
    lines = source.split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    match = _CELL_MAGIC.match(lines[first].lstrip()) if lines else None
    parts = CellParts()
    if match is None:
        parts.python = _python(lines, parts, 0)
        return parts
    name, rest, body = match[1].lower(), match[2].strip()[:_LINE_CHARS], lines[first + 1 :]
    if name in _STILL_PYTHON:
        parts.python = "\n" * (first + 1) + _python(body, parts, first + 1)
    elif name in _SHELLS or (name == "script" and _is_shell(rest)):
        if name.startswith("!") and rest:
            parts.commands.append((first + 1, rest))
        parts.commands += _joined_lines(body, first + 2)
    else:
        parts.magics.append(Magic(first + 1, name, rest, "\n".join(body)))
    return parts


def _is_shell(rest: str) -> bool:
    return re.search(r"\b(?:bash|sh|zsh|dash)\b", rest) is not None


def _joined_lines(lines: list[str], first: int) -> list[tuple[int, str]]:
    """Commands with their continuations; comments are no commands."""
    found: list[tuple[int, str]] = []
    text, start = "", first
    for number, line in enumerate(lines, start=first):
        if not text:
            start = number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        if line.rstrip().endswith("\\") and len(text) < _LINE_CHARS:
            text += line.rstrip()[:-1].strip() + " "
            continue
        found.append((start, (text + line.strip())[:_LINE_CHARS]))
        text = ""
    return [*found, (start, text)] if text else found


def _python(lines: list[str], parts: CellParts, offset: int) -> str:
    """Return the lines as Python, with `pass` or None where a magic was."""
    text = "\n".join(lines)
    if not any(mark in text for mark in "!%?") and not _BARE_ANYWHERE.search(text):
        return text
    if parse(text) is not None and not text.lstrip().startswith("%"):
        return text
    found: list[str] = []
    at = 0
    while at < len(lines):
        match = _LINE.match(lines[at]) or _BARE.match(lines[at])
        if match is None:
            found.append("" if _HELP.match(lines[at]) else lines[at])
            at += 1
            continue
        rest, used = _with_continuation(match["rest"], lines, at)
        groups = match.groupdict()
        timed = _take(parts, at + 1 + offset, groups.get("mark") or "%", rest)
        kept = timed or (f"{groups['target']} = None" if groups.get("target") else "pass")
        found += [match["indent"] + kept, *[""] * (used - 1)]
        at += used
    return "\n".join(found)


def _with_continuation(rest: str, lines: list[str], at: int) -> tuple[str, int]:
    used = 1
    while rest.rstrip().endswith("\\") and at + used < len(lines) and len(rest) < _LINE_CHARS:
        rest = rest.rstrip()[:-1] + " " + lines[at + used].strip()
        used += 1
    return rest[:_LINE_CHARS], used


def _take(parts: CellParts, line: int, mark: str, rest: str) -> str:
    """File a command or a magic; return the Python that it runs, if it is there to time it."""
    rest = rest.strip()
    name, _, arguments = rest.partition(" ")
    if mark != "%" or name in _LINE_SHELLS:
        parts.commands.append((line, rest if mark != "%" else arguments.strip()))
    elif name in _INSTALLERS:
        parts.commands.append((line, rest))
    elif name in _TIMERS:
        return re.sub(r"\A(?:-\w\S*\s+(?:\d+\s+)?)*", "", arguments.strip())
    elif name:
        parts.magics.append(Magic(line, name, arguments.strip()))
    return ""
