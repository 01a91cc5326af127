"""One release of MITRE ATLAS: tactics, techniques, mitigations and which mitigation helps where.

    Tactic <- Technique (-> parent Technique) <- Edge -> Mitigation

Edges are not inherited in ATLAS: what helps against `AML.T0011` helps against `AML.T0011.000`
too, but only the former's edge is written down. `edges_to` asks for both.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

_NAMESPACE = uuid.UUID(bytes=b"atlas.mitre.org.")
_TECHNIQUE_ID = re.compile(r"AML\.T\d{4}(\.\d{3})?")
_MITIGATION_ID = re.compile(r"AML\.M\d{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactic:
    """What an adversary wants: a column of the matrix."""

    id: str
    name: str
    source: str
    """Which file says so: `ATLAS 5.6.0`, `delta 2026.09 (second-hand)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """How an adversary gets it.

    Attributes:
        name: without the parent's name (see `AtlasRelease.full_name`).
        tactics: ids; a sub-technique has its parent's.
        summary: the first paragraph of the ATLAS text; empty when the release at hand has none.
    """

    id: str
    name: str
    tactics: tuple[str, ...]
    parent: str | None
    summary: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation:
    """What helps against it. `categories` and `phases` are ATLAS's own words."""

    id: str
    name: str
    categories: tuple[str, ...]
    phases: tuple[str, ...]
    summary: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A mitigation helps against a technique, and how, in ATLAS's words (may be empty)."""

    mitigation: str
    technique: str
    sentence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasRelease:
    """Everything we know of ATLAS, under a label that says how we know it.

    Guaranteed: every id that an edge, a parent or a technique's tactics name is a key here.
    """

    label: str
    tactics: Mapping[str, Tactic]
    techniques: Mapping[str, Technique]
    mitigations: Mapping[str, Mitigation]
    edges: tuple[Edge, ...]
    retired: Mapping[str, str]
    """Ids that are gone, each with its successor."""

    def technique(self, technique_id: str) -> Technique | None:
        """Look up an id; a retired one gives its successor."""
        return self.techniques.get(self.retired.get(technique_id, technique_id))

    def full_name(self, technique: Technique) -> str:
        """`User Execution: Unsafe AI Artifacts`, as ATLAS prints a sub-technique."""
        if technique.parent is None:
            return technique.name
        return f"{self.techniques[technique.parent].name}: {technique.name}"

    def tactic_names(self, technique: Technique) -> tuple[str, ...]:
        return tuple(self.tactics[tactic].name for tactic in technique.tactics)

    def edges_to(self, technique: Technique) -> tuple[Edge, ...]:
        """The technique's own edges first, then those of its parent, each in the file's order."""
        own = tuple(edge for edge in self.edges if edge.technique == technique.id)
        inherited = tuple(edge for edge in self.edges if edge.technique == technique.parent)
        return own + inherited


def is_technique_id(text: str) -> bool:
    """True for the shape of a technique's id, whether or not it exists."""
    return _TECHNIQUE_ID.fullmatch(text) is not None


def is_mitigation_id(text: str) -> bool:
    """True for the shape of a mitigation's id, whether or not it exists."""
    return _MITIGATION_ID.fullmatch(text) is not None


def guid(atlas_id: str) -> str:
    """The UUID that ATLAS's own STIX bundle gives to an id.

    Source: uuid5 over the 16 bytes `atlas.mitre.org.`, checked against the bundle of 5.6.0.
    """
    return str(uuid.uuid5(_NAMESPACE, atlas_id))


def technique_url(technique_id: str) -> str:
    return f"https://atlas.mitre.org/techniques/{technique_id}"


def mitigation_url(mitigation_id: str) -> str:
    return f"https://atlas.mitre.org/mitigations/{mitigation_id}"


def case_url(case_id: str) -> str:
    return f"https://atlas.mitre.org/studies/{case_id}"
