"""Packages of PyPI: the wheels and source archives of one version, read by range, installed by nobody.

Law: what opens a private index is sent to that index only, not to where its files lie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urljoin

from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.version import VERSION
from weighbridge.errors import AccessDenied, ReadError, TargetError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.pypi_api import IndexFile, Project, find_project
from weighbridge.fetchers.pypi_target import (
    PackageTarget,
    chosen_index,
    is_package_target,
    parse_package_target,
)

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MOST_ADVISORIES: Final = 50
_UNKNOWN_BYTES: Final = 1 << 40


class PypiFetcher:
    """`pypi://name[@version]`; of the index that WEIGHBRIDGE_PYPI_URL or PIP_INDEX_URL names."""

    def accepts(self, target: str) -> bool:
        return is_package_target(target)

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the version and list its files.

        Raises:
            UsageError: not a name or version that a package can have.
            TargetError: the index has no such version, or gives no answer.
        """
        return _Session(parse_package_target(target), settings).fetched()


class _Session:
    """One fetch: what its steps share."""

    def __init__(self, target: PackageTarget, settings: FetchSettings) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        self._target = target
        self._settings = settings
        self._index = chosen_index()
        secret = self._index.authorization
        self._client = HttpClient(
            self._index.url,
            token=settings.token,
            credentials=lambda: {"authorization": secret} if secret is not None else {},
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
        project = find_project(self._client, self._index.url, self._target)
        origin = self._origin(project)
        files = sorted(project.urls, key=lambda file: file.filename)
        items = [self._item(file, origin) for file in files[: self._settings.max_files]]
        if len(files) > self._settings.max_files:
            items.append(_too_many(self._settings.max_files))
        return Fetched(
            display_name=f"{self._target.name} {project.info.version[:100]}",
            origin=origin,
            items=iter(items),
            count=len(items),
            traffic=self._client.traffic,
            close=self._client.close,
        )

    def _item(self, file: IndexFile, origin: Origin) -> Entry | Problem:
        if (file.size or 0) < 0 or "/" in file.filename or file.filename in ("", ".", ".."):
            detail = "the index lists it with a name or size that no file can have"
            return Problem(name=file.filename[:1000], kind=ProblemKind.UNREADABLE, detail=detail)
        sha256 = file.digests.get("sha256", "").lower()
        origin = replace(
            origin,
            location=f"{origin.location}/{file.filename}",
            sha256=sha256 if _DIGEST.fullmatch(sha256) else None,
            size_bytes=file.size,
            facts=dict(_file_facts(file)),
        )

        def open_file() -> ByteSource:
            return self._source(file)

        return Entry(name=file.filename, size_bytes=file.size, origin=origin, open=open_file)

    def _source(self, file: IndexFile) -> ByteSource:
        from weighbridge.bytesource.http_range import RangeSource, RemoteFile

        url = urljoin(f"{self._index.url}/", file.url)
        if url.startswith("http://") and self._index.url.startswith("https://"):
            raise ReadError(
                "the index has an https address and names an http one for this file; refused"
            )
        remote = RemoteFile(
            url=url.partition("#")[0],
            expected_bytes=_UNKNOWN_BYTES if file.size is None else file.size,
            prefers_tail=file.size is not None and has_directory_at_end(file.filename),
        )
        return RangeSource(self._client, remote)

    def _origin(self, project: Project) -> Origin:
        return Origin(
            kind="pypi",
            location=f"pypi://{self._target.name}@{project.info.version[:100]}",
            revision=project.info.version[:100],
            facts={"index": self._index.url, **dict(_project_facts(project))},
        )

    def _target_error(self, error: ReadError) -> TargetError:
        name = self._target.name + (f" {self._target.version}" if self._target.version else "")
        match error.status if isinstance(error, Refused) else None:
            case 404 | 410:
                return TargetNotFound(
                    f"Can't read {name}: {self._index.url} has no such package or version; check "
                    "the spelling"
                )
            case 401 | 403:
                return AccessDenied(
                    f"Can't read {name}: {error}. A private index takes a name and password in its "
                    "address: WEIGHBRIDGE_PYPI_URL=https://name:password@host/path"
                )
            case _:
                return TargetUnavailable(f"Can't read {name}: {error}")


def _project_facts(project: Project) -> Iterator[tuple[str, str]]:
    info = project.info
    if info.yanked:
        yield "yanked", (info.yanked_reason or "no reason given")[:200]
    for name, value in (("license", info.license), ("author", info.author)):
        if value:
            yield name, value[:200]
    known = [one.id[:60] for one in project.vulnerabilities if one.withdrawn is None]
    if known:
        yield "vulnerabilities", ", ".join(known[:_MOST_ADVISORIES])


def _file_facts(file: IndexFile) -> Iterator[tuple[str, str]]:
    facts: Mapping[str, str | None] = {
        "packagetype": file.packagetype,
        "requires_python": file.requires_python,
        "uploaded": file.upload_time_iso_8601,
    }
    yield from ((name, value[:200]) for name, value in facts.items() if value)
    if file.yanked:
        yield "yanked", (file.yanked_reason or "no reason given")[:200]


def _too_many(max_files: int) -> Problem:
    detail = f"the version has more than {max_files:,} files; the rest was not looked at"
    return Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail)
