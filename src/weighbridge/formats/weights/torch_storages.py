"""The tensor storages that a torch pickle refers to, by its persistent ids.

A persistent id of torch is a tuple, in zip files and in the legacy layout alike:

    ('storage', torch.FloatStorage, key, location, number of elements[, view metadata])

In a zip the bytes of storage `key` are the member `<root>/data/<key>`. In the legacy layout
(torch < 1.6, `_use_new_zipfile_serialization=False`) they follow five pickles, one record each:

    magic number | protocol version | system info | the object | list of keys
    for each key: 8 bytes, number of elements, little-endian | the elements

Source: torch/serialization.py `_save`, `_legacy_save`, `_legacy_load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import Buffer, Literal, NotLiteral
from weighbridge.formats.pickle.reader import Gap, read_pickles
from weighbridge.formats.pickle.trace import PersistentId, Stream

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PICKLES = 5

_ELEMENT_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8,
    "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1,
    "ComplexDoubleStorage": 16, "ComplexFloatStorage": 8, "QUInt8Storage": 1, "QInt8Storage": 1,
    "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip
_STORAGE_MODULES = frozenset({"torch", "torch.cuda", "torch.storage"})


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage: its key, and its size in bytes."""

    key: str
    size_bytes: int


def storage_at(stream: Stream, found: PersistentId) -> Storage | None:
    """The storage that a persistent id names; None when it is anything else.

    The containers of the stream must have been recorded (`Stream.record`).
    """
    if found.value is None or stream.opcode(found.value) not in o.TUPLES:
        return None
    items = stream.items(found.value)
    if len(items) not in (5, 6) or _literal(stream, items[0]) != "storage":
        return None
    kind = stream.import_at(items[1])
    key, location, elements = (_literal(stream, item) for item in items[2:5])
    if kind is None or kind.module not in _STORAGE_MODULES or kind.name not in _ELEMENT_BYTES:
        return None
    if type(key) is int:
        key = str(key)  # torch.package counts its storages
    if (
        not isinstance(key, str)
        or not isinstance(location, str)
        or type(elements) is not int
        or elements < 0
    ):
        return None
    return Storage(key, elements * _ELEMENT_BYTES[kind.name])


def storages(stream: Stream) -> Iterator[Storage]:
    """Every storage that a stream names, repeats included."""
    ids = list(stream.persistent_ids())
    stream.record(found.value for found in ids if found.value is not None)
    for found in ids:
        storage = storage_at(stream, found)
        if storage is not None:
            yield storage


def storage_keys(data: Buffer, *, max_events: int = 4_000_000) -> dict[str, int]:
    """Key -> size in bytes of each storage that the `data.pkl` of a torch zip names.

    A key that is named twice with different sizes is left out: it proves nothing.
    """
    sizes: dict[str, int] = {}
    conflicting: set[str] = set()
    for stream in read_pickles(data, max_events=max_events):
        if isinstance(stream, Gap):
            continue
        for storage in storages(stream):
            if sizes.setdefault(storage.key, storage.size_bytes) != storage.size_bytes:
                conflicting.add(storage.key)
    return {key: size for key, size in sizes.items() if key not in conflicting}


def is_legacy(streams: Sequence[Stream]) -> bool:
    """True when the first of these streams is the magic number of the legacy layout, as a literal."""
    return bool(streams) and _literal(streams[0], streams[0].result) == LEGACY_MAGIC


def legacy_storages(streams: Sequence[Stream]) -> list[Storage] | None:
    """The raw storages behind the five pickles, in file order; None when they can't be told."""
    if len(streams) != LEGACY_PICKLES or not is_legacy(streams):
        return None
    keys = streams[4]
    keys.record([keys.result])
    sizes = {storage.key: storage.size_bytes for storage in storages(streams[3])}
    ordered = [_literal(keys, item) for item in keys.items(keys.result)]
    if not all(isinstance(key, str) and key in sizes for key in ordered):
        return None
    return [Storage(key, sizes[key]) for key in ordered if isinstance(key, str)]


def _literal(stream: Stream, value: int) -> Literal:
    try:
        return stream.literal_at(value) if value >= 0 else None
    except NotLiteral:
        return None
