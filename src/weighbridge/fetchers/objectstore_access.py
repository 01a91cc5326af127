"""Ways into a bucket: list it page by page, ask for one key, open an object."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from weighbridge.bytesource.object_store import RemoteObject
from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.objectstore_client import StoreAsk, StoreClient, checked
from weighbridge.fetchers.objectstore_pages import Listed, Page, parse_page
from weighbridge.fetchers.objectstore_source import SignedSource
from weighbridge.fetchers.objectstore_target import Cloud

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply

_LARGEST_PAGE_BYTES = 16 * MIB
_MOST_EMPTY_PAGES = 1000
_VERSION_HEADERS = {
    Cloud.S3: "x-amz-version-id",
    Cloud.GCS: "x-goog-generation",
    Cloud.AZURE: "x-ms-version-id",
}


class Access(Protocol):
    """What can be done with a bucket."""

    def pages(self, prefix: str) -> Iterator[Page]:
        """Ask for what begins with a prefix, one page at a time, as the caller goes on.

        Raises:
            ReadError: the store refuses, or can't be understood.
        """
        ...

    def head(self, key: str, version: str | None) -> Listed | None:
        """Ask for one object; None when there is no such object.

        Raises:
            ReadError: the store refuses, or can't be understood.
        """
        ...

    def open(self, remote: RemoteObject) -> ByteSource:
        """Open an object as it was listed. Nothing is asked for before the first use."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class SignedAccess:
    """An `Access` with requests that we sign ourselves."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    def pages(self, prefix: str) -> Iterator[Page]:
        position: str | None = None
        seen: set[bytes] = set()
        empty = 0
        while True:
            page = self._page(prefix, position)
            empty = 0 if page.objects else empty + 1
            yield page
            if page.next is None:
                return
            mark = hashlib.blake2b(page.next.encode(), digest_size=16).digest()
            if mark in seen or empty > _MOST_EMPTY_PAGES:
                raise ReadError(f"{self._client.host} lists in a circle")
            seen.add(mark)
            position = page.next

    def head(self, key: str, version: str | None) -> Listed | None:
        cloud = self._client.cloud
        headers = {"x-amz-checksum-mode": "ENABLED"} if cloud is Cloud.S3 else {}
        ask = StoreAsk(method="HEAD", key=key, version=version, headers=headers)

        def take(reply: Reply) -> Listed | None:
            return None if reply.status == 404 else _headed(cloud, key, checked(reply))

        return self._client.exchange(ask, take)

    def open(self, remote: RemoteObject) -> ByteSource:
        return SignedSource(self._client, remote)

    def close(self) -> None:
        self._client.close()

    def _page(self, prefix: str, position: str | None) -> Page:
        ask = StoreAsk(query=_listing(self._client.cloud, prefix, position))
        body = self._client.exchange(ask, lambda reply: _body(checked(reply)))
        return parse_page(self._client.cloud, body)


def _listing(cloud: Cloud, prefix: str, position: str | None) -> Mapping[str, str]:
    if cloud is Cloud.AZURE:
        query = {"restype": "container", "comp": "list", "prefix": prefix}
        return query if position is None else {**query, "marker": position}
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    return query if position is None else {**query, "continuation-token": position}


def _body(reply: Reply) -> bytes:
    body = reply.read(_LARGEST_PAGE_BYTES + 1)
    if len(body) > _LARGEST_PAGE_BYTES:
        raise ReadError(f"a page of {reply.host}'s listing is larger than {_LARGEST_PAGE_BYTES:,} bytes")
    return body


def _headed(cloud: Cloud, key: str, reply: Reply) -> Listed:
    size = reply.content_length
    if size is None:
        raise ReadError(f"{reply.host} does not say how large the object is")
    version = reply.headers.get(_VERSION_HEADERS[cloud])
    return Listed(
        key=key,
        size_bytes=size,
        etag=reply.headers.get("etag"),
        version=version if version != "null" else None,
        last_modified=reply.headers.get("last-modified"),
        sha256=_sha256(reply.headers) if cloud is Cloud.S3 else None,
    )


def _sha256(headers: Mapping[str, str]) -> str | None:
    """Take S3's checksum, unless it is one of the checksums of parts."""
    stated = headers.get("x-amz-checksum-sha256", "")
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    try:
        digest = base64.b64decode(stated, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 32 else None
