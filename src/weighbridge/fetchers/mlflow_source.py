"""Bytes of a file that an MLflow server hands on, in the cheapest way that the server knows.

A server whose artifacts lie on its own disk answers ranges. One that keeps them in an object store
sends whole files only, and fetches the whole file for each request. Then, in this order: the
store's own signed address, which MLflow 3 hands out and which is read by ranges; or the whole file,
once, into a temporary file that has no name.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import IO

import httpx

from weighbridge.bytesource.http_client import Ask, Reply
from weighbridge.bytesource.http_redirect import RedirectPolicy
from weighbridge.bytesource.http_reply import refused, take_range
from weighbridge.bytesource.refused import Refused
from weighbridge.bytesource.windows import RangeAnswer, WindowedSource
from weighbridge.core.limits import GIB, MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.mlflow_api import ArtifactApi

_WHOLE_BYTES = 1 * MIB
"""A file up to this size comes whole with the first answer, from every server."""
_MOST_COPIED_BYTES = 8 * GIB
_UNKNOWN_BYTES = 1 << 40
"""What a file is taken for until its server has told its size: large."""
_EXPIRED = frozenset({400, 401, 403, 410})


@dataclass(slots=True)
class _Ways:
    """What was learnt of a server. Threads may learn it twice, which costs a request."""

    has_ranges: bool = True
    has_signed_addresses: bool = True


class ServedFiles:
    """Opens files of one server; what one of them learns of the server, the next knows."""

    def __init__(self, api: ArtifactApi) -> None:
        self.api = api
        self._ways = _Ways()

    def open(self, path: str, size_bytes: int | None) -> ServedFile:
        """Open a file; nothing is asked yet."""
        return ServedFile(self.api, path, size_bytes, ways=self._ways)


class ServedFile(WindowedSource):
    """One file. Made by `ServedFiles`."""

    def __init__(self, api: ArtifactApi, path: str, size_bytes: int | None, *, ways: _Ways) -> None:
        expected = _UNKNOWN_BYTES if size_bytes is None else size_bytes
        is_archive = size_bytes is not None and has_directory_at_end(path)
        super().__init__(expected, prefers_tail=is_archive)
        self._api = api
        self._path = path
        self._ways = ways
        self._signed: str | None = None
        self._copy: IO[bytes] | None = None

    def close(self) -> None:
        super().close()
        if self._copy is not None:
            self._copy.close()

    def _ask(self, start: int, stop: int) -> RangeAnswer:
        if self._copy is not None:
            return self._of_copy(self._copy, start, stop)
        if self._signed is not None:
            return self._of_store(self._signed, start, stop)
        if self._ways.has_ranges or self._expected_bytes <= _WHOLE_BYTES:
            answer = self._at(self._api.file_url(self._path), start, stop)
            if not answer.has_ignored_range or answer.total_bytes in range(_WHOLE_BYTES + 1):
                return answer
            self._ways.has_ranges = False
            if len(answer.data) == answer.total_bytes:
                self._copy = io.BytesIO(answer.data)
                return self._of_copy(self._copy, start, stop)
        return self._another_way(start, stop)

    def _another_way(self, start: int, stop: int) -> RangeAnswer:
        try:
            address = self._signed_address()
            if address is not None:
                answer = self._of_store(address, start, stop)
                self._signed = address
                return answer
        except ReadError:
            # The store is not for us to reach; the server itself is.
            self._ways.has_signed_addresses = False
        self._copy = self._copied()
        return self._of_copy(self._copy, start, stop)

    def _signed_address(self) -> str | None:
        """Ask for an address in the store; None when there is none that we may follow.

        Raises:
            ReadError: none is given, or it leads where a redirect of the server might not lead.
        """
        if not self._ways.has_signed_addresses:
            return None
        signed = self._api.signed(self._path)
        if signed.headers:
            return None
        RedirectPolicy(self._api.url).next_url(httpx.URL(self._api.url), signed.url)
        return signed.url

    def _of_store(self, address: str, start: int, stop: int) -> RangeAnswer:
        """Read at the store, with a fresh address when the one that we have has run out."""
        try:
            answer = self._at(address, start, stop)
        except Refused as refusal:
            if refusal.status not in _EXPIRED or self._signed is None:
                raise
            self._signed = self._signed_address()
            if self._signed is None:
                raise
            answer = self._at(self._signed, start, stop)
        if answer.has_ignored_range:
            raise ReadError("the store of the server ignores range requests, too")
        return answer

    def _at(self, url: str, start: int, stop: int) -> RangeAnswer:
        ask = Ask(
            url=url,
            headers={"range": f"bytes={start}-{stop - 1}"},
            expected_bytes=max(stop - start, MIB),
        )
        return self._api.client.exchange(ask, partial(take_range, start=start, stop=stop))

    def _copied(self) -> IO[bytes]:
        """Take the whole file, once.

        Raises:
            ReadError: it is too long, or breaks off, or there is no room for it.
        """
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (close() closes it)
        expected = min(self._expected_bytes, _MOST_COPIED_BYTES)
        ask = Ask(url=self._api.file_url(self._path), expected_bytes=expected)
        try:
            self._api.client.exchange(ask, partial(_write, copy))
        except OSError as error:
            copy.close()
            raise ReadError(
                f"the server sends only whole files, and this one finds no room: {error}"
            ) from error
        except ReadError:
            copy.close()
            raise
        return copy

    def _of_copy(self, copy: IO[bytes], start: int, stop: int) -> RangeAnswer:
        total = copy.seek(0, 2)
        copy.seek(start)
        data = copy.read(max(0, min(stop, total) - start))
        return RangeAnswer(start=start, data=data, total_bytes=total, url="")


def _write(copy: IO[bytes], reply: Reply) -> None:
    if reply.status != 200:
        raise refused(reply)
    if (reply.content_length or 0) > _MOST_COPIED_BYTES:
        raise _too_long()
    copy.seek(0)
    copy.truncate()
    written = 0
    for chunk in reply.chunks():
        written += len(chunk)
        if written > _MOST_COPIED_BYTES:
            raise _too_long()
        copy.write(chunk)
    if reply.content_length not in (None, written):
        raise ReadError(f"{reply.host} stopped after {written:,} of {reply.content_length:,} bytes")


def _too_long() -> ReadError:
    return ReadError(
        f"the server sends only whole files, and this one is longer than {_MOST_COPIED_BYTES:,} bytes; "
        "scan it in the store that the server keeps it in, or download it"
    )
