"""Which kind of script a text is: by the first line, then by the name that a system starts it by."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final


class ScriptKind(StrEnum):
    """What runs the text. The value is shown to people."""

    SHELL = "shell script"
    BUILD = "build file"
    WINDOWS = "Windows script"
    HOST = "script for the Windows script host"
    JAVASCRIPT = "JavaScript"
    REGISTRY = "registry file"
    DESKTOP = "desktop entry"
    LINK = "internet shortcut"
    OTHER = "script"


_SHEBANG: Final = re.compile(r"#![ \t]*(?:\S*/)?([\w.+-]+)(?:[ \t]+(?:-\S+[ \t]+)*([\w.+-]+))?")
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh", "busybox"})
_SUFFIXES: Final = {
    **dict.fromkeys((".sh", ".bash", ".zsh", ".ksh", ".csh", ".fish", ".command"), ScriptKind.SHELL),
    **dict.fromkeys((".mk", ".mak", ".dockerfile"), ScriptKind.BUILD),
    **dict.fromkeys((".bat", ".cmd", ".ps1", ".psm1", ".psd1"), ScriptKind.WINDOWS),
    **dict.fromkeys((".vbs", ".vbe", ".wsf", ".wsh", ".hta", ".jse", ".sct"), ScriptKind.HOST),
    **dict.fromkeys((".js", ".mjs", ".cjs"), ScriptKind.JAVASCRIPT),
    ".reg": ScriptKind.REGISTRY,
    ".desktop": ScriptKind.DESKTOP,
    **dict.fromkeys((".url", ".scf", ".webloc"), ScriptKind.LINK),
    **dict.fromkeys(
        (".pl", ".rb", ".php", ".lua", ".tcl", ".applescript", ".r", ".jl"), ScriptKind.OTHER
    ),
}
_BUILD_NAMES: Final = re.compile(
    r"(?i)^(?:makefile|gnumakefile|dockerfile|containerfile|justfile)(?:\..*)?$"
)


def script_kind(name: str, head: str) -> ScriptKind | None:
    """The kind of a text; None for one that nothing starts."""
    path = PurePosixPath(name.lower().replace("\\", "/"))
    by_line = _by_first_line(head)
    if by_line is not None:
        return by_line
    if _BUILD_NAMES.match(path.name):
        return ScriptKind.BUILD
    return _SUFFIXES.get(path.suffix)


def shebang_program(head: str) -> str | None:
    """The interpreter that the first line names, without its folder."""
    match = _SHEBANG.match(head.lstrip("\ufeff"))
    if match is None:
        return None
    program, argument = match.group(1), match.group(2)
    return argument if program == "env" and argument else program


def _by_first_line(head: str) -> ScriptKind | None:
    program = shebang_program(head)
    if program is None:
        return None
    if program in _SHELLS:
        return ScriptKind.SHELL
    if program in ("node", "nodejs", "deno", "bun"):
        return ScriptKind.JAVASCRIPT
    return ScriptKind.WINDOWS if program in ("pwsh", "powershell") else ScriptKind.OTHER
