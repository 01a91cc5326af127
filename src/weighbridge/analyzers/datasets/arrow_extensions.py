"""Extension types of Arrow schemas: what is restored from their metadata before any row is read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.datasets.arrow_schema import ArrowField, ArrowSchema
from weighbridge.formats.kinds import Format

_PYTHON_TYPE: Final = "arrow.py_extension_type"
_RAY: Final = re.compile(r"ray\.data\.arrow_|ray\.")
_KNOWN: Final = re.compile(
    r"arrow\.(?:uuid|json|bool8|opaque|fixed_shape_tensor|variable_shape_tensor|parquet\.variant)\Z|geoarrow\.|pandas\.|ogc\.|"
    r"datasets\.features\.|huggingface\.|polars\.|duckdb\.|lance\.|daft\.|hail\.|earthmover\.|ray\."
)
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]|gA[I-X]")
_PYTHON_RULE, _RAY_RULE, _OTHER_RULE, _UNKNOWN_RULE = "DST001", "DST002", "DST003", "DST004"
_NESTED: Final = 200
_UNKNOWN_SHOWN: Final = 10


def inspect_schema(artifact: Artifact, schema: ArrowSchema, kind: Format) -> Iterator[Event]:
    """Yield what the extension types of a schema are, and their pickled metadata as nested artifacts."""
    unknown: list[str] = []
    pickles: list[tuple[str, bytes]] = []
    for field in schema.fields:
        if field.extension is not None:
            yield from _extension(artifact, field, pickles, unknown)
        pickles += _pickled_pairs(field.path, field.metadata)
    pickles += _pickled_pairs("schema", schema.metadata)
    if unknown:
        yield _unknown_types(artifact, sorted(set(unknown)))
    for place, pickled in list(dict.fromkeys(pickles))[:_NESTED]:
        yield artifact.nested(f"{place[:100]} metadata", MemorySource(pickled))
    if len(pickles) > _NESTED:
        detail = f"{len(pickles):,} pickles in the schema's metadata; the first {_NESTED} were read"
        yield Coverage(path=artifact.path, format=kind, outcome=Outcome.LIMITED, detail=detail)


def _extension(
    artifact: Artifact, field: ArrowField, pickles: list[tuple[str, bytes]], unknown: list[str]
) -> Iterator[Finding]:
    name = field.extension or ""
    pickled = unwrapped_pickle(field.extension_metadata)
    if pickled is None and name != _PYTHON_TYPE:
        if not _KNOWN.match(name):
            unknown.append(name)
        return
    if pickled is not None:
        pickles.append((field.path, pickled))
    elif field.extension_metadata:
        # pyarrow unpickles whatever it is: let the engine say what it would be.
        pickles.append((field.path, field.extension_metadata))
    rule = _PYTHON_RULE if name == _PYTHON_TYPE else _RAY_RULE if _RAY.match(name) else _OTHER_RULE
    pickled_as = f"restored from a pickle of {len(field.extension_metadata):,} bytes"
    yield Finding(
        rule=rule,
        path=artifact.path,
        subject=f"{name[:100]} of {field.path[:100]}",
        evidence=f"column {quoted(field.path)}: {quoted(name)}, {pickled_as}",
        route=f"column {quoted(field.path)}",
    )


def unwrapped_pickle(value: bytes) -> bytes | None:
    """Return the pickle that a value is, bare or as base64; None when it is none."""
    if _PICKLE.match(value) is None:
        return None
    if value[:1] == b"\x80":
        return value
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if decoded[:1] == b"\x80" else None


def _pickled_pairs(place: str, pairs: tuple[tuple[bytes, bytes], ...]) -> Iterator[tuple[str, bytes]]:
    for key, value in pairs:
        pickled = unwrapped_pickle(value)
        if pickled is not None:
            yield f"{place} {key[:60].decode('utf-8', 'backslashreplace')}", pickled


def _unknown_types(artifact: Artifact, names: list[str]) -> Finding:
    shown = ", ".join(map(quoted, names[:_UNKNOWN_SHOWN]))
    return Finding(
        rule=_UNKNOWN_RULE,
        path=artifact.path,
        subject=" ".join(names[:3])[:200],
        evidence=f"extension types that no library we know registers: {shown}",
    )
