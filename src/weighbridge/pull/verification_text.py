"""Say what came of a verification, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.pull.verifying import Verification
from weighbridge.reporters.json_text import Json, json_text
from weighbridge.reporters.words import count, printable, shortened, size

_SHOWN = 50
_NAME_CHARS = 60


def render(verification: Verification) -> str:
    """Return the text: the verdict first, then each difference by its name."""
    return "\n".join(_lines(verification)) + "\n"


def _lines(done: Verification) -> Iterator[str]:
    lock = done.lock
    word = {0: "SAME", 1: "DIFFERS", 3: "INCOMPLETE"}[done.exit_code]
    files = f"{count(len(lock.files), 'file')}, {size(lock.size_bytes)}"
    yield f"{word}  {printable(done.target)}  ·  {files} in the lock"
    revision = f" @ {lock.origin.revision[:7]}" if lock.origin.revision else ""
    yield f"Locked on {lock.scanned:%Y-%m-%d} from {printable(lock.target)}{revision}."
    yield from _rows([(one.kind.value, one.name, one.detail) for one in done.differences])
    yield from _rows([("unchecked", one.name, one.detail) for one in done.unchecked])
    for note in done.notes:
        yield f"Note      {printable(note)}."
    yield from _advice(done)
    if done.exit_code:
        yield f"Exit {done.exit_code}."


def _rows(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    for kind, name, detail in rows[:_SHOWN]:
        yield f"  {kind:9} {printable(shortened(name, _NAME_CHARS))}: {printable(detail)}"
    if len(rows) > _SHOWN:
        yield f"  and {len(rows) - _SHOWN:,} more"


def _advice(done: Verification) -> Iterator[str]:
    if done.differences:
        yield (
            "Do        Load nothing of it before you know why; "
            "weighbridge pull brings and judges what is there now."
        )
    elif not done.unchecked:
        yield "Nothing was changed, added or removed since."


def render_json(verification: Verification) -> str:
    """Return one JSON document."""
    document: dict[str, Json] = {
        "schema": "weighbridge-verification/1",
        "target": verification.target,
        "locked_target": verification.lock.target,
        "revision": verification.lock.origin.revision,
        "files": len(verification.lock.files),
        "differences": [
            {"kind": one.kind.value, "name": one.name, "detail": one.detail}
            for one in verification.differences
        ],
        "unchecked": [{"name": one.name, "detail": one.detail} for one in verification.unchecked],
        "notes": list(verification.notes),
        "exit_code": verification.exit_code,
    }
    return json_text(document)
