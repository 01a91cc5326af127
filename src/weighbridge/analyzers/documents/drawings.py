"""Programs that draw: PostScript, ImageMagick's MVG and MSL, and playlists that name files.

An image library that meets one of these hands it to an interpreter. In a dataset of pictures none
of them belongs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format

_PRESENT, _RUNS, _PLAYLIST = "MED007", "MED008", "MED009"
_SEARCHED: Final = 4 * MIB
_POSTSCRIPT_RUNS: Final = re.compile(
    rb"\(\s{0,8}%(?:pipe|handle)%|\bOutputICCProfile\b[^\n]{0,80}%pipe%|/\.?(?:setpdfwrite|forceput|superexec)\b|\.rsdparams\b"
    rb"|/OutputFile\s{1,8}\(\s{0,8}(?:%pipe%|\|)"
)
_FILE_OPERATORS: Final = re.compile(
    rb"\)\s{0,8}\((?:r|w|a|r\+|w\+)\)\s{1,8}file\b|\b(?:deletefile|renamefile|filenameforall)\b"
)
_MVG: Final = re.compile(
    r"\A\s*push\s+graphic-context\b|\A\s*viewbox\s+[\d\s.,-]{1,60}\n", re.IGNORECASE
)
_MVG_RUNS: Final = re.compile(
    r"(?:url\(|image\s+\w{1,20}\s[^\n]{0,80}?)['\"]?(?:https?:[^\n]{0,300}[\"'|`;]\s{0,4}[|;&`]|ephemeral:|msl:|text:|label:@|\|)"
    r"|url\(https?://[^)\n]{0,300}(?:\"\||`|\$\()",
    re.IGNORECASE,
)
_MVG_LOADS: Final = re.compile(r"(?:url\(|image\s)\s{0,4}[^\n]{0,200}", re.IGNORECASE)
_PLAYLIST_HEADS: Final = ("#EXTM3U", "ffconcat version")
_OTHER_FILE: Final = re.compile(
    r"(?:^|[\s'\",=|])(?:file:[^\n]{1,200}|concat:[^\n]{1,200}|subfile,[^\n]{1,200}|gopher:[^\n]{1,200}|/(?:etc|proc|home|root|var)/[^\n]{1,200})",
    re.MULTILINE | re.IGNORECASE,
)


def inspect_postscript(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Tell that a PostScript program is there, and when it opens files or runs commands."""
    context.budget.check_time()
    data = bytes(artifact.source.read_at(0, _SEARCHED))
    match = _POSTSCRIPT_RUNS.search(data) or _FILE_OPERATORS.search(data)
    if match is None:
        evidence = f"{quoted(data[:40].decode('latin-1'))}: Ghostscript runs it as a program"
        yield _finding(artifact, _PRESENT, "PostScript", evidence)
    else:
        near = data[max(0, match.start() - 40) : match.end() + 40].decode("latin-1")
        yield _finding(artifact, _RUNS, "PostScript reaches out", quoted(near))
    if artifact.source.size > _SEARCHED:
        detail = f"the first {_SEARCHED:,} of {artifact.source.size:,} bytes of PostScript were searched"
        yield Coverage(
            path=artifact.path, format=Format.POSTSCRIPT, outcome=Outcome.LIMITED, detail=detail
        )


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is a drawing of ImageMagick or a playlist; None for any other."""
    context.budget.check_time()
    if head.lstrip("\ufeff").startswith(_PLAYLIST_HEADS):
        return _playlist(artifact, head)
    if PurePosixPath(artifact.name.lower()).suffix == ".mvg" or _MVG.match(head):
        return _drawing(artifact, head)
    return None


def _playlist(artifact: Artifact, head: str) -> Iterator[Event]:
    match = _OTHER_FILE.search(head)
    if match is not None:
        yield _finding(artifact, _PLAYLIST, "playlist", quoted(match.group().strip()))


def _drawing(artifact: Artifact, head: str) -> Iterator[Event]:
    match = _MVG_RUNS.search(head)
    if match is not None:
        yield _finding(artifact, _RUNS, "MVG reaches out", quoted(match.group()))
        return
    loads = _MVG_LOADS.search(head)
    shown = loads.group() if loads is not None else head.strip()[:60]
    yield _finding(artifact, _PRESENT, "MVG", f"{quoted(shown)}: ImageMagick runs it as a program")


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
