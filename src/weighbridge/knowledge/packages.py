"""What is known of packages: popular names, malicious ones, flawed versions, whose import is whose.

Tables in signatures/packages. A name that no table has is not bad: it is unknown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from weighbridge.knowledge.listed import listed, table_rows
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.text_patterns import Known, known_address

_SEPARATORS: Final = re.compile(r"[-_.]+")
_TARGET: Final = "target"
_SHORTEST: Final = 5
"""Shorter names have too many honest neighbours."""
_LOOKALIKES: Final = str.maketrans(
    {"0": "o", "1": "l", "5": "s", "\u0430": "a", "\u0435": "e", "\u043e": "o", "\u0440": "p"}
    | {"\u0441": "c", "\u0443": "y", "\u0445": "x", "\u0456": "i", "\u0455": "s", "\u03bf": "o"}
)
_EVERY: Final = "*"
_RELEASE: Final = re.compile(r"v?(\d{1,8}(?:\.\d{1,8}){0,8})(?!\d)(.*)\Z", re.IGNORECASE)
_BEFORE_RELEASE: Final = re.compile(r"[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview|dev)", re.IGNORECASE)


class Resemblance(StrEnum):
    """How a name resembles a popular one."""

    EDIT = "one letter away from"
    TRANSPOSED = "two letters changed places in"
    SEPARATORS = "spelled with other separators than"
    LOOKALIKE = "spelled with letters that look like those of"


@dataclass(frozen=True, slots=True)
class KnownBad:
    """A row of the table of malicious packages.

    Attributes:
        versions: those that are malicious; empty for all.
        why: what is documented of them.
        source: where that is.
    """

    versions: frozenset[str]
    why: str
    source: str


def normalised(name: str) -> str:
    """The name as an index compares it (PEP 503)."""
    return _SEPARATORS.sub("-", name.strip()).lower()


def known_bad(name: str, version: str | None) -> KnownBad | None:
    """Return what is known of a package, when the version is one of the bad ones or none is said."""
    row = _malicious().get(normalised(name))
    if row is None or (row.versions and version not in row.versions):
        return None
    return row


def resembles(name: str) -> tuple[str, Resemblance] | None:
    """Return the popular package whose name this one could be mistaken for; None for known names."""
    plain = normalised(name)
    if plain in popular() or len(plain) < _SHORTEST:
        return None
    targets = _targets()
    swapped = _folded(plain)
    if swapped in targets and swapped != plain:
        return targets[swapped], Resemblance.LOOKALIKE
    joined = plain.replace("-", "")
    if joined in _joined_targets() and _joined_targets()[joined] != plain:
        return _joined_targets()[joined], Resemblance.SEPARATORS
    if not plain.isascii():
        return None
    for at in range(len(plain) - 1):
        turned = plain[:at] + plain[at + 1] + plain[at] + plain[at + 2 :]
        if turned != plain and turned in targets:
            return turned, Resemblance.TRANSPOSED
    near = next((target for target in _near(plain) if len(target) > _SHORTEST), None)
    return (near, Resemblance.EDIT) if near is not None else None


def _folded(name: str) -> str:
    return (
        name.translate(_LOOKALIKES).replace("rn", "m") if name.isascii() else name.translate(_LOOKALIKES)
    )


def _near(name: str) -> Iterator[str]:
    """Popular names that differ by one letter: found by the letters that both lack."""
    index = _shortened()
    if any(char.isdigit() for char in name[-2:]):
        # `name2` and `name-v1` are how honest people call the next one.
        return
    for key in {name, *_without_one(name)}:
        for target in index.get(key, ()):
            if _is_one_edit(name, target) and not _is_plural(name, target):
                yield target


def _is_plural(name: str, target: str) -> bool:
    """One letter at the very end that makes another word: `datasets`, `dataset`."""
    return name + "s" == target or target + "s" == name


def _without_one(name: str) -> Iterator[str]:
    return (name[:at] + name[at + 1 :] for at in range(len(name)))


def _is_one_edit(left: str, right: str) -> bool:
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    if len(left) == len(right):
        return left[start + 1 :] == right[start + 1 :]
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    return longer[start + 1 :] == shorter[start:]


def meant_by(name: str) -> str | None:
    """Return the package that is meant by a name that language models invent."""
    return listed("packages/invented.tsv").get(normalised(name))


@cache
def popular() -> Mapping[str, str]:
    """`target` or `known` by name: targets are those whose misspellings are worth registering."""
    rows = listed("packages/popular.tsv")
    return MappingProxyType({normalised(name): word for name, word in rows.items()})


@cache
def _targets() -> Mapping[str, str]:
    return MappingProxyType({name: name for name, word in popular().items() if word == _TARGET})


@cache
def _joined_targets() -> Mapping[str, str]:
    return MappingProxyType({name.replace("-", ""): name for name in _targets()})


@cache
def _shortened() -> Mapping[str, tuple[str, ...]]:
    """Each target by its own name and by its name without one letter."""
    index: dict[str, list[str]] = {}
    for name in _targets():
        for key in {name, *_without_one(name)}:
            index.setdefault(key, []).append(name)
    return MappingProxyType({key: tuple(names) for key, names in index.items()})


@cache
def _malicious() -> Mapping[str, KnownBad]:
    rows = table_rows(signatures_dir() / "packages" / "malicious.tsv", columns=4)
    return MappingProxyType(
        {normalised(name): _bad(versions, why, source) for name, versions, why, source in rows}
    )


def _bad(versions: str, why: str, source: str) -> KnownBad:
    kept = frozenset() if versions == _EVERY else frozenset(versions.split(","))
    return KnownBad(kept, why, source)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw of a package that loads models: the first version with it, and the first without."""

    first: str
    fixed: str
    identifier: str
    why: str


