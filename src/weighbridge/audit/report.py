"""From rows to reports: facts come from the store, verdicts from today's policy.

Each repository is a target of its own in a report, with the findings and coverage that
`weighbridge scan` would have given for it. A source that could not be reached is a target, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from weighbridge.audit.assembling import assemble
from weighbridge.audit.keys import repository_id, scan_id, told_name
from weighbridge.audit.origins import origin_below, origin_of, target_below
from weighbridge.audit.store import (
    FileRow,
    ProblemRow,
    RepositoryRow,
    ScanRow,
    SourceRow,
    SourceState,
    Store,
)
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Rule
from weighbridge.core.report import REPOSITORY, Coverage, Outcome, Report, ScannedFile
from weighbridge.core.repository import WHOLE
from weighbridge.engine.wire import Event
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import Problem, ProblemKind
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.reporters.interface import Run, TargetResult, Unreachable, scanned

_TOGETHER = 2_000
"""Files whose facts are looked up at once."""
_NOT_JUDGED = "the files were not judged together yet: run the audit again"


@dataclass(frozen=True, slots=True)
class Judging:
    """What facts are held against."""

    policy: Policy
    signatures: Signatures


def frame_of(store: Store) -> Run:
    """Return the last run without results: what reporters say of the program itself.

    Raises:
        UsageError: nothing was audited yet.
    """
    runs = store.runs(1)
    if not runs:
        raise UsageError("the store is empty: nothing was audited yet")
    tool, signatures = store.examiner_of(runs[0].examiner_id)
    return Run(
        tool_version=tool,
        signatures_version=signatures,
        atlas_label=Signatures.installed().release.label,
        started=datetime.fromisoformat(runs[0].started),
        seconds=runs[0].counters.seconds,
        results=(),
        working_directory=os.getcwd(),
    )


def results_of(store: Store, judging: Judging, *, run_id: int | None = None) -> Iterator[TargetResult]:
    """Yield a result for each repository, and for each source that was not reached.

    Args:
        store: what to report on; a little of it is in memory at a time.
        judging: what to hold it against.
        run_id: only sources of this run; None for all.

    Raises:
        UsageError: the store holds facts of signatures that are not these.
    """
    for source in store.sources():
        if run_id is not None and source.run_id != run_id:
            continue
        trouble = _trouble(source)
        if trouble is not None:
            yield Unreachable(target=source.target, error=trouble)
        if source.origin is not None:
            for report, digests in _reports(store, source):
                yield _judged(report, digests, judging)


def _trouble(source: SourceRow) -> str | None:
    match source.state:
        case SourceState.LISTED | SourceState.PARTIAL:  # what is missing of it is a problem of its own
            return None
        case SourceState.LISTING:
            return "the audit did not come to the end of it: run it again"
        case _:
            return source.detail


def _judged(report: Report, digests: Mapping[str, str], judging: Judging) -> TargetResult:
    rules: Mapping[str, Rule] = judging.signatures.rules
    for finding in report.findings:
        if finding.rule not in rules:
            raise UsageError(
                f"{report.target[:200]!r} was audited with other signatures, whose rule {finding.rule} "
                "is not known here: run the audit again with these"
            )
    decision = judging.policy.decide(report, rules, sha256_of=digests.get)
    return scanned(report, decision, rules=rules, release=judging.signatures.release)


def _reports(store: Store, source: SourceRow) -> Iterator[tuple[Report, Mapping[str, str]]]:
    origin = origin_of(source.origin or "")
    repositories = list(store.repositories(source.id))
    roots = {row.root for row in repositories}
    problems = _by_root(store.problems(source.id), roots)
    if "" not in roots and (problems.get("") or not repositories):
        home = repository_id(source.id, "")
        at_root = RepositoryRow(id=home, source_id=source.id, root="", files=0, manifest="")
        repositories.insert(0, at_root)
    for portion in _portions(repositories):
        yield from _of_portion(store, source, portion, origin, problems)


def _portions(repositories: Sequence[RepositoryRow]) -> Iterator[list[RepositoryRow]]:
    """Cut where enough files are together for one look-up."""
    portion: list[RepositoryRow] = []
    for repository in repositories:
        portion.append(repository)
        if sum(row.files for row in portion) >= _TOGETHER:
            yield portion
            portion = []
    if portion:
        yield portion


def _of_portion(
    store: Store,
    source: SourceRow,
    portion: Sequence[RepositoryRow],
    origin: Origin,
    problems: Mapping[str, Sequence[ProblemRow]],
) -> Iterator[tuple[Report, Mapping[str, str]]]:
    files = {row.id: store.files(row.id, source.examiner_id) for row in portion}
    judgements = {row.id: store.scan(scan_id(row.id, source.examiner_id)) for row in portion}
    wanted = [file.scan_id for rows in files.values() for file in rows if file.scan_id is not None]
    wanted += [row.id for row in judgements.values() if row is not None]
    events = store.events(wanted)
    for row in portion:
        judged = _judgement(row, judgements[row.id], events)
        more = (*_listed_problems(problems.get(row.root, ()), row.root), *judged)
        yield _report(source, row.root, origin, files[row.id], events, more)


def _by_root(problems: Sequence[ProblemRow], roots: Set[str]) -> dict[str, list[ProblemRow]]:
    """Give each problem to the repository that it lies in, else to the source itself."""
    found: dict[str, list[ProblemRow]] = {}
    for problem in problems:
        folder = problem.name
        while folder and folder not in roots:
            folder = folder.rpartition("/")[0]
        found.setdefault(folder, []).append(problem)
    return found


def _report(
    source: SourceRow,
    root: str,
    origin: Origin,
    files: Sequence[FileRow],
    events: Mapping[str, tuple[Event, ...]],
    more: Sequence[Event],
) -> tuple[Report, Mapping[str, str]]:
    facts = assemble(files, root, events, more)
    report = Report(
        target=target_below(source.target, root),
        origin=origin_below(origin, root),
        findings=facts.findings,
        coverage=facts.coverage,
        licences=facts.licences,
        files=tuple(sorted((_file(file, root) for file in files), key=lambda file: file.name)),
    )
    digests = {told_name(file.name, root): file.sha256 for file in files if file.sha256 is not None}
    return report, digests


def _file(file: FileRow, root: str) -> ScannedFile:
    return ScannedFile(name=told_name(file.name, root), size_bytes=file.size_bytes, sha256=file.sha256)


def _listed_problems(problems: Sequence[ProblemRow], root: str) -> Iterator[Event]:
    for row in problems:
        problem = Problem(
            name=told_name(row.name, root) or row.name, kind=ProblemKind[row.kind], detail=row.detail
        )
        yield problem.coverage
        if problem.finding is not None:
            yield problem.finding


def _judgement(
    repository: RepositoryRow, row: ScanRow | None, events: Mapping[str, tuple[Event, ...]]
) -> Sequence[Event]:
    """What was said of the files together, if that was said of these files."""
    if not repository.files:
        return ()
    if row is not None and row.manifest == repository.manifest and row.state.has_result:
        return events[row.id]
    return (Coverage(path=(WHOLE,), format=REPOSITORY, outcome=Outcome.FAILED, detail=_NOT_JUDGED),)
