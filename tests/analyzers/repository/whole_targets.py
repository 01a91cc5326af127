"""Show a folder of made-up files to one judge of repositories, each file scanned first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tests.analyzers.config_events import context, scan
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.repository import Repository, RepositoryFile

Judge = Callable[[RepositoryView, Context], Iterator[Event]]


class CountedSource(MemorySource):
    """Remembers how many bytes were asked for, and where."""

    def __init__(self, data: bytes, reads: list[tuple[int, int]]) -> None:
        super().__init__(data)
        self._reads = reads

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        self._reads.append((offset, length))
        return super().read_at(offset, length)


def repository(
    files: Mapping[str, bytes],
    *,
    reads: dict[str, list[tuple[int, int]]] | None = None,
    base: Repository | None = None,
) -> Repository:
    """The target that these files make. What is read of each goes to `reads`."""

    def source_of(name: str) -> ByteSource:
        return CountedSource(files[name], [] if reads is None else reads.setdefault(name, []))

    findings = {name: tuple(scan(name, content)[0]) for name, content in files.items()}
    return Repository(
        target="target",
        origin=Origin(kind="local", location="/target"),
        files={name: RepositoryFile(name=name, size_bytes=len(data)) for name, data in files.items()},
        source_of=source_of,
        findings={name: found for name, found in findings.items() if found},
        base=base,
    )


def judged(judge: Judge, target: Repository) -> list[Finding]:
    """What the judge finds in a target."""
    events = judge(RepositoryView(target), context())
    return [event for event in events if isinstance(event, Finding)]


def told(judge: Judge, files: Mapping[str, bytes], *, base: Repository | None = None) -> list[str]:
    """The rules that the judge hits, each with its file."""
    return sorted(f"{one.rule} {one.path[0]}" for one in judged(judge, repository(files, base=base)))
