"""What a release on GitHub is spelt like, and which API knows it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from weighbridge.core.address import shown_address
from weighbridge.errors import UsageError

_SCHEME: Final = "github://"
_API, _SERVER = "https://api.github.com", "https://github.com"
_PART: Final = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?")
_PAGE: Final = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+)/releases"
    r"(?:/?|/latest/?|/tag/(?P<tag>.+)|/download/(?P<asset_tag>[^/]+)/(?P<asset>[^/]+)"
    r"|/latest/download/(?P<latest_asset>[^/]+))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTarget:
    """A release, or one of its files.

    Attributes:
        api: address of the API, without a slash at the end.
        server: what people call the place: `github.com`.
        tag: None for the latest release.
        asset: the one file that is meant; None for all of them.
        is_default: the API is the one that the environment's token is for.
    """

    api: str
    server: str
    owner: str
    name: str
    tag: str | None
    asset: str | None = None
    is_default: bool = True

    @property
    def display_name(self) -> str:
        return f"{self.owner}/{self.name}"


def is_release_target(target: str) -> bool:
    """Tell from the spelling."""
    return target.startswith(_SCHEME) or _page(target) is not None


def parse_release_target(target: str) -> ReleaseTarget:
    """Read `github://owner/repo[@tag]`, `github://host/owner/repo[@tag]`, or the address of a page.

    Raises:
        UsageError: it names no repository.
    """
    page = _page(target)
    if page is not None:
        return _of_page(page)
    place, at, tag = target.removeprefix(_SCHEME).partition("@")
    parts = place.strip("/").split("/")
    host = parts.pop(0) if len(parts) == 3 else None
    if len(parts) != 2 or not all(map(_PART.fullmatch, parts)) or (host and not _HOST.fullmatch(host)):
        raise UsageError(
            f"not a repository of GitHub: {shown_address(target)[:200]!r}; write "
            "github://owner/repository[@tag], or github://host/owner/repository[@tag] for another server"
        )
    if at and not _is_tag(tag):
        raise UsageError(f"not the tag of a release: {tag[:200]!r}")
    api, server = _default() if host is None else (f"https://{host}/api/v3", host)
    return ReleaseTarget(
        api=api, server=server, owner=parts[0], name=parts[1], tag=tag or None, is_default=host is None
    )


def _default() -> tuple[str, str]:
    """The API and the server that the environment names, as it does on the runners of GitHub Actions."""
    api = os.environ.get("GITHUB_API_URL") or _API
    return api.rstrip("/"), urlsplit(os.environ.get("GITHUB_SERVER_URL") or _SERVER).netloc


def _page(target: str) -> re.Match[str] | None:
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    servers = {_SERVER, (os.environ.get("GITHUB_SERVER_URL") or _SERVER).rstrip("/")}
    if f"{parts.scheme}://{parts.netloc}" not in servers or parts.query:
        return None
    found = _PAGE.fullmatch(parts.path)
    is_plain = found and _PART.fullmatch(found["owner"]) and _PART.fullmatch(found["name"])
    return found if is_plain else None


def _of_page(page: re.Match[str]) -> ReleaseTarget:
    tag, asset = page["tag"] or page["asset_tag"], page["asset"] or page["latest_asset"]
    tag = unquote(tag) if tag else None
    if tag is not None and not _is_tag(tag):
        raise UsageError(f"not the tag of a release: {tag[:200]!r}")
    api, server = _default()
    return ReleaseTarget(
        api=api,
        server=server,
        owner=page["owner"],
        name=page["name"],
        tag=tag,
        asset=unquote(asset) if asset else None,
    )


def _is_tag(tag: str) -> bool:
    return bool(tag) and len(tag) <= 255 and tag.isprintable() and not tag.startswith(("-", "/"))
