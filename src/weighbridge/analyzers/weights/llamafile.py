"""llamafile: a model, a program and its arguments in one file that runs on six systems.

It is a program by design, for a shell, for Windows and for zip readers at once. The zip members are
inspected as such; here stand the arguments that it gives itself, and scripts among the members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.carried_texts import carried
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.zip import parse_zip
from weighbridge.formats.archive.zip_compare import resolve_member
from weighbridge.formats.archive.zip_members import SUPPORTED_METHODS, open_member
from weighbridge.formats.archive.zip_records import ZipMember
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.language_tables import Strength, llamafile_arguments

_PROGRAM, _REACHES, _SCRIPT = "GGF016", "GGF017", "GGF018"
_ARGUMENTS: Final = ".args"
_SCRIPTS: Final = frozenset({".sh", ".bat", ".cmd", ".ps1", ".vbs", ".py", ".pyc", ".lua", ".command"})
_LARGEST_ARGUMENTS = 256 * KIB
_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_EXAMPLES = 8


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Say that it is a program, and judge what it tells itself."""
    evidence = f"{quoted(artifact.name)} is a program that brings its own model: to open it is to run it"
    yield Finding(rule=_PROGRAM, path=artifact.path, subject="program", evidence=evidence, offset=0)
    try:
        directory = parse_zip(artifact.source, context.budget, compare_local_headers=False)
    except Malformed:
        detail = "an actually portable executable without a zip behind it"
        yield Coverage(
            path=artifact.path, format=Format.LLAMAFILE, outcome=Outcome.OPAQUE, detail=detail
        )
        return
    yield from _scripts(artifact, directory.members)
    for member in directory.members:
        if member.name == _ARGUMENTS:
            yield from _judge_arguments(artifact, _text(artifact, member, context))


def _scripts(artifact: Artifact, members: Sequence[ZipMember]) -> Iterator[Finding]:
    names = [one.name for one in members if PurePosixPath(one.name.lower()).suffix in _SCRIPTS]
    if names:
        shown = ", ".join(quoted(name) for name in names[:_EXAMPLES])
        yield Finding(
            rule=_SCRIPT,
            path=artifact.path,
            subject=names[0][:200],
            evidence=f"{len(names):,} scripts among the members: {shown}",
        )


def _text(artifact: Artifact, member: ZipMember, context: Context) -> str:
    """The arguments, as far as they can be read; what can't is told by the reader of the zip."""
    members = [member] if member.data_offset is not None else []
    members = members or list(resolve_member(artifact.source, member).members)
    found = bytearray()
    for one in members[:1]:
        if one.claims_encryption or one.method not in SUPPORTED_METHODS:
            continue
        try:
            for chunk in open_member(artifact.source, one, context.budget):
                found += chunk
                if len(found) > _LARGEST_ARGUMENTS:
                    break
        except (Malformed, LimitReached):
            break
    return bytes(found[:_LARGEST_ARGUMENTS]).decode("utf-8", "backslashreplace")


def _judge_arguments(artifact: Artifact, text: str) -> Iterator[Event]:
    """One argument a line; `...` stands for those of the user."""
    words = [line.strip() for line in text.splitlines() if line.strip()]
    table = llamafile_arguments()
    for index, word in enumerate(words):
        name, _, value = word.partition("=")
        meaning = table.get(name)
        value = value or (words[index + 1] if index + 1 < len(words) else "")
        if meaning is None or meaning.strength is not Strength.RUNS:
            continue
        if name == "--host" and value in _LOCAL_HOSTS:
            continue
        evidence = f"{name} {quoted(value)}: {meaning.what}"
        yield Finding(
            rule=_REACHES, path=artifact.path, subject=name, evidence=evidence, route=_ARGUMENTS
        )
    yield from carried(artifact, [(_ARGUMENTS, " ".join(words))], rule=_SCRIPT)
