"""Where the code of an unknown callable is, when the scanned target brings it along.

A pickle that names `my_model.layers.Block` needs `my_model/layers.py` from somewhere. In the target
itself it is part of what is delivered, and can be read; anywhere else, whoever loads the file must
have it, and whoever controls that name controls the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from weighbridge.core.finding import Finding

_UNKNOWN = frozenset({"PKL022", "PKL023"})


def with_source(findings: Iterable[Finding], files: Set[str]) -> Iterator[Finding]:
    """Yield the findings; unknown callables with the Python file of the target that may hold them.

    Args:
        findings: of one target.
        files: names of all files of the target, folders with slashes.
    """
    python = sorted(name for name in files if name.endswith(".py"))
    for finding in findings:
        if finding.rule not in _UNKNOWN or len(files) < 2:
            yield finding
            continue
        found = _file_of(finding.subject, python)
        line = (
            f"its code may be {found} of this target"
            if found
            else "no Python file of this target has its name"
        )
        yield replace(
            finding,
            evidence=f"{finding.evidence}\n{line}",
            related=(*finding.related, found) if found else finding.related,
        )


def _file_of(subject: str, python: list[str]) -> str | None:
    """The file with the longest part of the dotted name, whatever folder it lies in."""
    parts = [part for part in subject.split(".") if part.isidentifier()]
    for cut in range(len(parts) - 1, 0, -1):
        path = "/".join(parts[:cut])
        for ending in (f"{path}.py", f"{path}/__init__.py"):
            for name in python:
                if name == ending or name.endswith(f"/{ending}"):
                    return name
    return None
