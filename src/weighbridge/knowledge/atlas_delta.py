"""Bring an official ATLAS release up to a later one that we only know by hearsay.

The later file was not at hand when this was written; public descriptions of it were. What they say is
kept in `signatures/atlas/delta-*.yaml` and every item it touches carries `second-hand` in its
`source`. With the real file at hand, drop the delta and parse that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from weighbridge.knowledge.atlas_release import AtlasRelease, Edge, Mitigation, Tactic, Technique
from weighbridge.knowledge.atlas_yaml import load_yaml
from weighbridge.knowledge.table import Table

_Named = TypeVar("_Named", Tactic, Technique, Mitigation)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasDelta:
    """What changed. Edge sets are complete for the ids they are keyed by."""

    version: str
    retired: Mapping[str, str]
    tactic_names: Mapping[str, str]
    technique_names: Mapping[str, str]
    technique_tactics: Mapping[str, tuple[str, ...]]
    mitigation_names: Mapping[str, str]
    new_techniques: Mapping[str, str]
    new_mitigations: Mapping[str, str]
    mitigations_by_technique: Mapping[str, tuple[str, ...]]
    techniques_by_mitigation: Mapping[str, tuple[str, ...]]

    @property
    def source(self) -> str:
        return f"delta {self.version} (second-hand)"


def parse_delta(data: bytes, *, name: str) -> AtlasDelta:
    """Parse a delta file.

    Raises:
        UsageError: not YAML, or a part of it has an unexpected shape.
    """
    root = Table.of(load_yaml(data, name=name), name)
    return AtlasDelta(
        version=root.text("content-version"),
        retired=root.texts_by_key("retired"),
        tactic_names=root.texts_by_key("renamed-tactics"),
        technique_names=root.texts_by_key("renamed-techniques"),
        technique_tactics=root.lists_by_key("technique-tactics"),
        mitigation_names=root.texts_by_key("renamed-mitigations"),
        new_techniques=root.texts_by_key("new-techniques"),
        new_mitigations=root.texts_by_key("new-mitigations"),
        mitigations_by_technique=root.lists_by_key("known-mitigates-2026.08"),
        techniques_by_mitigation={"AML.M0016": root.texts("known-M0016-targets-2026.08")},
    )


def apply_delta(release: AtlasRelease, delta: AtlasDelta) -> AtlasRelease:
    """Return the later release, labelled as what it is: official plus hearsay."""
    techniques = _techniques(release, delta)
    mitigations = dict(_renamed(release.mitigations, delta.mitigation_names, delta)) | {
        key: Mitigation(id=key, name=name, categories=(), phases=(), summary="", source=delta.source)
        for key, name in delta.new_mitigations.items()
    }
    return AtlasRelease(
        label=f"{release.label} + {delta.source}",
        tactics=_renamed(release.tactics, delta.tactic_names, delta),
        techniques=techniques,
        mitigations=mitigations,
        edges=tuple(
            edge
            for edge in _edges(release, delta)
            if edge.technique in techniques and edge.mitigation in mitigations
        ),
        retired={**release.retired, **delta.retired},
    )


def _techniques(release: AtlasRelease, delta: AtlasDelta) -> Mapping[str, Technique]:
    kept = {key: row for key, row in release.techniques.items() if key not in delta.retired}
    parents = {**kept, **dict.fromkeys(delta.new_techniques)}
    added = {
        key: Technique(
            id=key,
            name=name,
            tactics=(),
            parent=key[:-4] if key.count(".") == 2 and key[:-4] in parents else None,
            summary="",
            source=delta.source,
        )
        for key, name in delta.new_techniques.items()
    }
    merged = {**_renamed(kept, delta.technique_names, delta), **added}
    moved = {key: _moved(row, delta) for key, row in merged.items()}
    return {key: _under_parent(row, moved) for key, row in sorted(moved.items())}


def _moved(technique: Technique, delta: AtlasDelta) -> Technique:
    tactics = delta.technique_tactics.get(technique.id)
    return technique if tactics is None else replace(technique, tactics=tactics)


def _under_parent(technique: Technique, techniques: Mapping[str, Technique]) -> Technique:
    if technique.tactics or technique.parent is None:
        return technique
    return replace(technique, tactics=techniques[technique.parent].tactics)


def _renamed(
    rows: Mapping[str, _Named], names: Mapping[str, str], delta: AtlasDelta
) -> Mapping[str, _Named]:
    return {
        key: replace(row, name=names[key], source=f"{row.source}, renamed by {delta.source}")
        if key in names
        else row
        for key, row in rows.items()
    }


def _edges(release: AtlasRelease, delta: AtlasDelta) -> tuple[Edge, ...]:
    """Keep official edges, with their sentences, unless a complete set says they are gone."""
    stated = {
        (mitigation, technique)
        for technique, mitigations in delta.mitigations_by_technique.items()
        for mitigation in mitigations
    } | {
        (mitigation, technique)
        for mitigation, techniques in delta.techniques_by_mitigation.items()
        for technique in techniques
    }
    kept = tuple(edge for edge in release.edges if _still_stands(edge, stated, delta))
    held = {(edge.mitigation, edge.technique) for edge in kept}
    added = (
        Edge(mitigation=mitigation, technique=technique, sentence="", source=delta.source)
        for mitigation, technique in sorted(stated - held)
    )
    return (*kept, *added)


def _still_stands(edge: Edge, stated: set[tuple[str, str]], delta: AtlasDelta) -> bool:
    is_covered = (
        edge.technique in delta.mitigations_by_technique
        or edge.mitigation in delta.techniques_by_mitigation
    )
    return not is_covered or (edge.mitigation, edge.technique) in stated
