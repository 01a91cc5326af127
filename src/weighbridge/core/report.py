"""What a scan of one target found, and what it could and could not look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.stated_licence import StatedLicence


class Outcome(StrEnum):
    """How far we got with one artifact. `Nothing found` and `could not look` never mix."""

    ANALYZED = "analyzed"
    """Everything that a loader would run was read."""
    OPAQUE = "opaque"
    """No loader runs anything in it (tensor bytes, documents, images): recognised, not judged."""
    UNSUPPORTED = "unsupported"
    """A loader could run it and we can't read it yet, or an extra is missing."""
    LIMITED = "limited"
    """A budget was spent before the end."""
    FAILED = "failed"
    """Unreadable, malformed, or the analysis itself broke."""

    @property
    def is_complete(self) -> bool:
        return self in (Outcome.ANALYZED, Outcome.OPAQUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One row for each artifact that the scan met, nested ones included.

    Attributes:
        path: see `Artifact.path`.
        format: a word from `formats.identify.Format`, `unknown`, or `opinion`.
        size_bytes: size of the artifact; None when it is not known.
        bytes_read: bytes fetched from the artifact's own source.
        detail: a sentence: what was not looked at, and what to do. Empty when all is well.
    """

    path: tuple[str, ...]
    format: str
    outcome: Outcome
    size_bytes: int | None = None
    bytes_read: int = 0
    detail: str = ""

    @property
    def artifact(self) -> str:
        return "!/".join(self.path)


OPINION = "opinion"
"""The `format` of a coverage row that is about a second opinion, not about our own look."""

REPOSITORY = "repository"
"""The `format` of a coverage row that is about all files of a target together."""


class OpinionState(StrEnum):
    """What became of a second opinion that the user asked for."""

    AGREED = "agreed"
    """It objects and so do we (at medium or above), or neither does."""
    DISAGREED = "disagreed"
    """It objects alone, which adds a finding, or we do alone, which takes nothing back."""
    SKIPPED = "skipped"
    """It had nothing to say on such an artifact. That is not a clean bill."""
    FAILED = "failed"
    """It should have looked and did not come to an end: the verdict says so."""
    UNAVAILABLE = "unavailable"
    """It is not installed or does not answer: the verdict says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What another engine made of one artifact.

    Attributes:
        engine: `fickling`, `modelscan`, `clamav` or `yara`.
        version: as the engine states it; None when it is not there to be asked.
        path: see `Artifact.path`.
        reason: a sentence on why the state is what it is.
        objections: what it objects to, in its own words.
        evidence: further lines of its own for people: fickling's decompiled source.
    """

    engine: str
    version: str | None
    path: tuple[str, ...]
    state: OpinionState
    reason: str
    objections: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def artifact(self) -> str:
        return "!/".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedFile:
    """One file of a target, as it was listed.

    Attributes:
        name: relative to the target, parts joined by `/`; `Artifact.path` begins with it.
        size_bytes: as the folder or the registry states it; None when it does not.
        sha256: hex digest that the registry states, or that was computed; None when neither.
    """

    name: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a remote target cost."""

    requests: int = 0
    bytes_received: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The facts of one target, before any policy.

    Attributes:
        target: as the user typed it, without what is secret in an address.
        findings: in the order in which they were met, without repeats.
        coverage: in the order in which artifacts were finished.
        opinions: one for each artifact and each engine that the user asked for; none by default.
        files: what the target holds, sorted by name.
        licences: what the target says of its licence, and where.
    """

    target: str
    origin: Origin
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    traffic: Traffic = Traffic()
    seconds: float = 0.0
    opinions: tuple[Opinion, ...] = ()
    files: tuple[ScannedFile, ...] = ()
    licences: tuple[StatedLicence, ...] = ()

    @property
    def is_complete(self) -> bool:
        return all(row.outcome.is_complete for row in self.coverage)


class Verdict(StrEnum):
    """What the gate says."""

    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"
