"""Releases on GitHub: the files that people attach to them, read by range where they are.

Laws: the token goes to the API and nowhere else. A file is pinned by its number, so that one that is
replaced under the same name while it is read is not mixed with the other.

Source: GitHub REST API, releases and release assets (`digest`, `state`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import msgspec

from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.version import VERSION
from weighbridge.errors import AccessDenied, ReadError, TargetError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.github_target import ReleaseTarget, is_release_target, parse_release_target
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.json_answer import json_answer

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply

_TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN")
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_JSON: Final = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_BYTES: Final = {"accept": "application/octet-stream"}
_UPLOADED: Final = "uploaded"


class _Asset(msgspec.Struct, frozen=True):
    """One file of a release."""

    id: int
    name: str
    size: int
    browser_download_url: str
    state: str = _UPLOADED
    digest: str | None = None
    updated_at: str = ""


class _Release(msgspec.Struct, frozen=True):
    id: int
    tag_name: str
    published_at: str | None = None
    target_commitish: str = ""
    draft: bool = False
    prerelease: bool = False
    immutable: bool | None = None


class GithubReleaseFetcher:
    """`github://owner/repo[@tag]`, and the addresses of releases and of their files."""

    def accepts(self, target: str) -> bool:
        return is_release_target(target)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Find the release and list its files.

        Raises:
            UsageError: the target names no repository.
            TargetError: no such release, no access, or the API does not answer.
        """
        return _Session(parse_release_target(target), settings).fetched()


