"""Keep one ATLAS release as a small JSON file, so that a scan need not parse 450 kB of YAML.

`tools/atlas/build_index.py` writes it from the YAML beside it; a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import AtlasRelease, Edge, Mitigation, Tactic, Technique
from weighbridge.knowledge.table import Table

_SCHEMA = "weighbridge-atlas-index/1"


def load_index(path: Path) -> AtlasRelease:
    """Load `signatures/atlas/index.json`.

    Raises:
        UsageError: missing, broken, or of another schema.
    """
    try:
        return decode_index(path.read_bytes(), name=str(path))
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}; reinstall weighbridge") from error


def encode_index(release: AtlasRelease) -> str:
    """Return the index as text: ASCII, ordered as the release is, the same for the same release."""
    index = {
        "schema": _SCHEMA,
        "label": release.label,
        "licence": "MITRE ATLAS, Copyright 2021-2025 MITRE, Apache-2.0; see LICENSE",
        "tactics": {
            row.id: {"name": row.name, "source": row.source} for row in release.tactics.values()
        },
        "techniques": {row.id: _encode_technique(row) for row in release.techniques.values()},
        "mitigations": {
            row.id: {
                "name": row.name,
                "category": list(row.categories),
                "phases": list(row.phases),
                "summary": row.summary,
                "source": row.source,
            }
            for row in release.mitigations.values()
        },
        "edges": [[row.mitigation, row.technique, row.source, row.sentence] for row in release.edges],
        "retired": dict(release.retired),
    }
    return json.dumps(index, indent=1, ensure_ascii=True) + "\n"


def _encode_technique(row: Technique) -> dict[str, object]:
    return {
        "name": row.name,
        "tactics": list(row.tactics),
        "parent": row.parent,
        "summary": row.summary,
        "source": row.source,
    }


def decode_index(data: bytes, *, name: str) -> AtlasRelease:
    """Parse what `encode_index` wrote.

    Raises:
        UsageError: not such a file.
    """
    try:
        root = Table.of(json.loads(data), name)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not readable as JSON: {error}") from error
    if root.text("schema") != _SCHEMA:
        raise UsageError(f"{name}: expected schema {_SCHEMA}, found {root.text('schema')!r}")
    return AtlasRelease(
        label=root.text("label"),
        tactics={
            key: Tactic(id=key, name=row.text("name"), source=row.text("source"))
            for key, row in root.keyed("tactics").items()
        },
        techniques={key: _technique(key, row) for key, row in root.keyed("techniques").items()},
        mitigations={key: _mitigation(key, row) for key, row in root.keyed("mitigations").items()},
        edges=_edges(root),
        retired=root.texts_by_key("retired"),
    )


def _technique(key: str, row: Table) -> Technique:
    return Technique(
        id=key,
        name=row.text("name"),
        tactics=row.texts("tactics"),
        parent=row.optional_text("parent") if row.values.get("parent") is not None else None,
        summary=row.any_text("summary"),
        source=row.text("source"),
    )


def _mitigation(key: str, row: Table) -> Mitigation:
    return Mitigation(
        id=key,
        name=row.text("name"),
        categories=row.texts("category"),
        phases=row.texts("phases"),
        summary=row.any_text("summary"),
        source=row.text("source"),
    )


def _edges(root: Table) -> tuple[Edge, ...]:
    rows = root.values.get("edges")
    if not isinstance(rows, list):
        raise UsageError(f"{root.where}: 'edges' must be a list")
    return tuple(_edge(row, root.where) for row in rows)


def _edge(row: object, where: str) -> Edge:
    match row:
        case [str(mitigation), str(technique), str(source), str(sentence)]:
            return Edge(mitigation=mitigation, technique=technique, source=source, sentence=sentence)
        case _:
            raise UsageError(f"{where}: an edge must be four texts")
