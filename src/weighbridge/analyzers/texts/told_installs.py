"""Packages that a text tells its readers to install, by names that our tables do not know.

Read are command lines: fenced or indented code, spans in backticks, lines behind a prompt, and in
scripts every line. Prose that only speaks of installing names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from weighbridge.analyzers.configuration.requirement_lines import unknown_names
from weighbridge.core.artifact import Artifact
from weighbridge.core.package_name import PackageName
from weighbridge.formats.packaging.install_command import installed_by
from weighbridge.formats.packaging.requirements import parse_requirements

_FENCE: Final = re.compile(r"[ \t>]{0,12}(?:`{3,}|~{3,})")
_COMMAND: Final = re.compile(r"(?: {4}|\t|[ \t>]{0,12}[$!%#] ?)\s*(?=\S)")
_SPAN: Final = re.compile(r"`([^`\n]{5,1000})`|<code>([^<\n]{5,1000})</code>")
_START: Final = re.compile(r"[\s$!%#>]*(?:sudo\s+)?(?:pip|python|uv|pipx)")
_WORD: Final = "install"
_MOST_COMMANDS: Final = 500


def told_installs(artifact: Artifact, text: str, *, is_prose: bool) -> Iterator[PackageName]:
    """Yield each package of the commands in a text.

    Args:
        artifact: the text.
        text: as much of it as was read.
        is_prose: its readers are told; else it is a script, which does it.
    """
    if _WORD not in text and "uv add" not in text:
        return
    commands = islice(_commands(text) if is_prose else iter(text.splitlines()), _MOST_COMMANDS * 100)
    lines = [installed_by(command) for command in commands if "pip" in command or "uv" in command]
    seen: set[str] = set()
    for asked in lines[:_MOST_COMMANDS]:
        for name in unknown_names(list(parse_requirements(asked))):
            if name not in seen:
                seen.add(name)
                yield PackageName(path=artifact.path, name=name, is_told=is_prose)


def _commands(text: str) -> Iterator[str]:
    is_fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            is_fenced = not is_fenced
        elif is_fenced or _COMMAND.match(line):
            yield line
        else:
            spans = (one or two for one, two in _SPAN.findall(line))
            yield from (span for span in spans if _START.match(span))
