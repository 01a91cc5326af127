"""What a second opinion is: an artifact in, a stance out. An engine neither compares nor decides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import Budget

if TYPE_CHECKING:  # the supervisor identifies nothing: it must not load the parsers
    from weighbridge.formats.kinds import Format


class EngineName(StrEnum):
    """The engines, by the names that users type."""

    FICKLING = "fickling"
    MODELSCAN = "modelscan"
    CLAMAV = "clamav"
    YARA = "yara"


class Stance(StrEnum):
    """What an engine says on its own, before anybody compares it with our findings."""

    OBJECTS = "objects"
    NO_OBJECTION = "no objection"
    SKIPPED = "skipped"
    """Not an artifact that this engine has anything to say on."""
    LIMITED = "limited"
    """It should have looked, and the artifact is beyond a limit."""
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One thing that an engine objects to.

    Attributes:
        rule: the rule of ours that a finding would name, if one comes of it.
        subject: see `Finding.subject`.
        evidence: lines for people.
        offset: first byte, from the start of the artifact; None when the engine names none.
    """

    rule: str
    subject: str
    evidence: str
    offset: int | None = None
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionResult:
    """What an engine says of one artifact. `reason` is a sentence, needed unless it just looked."""

    stance: Stance
    reason: str = ""
    objections: tuple[Objection, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an engine is asked about.

    Attributes:
        artifact: named bytes.
        formats: what we identified it as.
        is_suspect: we found something on it, of whatever severity, or could not read all of it.
    """

    artifact: Artifact
    formats: tuple[Format, ...]
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class Examination:
    """Who said what of which artifact: the message from wherever an engine runs."""

    engine: EngineName
    path: tuple[str, ...]
    result: OpinionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionSettings:
    """What the user asked for.

    Attributes:
        engines: none by default.
        clamd: where clamd listens, as typed; None means the usual place.
        yara_rules: a folder of the user's own rules, besides ours.
    """

    engines: tuple[EngineName, ...] = ()
    clamd: str | None = None
    yara_rules: Path | None = None


class OpinionEngine(Protocol):
    """One engine. Making one costs nothing; its library is imported when it is first used."""

    @property
    def name(self) -> EngineName: ...

    def is_available(self) -> str | None:
        """Return why it can't be asked and what to do about it, or None when it can."""
        ...

    def version(self) -> str | None:
        """The version of what is installed, as it states it itself."""
        ...

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        """Look at one artifact. The caller catches whatever the library raises.

        Raises:
            ReadError, LimitReached: from the bytes or the budget.
        """
        ...


def skipped(reason: str) -> OpinionResult:
    return OpinionResult(stance=Stance.SKIPPED, reason=reason)


def limited(reason: str) -> OpinionResult:
    return OpinionResult(stance=Stance.LIMITED, reason=reason)


def failed(reason: str, evidence: str = "") -> OpinionResult:
    return OpinionResult(stance=Stance.FAILED, reason=reason, evidence=evidence)


def stated(objections: tuple[Objection, ...], evidence: str = "") -> OpinionResult:
    """The result of an engine that has looked to the end."""
    stance = Stance.OBJECTS if objections else Stance.NO_OBJECTION
    return OpinionResult(stance=stance, objections=objections, evidence=evidence)
