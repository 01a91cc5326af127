"""How findings of tokenizers are told: one for each thing, the first twenty of a kind, values cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

MOST_OF_A_KIND = 20


class Telling:
    """Makes findings on one artifact, and stops after the first twenty of each rule."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._told: Counter[str] = Counter()

    def one(self, rule: str, subject: str, evidence: str, *, route: str = "") -> Iterator[Finding]:
        """Yield the finding unless there are enough of its rule."""
        self._told[rule] += 1
        if self._told[rule] <= MOST_OF_A_KIND:
            yield Finding(
                rule=rule,
                path=self._artifact.path,
                subject=subject[:200],
                evidence=evidence[:2_000],
                route=route[:300],
            )


def several(texts: Iterable[str], count: int | None = None, *, shown: int = 10) -> str:
    """Return the first texts quoted, and how many more there are."""
    kept = list(texts)
    total = len(kept) if count is None else count
    line = ", ".join(quoted(text) for text in kept[:shown])
    return f"{line} and {total - shown:,} more" if total > shown else line
