"""What an HDF5 file holds that is no array: pickled objects of PyTables and pandas, and whole files.

PyTables unpickles each row of a dataset that is marked as one of objects, and each attribute of text
that ends in a period and can be unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.texts.any_text import look_at_metadata
from weighbridge.bytesource.memory import MemorySource
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.identify import identify
from weighbridge.formats.keras.hdf5_types import Hdf5Attribute, Hdf5Dataset, TypeKind
from weighbridge.formats.keras.payloads import begins_like_a_file
from weighbridge.formats.kinds import Format

_OBJECTS, _FILES = "HDF010", "HDF011"
_HARMLESS = frozenset(
    {Format.UNKNOWN, Format.TEXT, Format.EMPTY, Format.TENSOR_BYTES, Format.PYTHON, Format.JSON}
)
_ARRAYS_OF_BYTES = frozenset({Format.IMAGE, Format.AUDIO})
_MOST_NESTED = 5_000
_SHOWN = 5
_MOST_LOOKED_AT = 20_000
_PICKLE_END = b"."
_LEAST_TEXT = 24


@dataclass(slots=True)
class Contents:
    """Hands on what a reader could take for something else than numbers and text."""

    artifact: Artifact
    nested: int = 0
    looked_at: int = 0
    marked: set[str] = field(default_factory=set)
    """Datasets that PyTables takes for pickled objects."""
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    """By rule, what was found where."""

    def attribute(self, attribute: Hdf5Attribute) -> Iterator[Event]:
        if attribute.name == "PSEUDOATOM" and b"object" in attribute.values:
            self.marked.add(attribute.place)
        for number, value in enumerate(attribute.values[:_MOST_NESTED]):
            place = f"{attribute.place}@{attribute.name}"
            if number:
                place = f"{place}[{number}]"
            if len(value) >= 3 and (
                value.rstrip(b"\0").endswith(_PICKLE_END) or begins_like_a_file(value)
            ):
                yield from self.hand_on(_OBJECTS, place, MemorySource(value.rstrip(b"\0")))
            elif len(value) >= _LEAST_TEXT and value.isascii():
                yield from look_at_metadata(self.artifact, [(place, value.decode("ascii"))])

    def dataset(self, dataset: Hdf5Dataset) -> Iterator[Event]:
        """Yield what a dataset holds; nothing of it is read unless it is marked, or begins oddly."""
        self.looked_at += 1
        if dataset.kind is TypeKind.OTHER or self.looked_at > _MOST_LOOKED_AT:
            return
        try:
            if dataset.kind is TypeKind.ROWS:
                if dataset.place in self.marked:
                    yield from self.objects(dataset)
                return
            head = dataset.content.head()
            if begins_like_a_file(head):
                source = self.source(dataset)
                yield from self.hand_on(_FILES, dataset.place, source)
        except (LimitReached, Malformed) as error:
            outcome = Outcome.LIMITED if isinstance(error, LimitReached) else Outcome.FAILED
            yield self.row(outcome, f"{quoted(dataset.place)}: {error}")

    def source(self, dataset: Hdf5Dataset) -> ByteSource:
        if dataset.offset is not None:
            return SliceSource(self.artifact.source, dataset.offset, dataset.stored_bytes)
        return MemorySource(dataset.content.whole())

    def objects(self, dataset: Hdf5Dataset) -> Iterator[Event]:
        """Rows that PyTables unpickles as they are read."""
        self.tell(_OBJECTS, dataset.place, "each row is unpickled when it is read")
        seen: set[bytes] = set()
        for number, row in enumerate(dataset.content.rows()):
            if row and row not in seen:
                seen.add(row)
                yield self.artifact.nested(f"{dataset.place}[{number}]", MemorySource(row))

    def hand_on(self, rule: str, place: str, source: ByteSource) -> Iterator[Event]:
        formats = set(identify(source, "value"))
        if formats <= _HARMLESS:
            return
        self.nested += 1
        if self.nested > _MOST_NESTED:
            if self.nested == _MOST_NESTED + 1:
                detail = f"more than {_MOST_NESTED:,} values that may be files"
                yield self.row(Outcome.LIMITED, detail)
            return
        kinds = ", ".join(sorted(formats))
        if not formats <= _ARRAYS_OF_BYTES:
            self.tell(rule, place, f"{source.size:,} bytes of {kinds}")
        yield self.artifact.nested(place, source)

    def tell(self, rule: str, place: str, line: str) -> None:
        self.told.setdefault(rule, {}).setdefault(place, line)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for each rule."""
        for rule, places in self.told.items():
            lines = [f"{quoted(place)}: {line}" for place, line in list(places.items())[:_SHOWN]]
            if len(places) > _SHOWN:
                lines.append(f"and {len(places) - _SHOWN:,} more")
            first = next(iter(places))[:200]
            yield Finding(
                rule=rule,
                path=self.artifact.path,
                subject=first,
                evidence="\n".join(lines),
                route=first,
            )

    def row(self, outcome: Outcome, detail: str) -> Coverage:
        return Coverage(
            path=self.artifact.path, format=Format.HDF5, outcome=outcome, detail=detail[:500]
        )
