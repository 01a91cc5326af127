"""What a package of PyPI is spelt like, and which index is asked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from weighbridge.core.address import shown_address
from weighbridge.errors import UsageError
from weighbridge.fetchers.basic_credentials import basic_authorization

_SCHEME: Final = "pypi://"
_DEFAULT: Final = "https://pypi.org"
_OURS, _PIPS = "WEIGHBRIDGE_PYPI_URL", "PIP_INDEX_URL"
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]{0,98}[A-Za-z0-9])?")
_SEPARATORS: Final = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTarget:
    """A project, by its normalised name, and a version; None for the newest."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index with the JSON API of PyPI.

    Attributes:
        url: without a slash at the end, and without userinfo.
        authorization: for this index; a secret.
    """

    url: str
    authorization: str | None


def is_package_target(target: str) -> bool:
    """Tell from the spelling."""
    return target.startswith(_SCHEME)


def parse_package_target(target: str) -> PackageTarget:
    """Read `pypi://name[@version]`, or `pypi://name==version`.

    Raises:
        UsageError: not a name or version that a package can have.
    """
    name, at, version = target.removeprefix(_SCHEME).replace("==", "@", 1).strip("/").partition("@")
    if not _NAME.fullmatch(name) or (at and not _VERSION.fullmatch(version)):
        shown = shown_address(target)[:200]
        raise UsageError(f"not a package: {shown!r}; write pypi://name or pypi://name@version")
    return PackageTarget(name=normalised_name(name), version=version if at else None)


def normalised_name(name: str) -> str:
    """Source: Python packaging specifications, "Names and normalization"."""
    return _SEPARATORS.sub("-", name).lower()


def chosen_index() -> Index:
    """Return the index that the environment names, by our own variable or pip's.

    Raises:
        UsageError: the variable holds no address.
    """
    variable, address = next(
        ((name, found) for name in (_OURS, _PIPS) if (found := os.environ.get(name, "").strip())),
        ("", _DEFAULT),
    )
    try:
        parts = urlsplit(address)
        is_whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise UsageError(
            f"{variable} is not an address of http or https: {shown_address(address)[:200]!r}"
        )
    userinfo, _, host = parts.netloc.rpartition("@")
    path = parts.path.rstrip("/").removesuffix("/simple")
    return Index(
        url=urlunsplit((parts.scheme, host, path, "", "")),
        authorization=basic_authorization(userinfo) if userinfo else None,
    )
