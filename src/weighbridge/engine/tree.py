"""Walk one top-level artifact and everything nested in it.

The one place that catches every exception (design law 6): whatever an analyzer raises becomes a
coverage row of the artifact that it was looking at, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from weighbridge.analyzers.executables.disguise import disguise_findings
from weighbridge.analyzers.file_names import name_findings
from weighbridge.analyzers.inspection import Analyzer, Context, Fact
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.dispatch import INERT, PROMISES, WITHOUT_ANALYZER, analyzer_of
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format

Emit = Callable[[Fact], None]
Look = Callable[[Artifact, tuple[Format, ...], bool], None]
"""Told of each artifact once it was walked: what it is, and whether it is suspect (see `Subject`)."""

_WORST = (Outcome.FAILED, Outcome.LIMITED, Outcome.UNSUPPORTED, Outcome.ANALYZED, Outcome.OPAQUE)


def guarded(step: Callable[[], None], limits: Limits) -> tuple[Outcome, str] | None:
    """Run a step; return what became of it when it did not come to its end, and why."""
    try:
        step()
    except Malformed as error:
        return Outcome.FAILED, f"malformed: {error}"
    except LimitReached as error:
        return Outcome.LIMITED, str(error)
    except ReadError as error:
        return Outcome.FAILED, str(error)
    except MemoryError:
        return Outcome.FAILED, f"needs more memory than the limit of {limits.memory_bytes:,} bytes"
    except Exception as error:
        return Outcome.FAILED, f"the analysis broke ({type(error).__name__}: {error})"
    return None


def _nobody_looks(artifact: Artifact, formats: tuple[Format, ...], is_suspect: bool) -> None:
    """The default."""


def inspect_tree(artifact: Artifact, context: Context, emit: Emit, look: Look = _nobody_looks) -> None:
    """Inspect an artifact, then each nested one, depth first. Every artifact gets one coverage row."""
    for finding in name_findings(artifact):
        emit(finding)
    if artifact.depth == 0 and artifact.origin is not None:
        from weighbridge.analyzers.provenance import check_origin

        for finding in check_origin(artifact):
            emit(finding)
    visit = _Visit(artifact, context, emit, look)
    emit(visit.run())
    if artifact.depth == 0 and artifact.origin is not None:
        for finding in _of_content(artifact):
            emit(finding)


def _of_content(artifact: Artifact) -> tuple[Finding, ...]:
    """Compare the content with the registry's digest. What can't be read has a row that says so."""
    from weighbridge.analyzers.provenance import check_content

    try:
        return tuple(check_content(artifact))
    except ReadError:
        return ()


class _Visit:
    """One artifact: what it is, what its analyzers said, how far they got."""

    def __init__(self, artifact: Artifact, context: Context, emit: Emit, look: Look) -> None:
        self._artifact = artifact
        self._context = context
        self._emit = emit
        self._look = look
        self._has_findings = False
        self._outcomes: list[tuple[Outcome, str]] = []
        self._formats: tuple[Format, ...] = (Format.UNKNOWN,)

    def run(self) -> Coverage:
        self._guard(self._identify)
        if not self._outcomes:
            for finding in disguise_findings(self._artifact, self._formats):
                self._has_findings = True
                self._emit(finding)
            for kind in self._formats:
                self._inspect(kind)
        self._look(self._artifact, self._formats, self._is_suspect())
        return self._row()

    def _is_suspect(self) -> bool:
        return self._has_findings or any(not outcome.is_complete for outcome, _ in self._outcomes)

    def _identify(self) -> None:
        if self._artifact.depth > self._context.budget.limits.depth:
            raise LimitReached(f"nested deeper than {self._context.budget.limits.depth} containers")
        self._context.budget.check_time()
        self._formats = identify(self._artifact.source, self._artifact.name)

    def _inspect(self, kind: Format) -> None:
        broken = self._broken_promise(kind)
        if broken is not None:
            self._outcomes.append((Outcome.FAILED, broken))
            return
        analyze = analyzer_of(kind)
        if analyze is None:
            self._outcomes.append(WITHOUT_ANALYZER[kind])
            return
        before = len(self._outcomes)
        self._guard(lambda: self._consume(analyze))
        if len(self._outcomes) == before:
            self._outcomes.append((Outcome.ANALYZED, ""))

    def _consume(self, analyze: Analyzer) -> None:
        for event in analyze(self._artifact, self._context):
            match event:
                case Artifact():
                    inspect_tree(event, self._context, self._emit, self._look)
                case Coverage() if event.path == self._artifact.path:
                    self._outcomes.append((event.outcome, event.detail))
                case _:
                    self._has_findings |= isinstance(event, Finding)
                    self._emit(event)

    def _guard(self, step: Callable[[], None]) -> None:
        trouble = guarded(step, self._context.budget.limits)
        if trouble is not None:
            self._outcomes.append(trouble)

    def _broken_promise(self, kind: Format) -> str | None:
        """What to say of a model file, by its name, that no loader of its kind can read."""
        suffix = PurePosixPath(self._artifact.name.lower()).suffix
        if suffix in PROMISES and kind in INERT:
            return f"named {suffix}, but no loader of that kind can read it ({kind})"
        return None

    def _row(self) -> Coverage:
        outcome = next(worst for worst in _WORST if any(found is worst for found, _ in self._outcomes))
        details = [detail for found, detail in self._outcomes if found is outcome and detail]
        source = self._artifact.source
        row = Coverage(
            path=self._artifact.path,
            format="+".join(self._formats),
            outcome=outcome,
            bytes_read=source.bytes_read,
            detail="; ".join(dict.fromkeys(details))[:1000],
        )
        try:
            return replace(row, size_bytes=source.size)
        except (ReadError, LimitReached, Malformed):
            return row
