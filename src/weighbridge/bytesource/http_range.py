"""A remote file, read by ranges: the fewest requests and bytes that a header or a pickle needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from weighbridge.bytesource.http_client import Ask, HttpClient, Reply
from weighbridge.bytesource.http_reply import take_range
from weighbridge.bytesource.refused import Refused
from weighbridge.bytesource.windows import RangeAnswer, WindowedSource
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError

_WIDER_BYTES = 1 * MIB
_EXPIRED = frozenset({400, 401, 403, 410})
"""What storage answers when the signature of a location has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """What is known of a file before the first request.

    Attributes:
        url: at the client's endpoint; it may redirect to a signed, expiring location.
        expected_bytes: the size that the registry states. The server's word replaces it.
        prefers_tail: the file is an archive whose directory is at its end.
        headers: for the origin of `url`, and for nobody that it redirects to.
    """

    url: str
    expected_bytes: int
    prefers_tail: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class RangeSource(WindowedSource):
    """A `WindowedSource` over HTTP.

    The location behind a redirect is kept, and asked for again only when it has expired.
    """

    def __init__(self, client: HttpClient, file: RemoteFile) -> None:
        super().__init__(file.expected_bytes, prefers_tail=file.prefers_tail)
        self._client = client
        self._file = file
        self._location: str | None = None
        self._etags: dict[str, str] = {}
        """By host: two that hold the same file may well name it differently."""

    def _ask(self, start: int, stop: int) -> RangeAnswer:
        """Ask at the kept location, then at a fresh one, then for a wider range.

        Storage that checks ranges too strictly has refused valid ones with 403 and taken wider,
        aligned ones. Source: https://github.com/huggingface/xet-core/issues/897
        """
        if self._location is not None:
            try:
                return self._ask_at(self._location, start, stop)
            except Refused as refusal:
                if refusal.status not in _EXPIRED:
                    raise
                self._location = None
        try:
            return self._ask_at(self._file.url, start, stop)
        except Refused as refusal:
            if refusal.from_endpoint or refusal.status != 403:
                raise
        size = max(self._size or self._file.expected_bytes, stop)
        return self._ask_at(
            self._file.url,
            start - start % _WIDER_BYTES,
            min(size, -(-stop // _WIDER_BYTES) * _WIDER_BYTES),
        )

    def _ask_at(self, url: str, start: int, stop: int) -> RangeAnswer:
        ask = Ask(
            url=url,
            headers={"range": f"bytes={start}-{stop - 1}"},
            own_headers=self._file.headers if url == self._file.url else {},
            expected_bytes=max(stop - start, 1 * MIB),
        )
        answer = self._client.exchange(ask, partial(self._taken, start=start, stop=stop))
        if answer.url != self._file.url:
            self._location = answer.url
        return answer

    def _taken(self, reply: Reply, start: int, stop: int) -> RangeAnswer:
        """Take the range, unless the file is another than at the first request.

        Raises:
            ReadError: parts of two files would be judged as one.
        """
        etag = reply.headers.get("etag", "")
        is_named = reply.status in (200, 206) and etag.startswith('"')
        is_other = is_named and self._etags.setdefault(reply.host, etag) != etag
        answer = take_range(reply, start, stop)
        # Of another size, whoever asked says so, and which.
        if is_other and answer.total_bytes in (None, self._size):
            raise ReadError("the file was changed while it was read (its ETag is another); scan again")
        return answer
