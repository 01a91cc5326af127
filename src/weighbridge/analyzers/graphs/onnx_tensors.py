"""Tensors of an ONNX model: where their data lies, whether it can be so, and files among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.inspection import Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.reference import Reference
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.carried_file import Carried, carried_file
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard
from weighbridge.formats.graphs.onnx_parts import Content, Scope, Stray, Tensor

KNOWN_KEYS: Final = frozenset({"location", "offset", "length", "checksum", "basepath"})
_PREPACKED = "prepacked_"
_NUMBER = re.compile(r"[0-9]{1,19}")
_NEGATIVE = re.compile(r"\s*-\s*[0-9]+\s*")
_LARGEST_FILE = 1 << 50
_EXAMPLES = 5
_TOLD = 200
_NESTED = 100
_RANGES = 200_000
_STRAY_BYTES = 64


@dataclass(slots=True)
class _Group:
    """Hits of one kind: the first few, and how many there are."""

    rule: str
    subject: str
    at: int | None
    route: str
    lines: list[str]
    count: int = 1


class Tensors:
    """Judges tensors one by one; `summary` tells what was found in sum."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._groups: dict[tuple[str, str], _Group] = {}
        self._by_rule: Counter[str] = Counter()
        self._files: dict[str, tuple[int, str]] = {}
        self._ranges: list[tuple[str, int, int, str]] = []
        self._names: dict[int, set[str]] = {}
        self._scopes: list[Scope] = []
        self._nested = 0

    def judge(self, tensor: Tensor) -> Iterator[Event]:
        """Yield files that the tensor carries."""
        if tensor.external:
            self._external(tensor)
        elif tensor.is_external:
            self._note("ONX002", "no location", "its data is external and nothing says where", tensor)
        self._shape(tensor)
        self._duplicate(tensor)
        if tensor.raw is not None:
            yield from self.carried(tensor.raw, f"tensor {quoted(tensor.name)}", tensor.scope)
        for content in tensor.strings:
            yield from self.carried(content, f"a string of tensor {quoted(tensor.name)}", tensor.scope)

    def carried(self, content: Content, what: str, scope: Scope) -> Iterator[Event]:
        """Hand on bytes of the model that are a file of their own."""
        kind = carried_file(self._artifact.source, content.at, content.length, content.head)
        if kind is None:
            return
        self._nested += 1
        if self._nested > _NESTED:
            raise LimitReached(f"more than {_NESTED} files are carried in tensors and attributes")
        yield self._carried_finding(kind, content, what, scope)
        source = SliceSource(self._artifact.source, content.at, content.length)
        yield self._artifact.nested(f"{kind.name.lower()} at {content.at}", source)

    def stray(self, stray: Stray) -> Iterator[Event]:
        """Judge bytes in a field that ONNX does not have."""
        place = f"field {stray.number} of a {stray.message}"
        if stray.content.length >= _STRAY_BYTES:
            line = f"{stray.content.length:,} bytes in {place}"
            self._add("ONX018", place, line, stray.content.at, stray.scope.route)
        yield from self.carried(stray.content, place, stray.scope)

    def summary(self) -> Iterator[Event]:
        """Yield the files that the tensors lie in, and one finding for each kind of fault."""
        for location, (end, name) in self._files.items():
            what = f"external data of {quoted(name)}"
            yield Reference(path=self._artifact.path, name=location, end=end, what=what)
        self._overlaps()
        for group in self._groups.values():
            more = group.count - len(group.lines)
            lines = [*group.lines, *([f"and {more:,} more"] if more else [])]
            yield Finding(
                rule=group.rule,
                path=self._artifact.path,
                subject=group.subject[:200],
                evidence="\n".join(lines),
                offset=group.at,
                route=group.route,
            )

    def _external(self, tensor: Tensor) -> None:
        entries = dict(tensor.external)
        # Of two entries with one key a loader takes the first or the last: all are judged.
        for key, value in tensor.external:
            if key == "location":
                self._location(tensor, value)
            elif key not in KNOWN_KEYS and not key.startswith(_PREPACKED):
                line = f"{quoted(key)} = {quoted(value)}"
                rule = "ONX022" if key.startswith("_") else "ONX004"
                self._note(rule, f"external_data {key}", line, tensor)
        if len(entries) < len(tensor.external):
            self._note("ONX004", "external_data twice", "a key stands twice in external_data", tensor)
        if "location" not in entries:
            self._note("ONX002", "no location", "its data is external and nothing says where", tensor)
        self._range(tensor, entries)

    def _location(self, tensor: Tensor, location: str) -> None:
        hazard = reference_hazard(location)
        if hazard is None:
            return
        rule = "ONX002" if hazard is ReferenceHazard.NOTHING else "ONX001"
        line = f"location {quoted(location)} {hazard.value}"
        self._note(rule, location or "empty location", line, tensor)

    def _range(self, tensor: Tensor, entries: dict[str, str]) -> None:
        numbers: dict[str, int] = {}
        for key in ("offset", "length"):
            value = entries.get(key)
            if value is None:
                continue
            if not _NUMBER.fullmatch(value) or int(value) > _LARGEST_FILE:
                rule = "ONX023" if _NEGATIVE.fullmatch(value) else "ONX003"
                self._note(rule, key, f"{key} {quoted(value)} is no place in a file", tensor)
            else:
                numbers[key] = int(value)
        length, size = numbers.get("length"), tensor.size_bytes
        self._refer(
            tensor, entries.get("location", ""), numbers.get("offset", 0) + (length or size or 0)
        )
        if length and size is not None and length != size:
            line = f"length {length:,}, and its shape needs {size:,} bytes"
            self._note("ONX003", "length and shape", line, tensor)
        if length and len(self._ranges) < _RANGES:
            begin = numbers.get("offset", 0)
            location = entries.get("location", "")[:1000]
            self._ranges.append((location, begin, begin + length, tensor.name[:80]))

    def _refer(self, tensor: Tensor, location: str, end: int) -> None:
        """Remember the tensor that needs most of a file."""
        known = self._files.get(location)
        if known is None and (len(self._files) >= _RANGES or reference_hazard(location) is not None):
            return
        if known is None or end > known[0]:
            self._files[location] = (min(end, _LARGEST_FILE), tensor.name)

    def _overlaps(self) -> None:
        """Tied weights share a range as a whole; half a range is shared by no writer."""
        last: tuple[str, int, int, str] | None = None
        for found in sorted(set(self._ranges)):
            location, begin, end, name = found
            if (
                last is not None
                and last[0] == location
                and last[2] > begin
                and last[1:3] != (begin, end)
            ):
                line = f"tensors {quoted(last[3])} and {quoted(name)} share bytes of {quoted(location)}"
                self._add("ONX021", "ranges overlap", line, None, "")
            if last is None or last[0] != location or end > last[2]:
                last = found
        self._ranges.clear()

    def _shape(self, tensor: Tensor) -> None:
        if any(dim < 0 for dim in tensor.dims):
            line = f"dimensions {list(tensor.dims)[:8]}"
            self._note("ONX003", "negative dimension", line, tensor)
            return
        size = tensor.size_bytes
        if size is not None and size > _LARGEST_FILE:
            self._note("ONX003", "absurd shape", f"dimensions {list(tensor.dims)[:8]}", tensor)
        elif tensor.raw is not None and size is not None and size != tensor.raw.length:
            line = f"its shape needs {size:,} bytes, and it has {tensor.raw.length:,}"
            self._note("ONX003", "data and shape", line, tensor)

    def _duplicate(self, tensor: Tensor) -> None:
        if not tensor.is_initializer or not tensor.name:
            return
        names = self._names.get(id(tensor.scope))
        if names is None:
            # The scope is kept, so that its id is not given to another.
            self._scopes.append(tensor.scope)
            names = self._names[id(tensor.scope)] = set()
        if tensor.name in names:
            self._note("ONX012", "initializer twice", "the name stands twice", tensor)
        names.add(tensor.name)

    def _note(self, rule: str, subject: str, line: str, tensor: Tensor) -> None:
        line = f"tensor {quoted(tensor.name)}: {line}"
        self._add(rule, subject, line, tensor.at, tensor.scope.route)

    def _add(self, rule: str, subject: str, line: str, at: int | None, route: str) -> None:
        group = self._groups.get((rule, subject))
        if group is None:
            # By rule: a flood of small faults must not hide a grave one.
            self._by_rule[rule] += 1
            if self._by_rule[rule] <= _TOLD:
                self._groups[rule, subject] = _Group(rule, subject, at, route, [line])
            return
        group.count += 1
        if len(group.lines) < _EXAMPLES:
            group.lines.append(line)

    def _carried_finding(self, kind: Carried, content: Content, what: str, scope: Scope) -> Finding:
        return Finding(
            rule="ONX016" if kind.is_program else "ONX017",
            path=self._artifact.path,
            subject=f"{kind.name.lower()} in {what}",
            evidence=f"{what} holds {kind.value}, {content.length:,} bytes",
            offset=content.at,
            length=content.length,
            route=scope.route,
        )
