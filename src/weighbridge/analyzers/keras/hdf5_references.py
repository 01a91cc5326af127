"""What an HDF5 file takes from other files: links, external storage, virtual datasets.

All three give a reader the bytes of another file. Scientific data is split like that on purpose,
beside the file that refers to it; weights never are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.reference import Reference
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.file_reference import reference_hazard
from weighbridge.formats.keras.hdf5_types import Hdf5Dataset, Hdf5Link, LinkKind

_OUTSIDE, _IN_KERAS, _BESIDE, _USER_DEFINED, _SOFT = "HDF001", "HDF002", "HDF003", "HDF004", "HDF005"
_SHOWN = 5
_MOST = 100_000


@dataclass(slots=True)
class References:
    """Collects what refers elsewhere; tells one finding for each rule."""

    artifact: Artifact
    outside: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    user_defined: dict[str, str] = field(default_factory=dict)
    soft: dict[str, str] = field(default_factory=dict)

    def link(self, link: Hdf5Link) -> None:
        match link.kind:
            case LinkKind.SOFT:
                _keep(self.soft, link.place, f"to {quoted(link.target)} of this file")
            case LinkKind.USER_DEFINED:
                _keep(self.user_defined, link.place, f"a link of {link.target}")
            case LinkKind.EXTERNAL:
                line = f"a link to {quoted(link.target)} in {quoted(link.file)}"
                self.file(link.place, link.file, line)

    def dataset(self, dataset: Hdf5Dataset) -> None:
        for name in dataset.external:
            self.file(dataset.place, name, f"its bytes are those of {quoted(name)}")
        for name in dataset.sources:
            if name != ".":
                self.file(dataset.place, name, f"a virtual dataset, parts from {quoted(name)}")

    def file(self, place: str, name: str, line: str) -> None:
        is_outside = reference_hazard(name) is not None
        _keep(self.outside if is_outside else self.beside, place, line)
        if not is_outside:
            _keep(self.files, name, line)

    def findings(self, *, is_keras: bool) -> Iterator[Finding | Reference]:
        """Yield one finding for each rule, and the files that lie beside this one.

        Args:
            is_keras: the file holds a Keras model or its weights.
        """
        yield from self.told(_OUTSIDE, self.outside)
        yield from self.told(_IN_KERAS if is_keras else _BESIDE, self.beside)
        yield from self.told(_USER_DEFINED, self.user_defined)
        if is_keras:
            yield from self.told(_SOFT, self.soft)
        for name, line in self.files.items():
            yield Reference(path=self.artifact.path, name=name, what=line)

    def told(self, rule: str, found: dict[str, str]) -> Iterator[Finding]:
        if not found:
            return
        lines = [f"{quoted(place)}: {line}" for place, line in list(found.items())[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN:,} more")
        first = next(iter(found))
        yield Finding(
            rule=rule,
            path=self.artifact.path,
            subject=f"{first} {found[first]}"[:200],
            evidence="\n".join(lines),
            route=first[:200],
        )


def _keep(table: dict[str, str], place: str, line: str) -> None:
    if len(table) < _MOST:
        table.setdefault(place, line)
