"""Datasets that are lists of addresses: who owns a domain later decides what is trained on.

    url,caption                     what is fetched tomorrow need not be what was meant
    url,caption,sha256              a loader can tell

Source: Carlini et al., Poisoning Web-Scale Training Datasets is Practical, arXiv 2302.10149; ATLAS
AML.CS0025.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from weighbridge.analyzers.datasets.cells import Cell
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

_NO_DIGESTS: Final = "DST029"
_SAMPLED: Final = 256
_LEAST: Final = 3
_MOST_COLUMNS: Final = 1_000
_ADDRESS: Final = re.compile(r"(?i)https?://")
_ADDRESSES: Final = re.compile(
    r"(?i)(?:.*[_.\s])?(?:urls?|uri|link|href|download|image|img|video|audio)\Z"
)
_DIGEST: Final = re.compile(r"(?i)md5|sha[-_]?\d|hash|digest|checksum|crc|etag|blake")
_TEXT_CHARS: Final = 300
"""Longer cells are the data itself, and the address merely says where it came from."""


@dataclass(slots=True)
class _Column:
    values: int = 0
    addresses: int = 0
    characters: int = 0
    has_bytes: bool = False
    example: str = ""

    @property
    def is_full(self) -> bool:
        return self.values >= _SAMPLED


@dataclass(slots=True)
class UrlColumns:
    """Looks at the first 256 cells of each column while a table is read."""

    columns: dict[str, _Column] = field(default_factory=dict)

    def watch(self, cells: Iterable[Cell]) -> Iterator[Cell]:
        """Yield the cells as they are."""
        for cell in cells:
            column = self.columns.get(cell[0])
            if column is None and len(self.columns) < _MOST_COLUMNS:
                column = self.columns[cell[0]] = _Column()
            if column is not None and not column.is_full and cell[2] != cell[0]:  # a line of headings
                _take(column, cell[2])
            yield cell

    def findings(self, artifact: Artifact, names: Iterable[str] = ()) -> Iterator[Finding]:
        """Yield a finding when the table points to its data and can't tell when that changes.

        Args:
            artifact: the table.
            names: columns that have no cells of text.
        """
        if any(_DIGEST.search(name) for name in (*self.columns, *names)):
            return
        holds_data = any(
            one.has_bytes or one.characters > _TEXT_CHARS * max(1, one.values - one.addresses)
            for one in self.columns.values()
            if one.addresses < one.values
        )
        for name, column in () if holds_data else self.columns.items():
            is_list = column.values >= _LEAST and column.addresses >= 0.9 * column.values
            if is_list and _ADDRESSES.match(name):
                evidence = (
                    f"column {quoted(name)} holds addresses such as {quoted(column.example)}; "
                    "no column holds a digest of what is there"
                )
                yield Finding(
                    rule=_NO_DIGESTS,
                    path=artifact.path,
                    subject=name[:200],
                    evidence=evidence,
                    route=f"column {quoted(name)}",
                )
                return


def _take(column: _Column, value: str | bytes) -> None:
    if isinstance(value, bytes):
        column.has_bytes = column.has_bytes or bool(value)
        return
    if not value:
        return
    column.values += 1
    column.characters += len(value)
    if _ADDRESS.match(value):
        column.addresses += 1
        column.example = column.example or value[:120]
