"""`model.weights.json`: which file of a sharded Keras model holds which weights.

    {"metadata": {...}, "weight_map": {"/layers/dense/vars": ["model_00000.weights.h5"], ...}}

Keras joins each name to the folder of this file and opens what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.keras.hdf5_references import References
from weighbridge.core.artifact import Artifact
from weighbridge.formats.documents.strict_json import Json

_SUFFIX = ".weights.json"
_MOST_FILES = 10_000


def judge_shards(artifact: Artifact, tree: Json) -> Iterator[Event] | None:
    """Judge the document when it is such an index."""
    if not artifact.name.lower().endswith(_SUFFIX) or not isinstance(tree, Mapping):
        return None
    weights = tree.get("weight_map")
    return _files(artifact, weights) if isinstance(weights, Mapping) else None


def _files(artifact: Artifact, weights: Mapping[str, Json]) -> Iterator[Event]:
    references = References(artifact)
    for place, value in weights.items():
        names = [value] if isinstance(value, str) else value if isinstance(value, Sequence) else []
        for name in names:
            if isinstance(name, str) and len(references.files) < _MOST_FILES:
                references.file(place, name, f"its weights are in {name[:200]!r}")
    references.beside.clear()  # that is what an index is for
    yield from references.findings(is_keras=True)
