"""Models and datasets of ModelScope: `modelscope://org/name[@revision]`, `modelscope://datasets/...`.

Each file is asked for at the commit that the listing states for it, so that what is read is what was
listed. Source: the hub API as ModelScope's own SDK uses it (modelscope/hub/api.py, file_download.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec

from weighbridge.errors import ReadError, UsageError
from weighbridge.fetchers.interface import Fetched, FetchSettings
from weighbridge.fetchers.rest_listing import (
    MOST_PAGES,
    ListedFile,
    Listing,
    Registry,
    RestSession,
    endpoint_of,
    named,
)

_SCHEME: Final = "modelscope://"
_EXAMPLE: Final = "modelscope://org/name[@revision] or modelscope://datasets/org/name"
_DEFAULT_REVISION: Final = "master"
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_PAGE: Final = 200
_OK: Final = 200


class _File(msgspec.Struct, frozen=True, rename="pascal"):
    """One row; `Revision` is the commit that changed this file last."""

    path: str
    type: str = "blob"
    size: int = 0
    sha256: str = ""
    revision: str = ""


class _Committer(msgspec.Struct, frozen=True, rename="pascal"):
    id: str = ""


class _Files(msgspec.Struct, frozen=True, rename="pascal"):
    files: list[_File] | None = None
    latest_committer: _Committer | None = None


class _Answer(msgspec.Struct, frozen=True, rename="pascal"):
    code: int = _OK
    data: _Files | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    kind: str
    repository: str
    revision: str

    @property
    def shown(self) -> str:
        return self.repository if self.kind == "models" else f"datasets/{self.repository}"


class ModelScopeFetcher:
    """`modelscope://org/name[@revision]`, `modelscope://datasets/org/name[@revision]`."""

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEME)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """List the files of a revision.

        Raises:
            UsageError: the target names no repository.
            TargetError: not found, no access, not reachable.
        """
        parsed = _parsed(target)
        token = settings.token or os.environ.get("MODELSCOPE_API_TOKEN")
        domain = os.environ.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
        registry = Registry(
            kind="modelscope",
            service="ModelScope",
            endpoint=endpoint_of("MODELSCOPE_ENDPOINT", f"https://{domain}"),
            shown=f"{parsed.shown} ({parsed.revision})",
            log_in="set MODELSCOPE_API_TOKEN",
            missing="check the spelling and the revision (its branches are called master, not main)",
            secrets=lambda: _secrets(token),
            has_secrets=bool(token),
        )
        return RestSession(registry, settings).fetched(
            lambda session: _listing(session, parsed, registry.endpoint)
        )


def _parsed(target: str) -> _Target:
    text, at, revision = target.removeprefix(_SCHEME).partition("@")
    kind, _, rest = text.partition("/")
    if kind not in ("models", "datasets") or "/" not in rest:
        kind, rest = "models", text
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise UsageError(f"{target[:200]!r} has no revision after the @; write {_EXAMPLE}")
    organisation, name = named(rest, range(2, 3), _EXAMPLE)
    return _Target(
        kind=kind, repository=f"{organisation}/{name}", revision=revision or _DEFAULT_REVISION
    )


def _secrets(token: str | None) -> Mapping[str, str]:
    """The API knows a token as a bearer's, its storage as the cookie that the SDK sends."""
    return {"authorization": f"Bearer {token}", "cookie": f"m_session_id={token}"} if token else {}


def _listing(session: RestSession, target: _Target, endpoint: str) -> Listing:
    home = f"{endpoint}/api/v1/{target.kind}/{target.repository}/repo"
    pages = _pages(session, target, home)
    first = next(pages)
    commit = first.latest_committer.id if first.latest_committer else ""
    revision = next((one for one in (commit, target.revision) if _COMMIT.fullmatch(one)), None)
    return Listing(
        display_name=target.shown,
        location=f"{_SCHEME}{target.shown}@{revision or target.revision}",
        revision=revision,
        facts={"requested_revision": target.revision} if revision != target.revision else {},
        files=_files(first, pages, home=home, revision=revision or target.revision),
    )


def _pages(session: RestSession, target: _Target, home: str) -> Iterator[_Files]:
    """Models are listed at once, datasets page by page."""
    query = {"Revision": target.revision, "Recursive": "true"}
    if target.kind == "models":
        yield _page(session, f"{home}/files?{urlencode(query)}")
        return
    for number in range(1, MOST_PAGES + 1):
        paging = {"PageNumber": str(number), "PageSize": str(_PAGE)}
        page = _page(session, f"{home}/tree?{urlencode(query | paging)}")
        yield page
        if len(page.files or ()) < _PAGE:
            return
    raise ReadError("its listing has no end")


def _page(session: RestSession, url: str) -> _Files:
    answer = session.json(url, _Answer)
    if answer.code != _OK or answer.data is None:
        raise ReadError(f"it answers with code {answer.code} and without a listing")
    return answer.data


def _files(first: _Files, pages: Iterator[_Files], *, home: str, revision: str) -> Iterator[ListedFile]:
    seen: set[str] = set()
    page: _Files | None = first
    while page is not None:
        fresh = [file for file in page.files or () if file.path not in seen]
        if not fresh:
            # A server that knows no pages gives the first one again and again.
            return
        seen.update(file.path for file in fresh)
        for file in fresh:
            if file.type != "tree":
                yield _listed(file, home, revision)
        page = next(pages, None)


def _listed(file: _File, home: str, revision: str) -> ListedFile:
    pinned = file.revision if _COMMIT.fullmatch(file.revision) else revision
    query = urlencode({"Revision": pinned, "FilePath": file.path})
    return ListedFile(
        name=file.path,
        url=f"{home}?{query}",
        size_bytes=file.size,
        sha256=file.sha256,
        facts={"revision": pinned},
    )
