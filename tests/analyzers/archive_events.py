"""Run an analyzer on bytes and sort what it yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.callables import CallableKnowledge


@dataclass(slots=True)
class Seen:
    """What one inspection gave; `error` is what ended it."""

    findings: list[Finding] = field(default_factory=list)
    rows: list[Coverage] = field(default_factory=list)
    nested: list[Artifact] = field(default_factory=list)
    error: WeighbridgeError | None = None

    @property
    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings}

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(row.path[-1], row.outcome) for row in self.rows]

    @property
    def contents(self) -> list[tuple[str, bytes]]:
        return [
            (artifact.name, bytes(artifact.source.read_at(0, artifact.source.size)))
            for artifact in self.nested
        ]


def look(
    inspect: Callable[[Artifact, Context], Iterator[Event]],
    data: bytes | ByteSource,
    name: str = "sample",
    limits: Limits | None = None,
) -> Seen:
    """Inspect an artifact to the end."""
    source = MemorySource(data) if isinstance(data, bytes) else data
    # Archives ask nothing of the callables; so no table is loaded.
    context = Context(Budget(limits or Limits()), CallableKnowledge.__new__(CallableKnowledge))
    seen = Seen()
    try:
        for event in inspect(Artifact((name,), source), context):
            match event:
                case Finding():
                    seen.findings.append(event)
                case Coverage():
                    seen.rows.append(event)
                case Artifact():
                    seen.nested.append(event)
    except WeighbridgeError as error:
        seen.error = error
    return seen


@dataclass(slots=True)
class CountingSource:
    """A remote source in memory that counts the reads it is asked for."""

    data: bytes
    reads: list[tuple[int, int]] = field(default_factory=list)
    is_remote: bool = True

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.reads)

    def read_at(self, offset: int, length: int) -> bytes:
        data = self.data[offset : offset + length]
        self.reads.append((offset, len(data)))
        return data

    def close(self) -> None:
        """Nothing to release."""
