"""Whether what git makes of a file at checkout is something that was not scanned."""

from __future__ import annotations

import re
from typing import Final

from weighbridge.bytesource.memory import MemorySource
from weighbridge.fetchers.git_attributes import Change
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format

_BINARY: Final = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_ADVICE: Final = "the bytes that a clone gets were not scanned; clone it and scan the folder"


def checkout_problem(change: Change, data: bytes | None) -> str | None:
    """Return a sentence when a clone gets other bytes, and they are not those of a plain text.

    Args:
        change: that the repository's attributes ask for.
        data: of the file; None for a large one, which is not at hand.
    """
    if change.encoding is not None:
        return f"git writes it in the encoding {change.encoding!r} at checkout: {_ADVICE}"
    if data is None:
        is_changed = change.applied(b"\n$Id$") != b"\n$Id$"
    else:
        after = change.applied(data)
        is_changed = after != data and not (_is_text(data) and _is_text(after))
    return f"git changes its line ends or $Id$ at checkout: {_ADVICE}" if is_changed else None


def _is_text(data: bytes) -> bool:
    """Line ends mean nothing to the readers of texts; to a pickle, of printable bytes too, they do."""
    return _BINARY.search(data) is None and Format.PICKLE not in identify(MemorySource(data), "")
