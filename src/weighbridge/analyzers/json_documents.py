"""JSON documents: model configurations, schemas, manifests, and indexes of shards."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.documents import show_tree
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.strict_json import Json, decode_json

_LARGEST_BYTES = 64 * MIB


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Parse the document once and show it to each judge."""
    if ".index." in artifact.name and artifact.name.endswith(".json"):
        from weighbridge.analyzers import shard_index

        yield from shard_index.inspect(artifact, context)
        return
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        detail = f"a JSON document of {size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        yield _row(artifact, Outcome.LIMITED, detail)
        return
    claimed = False
    for event in show_tree(artifact, _tree(artifact), context):
        claimed = True
        if event is not None:
            yield event
    if not claimed:
        yield _row(artifact, Outcome.OPAQUE, "")


def _tree(artifact: Artifact) -> Json:
    data = bytes(artifact.source.read_at(0, artifact.source.size))
    try:
        return decode_json(data.decode("utf-8-sig")).value
    except UnicodeDecodeError as error:
        raise Malformed("the JSON is not UTF-8", error.start) from None


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.JSON, outcome=outcome, detail=detail)