def flaws(name: str, version: str) -> tuple[Flaw, ...]:
    """Return the flaws of a version; none for versions that can't be compared."""
    asked = release(version)
    rows = _flawed().get(normalised(name), ())
    if asked is None:
        return ()
    return tuple(
        flaw for flaw in rows if (release(flaw.first) or ()) <= asked < (release(flaw.fixed) or ())
    )


@cache
def _flawed() -> Mapping[str, tuple[Flaw, ...]]:
    found: dict[str, list[Flaw]] = {}
    for name, *cells in table_rows(signatures_dir() / "packages" / "flawed.tsv", columns=5):
        found.setdefault(normalised(name), []).append(Flaw(*cells))
    return MappingProxyType({name: tuple(rows) for name, rows in found.items()})


def release(version: str) -> tuple[int, ...] | None:
    """Return what a version is compared by: its numbers, then 0 for a preliminary one, else 1."""
    match = _RELEASE.match(version.strip())
    if match is None:
        return None
    numbers = tuple(int(part) for part in match[1].split("."))[:8]
    is_early = _BEFORE_RELEASE.match(match[2]) is not None
    return (*numbers, *(0,) * (8 - len(numbers)), 0 if is_early else 1)


def distribution_of(module: str) -> str | None:
    """Return the package that a top-level import comes from: from the table, or of that very name."""
    found = listed("packages/imports.tsv").get(module)
    if found is not None:
        return normalised(found)
    plain = normalised(module)
    return plain if plain in popular() else None


def is_standard(module: str) -> bool:
    """True for modules of the standard library, of this Python or of those before it."""
    return module in sys.stdlib_module_names or module in _FORMER


_FORMER: Final = frozenset(
    {
        "imp",
        "distutils",
        "asyncore",
        "asynchat",
        "smtpd",
        "cgi",
        "cgitb",
        "crypt",
        "nntplib",
        "pipes",
        "telnetlib",
    }
    | {
        "imghdr",
        "sndhdr",
        "audioop",
        "aifc",
        "chunk",
        "sunau",
        "msilib",
        "spwd",
        "uu",
        "xdrlib",
        "nis",
        "ossaudiodev",
    }
    | {"mailcap", "lib2to3", "__main__", "compression", "annotationlib", "string"}
    | {
        "urllib2",
        "cPickle",
        "StringIO",
        "ConfigParser",
        "Queue",
        "commands",
        "httplib",
        "Tkinter",
        "__builtin__",
    }
)


def is_index_host(host: str) -> bool:
    """True for a host that honest requirements name; each file of it is somebody's all the same."""
    return host in listed("packages/hosts.tsv")


def is_known_installer(address: str) -> bool:
    """True when an address is an installer that a well-known tool documents."""
    return Known.INSTALLER in _known(address)


def is_known_place(address: str) -> bool:
    """True when an address belongs to somebody who can be named: a forge, a vendor, a university."""
    known = _known(address)
    return (
        bool(known & {Known.INSTALLER, Known.DOWNLOADS, Known.PACKAGES}) and Known.EXCHANGE not in known
    )


def _known(address: str) -> frozenset[Known]:
    scheme, _, rest = address.lower().partition("://")
    authority, _, path = rest.partition("/")
    host = authority.rpartition("@")[2].partition(":")[0]
    if scheme != "https" or "\\" in authority or ".." in path:
        return frozenset()
    return known_address(host, path)
