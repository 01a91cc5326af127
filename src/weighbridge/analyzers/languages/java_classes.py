"""Compiled Java and Android code: what its classes can do, by the members that they use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.languages.java_class import JavaNames, read_class, read_dex
from weighbridge.knowledge.native_imports import NativeCapability, installed_java_members

_PRESENT, _CAN, _HOSTILE = "EXE012", "EXE013", "EXE014"
_LARGEST_BYTES: Final = 64 * MIB
_SHOWN: Final = 8


def inspect_class(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a class file."""
    yield from _judge(artifact, read_class(_bytes(artifact)), "Java class")


def inspect_dex(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge an Android dex file."""
    yield from _judge(artifact, read_dex(_bytes(artifact)), "Android code")


def _bytes(artifact: Artifact) -> bytes:
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        raise LimitReached(f"compiled Java of {size:,} bytes; up to {_LARGEST_BYTES:,} are read")
    return bytes(artifact.source.read_at(0, size))


def _judge(artifact: Artifact, names: JavaNames, kind: str) -> Iterator[Finding]:
    table = installed_java_members()
    found = table.capabilities(names.members)
    subject = f"{kind} {names.name}"[:200]
    lines = [f"{quoted(names.name)} uses {len(names.classes):,} classes"]
    lines += [f"{table.why[each]}: {', '.join(used[:_SHOWN])}" for each, used in found.items()]
    hostile = list(_hostile(names)) if NativeCapability.PROCESS in found else []
    rule = _CAN if found else _PRESENT
    if hostile:
        rule = _HOSTILE
    evidence = "\n".join([*lines, *hostile])
    yield Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)


def _hostile(names: JavaNames) -> Iterator[str]:
    """Command lines among the literals of a class that starts programs."""
    from weighbridge.analyzers.executables.program_judgement import malicious_commands

    for told in malicious_commands(text for text in names.strings if 5 < len(text) < 4096):
        yield told.evidence
