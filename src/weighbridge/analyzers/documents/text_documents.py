"""Plain text: scripts, tables, models that are written as text, and prose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.analyzers.documents.documents import text_judges
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.analyzers.texts.told_installs import told_installs
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

_HEAD_BYTES = 64 * KIB
_LARGEST_BYTES = 4 * MIB
_MARKUP = (".html", ".htm", ".xhtml")
_PROSE = (".md", ".txt", ".rst", ".mdc", ".mdx", ".markdown", ".adoc", ".org", ".prompt")
_RULES_OF_AGENTS = (".cursorrules", ".clinerules", ".windsurfrules", ".goosehints", ".aiexclude")
_TABLES = (".csv", ".tsv", ".tab", ".psv")
_CODE = (
    *(
        ".sh",
        ".bash",
        ".zsh",
        ".fish",
        ".ps1",
        ".bat",
        ".cmd",
        ".js",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".c",
        ".h",
    ),
    *(
        ".cc",
        ".cpp",
        ".hpp",
        ".cu",
        ".cuh",
        ".java",
        ".kt",
        ".rs",
        ".go",
        ".rb",
        ".pl",
        ".lua",
        ".r",
        ".jl",
        ".swift",
    ),
    *(".cs", ".php", ".scala", ".sql", ".pyi", ".pyx", ".py", ".css", ".m"),
    *(".jinja", ".jinja2", ".j2"),
)

_PROGRAMS = frozenset(
    {"dockerfile", "containerfile", "jenkinsfile", "makefile", "gnumakefile", "justfile", "rakefile"}
    | {"gemfile", "procfile", "vagrantfile", "brewfile", "build", "workspace", "snakefile"}
)
_CONFIGURATIONS = frozenset({"mlmodel", "modelfile", "pipfile", "mlproject", "config"})


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Show the text to each judge; without a claim it is prose, and opaque."""
    head = _read(artifact, _HEAD_BYTES)
    text = _decoded(head)
    claimed = False
    for judge in text_judges():
        events = judge(artifact, text, context)
        if events is not None:
            claimed = True
            yield from events
    whole = text if artifact.source.size <= _HEAD_BYTES else _decoded(_read(artifact, _LARGEST_BYTES))
    kind = _kind(artifact)
    yield from look_at_text(artifact, whole, kind, context)
    if kind in (TextKind.PROSE, TextKind.CODE):
        yield from told_installs(artifact, whole, is_prose=kind is TextKind.PROSE)
    if not claimed:
        yield Coverage(
            path=artifact.path, format=Format.TEXT, outcome=Outcome.OPAQUE, detail=_unread(artifact)
        )


def _read(artifact: Artifact, limit: int) -> bytes:
    return bytes(artifact.source.read_at(0, min(limit, artifact.source.size)))


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "backslashreplace")


def _unread(artifact: Artifact) -> str:
    size = artifact.source.size
    return (
        f"the first {_LARGEST_BYTES:,} of {size:,} bytes were searched" if size > _LARGEST_BYTES else ""
    )


def _kind(artifact: Artifact) -> TextKind:
    name = PurePosixPath(artifact.name.lower()).name
    if name.endswith(_MARKUP):
        return TextKind.MARKUP
    if name.endswith(_TABLES):
        return TextKind.TABLE
    if name.endswith(_CODE) or name in _PROGRAMS or name.startswith("dockerfile."):
        return TextKind.CODE
    is_named = name.endswith((*_PROSE, *_RULES_OF_AGENTS))
    is_prose = is_named or ("." not in name and name not in _CONFIGURATIONS)
    return TextKind.PROSE if is_prose else TextKind.CONFIGURATION
