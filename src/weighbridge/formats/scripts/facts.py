"""What a program names, calls and holds, whichever language it is written in.

Python source, code objects and shell lines are read by different parsers; whoever judges them
sees these facts alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Constant = str | bytes | int | float | bool | None


class Unknown(StrEnum):
    """Stands for an argument that is no literal."""

    COMPUTED = "computed"


Item = Constant | Unknown
Argument = Item | tuple[Item, ...]
"""A literal, a literal list or tuple of literals, or what can't be told."""


class Language(StrEnum):
    """Whose words the calls are: `id` is a function here and a program there."""

    PYTHON = "python"
    SHELL = "shell"
    """Any command line: POSIX shells, cmd.exe, PowerShell."""


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One call, in the order of the text.

    Attributes:
        name: dotted, with imports and aliases resolved: `socket.socket`, `os.system`; a method of
            the result of another call is `socket.socket().connect`. For a shell: the program.
        arguments: positional arguments, literal or `Unknown.COMPUTED`. For a shell: the words.
        keywords: keyword arguments by name. For a shell: `stdin` (`pipe`, or the literal text),
            and redirections by their operator (`>>`, the path).
        place: line of the source (from 1) or offset of the instruction.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    keywords: tuple[tuple[str, Argument], ...] = ()
    place: int = 0


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """Everything that a judgement may rest on.

    Attributes:
        calls: in the order of the text, nested functions included.
        imports: dotted modules, and `module.name` for `from module import name`.
        references: dotted names that are read, resolved like those of calls.
        strings: literal text and bytes, without repeats, in the order of the text.
        is_complete: False when a limit cut the reading or a part could not be parsed.
        nested: programs that this one carries as text and hands to an interpreter.
        layers: encodings that were peeled off to reach this program, outermost first.
        text: how the program begins, for people.
    """

    calls: tuple[ScriptCall, ...] = ()
    imports: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    strings: tuple[str | bytes, ...] = ()
    is_complete: bool = True
    language: Language = Language.PYTHON
    nested: tuple[ScriptFacts, ...] = ()
    layers: tuple[str, ...] = ()
    text: str = ""
