"""What the name of a file hides from whoever reads it, or does to programs that take it for more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.hidden_text import find_hidden, has_invisible

_REVERSED, _INVISIBLE, _NOT_PORTABLE, _TWO_SUFFIXES = "NAM001", "NAM002", "NAM005", "NAM006"
_COMMAND, _OPTION, _LONG = "NAM007", "NAM008", "NAM009"

_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_RESERVED: Final = re.compile(
    r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?\Z"
)
_NOT_ON_WINDOWS: Final = re.compile(r'[<>:"|?*\\]|[. ]\Z')
_PROGRAM: Final = re.compile(
    r"(?i)\.(?P<data>safetensors|gguf|ggml|onnx|json|jsonl|ya?ml|md|txt|csv|tsv|parquet|pdf|docx?|xlsx?|pptx?|png|jpe?g"
    r"|gif|webp|svg|wav|mp3|mp4|npy|npz|h5|hdf5|keras|pkl|pth?|ckpt|zip|html?|ipynb|log)"
    r"(?P<gap>[\s_\u00a0\u2000-\u200b\u3000]*)\.(?P<program>exe|scr|com|pif|lnk|msi|hta|vbs|vbe|wsf|bat|cmd|cpl|jar|ps1|appref-ms|scf|url|desktop)\s*\Z"
)
_SPACES_THEN_SUFFIX: Final = re.compile(
    r"(?i)\s{3,}\.(?:exe|scr|com|pif|lnk|msi|hta|vbs|bat|cmd|ps1|sh|py|js)\s*\Z"
)
_RUNS_IN_SHELL: Final = re.compile(
    r"\$\([^)]{2,}\)|`[^`]{2,}`|\$\{IFS|\{[a-z0-9_./-]+,[^}]*\}\s*\||[;|&]\s*(?:ba|z|da)?sh\b|\|\s*base64\b"
)
_OPTION_THAT_RUNS: Final = re.compile(
    r"--(?:checkpoint-action|to-command|use-compress-program|rsh|exec)\b=?|-e\s?sh\b"
)
_LONGEST_PART: Final = 200
_DEEPEST: Final = 40
_LONGEST: Final = 1_000


def name_findings(artifact: Artifact) -> Iterator[Finding]:
    """Judge the name of a file of the target; its folders are judged once for all their files."""
    if artifact.depth:
        return
    path = artifact.name
    yield from part_findings(artifact.path, path.rpartition("/")[2])
    if len(path) > _LONGEST or path.count("/") > _DEEPEST:
        evidence = f"{len(path):,} characters, {path.count('/'):,} folders deep: {quoted(path)}"
        yield _finding(_LONG, artifact.path, "path", evidence)


def part_findings(path: tuple[str, ...], part: str) -> Iterator[Finding]:
    """Judge one part of a path, of a file or a folder. `path` is where the findings go."""
    if not (part.isascii() and part.isprintable()):
        yield from _unseen(path, part)
    yield from _programs(path, part)
    yield from _portability(path, part)
    if len(part.encode("utf-8", "surrogatepass")) > _LONGEST_PART:
        yield _finding(_LONG, path, part, f"{len(part):,} characters: {quoted(part)}")


def _unseen(path: tuple[str, ...], part: str) -> Iterator[Finding]:
    if _BIDI.search(part):
        shown = _BIDI.sub("", part)
        evidence = f"{quoted(part)}; the letters stand in the file system as {quoted(shown)}"
        yield _finding(_REVERSED, path, part, evidence)
    hidden = next(find_hidden(part), None) if has_invisible(part) else None
    if hidden is not None and not _BIDI.search(part):
        yield _finding(_INVISIBLE, path, part, f"{quoted(part)}: {hidden.kind.value}")
    elif part.startswith("\ufeff") or _CONTROLS.search(part):
        yield _finding(_INVISIBLE, path, part, f"{quoted(part)}: characters that nobody sees")


def _programs(path: tuple[str, ...], part: str) -> Iterator[Finding]:
    found = _PROGRAM.search(part)
    if found is not None:
        evidence = (
            f"{quoted(part)}: a .{found['program'].lower()} that looks like a .{found['data'].lower()}"
        )
        yield _finding(_TWO_SUFFIXES, path, part, evidence)
    elif _SPACES_THEN_SUFFIX.search(part):
        yield _finding(
            _TWO_SUFFIXES, path, part, f"{quoted(part)}: spaces push the extension out of sight"
        )
    if _RUNS_IN_SHELL.search(part) or (part.startswith("-") and _OPTION_THAT_RUNS.match(part)):
        yield _finding(_COMMAND, path, part, quoted(part))
    elif part.startswith("-"):
        yield _finding(_OPTION, path, part, quoted(part))


def _portability(path: tuple[str, ...], part: str) -> Iterator[Finding]:
    reasons = []
    if _RESERVED.match(part):
        reasons.append("a device of Windows")
    if _NOT_ON_WINDOWS.search(part):
        reasons.append("characters that Windows refuses, drops or gives a meaning")
    if any(unicodedata.category(char) == "Cs" for char in part if not char.isascii()):
        reasons.append("bytes that are no UTF-8")
    if reasons:
        yield _finding(_NOT_PORTABLE, path, part, f"{quoted(part)}: {', '.join(reasons)}")


def _finding(rule: str, path: tuple[str, ...], subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=path, subject=subject[:200], evidence=evidence)
