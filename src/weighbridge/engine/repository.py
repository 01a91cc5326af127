"""Judge a target as a whole, in a worker, once each of its files was inspected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.repository.judges import RepositoryJudge, repository_judges
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE, Repository, RepositoryFile
from weighbridge.engine.tree import Emit, guarded, inspect_tree
from weighbridge.engine.wire import Manifest, RepositoryJob

RemoteSource = Callable[[int], ByteSource]
"""Gives the bytes of a file that is not on this machine, by its number; raises ReadError."""


def repository_of(job: RepositoryJob, remote: RemoteSource) -> Repository:
    """Return what the judges see of a job."""
    base = None
    if job.base is not None:
        base = _repository(job.base, remote, first=len(job.manifest.files), base=None)
    return replace(_repository(job.manifest, remote, first=0, base=base), trust=job.trust)


def _repository(
    manifest: Manifest, remote: RemoteSource, *, first: int, base: Repository | None
) -> Repository:
    numbers = {file.name: first + at for at, file in enumerate(manifest.files)}
    listed = {file.name: file for file in manifest.files}

    def source_of(name: str) -> ByteSource:
        file = listed[name]
        if file.local_path is not None:
            return LocalFile(Path(file.local_path))
        return remote(numbers[name])

    return Repository(
        target=manifest.target,
        origin=manifest.origin,
        files={
            file.name: RepositoryFile(name=file.name, size_bytes=file.size_bytes, origin=file.origin)
            for file in manifest.files
        },
        source_of=source_of,
        findings=_by_file(manifest.findings),
        base=base,
    )


def _by_file(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.path[0], []).append(finding)
    return {name: tuple(ones) for name, ones in found.items()}


def judge_repository(repository: Repository, context: Context, emit: Emit) -> None:
    """Show the target to each judge. One that breaks costs its own findings, and is said."""
    view = RepositoryView(repository)
    for name, judge in repository_judges():
        trouble = guarded(partial(_consume, judge, view, context, emit), context.budget.limits)
        if trouble is not None:
            outcome, detail = trouble
            detail = f"the files were not judged together for {name.replace('_', ' ')}: {detail}"
            emit(Coverage(path=(WHOLE,), format=REPOSITORY, outcome=outcome, detail=detail))
    # An unread file of the target has a row of its own; the base has none, and was asked for.
    for name, reason in view.base.unread.items() if view.base is not None else ():
        detail = f"not compared with {name!r} of the base: {reason}"
        emit(Coverage(path=(WHOLE,), format=REPOSITORY, outcome=Outcome.FAILED, detail=detail[:1000]))


def _consume(judge: RepositoryJudge, view: RepositoryView, context: Context, emit: Emit) -> None:
    for event in judge(view, context):
        match event:
            case Artifact():
                inspect_tree(event, context, emit)
            case _:
                emit(event)
