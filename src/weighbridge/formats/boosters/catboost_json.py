"""Check CatBoost models that were saved as JSON: splits and leaves of symmetric trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.formats.anomaly import AnomalyLog
from weighbridge.formats.boosters.booster_anomaly import BoosterAnomaly as Kind
from weighbridge.formats.documents.strict_json import Json

_DEEPEST: Final = 32
_INDEXES: Final = {
    "float_feature_index": "float_features",
    "cat_feature_index": "categorical_features",
}
_BORDERS: Final = (
    ("float_features", "borders"),
    ("categorical_features", "values"),
    ("ctrs", "borders"),
)
_TEXTS_KEPT = 2_000


def check_document(tree: Mapping[str, Json], log: AnomalyLog[Kind]) -> None:
    """Add to `log` what disagrees in symmetric trees."""
    features = _mapping(tree.get("features_info"))
    limits = {key: len(_list(features.get(table))) for key, table in _INDEXES.items()}
    borders = sum(
        len(_list(_mapping(one).get(key)))
        for table, key in _BORDERS
        for one in _list(features.get(table))
    )
    for index, one in enumerate(_list(tree.get("oblivious_trees"))):
        where = f"tree {index:,}"
        splits = _list(_mapping(one).get("splits"))
        leaves = _list(_mapping(one).get("leaf_values"))
        if len(splits) > _DEEPEST:
            log.add(Kind.ABSURD_COUNT, f"{where} has depth {len(splits):,}", at=0, subject="splits")
        elif leaves and len(leaves) < 1 << len(splits):
            detail = f"{where} has {len(leaves):,} leaves for depth {len(splits):,}"
            log.add(Kind.ARRAY_SHORT, detail, at=0, subject="leaf_values")
        for split in splits:
            _check_split(where, _mapping(split), limits | {"split_index": borders}, log)


def _check_split(
    where: str, split: Mapping[str, Json], limits: Mapping[str, int], log: AnomalyLog[Kind]
) -> None:
    for key, limit in limits.items():
        value = split.get(key)
        if isinstance(value, int) and not 0 <= value < max(1, limit):
            detail = f"{where} splits by {key} {value:,} of {limit:,}"
            log.add(Kind.FEATURE_OUTSIDE, detail, at=0, subject=key)


def texts_of(tree: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of names and of training parameters."""
    for key, value in _mapping(tree.get("model_info")).items():
        if isinstance(value, str):
            yield f"model_info/{key[:80]}", value
    for kind, listed in _mapping(tree.get("features_info")).items():
        for index, one in enumerate(_list(listed)[:_TEXTS_KEPT]):
            name = _mapping(one).get("feature_id")
            if isinstance(name, str):
                yield f"{kind[:80]}/{index}", name


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
