"""Walk an HDF5 file without following what leads out of it.

Each object is opened once, by the name of a hard link in the group that holds it; soft, external and
user-defined links are told, never followed. Elements of arrays are not read.

Laws: no other file is opened; no filter or other plugin is loaded; an object that can't be read does
not end the walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import h5py
from h5py import h5a, h5d, h5g, h5l, h5o

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.keras.hdf5_file import RangeFile, native, opened
from weighbridge.formats.keras.hdf5_types import (
    Hdf5Attribute,
    Hdf5Dataset,
    Hdf5Event,
    Hdf5Filter,
    Hdf5Link,
    Hdf5Unread,
    LinkKind,
    TypeKind,
)
from weighbridge.formats.keras.hdf5_values import DatasetContent, attribute_values, type_kind

_MAX_DEPTH = 200
_MAX_FILTERS = 32
_MAX_SOURCES = 1_000
_MAX_ATTRIBUTES = 10_000
_HARD = 0


def walk_hdf5(source: ByteSource, limits: Limits) -> Iterator[Hdf5Event]:
    """Yield the attributes and links of each group, its datasets, and so on below it.

    `Hdf5Dataset.content` is readable until the next event is asked for.

    Raises:
        Malformed: the file can't be opened as HDF5.
        LimitReached: more than `limits.entries` links, attributes and objects, more than
            `limits.header_bytes` in attributes, or groups nested more than 200 deep.
        ReadError: from the source.
    """
    with opened(source) as (file, raw):
        yield from _Walk(raw, limits).run(file)


@dataclass(slots=True)
class _Walk:
    file: RangeFile
    limits: Limits
    entries: int = 0
    attribute_bytes: int = 0
    seen: set[int] = field(default_factory=set)

    def run(self, file: h5py.File) -> Iterator[Hdf5Event]:
        with native(self.file, "the root group"):
            root = h5o.open(file.id, b"/")
            self.seen.add(h5o.get_info(root).addr)
        waiting: list[tuple[h5g.GroupID, str, int]] = [(root, "", 0)]
        while waiting:
            group, place, depth = waiting.pop()
            yield from self.attributes(group, place or "/")
            for event in self.group(group, place):
                if not isinstance(event, _Group):
                    yield event
                    continue
                if depth + 1 > _MAX_DEPTH:
                    raise LimitReached(f"groups nested more than {_MAX_DEPTH} deep")
                waiting.append((event.handle, event.place, depth + 1))

    def group(self, group: h5g.GroupID, place: str) -> Iterator[Hdf5Event | _Group]:
        try:
            with native(self.file, "the links of a group"):
                links = self.links(group)
        except Malformed as error:
            yield Hdf5Unread(place or "/", error.reason)
            return
        for name, kind in links:
            inner = f"{place}/{name.decode('utf-8', 'backslashreplace')}"
            try:
                if b"/" in name or name in (b"", b"."):
                    raise Malformed("a link whose name is a path; it was not followed")
                if kind == _HARD:
                    yield from self.object(group, name, inner)
                else:
                    yield self.link(group, name, inner, kind)
            except Malformed as error:
                yield Hdf5Unread(inner, error.reason)

    def links(self, group: h5g.GroupID) -> list[tuple[bytes, int]]:
        found: list[tuple[bytes, int]] = []
        room = self.limits.entries - self.entries

        def collect(name: bytes, info: h5l.LinkInfo) -> bool | None:
            found.append((name, info.type))
            return True if len(found) > room else None

        group.links.iterate(collect, info=True)
        self.count(len(found))
        return found

    def count(self, more: int) -> None:
        self.entries += more
        if self.entries > self.limits.entries:
            raise LimitReached(
                f"holds more than {self.limits.entries:,} objects; --max-entries raises the limit"
            )

    def link(self, group: h5g.GroupID, name: bytes, place: str, kind: int) -> Hdf5Link:
        if kind not in (h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL):
            return Hdf5Link(place, LinkKind.USER_DEFINED, "", f"class {kind}")
        with native(self.file, "a link"):
            value = group.links.get_val(name)
        if kind == h5l.TYPE_SOFT:
            return Hdf5Link(place, LinkKind.SOFT, "", _text(value))
        return Hdf5Link(place, LinkKind.EXTERNAL, _text(value[0]), _text(value[1]))

    def object(self, group: h5g.GroupID, name: bytes, place: str) -> Iterator[Hdf5Event | _Group]:
        with native(self.file, "an object"):
            handle = h5o.open(group, name)
            address = h5o.get_info(handle).addr
        if address in self.seen:
            return
        self.seen.add(address)
        if isinstance(handle, h5g.GroupID):
            yield _Group(handle, place)
            return
        yield from self.attributes(handle, place)
        if isinstance(handle, h5d.DatasetID):
            with native(self.file, "a dataset"):
                dataset = self.dataset(handle, place)
            yield dataset

    def dataset(self, handle: h5d.DatasetID, place: str) -> Hdf5Dataset:
        plist = handle.get_create_plist()
        kind = handle.get_type()
        sort = type_kind(kind)
        is_virtual = plist.get_layout() == h5d.VIRTUAL
        count = min(plist.get_nfilters(), _MAX_FILTERS)
        filters = tuple(Hdf5Filter(*_filter(plist.get_filter(number))) for number in range(count))
        external = _external(plist)
        is_whole = plist.get_layout() == h5d.CONTIGUOUS and not external and sort is TypeKind.BYTES
        numbers = tuple(one.number for one in filters)
        return Hdf5Dataset(
            place=place,
            kind=sort,
            # Asking a virtual dataset for its shape opens the files that it is made of.
            shape=None if is_virtual else _shape(handle),
            item_bytes=kind.get_size(),
            filters=filters,
            external=external,
            sources=_sources(plist) if is_virtual else (),
            offset=handle.get_offset() if is_whole else None,
            stored_bytes=handle.get_storage_size() if is_whole else 0,
            content=DatasetContent(self.file, handle, sort, numbers, is_virtual or bool(external)),
        )

    def attributes(self, handle: h5o.ObjectID, place: str) -> Iterator[Hdf5Event]:
        names: list[bytes] = []

        def collect(name: bytes, *_: object) -> bool | None:
            names.append(name)
            return True if len(names) > _MAX_ATTRIBUTES else None

        try:
            with native(self.file, "the attributes of an object"):
                h5a.iterate(handle, collect)
        except Malformed as error:
            yield Hdf5Unread(place, error.reason)
        self.count(len(names))
        for name in names[:_MAX_ATTRIBUTES]:
            shown = name.decode("utf-8", "backslashreplace")
            try:
                with native(self.file, f"the attribute {shown[:80]!r}"):
                    values = attribute_values(h5a.open(handle, name))
            except (Malformed, LimitReached) as error:
                yield Hdf5Unread(f"{place}@{shown}", str(error))
                continue
            if values is not None:
                self.spend(sum(map(len, values)))
                yield Hdf5Attribute(place, shown, values)
        if len(names) > _MAX_ATTRIBUTES:
            raise LimitReached(f"an object has more than {_MAX_ATTRIBUTES:,} attributes")

    def spend(self, size: int) -> None:
        self.attribute_bytes += size
        if self.attribute_bytes > self.limits.header_bytes:
            raise LimitReached(f"more than {self.limits.header_bytes:,} bytes in attributes")


@dataclass(frozen=True, slots=True)
class _Group:
    """A group that is still to be gone through."""

    handle: h5g.GroupID
    place: str


def _filter(found: tuple[int, int, tuple[int, ...], bytes]) -> tuple[int, str]:
    return found[0], _text(found[3])


def _external(plist: h5py.h5p.PropDCID) -> tuple[str, ...]:
    count = min(plist.get_external_count(), _MAX_SOURCES)
    return tuple(_text(plist.get_external(number)[0]) for number in range(count))


def _sources(plist: h5py.h5p.PropDCID) -> tuple[str, ...]:
    count = min(plist.get_virtual_count(), _MAX_SOURCES)
    return tuple(dict.fromkeys(_text(plist.get_virtual_filename(number)) for number in range(count)))


def _shape(handle: h5d.DatasetID) -> tuple[int, ...] | None:
    space = handle.get_space()
    return None if space.get_simple_extent_type() == h5py.h5s.NULL else tuple(space.shape)


def _text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
