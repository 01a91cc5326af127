"""HDF5 files that lead elsewhere or hold what is no array: a hit for each rule HDF, and benign twins."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from samples.recipes.hdf5_writer import (
    BYTE,
    FLOAT,
    ROWS,
    Dataset,
    Group,
    Link,
    attribute,
    external,
    opaque_type,
    soft,
    write,
)
from samples.recipes.keras import PICKLED_SYSTEM

_PICKLED_LIST = b"\x80\x04]\x94(K\x01K\x02e."
_ARRAY = Dataset(FLOAT, (4,), bytes(16))


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(zipfile.ZipInfo("note.txt", (1980, 1, 1, 0, 0, 0)), b"weighbridge-marker")
    return buffer.getvalue()


def _weights(**links: Group | Dataset | Link) -> bytes:
    return write(Group({"layers": Group(links), "vars": Group()}))


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield "hdf5/plain.twin.h5", write(Group({"x": _ARRAY, "g": Group({"y": _ARRAY})}))
    yield from _references()
    yield from _sizes()
    yield from _contents()


def _references() -> Iterator[tuple[str, bytes]]:
    yield "hdf5/external-link.h5", write(Group({"x": external("/etc/other.h5", "/x")}))
    yield "hdf5/external-link-parent.h5", write(Group({"x": external("../../other.h5", "/x")}))
    yield "hdf5/external-link-beside.h5", write(Group({"x": external("part-1.h5", "/x"), "y": _ARRAY}))
    yield "hdf5/external-storage.h5", write(Group({"x": Dataset(BYTE, (16,), external="/etc/passwd")}))
    yield "hdf5/external-storage-beside.h5", write(Group({"x": Dataset(BYTE, (16,), external="x.raw")}))
    yield "hdf5/virtual.h5", write(Group({"x": Dataset(FLOAT, (4,), source="/home/user/other.h5")}))
    yield "hdf5/virtual-here.twin.h5", write(Group({"y": Dataset(FLOAT, (4,), source="."), "x": _ARRAY}))
    yield "hdf5/keras-external.weights.h5", _weights(kernel=external("part-1.h5", "/x"))
    yield "hdf5/keras-storage.weights.h5", _weights(kernel=Dataset(FLOAT, (4,), external="part.raw"))
    yield "hdf5/keras-soft.weights.h5", _weights(kernel=soft("/vars"))
    yield "hdf5/soft.twin.h5", write(Group({"x": _ARRAY, "y": soft("/x")}))
    yield "hdf5/user-defined.h5", write(Group({"x": Link(187, b"weighbridge-marker")}))
    bzip2 = Dataset(FLOAT, (4,), filters=[(307, b"bzip2")])
    yield "hdf5/filter-known.twin.h5", write(Group({"x": bzip2}))
    yield "hdf5/filter-unknown.h5", write(Group({"x": Dataset(FLOAT, (4,), filters=[(4711, b"odd")])}))


def _sizes() -> Iterator[tuple[str, bytes]]:
    bomb = Dataset(FLOAT, (50_000_000, 50_000_000), filters=[(1, b"deflate")])
    yield "hdf5/shape-bomb.h5", write(Group({"x": bomb}))
    yield (
        "hdf5/sparse.twin.h5",
        write(Group({"x": Dataset(FLOAT, (1000, 1000), filters=[(1, b"deflate")])})),
    )
    good = write(Group({"x": _ARRAY}))
    yield "hdf5/trailing.h5", good + b"weighbridge-marker: these bytes belong to no object\n"
    yield "hdf5/trailing-zip.h5", good + _zip()
    yield "hdf5/trailing-zeros.twin.h5", good + bytes(100)
    yield "hdf5/cut-off.h5", write(Group({"x": _ARRAY, "g": Group({"y": _ARRAY})}))[:-40]
    yield "hdf5/user-block.h5", write(Group({"x": _ARRAY}), PICKLED_SYSTEM.ljust(512, b"\0"))
    yield "hdf5/user-block.twin.h5", write(Group({"x": _ARRAY}), b"MATLAB 7.3 MAT-file".ljust(512))


def _contents() -> Iterator[tuple[str, bytes]]:
    marked = [attribute("PSEUDOATOM", b"object"), attribute("CLASS", b"VLARRAY")]
    rows = Dataset(ROWS, (2,), rows=[_PICKLED_LIST, PICKLED_SYSTEM], attributes=marked)
    yield "hdf5/pytables-rows.h5", write(Group({"x": rows}))
    plain = Dataset(ROWS, (2,), rows=[_PICKLED_LIST, b"\x80\x04N."], attributes=marked)
    yield "hdf5/pytables-rows.twin.h5", write(Group({"x": plain}))
    yield "hdf5/pytables-attribute.h5", write(Group({"x": _ARRAY}, [attribute("note", PICKLED_SYSTEM)]))
    text = attribute("TITLE", b"A sentence that ends in a period.")
    yield "hdf5/pytables-attribute.twin.h5", write(Group({"x": _ARRAY}, [text]))
    size = len(PICKLED_SYSTEM)
    yield "hdf5/bytes-pickle.h5", write(Group({"x": Dataset(BYTE, (size,), PICKLED_SYSTEM)}))
    yield "hdf5/opaque-zip.h5", write(Group({"x": Dataset(opaque_type(len(_zip())), (), _zip())}))
    yield "hdf5/bytes.twin.h5", write(Group({"x": Dataset(BYTE, (200,), bytes(range(200)))}))
