"""Installers, disk images and bytecode of other languages: known by their first bytes, not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

_INSTALLER, _IMAGE, _BYTECODE = "EXE017", "EXE018", "EXE019"
_KINDS: Final = (
    (b"\xed\xab\xee\xdb", "RPM package: its scripts run as root when it is installed"),
    (b"MSCF", "Windows cabinet"),
    (b"xar!", "macOS installer package: its scripts may run as root"),
    (b"ITSF", "compiled HTML help: its pages can run scripts"),
    (b"\x1bLua", "compiled Lua"),
    (b"\x1bLJ", "compiled LuaJIT"),
    (b"BC\xc0\xde", "LLVM bitcode, which a loader compiles to native code"),
    (b"FOR1", "compiled Erlang"),
    (b"KDMV", "virtual disk"),
    (b"QFI\xfb", "virtual disk"),
)


def inspect_installer(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say that it is one, and that it was not unpacked."""
    return _inspect(artifact, Format.INSTALLER, _INSTALLER)


def inspect_disk_image(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say that it is one, and that it was not unpacked."""
    return _inspect(artifact, Format.DISK_IMAGE, _IMAGE)


def inspect_bytecode(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say whose bytecode it is, and that it was not read."""
    return _inspect(artifact, Format.FOREIGN_BYTECODE, _BYTECODE)


def _inspect(artifact: Artifact, kind: Format, rule: str) -> Iterator[Event]:
    head = bytes(artifact.source.read_at(0, 8))
    words = next((words for magic, words in _KINDS if head.startswith(magic)), "disk image")
    yield Finding(rule=rule, path=artifact.path, subject=words.partition(":")[0], evidence=words)
    detail = f"{words.partition(':')[0]}: recognised, not read; unpack it and scan the folder"
    yield Coverage(path=artifact.path, format=kind, outcome=Outcome.UNSUPPORTED, detail=detail)
