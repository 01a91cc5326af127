"""What an index says of one version of a package: by PyPI's JSON API, or by the simple one.

Private indexes often have the second only. It lists the files of all versions together, so that the
version is told by their names.

Source: PyPI's JSON API (`/pypi/NAME/VERSION/json`); Python packaging specifications, "Simple
repository API" in its JSON form, and the names of wheels and source archives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
_ARCHIVES: Final = (
    *(".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar", ".tbz", ".tar.xz", ".txz"),
    *(".tar.lz", ".tlz", ".tar.lzma"),
)
"""What pip takes for the source of a package."""
_SPELT: Final = {
    **{"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"},
    **{"rev": "post", "r": "post"},
}
_WORD: Final = re.compile(
    r"[-_.]?(alpha|beta|preview|post|dev|pre|rev|rc|a|b|c|r)[-_.]?([0-9]*)(?![a-z])"
)
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
    """Tell from its name whether an installer could take a file for one of the version.

    `pip install name==1.0` also takes `1.00`, and `1.0+anything` before all others.
    """
    found = (
        _key(stated).partition("+")[0] if "+" not in version else _key(stated)
        for stated in _stated(filename, name)
    )
    return _key(version) in found


def _stated(filename: str, name: str) -> Iterator[str]:
    """Yield each version that a file's name may state; that of an archive can be cut in two ways."""
    if filename.lower().endswith(".whl"):
        parts = filename.split("-")
        if len(parts) >= 5 and normalised_name(parts[0]) == name:
            yield parts[1].replace("_", "-")
        return
    stem = next((filename[: -len(end)] for end in _ARCHIVES if filename.lower().endswith(end)), "")
    for dash in re.finditer("-", stem):
        if normalised_name(stem[: dash.start()]) == name:
            yield stem[dash.end() :]


def _is_same(found: str, wanted: str) -> bool:
    """Indexes take `1.0` for `1.0.0`."""
    return found == wanted or _key(found) == _key(wanted)


def _key(version: str) -> str:
    """Return one spelling for all that mean the same version. Source: PEP 440, "Normalization"."""
    public, plus, local = version.strip().lower().removeprefix("v").partition("+")
    public = _WORD.sub(lambda word: _SPELT.get(word[1], word[1]) + (word[2] or "0"), public)
    public = re.sub(r"-([0-9]+)\Z", r"post\1", public)
    public = re.sub(r"0*([0-9]+)", r"\1", public).removeprefix("0!")
    public = re.sub(r"(?:\.0)+(?=\Z|[a-z-])", "", public)
    return public + plus + re.sub(r"[-_]", ".", local)
