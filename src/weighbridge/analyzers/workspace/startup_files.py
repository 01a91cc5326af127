"""Files that a program obeys when it is started in their folder: shells, editors, debuggers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.workspace.commands import Command, Setting, command_findings, logical_lines
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted

_STARTS, _FETCHES = "DEV040", "DEV020"
_LARGEST: Final = MIB
_SHELL_FILES: Final = frozenset(
    {
        ".envrc",
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".bash_logout",
        ".autoenv.zsh",
        ".autoenv",
    }
)
_RUNS_BY_FILE: Final = {
    **dict.fromkeys(
        (".gdbinit", ".gdbearlyinit"),
        r"(?m)^[ \t]*(?:shell|!|python|py|source|guile|pipe|\|)\b[^\n]{0,400}|^[ \t]*python[ \t]*$",
    ),
    ".lldbinit": r"(?m)^[ \t]*(?:platform\s+shell|shell|command\s+script\s+import|script"
    r"|command\s+source)\b[^\n]{0,400}",
    **dict.fromkeys(
        (".vimrc", ".exrc", ".nvimrc", ".gvimrc", "_vimrc", ".nvim.lua", ".lvimrc", ".vim-local"),
        r"(?m)^[ \t]*(?:silent!?\s+)?(?:!|:!|autocmd\b[^\n]{0,200}!|au\s[^\n]{0,200}!)[^\n]{0,400}"
        r"|\b(?:system(?:list)?|jobstart|job_start|termopen|os\.execute|io\.popen"
        r"|vim\.fn\.system)\s*\([^\n]{0,400}",
    ),
    ".inputrc": r"(?m)^[ \t]*(?:\"[^\"\n]{1,40}\"|[\w-]+)\s*:\s*\"[^\"\n]{0,300}(?:\\C-m|\\n"
    r"|\\r)[^\"\n]{0,100}\"",
    **dict.fromkeys(
        (".tmux.conf", "tmux.conf"),
        r"(?m)^[ \t]*(?:run-shell|run|if-shell|set-hook|source-file)\b[^\n]{0,400}"
        r"|#\([^)\n]{1,300}\)|default-(?:shell|command)\b[^\n]{0,300}",
    ),
    ".dir-locals.el": r"\(\s*eval\b[^\n]{0,400}|\b(?:shell-command|call-process|start-process"
    r"|async-shell-command|make-process|url-retrieve)\b[^\n]{0,300}",
    **dict.fromkeys(
        (".rprofile", "rprofile.site"),
        r"\b(?:system2?|shell|source|eval|parse|download\.file|install\.packages|devtools::\w+"
        r"|remotes::\w+|Sys\.setenv|readLines|url|socketConnection)\s*\([^\n]{0,300}",
    ),
    "vagrantfile": r"(?m)(?:\.vm\.provision\b[^\n]{0,300}|inline:\s*[^\n]{0,300}|`[^`\n]{1,300}`"
    r"|\bsystem\s*\(?[^\n]{0,300})",
    "jenkinsfile": r"(?m)\b(?:sh|bat|powershell|pwsh)\b\s*\(?\s*(?:script\s*:\s*)?(?:'''|\"\"\""
    r"|['\"])[^\n]{0,400}|\.execute\(\)",
}
_BY_ITSELF: Final = frozenset(
    {
        ".gdbinit",
        ".gdbearlyinit",
        ".lldbinit",
        ".vimrc",
        ".exrc",
        ".nvimrc",
        ".nvim.lua",
        ".lvimrc",
        ".dir-locals.el",
        ".rprofile",
        ".tmux.conf",
        ".inputrc",
    }
)
_KNOWN: Final = re.compile(
    r"(?i)renv/activate\.R|packrat/init\.R|load-nix|use (?:flake|nix|devenv|asdf|mise)|source_up"
    r"|dotenv|layout |PATH_add|path_add|watch_file|source_env|strict_env|export "
)
_CONTROL: Final = re.compile(
    r"^(?:if|then|else|elif|fi|for|do|done|while|case|esac|\{|\}|function\b|\w+\(\)|return|local"
    r"|\[|set |test |echo |unset |export |alias |[A-Za-z_]\w*=[^`$(;|&]*$)"
)
_QUOTED: Final = re.compile(r"(?:'''|\"\"\"|['\"])\s*(.*?)(?:'''|\"\"\"|['\"]|\Z)")


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that some program obeys by its name."""
    base = PurePosixPath(artifact.name.replace("\\", "/").lower()).name
    if base in _SHELL_FILES:
        return _shell(artifact, base)
    pattern = _RUNS_BY_FILE.get(base)
    return _by_pattern(artifact, base, pattern) if pattern is not None else None


def _text(artifact: Artifact) -> str:
    return bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST))).decode(
        "utf-8-sig", "backslashreplace"
    )


def _shell(artifact: Artifact, base: str) -> Iterator[Event]:
    """A file of a shell: settings are what it is for, programs are what it starts."""
    commands = [Command(f"line {number}", line) for number, line in logical_lines(_text(artifact))]
    own: list[Command] = []
    others: list[Command] = []
    for one in commands:
        is_own = not _CONTROL.match(one.line) and not _KNOWN.search(one.line)
        (own if is_own else others).append(one)
    yield from command_findings(
        artifact, own, Setting(installs=_STARTS, doubtful=_STARTS, fetches=_STARTS)
    )
    yield from command_findings(artifact, others, Setting())


def _by_pattern(artifact: Artifact, base: str, pattern: str) -> Iterator[Event]:
    text = _text(artifact)
    found = [" ".join(match[0].split()) for match in re.finditer(pattern, text)]
    found = [one for one in found if not _KNOWN.search(one)][:500]
    if found and base in _BY_ITSELF:
        shown = "\n".join(quoted(one) for one in found[:6])
        yield Finding(rule=_STARTS, path=artifact.path, subject=base, evidence=shown)
    commands = [Command(base, line) for one in found for line in (one, *_QUOTED.findall(one))]
    setting = (
        Setting(fetches=_FETCHES, fetched=_FETCHES)
        if base in ("jenkinsfile", "vagrantfile")
        else Setting()
    )
    commands += (
        [Command(f"line {number}", line) for number, line in logical_lines(text)]
        if base == "jenkinsfile"
        else []
    )
    yield from command_findings(artifact, commands, setting)
