"""HDF5 files: what leads out of them, what would be unpickled, and the Keras model in them.

Arrays are not read. A link, an external file or a virtual dataset makes whoever reads the file read
another one, and hand out its bytes as if they were weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras.hdf5_contents import Contents
from weighbridge.analyzers.keras.hdf5_references import References
from weighbridge.analyzers.keras.judgement import Container, judge_config
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import GIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import decode_python_json
from weighbridge.formats.keras.hdf5 import walk_hdf5
from weighbridge.formats.keras.hdf5_file import find_superblock
from weighbridge.formats.keras.hdf5_types import (
    BUILT_IN_FILTERS,
    Hdf5Attribute,
    Hdf5Dataset,
    Hdf5Event,
    Hdf5Link,
    Hdf5Unread,
)
from weighbridge.formats.kinds import Format

_KNOWN_PLUGIN, _UNKNOWN_PLUGIN, _BOMB, _TRAILING = "HDF006", "HDF007", "HDF008", "HDF009"
_OTHER_NAME = "KER015"
_CONFIGURATIONS = frozenset({"model_config", "training_config", "config", "optimizer_config"})
_OF_KERAS = frozenset(
    {"keras_version", "model_config", "layer_names", "weight_names", "training_config"}
    | {"/_layer_checkpoint_dependencies", "/layers", "/model_weights", "/vars"}
)
_REGISTERED = frozenset(range(256, 512)) | frozenset(range(32000, 32770))
"""Numbers for testing are 256 to 511 and those that The HDF Group gives out begin at 32000; between
them were the first ones that it gave out (bzip2 has 307)."""
_BOMB_FROM_BYTES = 4 * GIB
_SHOWN = 5


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Walk the file, judge what it refers to, and hand on what is no array."""
    yield from _around(artifact)
    yield from _Inspection(artifact, context).run()


def _around(artifact: Artifact) -> Iterator[Event]:
    """What stands before the file's first byte and behind its last one."""
    block = find_superblock(artifact.source)
    if block is None:
        raise Malformed("no HDF5 superblock")
    if block.offset:
        source = SliceSource(artifact.source, 0, block.offset)
        if bytes(source.read_at(0, 4096)).strip(b"\0 "):
            yield artifact.nested("user block", source)
    if block.end is not None and block.end < artifact.source.size:
        length = artifact.source.size - block.end
        source = SliceSource(artifact.source, block.end, length)
        if not bytes(source.read_at(0, 4096)).strip(b"\0"):
            return
        evidence = f"{length:,} bytes behind the end that the superblock states"
        yield Finding(
            rule=_TRAILING, path=artifact.path, subject="trailing", evidence=evidence, offset=block.end
        )
        yield artifact.nested("trailing", source)


@dataclass(slots=True)
class _Inspection:
    artifact: Artifact
    context: Context
    is_keras: bool = False
    references: References = field(init=False)
    contents: Contents = field(init=False)
    plugins: dict[int, str] = field(default_factory=dict)
    declared_bytes: int = 0
    largest: Hdf5Dataset | None = None

    def __post_init__(self) -> None:
        self.references = References(self.artifact)
        self.contents = Contents(self.artifact)
        name = self.artifact.name.lower()
        self.is_keras = name.endswith((".weights.h5", ".keras"))

    def run(self) -> Iterator[Event]:
        try:
            for event in walk_hdf5(self.artifact.source, self.context.budget.limits):
                self.context.budget.check_time()
                yield from self.event(event)
        except (Malformed, LimitReached, ReadError):
            yield from self.summary()
            raise
        yield from self.summary()

    def event(self, event: Hdf5Event) -> Iterator[Event]:
        match event:
            case Hdf5Attribute():
                yield from self.attribute(event)
            case Hdf5Link():
                self.is_keras |= event.place in _OF_KERAS
                self.references.link(event)
            case Hdf5Dataset():
                self.dataset(event)
                yield from self.contents.dataset(event)
            case Hdf5Unread():
                yield self.row(Outcome.FAILED, f"{quoted(event.place)} can't be read: {event.reason}")

    def attribute(self, attribute: Hdf5Attribute) -> Iterator[Event]:
        self.is_keras |= attribute.name in _OF_KERAS
        if attribute.name in _CONFIGURATIONS and len(attribute.values) == 1:
            yield from self.configuration(attribute, attribute.values[0])
        else:
            yield from self.contents.attribute(attribute)

    def configuration(self, attribute: Hdf5Attribute, value: bytes) -> Iterator[Event]:
        place = f"{attribute.place}@{attribute.name}".lstrip("/")
        try:
            tree = decode_python_json(value.decode("utf-8", "surrogateescape")).value
        except Malformed as error:
            if attribute.name == "model_config":
                yield self.row(Outcome.FAILED, f"{place} is no JSON: {error}")
            yield from self.contents.attribute(attribute)
            return
        inner = Artifact((*self.artifact.path, place), self.artifact.source, self.artifact.origin)
        yield from judge_config(inner, tree, self.context, container=Container.HDF5)

    def dataset(self, dataset: Hdf5Dataset) -> None:
        self.is_keras |= dataset.place.startswith("/model_weights/")
        self.references.dataset(dataset)
        for one in dataset.filters:
            if one.number not in BUILT_IN_FILTERS and len(self.plugins) < 100:
                self.plugins.setdefault(one.number, f"{one.name or 'a filter'} in {dataset.place}")
        if not dataset.external:
            self.declared_bytes += dataset.declared_bytes
            if self.largest is None or dataset.declared_bytes > self.largest.declared_bytes:
                self.largest = dataset

    def summary(self) -> Iterator[Event]:
        yield from self.references.findings(is_keras=self.is_keras)
        yield from self.contents.findings()
        yield from self.filters()
        yield from self.bomb()
        if self.artifact.name.lower().endswith(".keras"):
            evidence = "the name says a .keras archive, the bytes are HDF5, as Keras before 2.12 wrote"
            yield self.finding(_OTHER_NAME, "HDF5", evidence)

    def filters(self) -> Iterator[Finding]:
        for rule, wanted in ((_KNOWN_PLUGIN, True), (_UNKNOWN_PLUGIN, False)):
            found = {n: shown for n, shown in self.plugins.items() if (n in _REGISTERED) is wanted}
            if found:
                lines = [f"filter {number}: {shown[:200]}" for number, shown in found.items()]
                yield self.finding(rule, f"filter {next(iter(found))}", "\n".join(lines[:_SHOWN]))

    def bomb(self) -> Iterator[Finding]:
        size = self.artifact.source.size
        limit = max(_BOMB_FROM_BYTES, self.context.budget.limits.ratio * size)
        if self.largest is None or self.declared_bytes <= limit:
            return
        shape = " x ".join(map(str, self.largest.shape or ()))
        evidence = f"arrays of {self.declared_bytes:,} bytes in a file of {size:,}; "
        evidence += f"the largest is {quoted(self.largest.place)} ({shape})"
        yield self.finding(_BOMB, self.largest.place, evidence)

    def finding(self, rule: str, subject: str, evidence: str) -> Finding:
        return Finding(
            rule=rule, path=self.artifact.path, subject=subject[:200], evidence=evidence[:2000]
        )

    def row(self, outcome: Outcome, detail: str) -> Coverage:
        return Coverage(
            path=self.artifact.path, format=Format.HDF5, outcome=outcome, detail=detail[:500]
        )
