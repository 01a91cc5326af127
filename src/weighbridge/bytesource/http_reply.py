"""Read the answer to a range request: check that it is the range that was asked, then take it.

Answers that occur: 206 with the range; 200 with the whole file, from a server that ignores
ranges; 416 when the file is shorter than we believed; anything else is a refusal.
"""

from __future__ import annotations

import re

from weighbridge.bytesource.http_client import Reply
from weighbridge.bytesource.refused import Refused
from weighbridge.bytesource.windows import PREFIX_BYTES, RangeAnswer
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError

WHOLE_FILE_BYTES = 1 * MIB
"""A file up to this size is taken whole from a server that ignores ranges."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})")


def take_range(reply: Reply, start: int, stop: int) -> RangeAnswer:
    """Take the half-open range [start, stop) from a reply whose body is unread.

    The range may come back shorter only where the file ends.

    Raises:
        Refused: a status without bytes.
        ReadError: the answer is not the range that was asked for.
    """
    match reply.status:
        case 206:
            return _partial(reply, start, stop)
        case 200:
            return _whole(reply, stop)
        case 416:
            return _unsatisfied(reply, start)
        case _:
            raise refused(reply)


def _partial(reply: Reply, start: int, stop: int) -> RangeAnswer:
    stated = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", "").strip())
    if stated is None:
        raise ReadError(f"{reply.host} sent a part of the file without saying which")
    total = None if stated[3] == "*" else int(stated[3])
    expected_stop = stop if total is None else min(stop, total)
    if (int(stated[1]), int(stated[2]) + 1) != (start, expected_stop):
        raise ReadError(
            f"{reply.host} sent bytes {stated[1]}-{stated[2]}, "
            f"asked for were {start}-{expected_stop - 1}"
        )
    return RangeAnswer(
        start=start, data=_exactly(reply, expected_stop - start), total_bytes=total, url=reply.url
    )


def _exactly(reply: Reply, length: int) -> bytes:
    reply.check_identity()
    stated = reply.content_length
    if stated is not None and stated != length:
        raise ReadError(f"{reply.host} announces {stated:,} bytes for a range of {length:,}")
    data = reply.read(length + 1)
    if len(data) > length:
        raise ReadError(f"{reply.host} sent more than the {length:,} bytes of the range")
    if len(data) < length:
        raise ReadError(f"{reply.host} stopped after {len(data):,} of {length:,} bytes")
    return data


def _whole(reply: Reply, stop: int) -> RangeAnswer:
    total = reply.content_length
    if total is None or total <= WHOLE_FILE_BYTES:
        data = reply.read(WHOLE_FILE_BYTES + 1)
        if len(data) <= WHOLE_FILE_BYTES:
            total = len(data)
    else:
        data = reply.read(stop) if stop <= PREFIX_BYTES else b""
    return RangeAnswer(start=0, data=data, total_bytes=total, url=reply.url, has_ignored_range=True)


def _unsatisfied(reply: Reply, start: int) -> RangeAnswer:
    stated = _UNSATISFIED.fullmatch(reply.headers.get("content-range", "").strip())
    if stated is None or int(stated[1]) > start:
        raise refused(reply)
    return RangeAnswer(start=start, data=b"", total_bytes=int(stated[1]), url=reply.url)


def refused(reply: Reply) -> Refused:
    """Make the error for a reply that gives no bytes."""
    code = reply.headers.get("x-error-code")
    return Refused(
        _words(reply, code), status=reply.status, error_code=code, from_endpoint=reply.from_endpoint
    )


def _words(reply: Reply, code: str | None) -> str:
    match reply.status, code:
        case _, "GatedRepo":
            return (
                "access is gated and has not been granted: ask at the repository's page and set HF_TOKEN"
            )
        case ((401 | 403), _):
            return f"{reply.host} refuses access (status {reply.status})"
        case ((404 | 410), _):
            return f"{reply.host} says that the file does not exist (status {reply.status})"
        case _:
            return f"{reply.host} answered with status {reply.status}"
