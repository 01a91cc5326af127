"""One thing to scan, what comes of it, and who does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from weighbridge.audit.store import ScanRow
from weighbridge.core.artifact import ByteSource
from weighbridge.engine.pool import RepositoryTask, Task
from weighbridge.engine.wire import Event
from weighbridge.errors import ReadError


@dataclass(slots=True)
class ReadTrouble:
    """Whether bytes of a piece of work did not come: it is then not known what they hold."""

    has_happened: bool = False

    def watching(self, open_source: Callable[[], ByteSource]) -> Callable[[], ByteSource]:
        """Return an opener whose failures, and those of its sources, are noted."""

        def opened() -> ByteSource:
            try:
                return _Watched(open_source(), self)
            except ReadError:
                self.has_happened = True
                raise

        return opened


class _Watched:
    """A source that notes when it fails."""

    def __init__(self, source: ByteSource, trouble: ReadTrouble) -> None:
        self._source = source
        self._trouble = trouble

    @property
    def size(self) -> int:
        return self._source.size

    @property
    def is_remote(self) -> bool:
        return self._source.is_remote

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        try:
            return self._source.read_at(offset, length)
        except ReadError:
            self._trouble.has_happened = True
            raise

    def close(self) -> None:
        self._source.close()


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A leased scan, and how to do it.

    Attributes:
        source: the target that it is part of, as it is shown.
        name: of the file in the source, or of the folder where the repository begins. With `source`
            it says where the work lies to a runner on another machine.
        is_unchanged: False when the bytes are not those any more that the key of the work names.
    """

    row: ScanRow
    source: str
    name: str
    task: Task | RepositoryTask
    trouble: ReadTrouble = field(default_factory=ReadTrouble)
    is_unchanged: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What came of a piece of work; see `engine.stream.Inspected`."""

    item: WorkItem
    events: tuple[Event, ...]
    is_sound: bool


class Runner(Protocol):
    """Does leased work: with processes of this machine, or on a cluster."""

    def run(self, items: Iterable[WorkItem]) -> Iterator[WorkResult]:
        """Yield what came of each item, as they end."""
        ...
