"""An object read by ranges with requests that we sign ourselves, as long as it stays the same.

The laws are those of `bytesource/object_store.py`, which reads in the same way through obstore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weighbridge.bytesource.object_store import RemoteObject, changed, is_same_etag
from weighbridge.bytesource.refused import Refused
from weighbridge.bytesource.windows import RangeAnswer, WindowedSource
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.objectstore_client import StoreAsk, StoreClient

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply


class SignedSource(WindowedSource):
    """A `WindowedSource` over an object."""

    def __init__(self, client: StoreClient, remote: RemoteObject) -> None:
        super().__init__(remote.size_bytes, prefers_tail=remote.prefers_tail)
        self._client = client
        self._remote = remote

    def _ask(self, start: int, stop: int) -> RangeAnswer:
        remote = self._remote
        # What is listed as empty is asked for like any other: a listing may be wrong.
        if remote.size_bytes:
            stop = min(stop, remote.size_bytes)
        part = {"range": f"bytes={start}-{stop - 1}"} if remote.size_bytes else {}
        condition = {"if-match": remote.etag} if remote.etag is not None else {}
        ask = StoreAsk(
            key=remote.key,
            version=remote.version,
            headers={**part, **condition},
            expected_bytes=max(stop - start, 1 * MIB),
        )
        return self._client.exchange(ask, lambda reply: self._taken(reply, start, stop))

    def _taken(self, reply: Reply, start: int, stop: int) -> RangeAnswer:
        from weighbridge.bytesource.http_reply import take_range

        remote = self._remote
        if reply.status in (200, 206) and not is_same_etag(remote.etag, reply.headers.get("etag")):
            raise ReadError(changed("its ETag is another"))
        try:
            answer = take_range(reply, start, stop)
        except Refused as refusal:
            if refusal.status == 412:
                raise ReadError(changed(f"{reply.host} says so")) from None
            raise
        if answer.total_bytes not in (None, remote.size_bytes):
            raise ReadError(
                changed(f"it had {remote.size_bytes:,} bytes and now has {answer.total_bytes:,}")
            )
        return answer
