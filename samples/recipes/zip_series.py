"""A file of several zip archives, as torch.distributed.checkpoint writes it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

_NONE_PICKLE = b"\x80\x02N."
_MARKER_PICKLE = b"\x80\x02cposix\nsystem\nX\x17\x00\x00\x00echo weighbridge-marker\x85R."


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    plain = _archive(_NONE_PICKLE)
    yield "zip/series.distcp", plain * 3
    yield "zip/series-with-a-call.distcp", plain + _archive(_MARKER_PICKLE) + plain


def _archive(pickle: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle)
        archive.writestr(zipfile.ZipInfo("archive/version"), b"3\n")
    return file.getvalue()
