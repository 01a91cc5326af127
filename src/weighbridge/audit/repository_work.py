"""A batch of repositories: scan their new files, then judge each as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from weighbridge.audit.assembling import assemble
from weighbridge.audit.batches import Gathered
from weighbridge.audit.grouping import MOST_TOGETHER
from weighbridge.audit.inventory import Context
from weighbridge.audit.keys import local_stamp, scan_id, stamp_of, told_name, told_origin
from weighbridge.audit.leasing import Leasing, now
from weighbridge.audit.origins import origin_below, target_below
from weighbridge.audit.settings import AuditSettings
from weighbridge.audit.store import FileRow, Kind, RepositoryRow, Saved, ScanRow, ScanState
from weighbridge.audit.work import ReadTrouble, WorkItem
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE
from weighbridge.engine.pool import RepositoryTask, Task
from weighbridge.engine.shelf import Shelf
from weighbridge.engine.wire import Job, ListedFile, Manifest, RepositoryJob
from weighbridge.fetchers.interface import Entry

_FILE_S: Final = 0.01
"""What each file of a repository adds to the time for judging all of them together."""


@dataclass(frozen=True, slots=True)
class RepositoryWork:
    """Does batches of one source."""

    leasing: Leasing
    settings: AuditSettings
    context: Context
    shown: str
    """The source, as people may see it."""

    def do(self, batch: Sequence[Gathered]) -> tuple[int, int]:
        """Scan and judge. Returns how many artifacts were scanned and how many repositories judged."""
        with closing(Shelf()) as shelf:
            opened: dict[str, Entry] = {}
            scanned = self.leasing.do(self._scans(batch, shelf, opened))
            judged = self.leasing.do(
                [item for one in batch if (item := self._judgement(one, opened)) is not None]
            )
        return scanned, judged

    def too_large(self, repository: RepositoryRow) -> None:
        """Say of a repository that its files are not judged together."""
        detail = (
            f"{repository.files:,} files are not judged together (at most {MOST_TOGETHER:,} are); "
            "each was scanned. Audit the folders in it as targets of their own"
        )
        row = Coverage(path=(WHOLE,), format=REPOSITORY, outcome=Outcome.LIMITED, detail=detail)
        self._settle(repository, row)

    def _settle(self, repository: RepositoryRow, *events: Coverage) -> None:
        """Write the judgement of a repository that no worker needs to see."""
        row = self._row(repository)
        self.leasing.store.lease([row], run_id=self.leasing.run_id, until=now())
        saved = Saved(scan_id=row.id, state=ScanState.DONE, events=events)
        self.leasing.store.save([saved], finished=now())

    def _files(self, gathered: Gathered) -> Sequence[FileRow]:
        names = None if gathered.is_whole else tuple(gathered.entries)
        return self.leasing.store.files(gathered.repository.id, self.settings.examiner.id, names)

    def _scans(
        self, batch: Sequence[Gathered], shelf: Shelf, opened: dict[str, Entry]
    ) -> list[WorkItem]:
        """Make work of what has no result; `opened` gets the entries that are fetched ahead."""
        wanted: dict[str, tuple[Entry, FileRow, str]] = {}
        for gathered in batch:
            for file in self._files(gathered):
                entry = gathered.entries.get(file.name)
                if entry is not None and self._is_wanted(entry, file):
                    identity = scan_id(file.artifact_id, self.settings.examiner.id)
                    wanted.setdefault(identity, (entry, file, gathered.repository.root))
        stocked = shelf.stocked(entry for entry, _, _ in wanted.values())
        opened.update((entry.name, entry) for entry in stocked if isinstance(entry, Entry))
        return [
            self._scan(identity, opened[entry.name], file, root)
            for identity, (entry, file, root) in wanted.items()
        ]

    def _is_wanted(self, entry: Entry, file: FileRow) -> bool:
        """True unless it has a result, or is not any more what was listed: the next run sees that."""
        has_result = file.state is not None and file.state.has_result
        is_final = has_result and file.state is not ScanState.UNREAD
        return not is_final and stamp_of(entry, self.leasing.run_id) == file.stamp

    def _scan(self, identity: str, entry: Entry, file: FileRow, root: str) -> WorkItem:
        path = str(entry.local_path) if entry.local_path is not None else None
        # A local file without our digest could not be read: what is said of it holds for now only.
        trouble = ReadTrouble(has_happened=path is not None and file.sha256 is None)
        job = Job(
            told_name(file.name, root),
            entry.size_bytes or 0,
            path,
            told_origin(entry, self.context.origin),
            self.settings.scan.limits,
        )
        return WorkItem(
            row=ScanRow(
                id=identity,
                kind=Kind.ARTIFACT,
                subject_id=file.artifact_id,
                examiner_id=self.settings.examiner.id,
                manifest="",
                state=ScanState.PENDING,
                attempts=file.attempts,
            ),
            source=self.shown,
            name=file.name,
            task=Task(job, trouble.watching(entry.open)),
            trouble=trouble,
            is_unchanged=partial(_is_unchanged, entry, file.stamp),
        )

    def _row(self, repository: RepositoryRow) -> ScanRow:
        identity = scan_id(repository.id, self.settings.examiner.id)
        before = self.leasing.store.scan(identity)
        is_same = before is not None and before.manifest == repository.manifest
        return ScanRow(
            id=identity,
            kind=Kind.REPOSITORY,
            subject_id=repository.id,
            examiner_id=self.settings.examiner.id,
            manifest=repository.manifest,
            state=ScanState.PENDING,
            attempts=before.attempts if before is not None and is_same else 0,
        )

    def _judgement(self, gathered: Gathered, opened: Mapping[str, Entry]) -> WorkItem | None:
        """Make work of a repository whose files all have a result."""
        if not gathered.is_whole:
            return None
        files = self._files(gathered)
        if not all(file.state is not None and file.state.has_result for file in files):
            return None
        if len(files) == 1 and self.context.origin.kind == "local":
            self._settle(gathered.repository)  # as in a scan: one file is no repository
            return None
        entries = [opened.get(file.name, gathered.entries[file.name]) for file in files]
        # What rests on bytes that did not come is to be judged again when they have.
        trouble = ReadTrouble(has_happened=any(file.state is ScanState.UNREAD for file in files))
        openers = [trouble.watching(entry.open) for entry in entries]
        return WorkItem(
            row=self._row(gathered.repository),
            source=self.shown,
            name=gathered.repository.root,
            task=RepositoryTask(self._job(gathered.repository, files, entries), openers),
            trouble=trouble,
        )

    def _job(
        self, repository: RepositoryRow, files: Sequence[FileRow], entries: Sequence[Entry]
    ) -> RepositoryJob:
        events = self.leasing.store.events([file.scan_id for file in files if file.scan_id is not None])
        facts = assemble(files, repository.root, events, ())
        limits = self.settings.scan.limits
        manifest = Manifest(
            target_below(self.shown, repository.root),
            origin_below(self.context.origin, repository.root),
            tuple(_listed(entry, repository.root) for entry in entries),
            facts.findings,
        )
        longer = replace(limits, wall_s=limits.wall_s + _FILE_S * len(files))
        return RepositoryJob(manifest, None, longer, self.context.trust)


def _is_unchanged(entry: Entry, stamp: str) -> bool:
    return entry.local_path is None or local_stamp(entry.local_path) == stamp


def _listed(entry: Entry, root: str) -> ListedFile:
    path = str(entry.local_path) if entry.local_path is not None else None
    return ListedFile(told_name(entry.name, root), entry.size_bytes, path, entry.origin)
