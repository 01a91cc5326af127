"""What the audit asks of its store. SQLite is behind it now; a server's database can be later.

Laws: one writer at a time. What one call writes is there as a whole or not at all. Reading is
possible while another process writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from weighbridge.audit.keys import Examiner
from weighbridge.engine.wire import Event


class SourceState(StrEnum):
    """How far the last run got with a source."""

    LISTING = "listing"
    """Being listed; or the run ended before that was done."""
    LISTED = "listed"
    UNREACHABLE = "unreachable"
    """It could not be listed at all."""
    PARTIAL = "partly listed"
    """The listing broke off: what came until then counts, and nothing is taken for gone."""


class ScanState(StrEnum):
    """What became of a scan."""

    PENDING = "pending"
    LEASED = "leased"
    """A runner has it; or had it when it died."""
    DONE = "done"
    UNREAD = "unread"
    """Bytes did not come: the next run tries again."""
    SET_ASIDE = "set aside"
    """Each try broke whoever looked at it: only `--retry` tries again."""

    @property
    def has_result(self) -> bool:
        return self not in (ScanState.PENDING, ScanState.LEASED)


class Kind(StrEnum):
    """What is scanned."""

    ARTIFACT = "artifact"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a run has done so far."""

    listed: int = 0
    scanned: int = 0
    reused: int = 0
    judged: int = 0
    requests: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One call of `audit run`. Times are ISO 8601 with a zone; `place` is process and host."""

    id: int
    started: str
    finished: str | None
    state: str
    place: str
    examiner_id: str
    counters: Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A source. `origin` is JSON; None until it was reached once."""

    id: str
    target: str
    state: SourceState
    detail: str
    run_id: int
    examiner_id: str
    origin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRow:
    """A file of a source as it was listed; see `keys` for stamp, content and provenance."""

    name: str
    size_bytes: int | None
    stamp: str
    content: str
    provenance: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A location with the repository and the artifact that it belongs to.

    `root` is the folder where the repository begins, "" for the source itself.
    """

    name: str
    root: str
    told_name: str
    repository_id: str
    artifact_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """Files that are judged together. `manifest` is a digest of all that the judgement depends on."""

    id: str
    source_id: str
    root: str
    files: int
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A live file of a repository, and its scan under one examiner; None when there was none yet."""

    name: str
    size_bytes: int | None
    sha256: str | None
    stamp: str
    artifact_id: str
    scan_id: str | None
    state: ScanState | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """Something listed that is no file. `kind` is the name of a `ProblemKind`."""

    name: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRow:
    """The scan of one artifact or repository."""

    id: str
    kind: Kind
    subject_id: str
    examiner_id: str
    manifest: str
    state: ScanState
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a scan gave. `events` take the place of those of an earlier try."""

    scan_id: str
    state: ScanState
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTotals:
    """How a source stands."""

    repositories: int
    files: int
    gone: int
    states: Mapping[str, int]
    """Live files by the state of their scan; `new` for those that nobody has looked at."""


class Store(Protocol):
    """A durable inventory with a work table and the facts that scans gave."""

    def begin_run(self, examiner: Examiner, *, started: str, place: str) -> int:
        """Start a run and free what a dead one held. Returns its number."""
        ...

    def count(self, run_id: int, counters: Counters) -> None:
        """Note how far a run is."""
        ...

    def end_run(self, run_id: int, *, finished: str, state: str) -> None: ...

    def runs(self, limit: int) -> Sequence[RunRow]:
        """The last runs, newest first."""
        ...

    def put_source(self, row: SourceRow) -> None: ...

    def sources(self) -> Sequence[SourceRow]:
        """By target."""
        ...

    def examiner_of(self, examiner_id: str) -> tuple[str, str]:
        """Return the versions of the program and of the signatures."""
        ...

    def known(self, source_id: str, names: Collection[str]) -> Mapping[str, LocationRow]:
        """What was known of these names in the last listing."""
        ...

    def put_locations(self, source_id: str, run_id: int, rows: Sequence[LocationRow]) -> None:
        """Write new and changed files; the source's are not `placed` any more."""
        ...

    def saw(self, source_id: str, run_id: int, names: Sequence[str]) -> None:
        """Note that files were listed again, as they were."""
        ...

    def placed(self, source_id: str) -> str:
        """What the files of a source were put together by; "" when there are some that were not."""
        ...

    def put_problems(self, source_id: str, run_id: int, rows: Sequence[ProblemRow]) -> None: ...

    def sweep(self, source_id: str, run_id: int) -> int:
        """Mark as gone what this run's listing did not hold. Returns how many files that were."""
        ...

    def live(self, source_id: str) -> Iterator[LocationRow]:
        """Files of a source, by name."""
        ...

    def place(self, source_id: str, rows: Iterable[Placed]) -> None:
        """Note where files belong. In portions, each a transaction; `put_repositories` ends it."""
        ...

    def manifests(self, source_id: str) -> Iterator[tuple[str, str, str]]:
        """Yield (repository, name, artifact) of live files, repository by repository, by name."""
        ...

    def put_repositories(
        self, source_id: str, run_id: int, rows: Sequence[RepositoryRow], *, placed: str
    ) -> None:
        """Write the repositories of a source; those that are not among them are gone."""
        ...

    def repositories(self, source_id: str) -> Iterator[RepositoryRow]:
        """Live ones, by root."""
        ...

    def unfinished(self, source_id: str, examiner_id: str) -> Mapping[str, int]:
        """Repositories that have work left -> files of theirs that are to be scanned."""
        ...

    def homes(self, source_id: str, names: Collection[str]) -> Mapping[str, str]:
        """Of these names, those of live files -> their repository."""
        ...

    def files(
        self, repository_id: str, examiner_id: str, names: Sequence[str] | None = None
    ) -> Sequence[FileRow]:
        """Live files of a repository, by name; only those of these names when there are any given."""
        ...

    def scan(self, scan_id: str) -> ScanRow | None: ...

    def lease(self, rows: Sequence[ScanRow], *, run_id: int, until: str) -> None:
        """Take scans; each counts as a try."""
        ...

    def release(self, scan_ids: Sequence[str]) -> None:
        """Give scans back untried."""
        ...

    def save(self, results: Sequence[Saved], *, finished: str) -> None: ...

    def retry_set_aside(self) -> int:
        """Let what was set aside be tried again. Returns how many."""
        ...

    def events(self, scan_ids: Sequence[str]) -> Mapping[str, tuple[Event, ...]]:
        """What scans gave, in order."""
        ...

    def problems(self, source_id: str) -> Sequence[ProblemRow]: ...

    def totals(self, source_id: str, examiner_id: str) -> SourceTotals: ...

    def close(self) -> None: ...
