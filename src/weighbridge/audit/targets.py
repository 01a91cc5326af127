"""What the user names on the command line: targets, and lists of targets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.audit.keys import digest_of
from weighbridge.core.address import shown_address
from weighbridge.core.limits import MIB
from weighbridge.errors import UsageError

_LARGEST_LIST: Final = 16 * MIB
_LIST_ENDING: Final = ".txt"


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """One source to audit.

    Attributes:
        target: as typed, for whoever fetches it.
        shown: without what is secret in an address; absolute for a path. This is what is stored.
    """

    target: str
    shown: str

    @property
    def id(self) -> str:
        return digest_of("source", self.shown)


def read_targets(typed: Iterable[str]) -> tuple[AuditTarget, ...]:
    """Return the sources, each once, in the order in which they were named.

    `@FILE`, and a regular file that ends in `.txt`, is a list: a target on each line, blank lines and
    those that begin with `#` left out. Paths in it are relative to the current directory.

    Raises:
        UsageError: a list can't be read, is none, or names no target.
    """
    found: dict[str, AuditTarget] = {}
    for word in typed:
        for target in _listed(word):
            one = AuditTarget(target, _shown(target))
            if found.setdefault(one.id, one).target != target and one.shown != target:
                _check_same(found[one.id], one)
    return tuple(found.values())


def _check_same(first: AuditTarget, second: AuditTarget) -> None:
    """Two addresses that differ only in what is never stored would be one source."""
    if "://" in second.target and first.target.rstrip("/") != second.target.rstrip("/"):
        raise UsageError(
            f"two targets are shown as {second.shown!r} and differ in what is secret: "
            "audit them into two stores"
        )


def _listed(word: str) -> Iterator[str]:
    if word.startswith("@"):
        yield from _read(Path(word[1:]))
    elif word.lower().endswith(_LIST_ENDING) and "://" not in word and os.path.isfile(word):
        yield from _read(Path(word))
    else:
        yield word


def _read(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_LIST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"can't read the list of targets {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{str(path)!r} is no list of targets: it is not UTF-8 text") from None
    if len(data) > _LARGEST_LIST:
        raise UsageError(f"{str(path)!r} is no list of targets: it is larger than 16 MiB")
    lines = [line.strip() for line in text.splitlines()]
    targets = [line for line in lines if line and not line.startswith("#")]
    if not targets:
        raise UsageError(f"the list {str(path)!r} names no target")
    for number, target in enumerate(targets, start=1):
        if target.startswith("@") or "\0" in target:
            raise UsageError(f"{str(path)!r}, target {number}: {target[:100]!r} is no target")
        yield target


def _shown(target: str) -> str:
    if "://" in target or _is_other_scheme(target):
        return shown_address(target)
    return os.path.abspath(target)


def _is_other_scheme(target: str) -> bool:
    """True for `models:/name` and the like, which are no paths."""
    scheme, colon, rest = target.partition(":")
    return bool(colon) and rest.startswith("/") and len(scheme) > 1 and not os.path.lexists(target)