class _Session:
    """One fetch: what its steps share."""

    def __init__(self, target: ReleaseTarget, settings: FetchSettings) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        self._target = target
        self._settings = settings
        self._token = settings.token or _token(target)
        self._home = f"{target.api}/repos/{target.owner}/{target.name}/releases"
        self._client = HttpClient(
            target.api,
            token=self._token,
            settings=settings.http,
            on_wait=settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

    def fetched(self) -> Fetched:
        try:
            return self._fetched()
        except ReadError as error:
            self._client.close()
            raise self._target_error(error) from error
        except BaseException:
            self._client.close()
            raise

    def _fetched(self) -> Fetched:
        release = self._release()
        origin = self._origin(release)
        items = [self._item(asset, origin) for asset in self._wanted(release)]
        if len(items) > self._settings.max_files:
            items = [*items[: self._settings.max_files], _too_many(self._settings.max_files)]
        return Fetched(
            display_name=f"{self._target.display_name} {release.tag_name[:255]}",
            origin=origin,
            items=iter(items),
            count=len(items),
            traffic=self._client.traffic,
            close=self._client.close,
        )

    def _release(self) -> _Release:
        from weighbridge.bytesource.http_client import Ask

        tag = self._target.tag
        place = "latest" if tag is None else f"tags/{quote(tag, safe='')}"
        found = self._client.exchange(
            Ask(url=f"{self._home}/{place}", headers=_JSON), lambda reply: _decoded(reply, _Release)
        )
        if tag is not None and found.tag_name != tag:
            raise ReadError(f"it answers with another release, {found.tag_name[:100]!r}")
        return found

    def _wanted(self, release: _Release) -> Sequence[_Asset]:
        assets = sorted(self._assets(release), key=lambda asset: asset.name)
        if self._target.asset is None:
            if not assets:
                raise ReadError(
                    f"the release {release.tag_name[:100]!r} has no files; its source is read by git: "
                    f"git+https://{self._target.server}/{self._target.display_name}@{release.tag_name[:100]}"
                )
            return assets
        some = [asset for asset in assets if asset.name == self._target.asset]
        if not some:
            raise ReadError(
                f"the release {release.tag_name[:100]!r} has no file {self._target.asset[:100]!r}"
            )
        return some

    def _assets(self, release: _Release) -> Iterator[_Asset]:
        """The release itself lists them too, but not how many it left out."""
        from weighbridge.bytesource.http_client import Ask

        for page in range(1, _MOST_PAGES + 1):
            url = f"{self._home}/{release.id}/assets?per_page={_PAGE}&page={page}"
            some = self._client.exchange(
                Ask(url=url, headers=_JSON), lambda reply: _decoded(reply, list[_Asset])
            )
            yield from some
            if len(some) < _PAGE:
                return
        raise ReadError(f"its list of files does not end: more than {_MOST_PAGES} pages")

    def _item(self, asset: _Asset, origin: Origin) -> Entry | Problem:
        if asset.state != _UPLOADED:
            return _unreadable(asset, f"not uploaded to its end (state {asset.state[:40]!r})")
        if asset.size < 0 or "/" in asset.name or asset.name in ("", ".", ".."):
            return _unreadable(asset, "listed with a name or size that no file can have")
        digest = _DIGEST.fullmatch(asset.digest or "")
        facts = {"asset": str(asset.id), "updated_at": asset.updated_at[:40]}
        origin = replace(
            origin,
            location=f"{origin.location}/{asset.name}",
            sha256=digest[1] if digest is not None else None,
            size_bytes=asset.size,
            facts=facts,
        )

        def open_file() -> ByteSource:
            return self._source(asset)

        return Entry(name=asset.name, size_bytes=asset.size, origin=origin, open=open_file)

    def _source(self, asset: _Asset) -> ByteSource:
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        url, headers = asset.browser_download_url, {}
        if self._token is not None or not _is_sealed(url, self._target.api):
            # Costs one of the requests that the API allows; the only way to a private file.
            url, headers = f"{self._home}/assets/{asset.id}", _BYTES
        file = RemoteFile(
            url=url,
            expected_bytes=asset.size,
            prefers_tail=has_directory_at_end(asset.name),
            headers=headers,
        )
        return RangeSource(self._client, file)

    def _origin(self, release: _Release) -> Origin:
        target = self._target
        facts = {
            "published_at": (release.published_at or "")[:40],
            "target": release.target_commitish[:200],
            "draft": str(release.draft),
            "prerelease": str(release.prerelease),
            "immutable": str(release.immutable),
        }
        return Origin(
            kind="github",
            location=f"https://{target.server}/{target.display_name}/releases/tag/{release.tag_name[:255]}",
            revision=release.tag_name[:255],
            facts=facts,
        )

    def _target_error(self, error: ReadError) -> TargetError:
        words = f"Can't read {self._target.display_name}: "
        status = error.status if isinstance(error, Refused) else None
        advice = "" if self._token else ". If it is private, set GITHUB_TOKEN"
        match status:
            case 404:
                what = "latest release" if self._target.tag is None else f"release {self._target.tag!r}"
                return TargetNotFound(f"{words}it has no {what}, or does not exist{advice}")
            case 401 | 403:
                return AccessDenied(
                    f"{words}{self._target.server} refuses access (status {status}){advice}"
                )
            case _:
                return TargetUnavailable(f"{words}{error}")


def _token(target: ReleaseTarget) -> str | None:
    """The environment's token is for the API that the environment names."""
    if not target.is_default:
        return None
    return next((found for name in _TOKENS if (found := os.environ.get(name))), None)


def _is_sealed(url: str, api: str) -> bool:
    return url.startswith("https://") or (url.startswith("http://") and api.startswith("http://"))


_T = TypeVar("_T")


def _decoded(reply: Reply, kind: type[_T]) -> _T:
    if reply.status in (403, 429) and reply.headers.get("x-ratelimit-remaining") == "0":
        raise ReadError("the API limits the rate of requests; set GITHUB_TOKEN, or try again in an hour")
    return json_answer(reply, kind)


def _unreadable(asset: _Asset, detail: str) -> Problem:
    return Problem(name=asset.name[:1000], kind=ProblemKind.UNREADABLE, detail=detail)


def _too_many(max_files: int) -> Problem:
    detail = f"the release has more than {max_files:,} files; the rest was not looked at"
    return Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail)
