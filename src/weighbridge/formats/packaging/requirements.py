r"""Requirement lines of pip: names, versions, addresses, and the options that lead pip elsewhere.

    # comment                                 a blank before # ends a line
    name[extra]>=1.0,<2; python_version<"4"   PEP 508, with --hash options behind it
    name @ https://host/file.whl              PEP 508, by address
    git+https://host/path@ref#egg=name        an address alone; -e in front installs in place
    -r other.txt  -c bounds.txt  --extra-index-url https://host/simple
    name==1.0 \\                               continued on the next line

Law: each line gives one of these, or is of kind UNREADABLE; nothing is lost without a word.

Source: PEP 508, PEP 440; pip documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_LINE_CHARS: Final = 8_192
_MOST_LINES: Final = 50_000
_COMMENT: Final = re.compile(r"(?:^|\s)#.*\Z")
_OPTION: Final = re.compile(r"(--?[A-Za-z][\w-]*)(?:[ \t]*=[ \t]*|[ \t]+|\Z)(.*)\Z")
_SHORT: Final = re.compile(r"(-[eircf])(\S.*)\Z")
_NAME: Final = re.compile(
    r"([^\W_](?:[\w.-]*[^\W_])?)[ \t]*(?:\[([^\]]{0,400})\])?[ \t]*(.*)\Z", re.DOTALL
)
_ADDRESS: Final = re.compile(
    r"(?:(?:git|hg|svn|bzr)\+[\w+.-]+:|(?:https?|ftp|file|s3|gs|ssh)://|file:|git@)", re.IGNORECASE
)
_LOCAL: Final = re.compile(
    r"(?:\.{0,2}/|\.{1,2}(?:\[|\Z)|[A-Za-z]:[\\/]|~/)|[^\s@]*\.(?:whl|tar\.gz|zip|egg)\Z", re.IGNORECASE
)
_EGG: Final = re.compile(r"[#&]egg=([\w.-]+)")
_PIN: Final = re.compile(r"[ \t]*={2,3}[ \t]*([\w.!+*-]{1,60})[ \t]*\Z")
_SPECIFIERS: Final = re.compile(
    r"\(?(?:[ \t]*(?:===?|~=|!=|<=|>=|<|>)[ \t]*[\w.!+*-]{1,60}[ \t]*(?:,[ \t]*|\Z"
    r"|(?=[;)])))*\)?[ \t]*\Z"
)
_HASH: Final = re.compile(r"\s--(?:hash|config-settings|global-option|install-option)[=\s]\S+")


class LineKind(StrEnum):
    """What a line asks pip for."""

    NAME = "name"
    ADDRESS = "address"
    LOCAL = "local path"
    INCLUDE = "include"
    INDEX = "index"
    EXTRA_INDEX = "extra index"
    FIND_LINKS = "find links"
    TRUSTED_HOST = "trusted host"
    OPTION = "option"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class RequirementLine:
    """One logical line.

    Attributes:
        number: of its first line, from 1.
        text: without comment and continuations.
        name: of the package, as it is spelled; None when the line names none.
        pin: the only version that is asked for.
        value: address, path or argument of the option.
        has_hash: pip compares what it gets with a digest.
    """

    number: int
    text: str
    kind: LineKind
    name: str | None = None
    pin: str | None = None
    value: str | None = None
    has_hash: bool = False


_OPTIONS: Final = {
    "-r": LineKind.INCLUDE,
    "--requirement": LineKind.INCLUDE,
    "-c": LineKind.INCLUDE,
    "--constraint": LineKind.INCLUDE,
    "-i": LineKind.INDEX,
    "--index-url": LineKind.INDEX,
    "--pypi-url": LineKind.INDEX,
    "--default-index": LineKind.INDEX,
    "--extra-index-url": LineKind.EXTRA_INDEX,
    "--index": LineKind.EXTRA_INDEX,
    "-f": LineKind.FIND_LINKS,
    "--find-links": LineKind.FIND_LINKS,
    "--trusted-host": LineKind.TRUSTED_HOST,
}


def parse_requirements(lines: Iterable[str]) -> Iterator[RequirementLine]:
    """Yield every logical line that is not blank, up to 50,000."""
    joined, first = "", 0
    for number, line in enumerate(lines, start=1):
        if number > _MOST_LINES:
            break
        if not joined:
            first = number
        if (
            line.rstrip().endswith("\\")
            and not line.lstrip().startswith("#")
            and len(joined) < _LINE_CHARS
        ):
            joined += line.rstrip()[:-1].strip() + " "
            continue
        text = _COMMENT.sub("", (joined + line)[:_LINE_CHARS]).strip()
        joined = ""
        if text:
            yield parse_line(text, first)
    text = _COMMENT.sub("", joined).strip()
    if text:
        yield parse_line(text, first)


def parse_line(text: str, number: int = 1) -> RequirementLine:
    """Read one logical line without its comment."""
    text = text.strip()[:_LINE_CHARS]
    if text.startswith("-"):
        return _option(text, number)
    has_hash = _HASH.search(text) is not None
    return _requirement(_HASH.sub("", text).strip(), text, number, has_hash=has_hash)


def _option(text: str, number: int) -> RequirementLine:
    match = _SHORT.match(text) if not text.startswith("--") else None
    match = match or _OPTION.match(text)
    if match is None:
        return RequirementLine(number, text, LineKind.UNREADABLE)
    option, value = match[1], match[2].strip().strip("'\"")
    if option in ("-e", "--editable"):
        return _requirement(value, text, number, has_hash=False)
    kind = _OPTIONS.get(option, LineKind.OPTION)
    return RequirementLine(number, text, kind, value=value)


def _requirement(wanted: str, text: str, number: int, *, has_hash: bool) -> RequirementLine:
    if _ADDRESS.match(wanted):
        egg = _EGG.search(wanted)
        address = wanted.partition(" ;")[0].strip()
        return RequirementLine(
            number, text, LineKind.ADDRESS, egg[1] if egg else None, None, address, has_hash
        )
    if _LOCAL.match(wanted.partition(";")[0].strip()):
        return RequirementLine(number, text, LineKind.LOCAL, value=wanted, has_hash=has_hash)
    match = _NAME.match(wanted)
    if match is None:
        return RequirementLine(number, text, LineKind.UNREADABLE)
    name, rest = match[1], match[3]
    if rest.startswith("@"):
        address = rest[1:].partition(" ;")[0].strip()
        return RequirementLine(number, text, LineKind.ADDRESS, name, None, address, has_hash)
    version = rest.partition(";")[0].strip()
    pin = _PIN.match(version.strip("()"))
    if version and not _SPECIFIERS.match(version):
        # conda writes one `=`, and `name version build`.
        single = re.match(r"=?[ \t]*([\w.!+*-]{1,60})(?:[ \t=][\w.*-]{0,60})?\Z", version)
        if single is None:
            return RequirementLine(number, text, LineKind.UNREADABLE)
        return RequirementLine(
            number, text, LineKind.NAME, name, single[1] if version[0] == "=" else None
        )
    return RequirementLine(number, text, LineKind.NAME, name, pin[1] if pin else None, None, has_hash)
