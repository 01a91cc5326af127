"""Is a layer the archive that its media type says? Its name depends on it.

A client that unpacks by media type fails on one that is none, and a client that goes by the title
writes it as a file of that name: then that is how it is to be judged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import ReadError
from weighbridge.fetchers.oci.listing import Blob
from weighbridge.formats.archive.tar_headers import decode_header

Open = Callable[[], ByteSource]

_HEAD_BYTES = 512
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


def named_by_content(blob: Blob, open_blob: Open) -> tuple[str, Open]:
    """Return the name of a blob, and how to open it.

    The bytes that tell are not fetched twice: the first to open the blob gets the same source.
    """
    if blob.plain is None:
        return blob.name, open_blob
    source = open_blob()
    try:
        head = bytes(source.read_at(0, _HEAD_BYTES))
    except ReadError:
        # Whoever opens the blob meets the error again, and it costs one artifact only.
        return blob.name, open_blob
    is_archive = head.startswith(_COMPRESSED) or decode_header(head) is not None
    return blob.name if is_archive else blob.plain, _Again(source, open_blob)


class _Again:
    """Opens a blob, with a source that is open already the first time."""

    def __init__(self, source: ByteSource, open_blob: Open) -> None:
        self._source: ByteSource | None = source
        self._open = open_blob
        self._lock = threading.Lock()

    def __call__(self) -> ByteSource:
        with self._lock:
            source, self._source = self._source, None
        return source or self._open()
