"""What an index says of one version of a package: by PyPI's JSON API, or by the simple one.

Private indexes often have the second only. It lists the files of all versions together, so that the
version is told by their names.

Source: PyPI's JSON API (`/pypi/NAME/VERSION/json`); Python packaging specifications, "Simple
repository API" in its JSON form, and the names of wheels and source archives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin

import msgspec

from weighbridge.bytesource.refused import Refused
from weighbridge.errors import ReadError
from weighbridge.fetchers.json_answer import json_answer
from weighbridge.fetchers.pypi_target import PackageTarget, normalised_name

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient, Reply

_PYPI: Final = "https://pypi.org"
_SIMPLE: Final = "application/vnd.pypi.simple.v1+json"
_ARCHIVES: Final = (".tar.gz", ".zip", ".tar.bz2", ".tgz")
_ABSENT: Final = (404, 405, 410)


class IndexFile(msgspec.Struct, frozen=True):
    """One file of a version. `size` is None where the index does not state it."""

    filename: str
    url: str
    size: int | None = None
    digests: dict[str, str] = {}
    packagetype: str = ""
    requires_python: str | None = None
    upload_time_iso_8601: str | None = ""
    yanked: bool = False
    yanked_reason: str | None = None


class ProjectInfo(msgspec.Struct, frozen=True):
    """What is said of the version as a whole."""

    name: str
    version: str
    yanked: bool = False
    yanked_reason: str | None = None
    license: str | None = None
    author: str | None = None


class Advisory(msgspec.Struct, frozen=True):
    """A known vulnerability of the version."""

    id: str
    withdrawn: str | None = None


class Project(msgspec.Struct, frozen=True):
    """One version of a package."""

    info: ProjectInfo
    urls: list[IndexFile]
    vulnerabilities: list[Advisory] = []


class _SimpleFile(msgspec.Struct, frozen=True, rename="kebab"):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    size: int | None = None
    requires_python: str | None = None
    upload_time: str | None = None
    yanked: bool | str = False


class _SimpleProject(msgspec.Struct, frozen=True):
    name: str
    files: list[_SimpleFile]


def find_project(client: HttpClient, index: str, target: PackageTarget) -> Project:
    """Ask an index for a version, and make sure that the answer is about that one.

    Raises:
        Refused: the index does not have it, or does not give it.
        ReadError: the answer can't be read, or is about something else.
    """
    try:
        found = _by_json(client, index, target)
    except Refused as refusal:
        if refusal.status not in _ABSENT or index == _PYPI:
            raise
        found = _by_simple(client, index, target)
    if normalised_name(found.info.name) != target.name:
        raise ReadError(f"the index answers with another package, {found.info.name[:100]!r}")
    if target.version is not None and not _is_same(found.info.version, target.version):
        raise ReadError(f"the index answers with another version, {found.info.version[:100]!r}")
    if not found.urls:
        raise ReadError(f"version {found.info.version[:100]!r} has no files: they were removed")
    return found


def _by_json(client: HttpClient, index: str, target: PackageTarget) -> Project:
    from weighbridge.bytesource.http_client import Ask

    version = f"/{quote(target.version, safe='')}" if target.version is not None else ""
    url = f"{index}/pypi/{target.name}{version}/json"
    return client.exchange(Ask(url=url), lambda reply: json_answer(reply, Project))


def _by_simple(client: HttpClient, index: str, target: PackageTarget) -> Project:
    from weighbridge.bytesource.http_client import Ask

    url = f"{index}/simple/{target.name}/"
    found = client.exchange(Ask(url=url, headers={"accept": _SIMPLE}), _simple)
    if target.version is None:
        raise ReadError(
            f"this index does not say which version is the newest; write pypi://{target.name}@version"
        )
    files = [_file(one, url) for one in found.files if _is_of(one.filename, target.name, target.version)]
    return Project(info=ProjectInfo(name=found.name, version=target.version), urls=files)


def _simple(reply: Reply) -> _SimpleProject:
    if reply.status == 200 and "json" not in reply.headers.get("content-type", ""):
        raise ReadError("this index has neither PyPI's JSON API nor the simple one in JSON")
    return json_answer(reply, _SimpleProject)


def _file(one: _SimpleFile, page: str) -> IndexFile:
    return IndexFile(
        filename=one.filename,
        url=urljoin(page, one.url),
        size=one.size,
        digests=one.hashes,
        packagetype="bdist_wheel" if one.filename.endswith(".whl") else "sdist",
        requires_python=one.requires_python,
        upload_time_iso_8601=one.upload_time,
        yanked=one.yanked is not False,
        yanked_reason=one.yanked if isinstance(one.yanked, str) else None,
    )


def _is_of(filename: str, name: str, version: str) -> bool:
    """Tell from its name whether a file is of a version. Names of wheels have no dash in a part."""
    if filename.endswith(".whl"):
        parts = filename.split("-")
        return len(parts) >= 5 and normalised_name(parts[0]) == name and _is_same(parts[1], version)
    stem = next((filename.removesuffix(end) for end in _ARCHIVES if filename.endswith(end)), "")
    prefix, _, found = stem.rpartition("-")
    return normalised_name(prefix) == name and _is_same(found, version)


def _is_same(found: str, wanted: str) -> bool:
    """Indexes take `1.0` for `1.0.0`."""
    return found == wanted or _release(found) == _release(wanted)


def _release(version: str) -> str:
    return re.sub(r"(?:\.0)+(?=\Z|[+-])", "", version.lower().lstrip("v"))
