"""A server's answer in JSON, as the types that we expect, or a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply

_T = TypeVar("_T")


def json_answer(reply: Reply, kind: type[_T], *, most_bytes: int = 32 * MIB) -> _T:
    """Take the body of a reply that was not read yet.

    Raises:
        Refused: the status is not 200.
        ReadError: too long, or not of this kind.
    """
    from weighbridge.bytesource.http_reply import refused

    if reply.status != 200:
        raise refused(reply)
    body = reply.read(most_bytes + 1)
    if len(body) > most_bytes:
        raise ReadError(f"{reply.host} sent an answer of more than {most_bytes:,} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReadError(f"{reply.host} sent an answer that can't be read: {error}") from error
