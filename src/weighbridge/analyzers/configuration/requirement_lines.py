"""Requirements of an environment: from which address, by which name, in which version.

`requirements.txt`, the `pip` list of a `conda.yaml`, BentoML's `python.packages`, what a notebook
installs: an environment that is built from them runs what the address or the owner of the name
serves, as part of the installation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.addresses import is_without_name
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.package_name import PackageName
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.packaging.requirements import LineKind, RequirementLine, parse_requirements
from weighbridge.knowledge.packages import (
    Resemblance,
    distribution_of,
    flaws,
    is_index_host,
    known_bad,
    meant_by,
    normalised,
    popular,
    resembles,
)

_ADDRESS, _VERSIONED = "CFG024", "CFG025"
_MALICIOUS, _RESEMBLES, _LOOKALIKE, _UNPROTECTED = "PKG001", "PKG002", "PKG003", "PKG004"
_FLAWED, _UNPINNED, _UNKNOWN, _SECOND_INDEX = "PKG005", "PKG006", "PKG007", "PKG008"
_INVENTED, _NAMELESS = "PKG009", "PKG023"

_NAME = re.compile(
    r"(?:.*[-_.])?requirements?[\w.-]*\.(?:txt|in|pip)\Z|constraints[\w.-]*\.txt\Z|reqs?(?:[-_.]\w+)?\.txt\Z"
)
_FOLDER = re.compile(r"(?:^|/)requirements/[\w.-]+\.(?:txt|in)\Z")
_HOST = re.compile(r"[a-z+]+:(?://)?(?:[^/@\s]*@)?([^/:\s#\\]+)", re.IGNORECASE)
_REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+|git@", re.IGNORECASE)
_UNSAFE = re.compile(r"(?:\w+\+)?(?:http|ftp)://", re.IGNORECASE)
_CONDA = re.compile(r"[\w.-]+=(?!=)")
"""A package of conda, whose names are another index's."""
_LARGEST = MIB
_MOST = 100
_MOST_NAMES = 1_000
_SHOWN = 6


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is named as requirements are."""
    name = artifact.name.lower()
    if _NAME.match(PurePosixPath(name).name) is None and _FOLDER.search(name) is None:
        return None
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST)))
    lines = data.decode("utf-8-sig", "replace").splitlines()
    return _file(artifact, lines)


def _file(artifact: Artifact, lines: list[str]) -> Iterator[Event]:
    yield from requirement_findings(artifact, lines, "")
    parsed = list(parse_requirements(lines))
    names = [line for line in parsed if line.kind is LineKind.NAME and line.name]
    loose = [line.text for line in names if line.pin is None and not line.has_hash]
    if loose:
        yield _finding(artifact, _UNPINNED, "no exact version", _cut(loose), "")


def requirement_findings(artifact: Artifact, lines: Iterable[str], route: str) -> Iterator[Event]:
    """Yield what is odd about addresses, indexes, names and versions, and each unknown name.

    Args:
        artifact: the file that has the lines.
        lines: as in a requirements file; other sources are spelled so.
        route: where they stand in the file.
    """
    parsed = list(parse_requirements(lines))
    yield from _addresses(artifact, parsed, route)
    yield from _indexes(artifact, parsed, route)
    yield from _names(artifact, parsed, route)
    for name in unknown_names(parsed):
        yield PackageName(path=artifact.path, name=name, route=route)


def unknown_names(parsed: Iterable[RequirementLine]) -> tuple[str, ...]:
    """Return the names that no table has, once each; none when another index serves them."""
    lines = list(parsed)
    if any(
        line.kind is LineKind.INDEX and line.value and not is_index_host(_host(line.value))
        for line in lines
    ):
        return ()
    names = dict.fromkeys(
        line.name
        for line in lines
        if line.kind is LineKind.NAME and line.name is not None and not _CONDA.match(line.text)
    )
    return tuple(islice(filter(_is_unknown, names), _MOST_NAMES))


def _is_unknown(name: str) -> bool:
    plain = normalised(name)
    return plain not in popular() and distribution_of(plain) is None


def _addresses(artifact: Artifact, parsed: list[RequirementLine], route: str) -> Iterator[Finding]:
    """One finding for each host that is no index, and one for all version control."""
    versioned: list[str] = []
    told: set[str] = set()
    for line in parsed:
        if line.value is None or (
            line.kind in (LineKind.INCLUDE, LineKind.OPTION) and "://" not in line.value
        ):
            continue
        if line.kind is LineKind.LOCAL:
            continue
        host = _host(line.value)
        if is_index_host(host) and not line.value.startswith("http:"):
            if _REPOSITORY.match(line.value):
                versioned.append(line.text)
        elif host not in told and len(told) < _MOST and host:
            told.add(host)
            if is_without_name(line.value if "://" in line.value else f"//{line.value}"):
                yield _finding(artifact, _NAMELESS, host, [quoted(line.text)], route)
                continue
            yield _finding(artifact, _ADDRESS, host, [quoted(line.text)], route)
    if versioned:
        yield _finding(artifact, _VERSIONED, "version control", _cut(versioned), route)


def _indexes(artifact: Artifact, parsed: list[RequirementLine], route: str) -> Iterator[Finding]:
    unsafe = [
        line.text
        for line in parsed
        if line.kind is LineKind.TRUSTED_HOST
        or (line.value is not None and line.kind is not LineKind.OPTION and _UNSAFE.match(line.value))
    ]
    if unsafe:
        yield _finding(artifact, _UNPROTECTED, "unprotected", _cut(unsafe), route)
    second = [
        line.text
        for line in parsed
        if line.kind is LineKind.EXTRA_INDEX and line.value and not is_index_host(_host(line.value))
    ]
    if second:
        own = [
            line.name
            for line in parsed
            if line.name and line.kind is LineKind.NAME and normalised(line.name) not in popular()
        ]
        shown = _cut(second)
        shown += [
            f"whoever registers {quoted(name)} at the other index is asked as well" for name in own[:3]
        ]
        yield _finding(artifact, _SECOND_INDEX, "second index", shown, route)


def _names(artifact: Artifact, parsed: list[RequirementLine], route: str) -> Iterator[Finding]:
    unknown: list[str] = []
    seen: set[str] = set()
    for line in parsed:
        if line.name is None or len(seen) > 5_000 or _CONDA.match(line.text):
            continue
        plain = normalised(line.name)
        bad = known_bad(line.name, line.pin)
        if bad is not None and plain not in seen:
            words = f"{quoted(line.text)}: {bad.why} ({bad.source})"
            yield _finding(artifact, _MALICIOUS, plain, [words], route)
        elif plain not in seen and (meant := meant_by(plain)) is not None:
            words = f"{quoted(line.text)}: what is meant is {meant!r}"
            yield _finding(artifact, _INVENTED, plain, [words], route)
        elif plain not in seen:
            near = resembles(line.name) if line.kind is LineKind.NAME else None
            if near is not None:
                target, how = near
                rule = _LOOKALIKE if how is Resemblance.LOOKALIKE else _RESEMBLES
                yield _finding(
                    artifact, rule, plain, [f"{quoted(line.text)}: {how.value} {target!r}"], route
                )
            elif _is_unknown(plain) and line.kind is LineKind.NAME:
                unknown.append(line.name)
        for flaw in flaws(line.name, line.pin) if line.pin else ():
            words = f"{quoted(line.text)}: {flaw.why}; fixed in {flaw.fixed} ({flaw.identifier})"
            yield _finding(artifact, _FLAWED, f"{plain} {flaw.identifier}", [words], route)
        seen.add(plain)
    if unknown:
        shown = ", ".join(dict.fromkeys(unknown))[:1_000]
        yield _finding(
            artifact, _UNKNOWN, "unknown names", [f"not in our tables of packages: {shown}"], route
        )


def _cut(texts: list[str]) -> list[str]:
    shown = [quoted(text) for text in dict.fromkeys(texts)]
    more = [f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return shown[:_SHOWN] + more


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str], route: str) -> Finding:
    evidence = "\n".join(line[:600] for line in lines)
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)


def _host(address: str) -> str:
    address = address.removeprefix("git@") if address.lower().startswith("git@") else address
    found = _HOST.match(address)
    if found is not None:
        return found[1].lower()
    return address.partition(":")[0].partition("/")[0].lower()[:100]
