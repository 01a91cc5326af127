"""What the analyzers of graphs share: findings, paths that lead away, files that are carried inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from weighbridge.analyzers.inspection import Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.carried_file import carried_file
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard

_TOLD = 200
_NESTED = 100


class GraphFindings:
    """Makes the findings of one graph; each subject of a rule is told once, and 200 of a rule."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._told: set[tuple[str, str]] = set()
        self._by_rule: Counter[str] = Counter()
        self._nested = 0

    def tell(
        self, rule: str, subject: str, evidence: str, *, at: int | None = None, route: str = ""
    ) -> Iterator[Finding]:
        """Yield the finding, unless it was told or its rule has had its share."""
        key = (rule, subject[:200])
        if key in self._told or self._by_rule[rule] >= _TOLD:
            return
        self._told.add(key)
        self._by_rule[rule] += 1
        yield Finding(
            rule=rule,
            path=self._artifact.path,
            subject=subject[:200],
            evidence=evidence,
            offset=at,
            route=route,
        )

    def path(self, path: str, what: str, *, at: int | None = None, route: str = "") -> Iterator[Finding]:
        """Yield GRA010 when a path leads out of the model's folder."""
        hazard = reference_hazard(path)
        if path and hazard is not None:
            line = f"{what} {quoted(path)} {hazard.value}"
            yield from self.tell("GRA010", path, line, at=at, route=route)

    def carried(self, at: int, length: int, head: bytes, what: str) -> Iterator[Event]:
        """Tell of a file inside of the graph, and hand it on.

        Raises:
            LimitReached: there are more of them than are looked at.
        """
        kind = carried_file(self._artifact.source, at, length, head)
        if kind is None:
            return
        self._nested += 1
        if self._nested > _NESTED:
            raise LimitReached(f"more than {_NESTED} files are carried in one graph")
        rule = "GRA012" if kind.is_program else "GRA013"
        subject = f"{kind.name.lower()} in {what}"
        yield from self.tell(rule, subject, f"{what} holds {kind.value}, {length:,} bytes", at=at)
        source = SliceSource(self._artifact.source, at, length)
        yield self._artifact.nested(f"{kind.name.lower()} at {at}", source)


def judge_name(
    report: GraphFindings, name: str, *, at: int | None = None, route: str = ""
) -> Iterator[Finding]:
    """Yield GRA015 for a parameter's name that climbs; slashes alone are common in names."""
    bare = name.removeprefix("arg:").removeprefix("aux:")
    if reference_hazard(bare) is ReferenceHazard.CLIMBS:
        yield from report.tell(
            "GRA015", name, f"the name of a parameter is {quoted(name)}", at=at, route=route
        )
