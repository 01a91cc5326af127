"""What we report: the constant half (`Rule`, from data) and the instance half (`Finding`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad it is for whoever loads the artifact. Ordered."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Severity:
        """Parse `critical`, `high`, `medium`, `low` or `info`.

        Raises:
            ValueError: any other word.
        """
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"unknown severity {word!r}") from None


class Confidence(IntEnum):
    """How sure we are that the finding is what its title says. Ordered."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Relation(StrEnum):
    """How a finding relates to its ATLAS techniques (design law 8)."""

    EVIDENCES = "evidences"
    """The bytes show adversary action."""
    EXPOSES = "exposes"
    """A weakness that an adversary could use; nobody is shown to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The constant half of a finding: one entry of `signatures/rules/*.toml`."""

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    relation: Relation
    techniques: tuple[str, ...]
    """ATLAS ids that a finding of this rule evidences or exposes (see `relation`)."""
    exposes: tuple[str, ...] = ()
    """Further ATLAS ids that the victim is exposed to; only for rules that evidence others."""
    mitigations: tuple[str, ...] = ()
    """Curated ATLAS mitigation ids, shown as `curated` beside those that ATLAS links."""
    cwe: tuple[str, ...]
    phase: str
    """MLOps phase: `Design/Setup`, `Model Development and Evaluation` or `Operations`."""
    why: str
    """Why it matters: one to four sentences for the reader of `weighbridge explain`."""
    remediation: str
    """What to do, a sentence in the imperative."""
    example: str = ""
    """What it looks like: an inert example, decompiled or quoted."""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing seen in one place. The rule says what it means; this says where and what.

    Attributes:
        rule: id of a `Rule`.
        path: artifact path, one part for each container crossed (see `Artifact.path`).
        subject: the stable core of the evidence (`posix.system`, a member's name). It, and
            never a byte offset, goes into the fingerprint.
        evidence: one or more lines for people: the decompiled call, the two names that differ.
        offset: first byte, from the start of the artifact; None when the place is not a byte.
        length: bytes in the half-open range that starts at `offset`.
        route: symbolic place: `opcode 12`, `tensor lm_head`, `/config/layers/3`.
        related: other findings' subjects or places that belong to this one.
    """

    rule: str
    path: tuple[str, ...]
    subject: str
    evidence: str
    offset: int | None = None
    length: int = 0
    route: str = ""
    related: tuple[str, ...] = ()

    @property
    def artifact(self) -> str:
        """The path as people read it: `a.pt!/archive/data.pkl`."""
        return "!/".join(self.path)

    @property
    def fingerprint(self) -> str:
        """32 hex digits that stay the same when byte offsets move."""
        import hashlib  # OpenSSL is slow to load, and most scans find nothing

        identity = "\0".join((self.rule, *self.path, self.subject))
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]
