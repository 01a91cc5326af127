"""A file at an `https://` address, read by ranges where its server can do that."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError, TargetUnavailable
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings

_UNKNOWN_BYTES = 1 << 40
"""What a file is taken for until its server has told its size: large."""


class WebFetcher:
    """`https://host/path/file`, and the same over http."""

    def accepts(self, target: str) -> bool:
        return target.startswith(("https://", "http://"))

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Ask for the first bytes, which also tells the size.

        Raises:
            TargetUnavailable: the server does not give the file.
        """
        from weighbridge.bytesource.http_client import HttpClient
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        client = HttpClient(
            target, settings=settings.http, on_wait=settings.on_wait, user_agent=f"weighbridge/{VERSION}"
        )

        def open_file() -> ByteSource:
            return RangeSource(client, RemoteFile(url=target, expected_bytes=_UNKNOWN_BYTES))

        try:
            size = open_file().size
        except ReadError as error:
            client.close()
            raise TargetUnavailable(f"can't read {target[:200]!r}: {error}") from error
        name = unquote(urlsplit(target).path.rpartition("/")[2]) or "index"
        origin = Origin(kind="https", location=target, size_bytes=size)
        return Fetched(
            display_name=target,
            origin=origin,
            items=iter((Entry(name=name, size_bytes=size, origin=origin, open=open_file),)),
            count=1,
            traffic=client.traffic,
            close=client.close,
        )
