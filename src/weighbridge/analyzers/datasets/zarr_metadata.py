"""Zarr: the codecs that its metadata names decode every chunk, and one of them is pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_PICKLED: Final = "DST023"
_RUNNING: Final = frozenset({"pickle", "numcodecs.pickle", "dill", "cloudpickle"})
_MARKS: Final = frozenset({"zarr_format", "zarr_consolidated_format"})
_SHOWN: Final = 5


def is_zarr(tree: Mapping[str, Json]) -> bool:
    """True for `.zarray`, `.zgroup`, `.zmetadata` and `zarr.json`."""
    return not _MARKS.isdisjoint(tree)


def zarr_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """Tell of codecs that run code; every codec of every array is looked at."""
    found: list[str] = []
    pending: list[tuple[str, Json]] = [("", tree)]
    while pending:
        route, item = pending.pop()
        if isinstance(item, Mapping):
            for key in ("id", "name"):
                codec = item.get(key)
                if isinstance(codec, str) and codec.lower() in _RUNNING and _is_codec(route):
                    found.append(f"{route or '/'}: {key} {quoted(codec)}")
            pending.extend((f"{route}/{key}"[:300], inner) for key, inner in item.items())
        elif isinstance(item, Sequence) and not isinstance(item, str):
            pending.extend((f"{route}/{index}"[:300], inner) for index, inner in enumerate(item))
    if found:
        evidence = "\n".join(found[:_SHOWN])
        yield Finding(rule=_PICKLED, path=artifact.path, subject="codec pickle", evidence=evidence)


def _is_codec(route: str) -> bool:
    """True below the keys that name codecs: attributes may hold anything."""
    return any(f"/{key}" in route for key in ("compressor", "filters", "codecs"))
