"""Notebooks as cells: the versions of nbformat differ in names, not in what a reader sees.

    4   {"nbformat": 4, "metadata": {}, "cells": [{"cell_type", "source", "metadata", "outputs"}]}
    3   {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [{"cell_type", "input", "outputs"}]}]}

A text is one string or a list of its lines. Outputs hold one content under several media types; those
of version 3 name it by `html`, `svg`, `javascript` instead.

Source: nbformat, "The Notebook file format" (https://nbformat.readthedocs.io/en/latest/format_description.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weighbridge.formats.documents.strict_json import Json

_MOST_CELLS: Final = 50_000
_OLD_TYPES: Final = {
    "html": "text/html",
    "svg": "image/svg+xml",
    "javascript": "application/javascript",
    "text": "text/plain",
    "latex": "text/latex",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "json": "application/json",
    "pdf": "application/pdf",
}
_HIDING_TAGS: Final = frozenset(
    {"hide-input", "hide_input", "hide-cell", "remove-cell", "remove_cell", "remove-input"}
)


class CellKind(StrEnum):
    """What a cell is for."""

    CODE = "code"
    MARKDOWN = "markdown"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Content:
    """One representation of an output or an attachment: text, or base64 for what is no text."""

    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """One cell; numbers count from 1 over the whole notebook.

    Attributes:
        outputs: what the outputs show, in order, each representation for itself.
        attachments: files that the cell carries.
        is_hidden: the notebook says that the source is not to be shown.
        runs_at_start: the notebook says that the cell is to be run when it is opened.
    """

    number: int
    kind: CellKind
    source: str
    outputs: tuple[Content, ...]
    attachments: tuple[Content, ...]
    is_hidden: bool
    runs_at_start: bool


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook; `metadata` is what it says of itself as a whole."""

    language: str
    cells: tuple[NotebookCell, ...]
    metadata: Mapping[str, Json]
    is_whole: bool


def is_notebook(tree: Json) -> bool:
    """True for a mapping that has the parts of a notebook."""
    if not isinstance(tree, Mapping):
        return False
    cells, sheets = tree.get("cells"), tree.get("worksheets")
    if isinstance(sheets, list):
        return "nbformat" in tree
    if not isinstance(cells, list):
        return False
    return "nbformat" in tree or any(
        isinstance(cell, Mapping) and "cell_type" in cell for cell in cells[:100]
    )


def read_notebook(tree: Json) -> Notebook | None:
    """Return the notebook that a JSON value is; None for any other value."""
    if not isinstance(tree, Mapping) or not is_notebook(tree):
        return None
    metadata = _mapping(tree.get("metadata"))
    raw = list(_raw_cells(tree))
    cells = tuple(_cell(number, cell) for number, cell in enumerate(raw[:_MOST_CELLS], start=1))
    return Notebook(_language(metadata), cells, metadata, len(raw) <= _MOST_CELLS)


def _raw_cells(tree: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    sheets = tree.get("worksheets")
    lists = [tree.get("cells")]
    lists += [_mapping(sheet).get("cells") for sheet in sheets] if isinstance(sheets, list) else []
    for cells in lists:
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, Mapping):
                yield cell


def _language(metadata: Mapping[str, Json]) -> str:
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        value = _mapping(metadata.get(key)).get(name)
        if isinstance(value, str) and value:
            return value.lower()
    return "python"


def _cell(number: int, cell: Mapping[str, Json]) -> NotebookCell:
    kind = cell.get("cell_type")
    metadata = _mapping(cell.get("metadata"))
    source = cell.get("source") if "source" in cell else cell.get("input")
    return NotebookCell(
        number=number,
        kind=CellKind(kind) if kind in ("code", "markdown") else CellKind.OTHER,
        source=joined(source),
        outputs=tuple(_outputs(cell.get("outputs"))),
        attachments=tuple(_attachments(cell.get("attachments"))),
        is_hidden=_is_hidden(metadata),
        runs_at_start=metadata.get("init_cell") is True,
    )


def _is_hidden(metadata: Mapping[str, Json]) -> bool:
    jupyter = _mapping(metadata.get("jupyter"))
    tags = metadata.get("tags")
    tagged = isinstance(tags, list) and any(tag in _HIDING_TAGS for tag in tags if isinstance(tag, str))
    flags = (
        jupyter.get("source_hidden"),
        metadata.get("hide_input"),
        metadata.get("hidden"),
        metadata.get("hideCode"),
    )
    return tagged or any(flag is True for flag in flags)


def _outputs(outputs: Json) -> Iterator[Content]:
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, Mapping):
            continue
        yield from _contents(_mapping(output.get("data")))
        for name, media_type in _OLD_TYPES.items():
            if name in output:
                yield Content(media_type, joined(output[name]))
        for name in ("traceback", "evalue"):
            if output.get(name):
                yield Content("text/plain", joined(output[name]))


def _attachments(attachments: Json) -> Iterator[Content]:
    for bundle in _mapping(attachments).values():
        yield from _contents(_mapping(bundle))


def _contents(bundle: Mapping[str, Json]) -> Iterator[Content]:
    for media_type, value in bundle.items():
        if isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        ):
            yield Content(media_type.lower().partition(";")[0].strip(), joined(value))


def joined(value: Json) -> str:
    """Return a text that is one string or a list of lines; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "".join(line for line in value if isinstance(line, str))
    return ""


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
