"""What tables of every format share: how much of them is read, and what coverage says of the rest.

A cell of text runs nowhere. So the part of a table that was not searched makes nobody unsafe who
loads it, and the row says OPAQUE with how much was read. It is different where cells hold pickles:
somebody loads those, and pickles that were not read make the row LIMITED.
"""

from __future__ import annotations

from typing import Final

from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.kinds import Format

LOCAL_BYTES: Final = 256 * MIB
REMOTE_BYTES: Final = 4 * MIB


def searched_bytes(source: ByteSource) -> int:
    """How much of a table of text is searched."""
    return min(source.size, REMOTE_BYTES if source.is_remote else LOCAL_BYTES)


def rest_row(artifact: Artifact, kind: Format, read: str, *, has_pickles: bool) -> Coverage:
    """The row of a table that was searched in part.

    Args:
        artifact: the table.
        kind: its format.
        read: how much was searched, in words: `the first 4 of 90 row groups`.
        has_pickles: a cell that was searched held a pickle.
    """
    if has_pickles:
        detail = f"cells hold pickles, and only {read} were read; scan the table in smaller files"
        return Coverage(path=artifact.path, format=kind, outcome=Outcome.LIMITED, detail=detail)
    detail = f"{read} were searched; the rest is data that no loader runs, and was not looked at"
    return Coverage(path=artifact.path, format=kind, outcome=Outcome.OPAQUE, detail=detail)
