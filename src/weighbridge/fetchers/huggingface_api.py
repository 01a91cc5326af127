"""The hub's file listing, as raw JSON: sizes, LFS hashes, and every vendor's verdict.

huggingface_hub lists files too. We ask ourselves because its client drops all vendors but two,
waits for rate limits without a bound, and sends the token to whatever host a `Link` header
names. Here a next page is asked for at the endpoint, whatever host its link is written with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from weighbridge.bytesource.http_client import Ask, HttpClient, Reply
from weighbridge.bytesource.http_reply import refused
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.huggingface_target import HubTarget

_PAGE_BYTES = 64 * MIB
_MOST_PAGES = 10_000
"""Of one listing, folders included; `max_files` stops an honest one earlier."""
_NEXT_LINK = re.compile(r'<([^<>]+)>[^,<>]*;\s*rel="?next"?')
_T = TypeVar("_T")


class Lfs(msgspec.Struct, frozen=True):
    """What the hub keeps of a large file's pointer."""

    oid: str
    size: int


class LastCommit(msgspec.Struct, frozen=True):
    """The last change of a file."""

    date: str = ""


class SiblingLfs(msgspec.Struct, frozen=True):
    """The same, as the page of a revision spells it."""

    sha256: str
    size: int = 0


_NAMES_OF_THE_API = {"security": "securityFileStatus", "last_commit": "lastCommit"}


class TreeItem(msgspec.Struct, frozen=True, rename=_NAMES_OF_THE_API):
    """One row of a listing. `size` is that of the content, not of the pointer; None when not stated."""

    type: str
    path: str
    size: int | None = 0
    oid: str = ""
    lfs: Lfs | None = None
    security: Mapping[str, object] | None = None
    last_commit: LastCommit | None = None

    @property
    def verdicts(self) -> Mapping[str, str]:
        """Each vendor's word on this file, by the API's name of its scan; `status` is the hub's own."""
        return dict(_verdicts(self.security or {}))


class Sibling(msgspec.Struct, frozen=True, rename={"path": "rfilename", "oid": "blobId"}):
    """One file as the page of a revision names it. What is not `path`, some servers leave out."""

    path: str
    size: int | None = None
    oid: str | None = None
    lfs: SiblingLfs | None = None

    @property
    def item(self) -> TreeItem:
        lfs = Lfs(oid=self.lfs.sha256, size=self.lfs.size) if self.lfs is not None else None
        return TreeItem(type="file", path=self.path, size=self.size, oid=self.oid or "", lfs=lfs)


class _Revision(msgspec.Struct, frozen=True):
    siblings: list[Sibling]


def _verdicts(status: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in status.items():
        word = value.get("status") if isinstance(value, dict) else value
        if isinstance(word, str) and (name == "status" or isinstance(value, dict)):
            yield name[:80], word[:80]


class HubApi:
    """Lists one repository at one commit.

    Args:
        client: its endpoint is the hub's.
        endpoint: without a slash at the end.
        target: the repository; its path and revision are not looked at.
        commit: hex id of the commit to list.
    """

    def __init__(self, client: HttpClient, endpoint: str, target: HubTarget, commit: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self._commit = commit
        self._api = f"{endpoint}/api/{target.repo_type.api_word}/{target.repo_id}"
        self._files = f"{endpoint}/{target.repo_type.url_prefix}{target.repo_id}/resolve/{commit}"

    def file_url(self, path: str) -> str:
        """Return the URL that gives a file's bytes, perhaps by way of a redirect."""
        return f"{self._files}/{quote(path)}"

    def tree(self, folder: str = "") -> Iterator[TreeItem]:
        """List all files below a folder, page by page.

        Raises:
            Refused: the hub gives no listing.
            ReadError: the listing can't be read to its end.
        """
        below = f"/{quote(folder)}" if folder else ""
        url: str | None = f"{self._api}/tree/{self._commit}{below}?recursive=true&expand=false"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) == _MOST_PAGES:
                raise ReadError("the listing has no end")
            seen.add(url)
            items, url = self._client.exchange(Ask(url=url, expected_bytes=8 * MIB), self._page)
            yield from items
            if not items:
                return

    def siblings(self) -> Iterator[TreeItem]:
        """List all files as the page of the revision names them: for servers without a tree.

        Raises:
            Refused: the hub gives no listing.
            ReadError: the listing can't be read.
        """
        ask = Ask(url=f"{self._api}/revision/{self._commit}?blobs=true", expected_bytes=8 * MIB)
        revision = self._client.exchange(ask, lambda reply: _decode(reply, _Revision))
        yield from (sibling.item for sibling in revision.siblings)

    def paths_info(self, paths: Sequence[str]) -> list[TreeItem]:
        """Look up some paths in one request, with the vendors' verdicts. Unknown paths are left out.

        Raises:
            Refused: the hub gives no answer.
            ReadError: the answer can't be read.
        """
        ask = Ask(
            url=f"{self._api}/paths-info/{self._commit}",
            method="POST",
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode([*(("paths", path) for path in paths), ("expand", "true")]).encode(),
            expected_bytes=8 * MIB,
        )
        return self._client.exchange(ask, lambda reply: _decode(reply, list[TreeItem]))

    def _page(self, reply: Reply) -> tuple[list[TreeItem], str | None]:
        items = _decode(reply, list[TreeItem])
        link = _NEXT_LINK.search(reply.headers.get("link", ""))
        return items, self._at_endpoint(link[1]) if link else None

    def _at_endpoint(self, url: str) -> str:
        """Rewrite a link to the endpoint: mirrors pass on links that name the hub they mirror."""
        if url.startswith(f"{self._endpoint}/"):
            return url
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ReadError("the link to the next page of the listing is not a URL") from error
        return f"{self._endpoint}/{parts.path.lstrip('/')}?{parts.query}"


def _decode(reply: Reply, kind: type[_T]) -> _T:
    if reply.status != 200:
        raise refused(reply)
    body = reply.read(_PAGE_BYTES + 1)
    if len(body) > _PAGE_BYTES:
        raise ReadError(f"{reply.host} sent a listing of more than {_PAGE_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReadError(f"{reply.host} sent a listing that can't be read: {error}") from error
