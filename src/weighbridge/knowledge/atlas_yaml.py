"""Read ATLAS as MITRE publishes it: the legacy layout (up to 5.6.0) and v6 (from 2026.05).

    legacy  matrices[0] . tactics[] techniques[] mitigations[] . techniques[] {id, use}
    v6      tactics{} techniques{} mitigations{}
            relationships{source id}{achieves | specializes | mitigates}[] . target

Run by maintainers and for files that a user names; a scan reads the index (`atlas_index`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import AtlasRelease, Edge, Mitigation, Tactic, Technique
from weighbridge.knowledge.table import Table

_MAX_BYTES = 32 * 1024 * 1024
_MAX_DEPTH = 30
_SUMMARY_CHARACTERS = 400
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

_MODERN_WORDS = {
    "ML Model Engineering": "AI Model Engineering",
    "ML Model Evaluation": "AI Model Evaluation",
    "Technical - ML": "Technical - AI",
}
"""5.6.0 still uses the old words for phases and categories in its data."""


def parse_atlas(data: bytes, *, name: str) -> AtlasRelease:
    """Parse either layout.

    Args:
        data: the YAML file.
        name: what to call the file in messages.

    Raises:
        UsageError: not YAML, not ATLAS, or a part of it has an unexpected shape.
    """
    root = Table.of(load_yaml(data, name=name), name)
    if "matrices" in root.values:
        return _closed(_parse_legacy(root))
    if "relationships" in root.values:
        return _closed(_parse_v6(root))
    raise UsageError(f"{name}: neither the legacy layout of ATLAS ('matrices') nor v6 ('relationships')")


def load_yaml(data: bytes, *, name: str) -> object:
    """Parse YAML without constructing anything but plain data.

    Raises:
        UsageError: broken, too deep or too large.
    """
    import yaml

    if len(data) > _MAX_BYTES:
        raise UsageError(f"{name}: {len(data):,} bytes are too many for an ATLAS file")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(data, Loader=loader), name)
        loaded: object = yaml.load(data, Loader=loader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{name}: not readable as YAML: {' '.join(str(error).split())}") from error
    return loaded


def _check_depth(events: Iterable[object], name: str) -> None:
    """Refuse deep nesting from the event stream: the C loader's recursion ends in a crash.

    Raises:
        UsageError: deeper than any ATLAS file.
    """
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > _MAX_DEPTH:
            raise UsageError(f"{name}: nested too deeply for an ATLAS file")


def _parse_legacy(root: Table) -> AtlasRelease:
    matrices = root.tables("matrices")
    if not matrices:
        raise UsageError(f"{root.where}: holds no matrix")
    matrix = matrices[0]
    label = f"ATLAS {root.text('version')}"
    techniques = matrix.tables("techniques")
    mitigations = matrix.tables("mitigations")
    return AtlasRelease(
        label=label,
        tactics={row.text("id"): _tactic(row, label) for row in matrix.tables("tactics")},
        techniques={row.text("id"): _legacy_technique(row, label) for row in techniques},
        mitigations={row.text("id"): _legacy_mitigation(row, label) for row in mitigations},
        edges=tuple(edge for row in mitigations for edge in _legacy_edges(row, label)),
        retired={},
    )


def _tactic(row: Table, source: str) -> Tactic:
    return Tactic(id=row.text("id"), name=row.text("name"), source=source)


def _legacy_technique(row: Table, source: str) -> Technique:
    return Technique(
        id=row.text("id"),
        name=row.text("name"),
        tactics=row.texts("tactics"),
        parent=row.optional_text("subtechnique-of"),
        summary=summarize(row.any_text("description")),
        source=source,
    )


def _legacy_mitigation(row: Table, source: str) -> Mitigation:
    phases, _ = _split_lifecycle(row)
    return Mitigation(
        id=row.text("id"),
        name=row.text("name"),
        categories=_modern(row.texts("category")),
        phases=_modern(phases),
        summary=summarize(row.any_text("description")),
        source=source,
    )


def _legacy_edges(row: Table, source: str) -> Iterator[Edge]:
    _, misplaced = _split_lifecycle(row)
    for use in (*row.tables("techniques"), *misplaced):
        yield Edge(
            mitigation=row.text("id"),
            technique=use.text("id"),
            sentence=_plain(use.any_text("use")),
            source=source,
        )


def _split_lifecycle(row: Table) -> tuple[tuple[str, ...], tuple[Table, ...]]:
    """Separate phases from the edges that 5.6.0 has among them (AML.M0018, AML.M0034)."""
    values = row.values.get("ml-lifecycle", [])
    if not isinstance(values, list):
        raise UsageError(f"{row.where}: 'ml-lifecycle' must be a list")
    phases = tuple(value for value in values if isinstance(value, str))
    where = f"{row.where}, ml-lifecycle"
    return phases, tuple(Table.of(value, where) for value in values if not isinstance(value, str))


def _parse_v6(root: Table) -> AtlasRelease:
    label = f"ATLAS {root.table('collection').text('version')}"
    relations = root.keyed("relationships")
    return AtlasRelease(
        label=label,
        tactics={
            key: Tactic(id=key, name=row.text("name"), source=label)
            for key, row in root.keyed("tactics").items()
        },
        techniques={
            key: _v6_technique(key, row, relations=relations, source=label)
            for key, row in root.keyed("techniques").items()
        },
        mitigations={
            key: _v6_mitigation(key, row, source=label) for key, row in root.keyed("mitigations").items()
        },
        edges=tuple(
            Edge(
                mitigation=source_id,
                technique=edge.text("target"),
                sentence=_plain(edge.any_text("description")),
                source=label,
            )
            for source_id, row in relations.items()
            for edge in row.tables("mitigates")
        ),
        retired={},
    )


def _v6_technique(key: str, row: Table, *, relations: Mapping[str, Table], source: str) -> Technique:
    relation = relations.get(key, Table({}, row.where))
    parents = [edge.text("target") for edge in relation.tables("specializes")]
    return Technique(
        id=key,
        name=row.text("name"),
        tactics=tuple(edge.text("target") for edge in relation.tables("achieves")),
        parent=parents[0] if parents else None,
        summary=summarize(row.any_text("description")),
        source=source,
    )


def _v6_mitigation(key: str, row: Table, *, source: str) -> Mitigation:
    return Mitigation(
        id=key,
        name=row.text("name"),
        categories=_modern(row.texts("categories")),
        phases=_modern(row.texts("lifecycle-phases")),
        summary=summarize(row.any_text("description")),
        source=source,
    )


def _closed(release: AtlasRelease) -> AtlasRelease:
    """Make every id that is named a key: unknown parents, tactics and edges are left out."""
    known = release.techniques
    techniques = {key: _placed(technique, release) for key, technique in known.items()}
    edges = tuple(
        edge
        for edge in release.edges
        if edge.technique in known and edge.mitigation in release.mitigations
    )
    return replace(release, techniques=techniques, edges=edges)


def _placed(technique: Technique, release: AtlasRelease) -> Technique:
    parent = release.techniques.get(technique.parent or "")
    tactics = technique.tactics or (parent.tactics if parent else ())
    return replace(
        technique,
        parent=parent.id if parent else None,
        tactics=tuple(tactic for tactic in tactics if tactic in release.tactics),
    )


def summarize(description: str) -> str:
    """The first paragraph as plain text, whole sentences up to 400 characters."""
    paragraph = _plain(description.strip().split("\n\n")[0])
    if len(paragraph) <= _SUMMARY_CHARACTERS:
        return paragraph
    head = paragraph[:_SUMMARY_CHARACTERS]
    end = head.rfind(". ")
    return head[: end + 1] if end > 0 else head.rsplit(" ", 1)[0] + " …"


def _plain(text: str) -> str:
    return " ".join(_LINK.sub(r"\1", text).split())


def _modern(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(_MODERN_WORDS.get(word, word) for word in words)
