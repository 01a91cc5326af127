"""Windows shortcuts: a file that looks like a document and starts a program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.native.lnk import Shortcut, read_shortcut

_PRESENT, _STARTS = "EXE015", "EXE016"
_LARGEST_BYTES: Final = 16 * MIB
_INTERPRETERS: Final = re.compile(
    r"(?:^|[\\/])(?:cmd|powershell|pwsh|wscript|cscript|mshta|rundll32|regsvr32|msiexec|python\w?|bash|wsl|forfiles"
    r"|conhost|certutil|bitsadmin|curl|ssh|explorer)(?:\.exe)?$|\.(?:exe|bat|cmd|com|scr|ps1|vbs|js|hta|dll)$",
    re.IGNORECASE,
)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge what the shortcut starts; hand on what lies behind it."""
    if artifact.source.size > _LARGEST_BYTES:
        raise LimitReached(
            f"a shortcut of {artifact.source.size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        )
    data = bytes(artifact.source.read_at(0, artifact.source.size))
    shortcut = read_shortcut(data)
    lines = list(_described(shortcut))
    starts = bool(shortcut.share) or any(_INTERPRETERS.search(target) for target in shortcut.targets)
    starts = (
        starts or bool(shortcut.arguments.strip()) or any(t.startswith("\\\\") for t in shortcut.targets)
    )
    subject = (shortcut.targets[0] if shortcut.targets else shortcut.share) or "shortcut"
    yield Finding(
        rule=_STARTS if starts else _PRESENT,
        path=artifact.path,
        subject=subject[:200],
        evidence="\n".join([*lines, *_purposes(shortcut)]),
    )
    begin, end = shortcut.tail
    if data[begin:end].strip(b"\0"):
        yield artifact.nested("appended", SliceSource(artifact.source, begin, end - begin))


def _described(shortcut: Shortcut) -> Iterator[str]:
    yield from (f"target {quoted(target)}" for target in shortcut.targets)
    if shortcut.arguments:
        yield f"arguments {' '.join(shortcut.arguments.split())[:400]!r}"
    if shortcut.share:
        yield f"on the network share {quoted(shortcut.share)}"
    if shortcut.is_hidden:
        yield "its window is opened minimised"
    if shortcut.icon:
        yield f"shows the icon of {quoted(shortcut.icon)}"


def _purposes(shortcut: Shortcut) -> Iterator[str]:
    if not shortcut.arguments or not shortcut.targets:
        return
    from weighbridge.analyzers.executables.program_judgement import malicious_commands

    command = f"{shortcut.targets[0]} {shortcut.arguments}"
    yield from (told.evidence for told in malicious_commands([command]))
