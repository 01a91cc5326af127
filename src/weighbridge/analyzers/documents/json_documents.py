"""JSON documents: model configurations, schemas, manifests, and indexes of shards."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.documents import text_documents
from weighbridge.analyzers.documents.documents import show_tree
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.documents.commented_json import without_comments
from weighbridge.formats.documents.notebook import is_notebook
from weighbridge.formats.documents.strict_json import JsonDocument, decode_python_json, text_encoding
from weighbridge.formats.kinds import Format

_LARGEST_BYTES = 64 * MIB
_LOOKED_AT = 64 * KIB


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Parse the document once and show it to each judge."""
    if ".index." in artifact.name and artifact.name.endswith(".json"):
        from weighbridge.analyzers.weights import shard_index

        yield from shard_index.inspect(artifact, context)
        return
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        detail = f"a JSON document of {size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        yield _row(artifact, Outcome.LIMITED, detail)
        return
    document, text = _document(artifact)
    tree, is_all = document.value, not text[document.end : document.end + _LOOKED_AT].strip()
    if not is_all:
        # YAML may begin with a JSON document, INI with a list: what follows is no JSON, but is read.
        yield from text_documents.inspect(artifact, context)
    claimed = not is_all
    if document.duplicate_keys:
        from weighbridge.analyzers.tokenizers.tokenizer_trees import duplicate_key_findings

        yield from duplicate_key_findings(artifact, tree, document.duplicate_keys)
    for event in show_tree(artifact, tree, context):
        claimed = True
        if event is not None:
            yield event
    # The cells of a notebook are looked at one by one, with their escapes undone.
    if is_all and not is_notebook(tree):
        yield from look_at_text(artifact, text, TextKind.CONFIGURATION, context)
    if not claimed:
        yield _row(artifact, Outcome.OPAQUE, "")


def _document(artifact: Artifact) -> tuple[JsonDocument, str]:
    """Return the first value, and the whole text that it stands in."""
    data = bytes(artifact.source.read_at(0, artifact.source.size))
    try:
        text = data.decode(text_encoding(data))
    except UnicodeDecodeError as error:
        raise Malformed("the JSON is not Unicode", error.start) from None
    try:
        document = decode_python_json(text)
    except Malformed:
        plain = without_comments(text)
        if plain == text:
            raise
        text, document = plain, decode_python_json(plain)
    return document, text


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.JSON, outcome=outcome, detail=detail)
