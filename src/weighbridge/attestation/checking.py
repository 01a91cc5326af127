"""Hold a target against its attestations, and say what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from weighbridge.attestation.verification import Attested, verify
from weighbridge.core.report import Report, ScannedFile
from weighbridge.core.trust import Trust
from weighbridge.engine.judgement import with_digests
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import Entry, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.registry import fetch
from weighbridge.reporters.words import count, printable

_SHOWN = 20
_HARMLESS = (ProblemKind.FOLDER_MARKER, ProblemKind.SYMLINK_TO_ENTRY)
"""A link to a file of the same folder is that file, which is compared under its own name."""


def check(target: str, attestation: Path, trust: Trust, settings: FetchSettings) -> Attested:
    """Hold the files of a target against a file of attestations.

    Local files are hashed; of a target elsewhere the digests count that its registry states.

    Raises:
        UsageError: the attestation is unreadable, or the digest of a file can't be known.
        TargetError: the target can't be reached.
    """
    with closing(fetch(target, settings)) as fetched:
        items = tuple(fetched.items)
        listed = Report(
            target=target,
            origin=fetched.origin,
            findings=(),
            coverage=(),
            files=tuple(
                ScannedFile(name=item.name, size_bytes=item.size_bytes, sha256=item.origin.sha256)
                for item in items
                if isinstance(item, Entry) and not _is_file(item, attestation)
            ),
        )
    known = with_digests(listed).files
    missing = next((file.name for file in known if file.sha256 is None), None)
    if missing is not None:
        raise UsageError(
            f"the sha256 of {missing!r} is not known: pull the target, and check the folder"
        )
    others = [
        f"{item.name!r} was never attested: {item.detail}"
        for item in items
        if isinstance(item, Problem) and item.kind not in _HARMLESS
    ]
    return _with_objections(verify(attestation, known, trust), others)


def _is_file(entry: Entry, attestation: Path) -> bool:
    return entry.local_path is not None and entry.local_path.resolve() == attestation.resolve()


def _with_objections(done: Attested, further: Sequence[str]) -> Attested:
    """What can't be read, or leads out, has no digest to compare; a loader may open it all the same."""
    if not further:
        return done
    return replace(done, is_passed=False, objections=(*further, *done.objections))


def render(target: str, done: Attested) -> str:
    """Return the result as text, with a line break at its end."""
    return "\n".join(_lines(target, done)) + "\n"


def _lines(target: str, done: Attested) -> Iterator[str]:
    word = "ATTESTED" if done.is_passed else "NOT ATTESTED"
    signed = f"{done.signed} of {count(done.lines, 'statement')} signed by whom you trust"
    yield f"{word}  {printable(target)}  ·  {signed}"
    if done.is_passed:
        when = printable(done.when or "an unknown day")
        yield f"A signed statement of {when} says that these files passed."
        if not done.is_complete:
            yield "Its policy let them pass although not everything in them could be read."
        if done.findings:
            rules = ", ".join(printable(rule) for rule in done.findings[:_SHOWN])
            yield f"It tells of findings below the line of its policy: {rules}"
        return
    for objection in done.objections[:_SHOWN]:
        yield f"  {printable(objection)}"
    if len(done.objections) > _SHOWN:
        yield f"  and {count(len(done.objections) - _SHOWN, 'more difference')}"
