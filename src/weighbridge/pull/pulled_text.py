"""Say what a pull has put into place, for people. Paths stand whole on their lines, to be copied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from weighbridge.pull.names import LOCK_NAME
from weighbridge.pull.pulling import Pulled
from weighbridge.reporters.words import count, printable, shortened, size

_LEFT_OUT = 5


def render(pulled: Pulled) -> str:
    """Return the text; the report of the scan stands before it."""
    return "\n".join(_lines(pulled)) + "\n"


def _lines(pulled: Pulled) -> Iterator[str]:
    lock, folder = pulled.lock, printable(str(pulled.folder))
    saved = lock.size_bytes - pulled.received_bytes
    wire = f"  ·  {size(pulled.received_bytes)} over the wire" if saved > 0 else ""
    yield f"PULLED  {count(len(lock.files), 'file')}, {size(lock.size_bytes)}{wire}"
    stated, files = len(pulled.checked_against_registry), len(lock.files)
    rest = "" if stated == files else "; for the rest it states none"
    yield f"Scanned again as it arrived. The registry's digest holds for {stated:,} of {files:,}{rest}."
    if pulled.left_out:
        shown = ", ".join(printable(shortened(name, 60)) for name in pulled.left_out[:_LEFT_OUT])
        more = len(pulled.left_out) - _LEFT_OUT
        yield f"Left out: {shown}" + (f" and {more:,} more" if more > 0 else "")
    yield f"Into      {folder}"
    yield f"Lock      {folder}/{LOCK_NAME}"
    yield f"Check     weighbridge verify {printable(shlex.quote(str(pulled.folder)))}"
