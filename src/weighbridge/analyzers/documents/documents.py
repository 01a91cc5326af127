"""What JSON, YAML, XML and plain-text documents share: one parse, then whoever knows the shape.

A model's configuration has no magic number: `{"class_name": ...}` is Keras wherever it stands. So a
document is parsed once, and shown to each judge in turn. A judge answers with its findings, or
with None: "not mine". A document that nobody claims is OPAQUE: read, and nothing in it runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, cast

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.tokenizers.hub_tokenizer import without_tables

JUDGES_OF_TREES: Final = (
    "keras.configs",
    "configuration.skops_schemas",
    "configuration.hydra_targets",
    "configuration.mlflow_models",
    "boosters.booster_documents",
    "graphs.mxnet_symbols",
    "graphs.onnx_documents",
    "graphs.coreml",
    "graphs.paddle",
    "torch.manifests",
    "configuration.model_sidecars",
    "configuration.hub_configs",
    "datasets.dataset_cards",
    "datasets.table_trees",
    "templates.template_trees",
    "documents.signature_bundles",
    "configuration.claimed_names",
    "notebooks.notebooks",
    "workspace.trees",
)
"""Modules of this package with `judge_tree`: for JSON and YAML, which give the same tree."""

JUDGES_OF_TABLES: Final = ("tokenizers.tokenizer_trees",)
"""As above, for those who want a tokenizer's vocabulary. To the others its million numbers and pieces,
in which no loader looks for anything, are not shown."""

JUDGES_OF_TEXTS: Final = (
    "executables.script_texts",
    "torch.texts",
    "boosters.booster_texts",
    "graphs.graph_texts",
    "tensorflow.texts",
    "configuration.pipeline_texts",
    "graphs.stablehlo_texts",
    "tokenizers.vocabulary_texts",
    "datasets.dataset_cards",
    "documents.drawings",
    "datasets.table_texts",
    "templates.template_texts",
    "workspace.texts",
    "configuration.claimed_names",
    "documents.signature_bundles",
)
"""Modules of this package with `judge_text`."""


class TreeJudge(Protocol):
    """`judge_tree` of a module in `JUDGES_OF_TREES`."""

    def __call__(self, artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
        """Return the events of a document of this judge's kind; None for any other.

        Decides by the shape of the tree first, by the name only where the loader does.
        """
        ...


class TextJudge(Protocol):
    """`judge_text` of a module in `JUDGES_OF_TEXTS`."""

    def __call__(self, artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
        """Return the events of a text of this judge's kind; None for any other.

        Args:
            artifact: the text; read the rest from its source, within bounds.
            head: its first 64 KiB, decoded; undecodable bytes as backslash escapes.
            context: as for analyzers.
        """
        ...


def tree_judges(names: Sequence[str] = JUDGES_OF_TREES) -> Iterator[TreeJudge]:
    """Import and yield the judges, one after the other."""
    for name in names:
        yield cast(TreeJudge, importlib.import_module(f"weighbridge.analyzers.{name}").judge_tree)


def text_judges(names: Sequence[str] = JUDGES_OF_TEXTS) -> Iterator[TextJudge]:
    """Import and yield the judges, one after the other."""
    for name in names:
        yield cast(TextJudge, importlib.import_module(f"weighbridge.analyzers.{name}").judge_text)


def show_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event | None]:
    """Yield the events of every judge that claims the tree, and one None for each that does."""
    for names, shown in ((JUDGES_OF_TABLES, tree), (JUDGES_OF_TREES, without_tables(tree))):
        for judge in tree_judges(names):
            events = judge(artifact, shown, context)
            if events is not None:
                yield None
                yield from events
