"""Follow references between the files of one target, once all of them are known."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.core.finding import Finding
from weighbridge.core.reference import Reference

_BEYOND, _ABSENT = "REF001", "REF002"


def follow(references: Iterable[Reference], files: Mapping[str, int | None]) -> Iterator[Finding]:
    """Yield what is wrong with where the references lead.

    Args:
        references: of one target. Those from inside of containers are left to the container.
        files: size of each file of the target by its name; None when nobody states it.
    """
    for reference in references:
        if len(reference.path) > 1 or len(files) < 2:
            continue  # a file that was scanned alone has its neighbours elsewhere
        folder = posixpath.dirname(reference.path[0])
        name = posixpath.normpath(posixpath.join(folder, reference.name))
        if name not in files:
            yield _finding(_ABSENT, reference, f"{name!r} is not part of the target ({reference.what})")
            continue
        size = files[name]
        if size is not None and reference.end > size:
            evidence = f"{reference.what} ends at byte {reference.end:,} of {name!r}, "
            yield _finding(_BEYOND, reference, f"{evidence}which has {size:,} bytes")


def _finding(rule: str, reference: Reference, evidence: str) -> Finding:
    return Finding(rule=rule, path=reference.path, subject=reference.name[:200], evidence=evidence)
