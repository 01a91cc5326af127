"""Keras configurations among JSON and YAML documents: of an archive, or an architecture on its own."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras.shards import judge_shards
from weighbridge.core.artifact import Artifact
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.keras.config import is_keras

_MEMBERS = ("config.json", "metadata.json")


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is a configuration of Keras, or the metadata beside one."""
    if not is_keras(tree):
        return judge_shards(artifact, tree)
    # The reader of compiled code is slow to load, and most documents are not of Keras.
    from weighbridge.analyzers.keras.judgement import Container, judge_config

    # Keras takes a file for an archive when its name says so.
    is_archive = artifact.depth > 0 and artifact.path[-2].lower().endswith(".keras")
    is_member = is_archive and artifact.name in _MEMBERS
    container = Container.ARCHIVE if is_member else Container.DOCUMENT
    return judge_config(artifact, tree, context, container=container)
