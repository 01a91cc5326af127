"""Evasions by the container that a pickle comes in. Every structure takes an action, as in streams."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from samples.recipes.assembler import (
    BINPERSID,
    EMPTY_TUPLE,
    MARK,
    MARKER,
    NONE,
    PAYLOAD,
    POP,
    REDUCE,
    STOP,
    Action,
    build,
    call,
    dict_of,
    global_line,
    integer,
    list_of,
    name,
    new,
    stream,
    text,
    text_line,
    tuple_of,
)

Structure = Callable[[Action], bytes]
_MAGIC = 0x1950A86A20F9469CFC6C
_STATE = stream(dict_of(("epoch", integer(3))), protocol=2)


def _pickle(act: Action) -> bytes:
    return stream(act.call)


def _plain_text(act: Action) -> bytes:
    """Protocol 0: printable from end to end."""
    given = text_line(MARKER) if act.items else b""
    return global_line(act.module, act.name) + MARK + given + b"t" + REDUCE + STOP


# Zip files.


def _zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for title, content in members.items():
            archive.writestr(zipfile.ZipInfo(title, (1980, 1, 1, 0, 0, 0)), content, method)
    return buffer.getvalue()


def _torch(pickled: bytes, **others: bytes) -> bytes:
    return _zip({"archive/data.pkl": pickled, **others, "archive/version": b"3\n"})


def _bad_crc(act: Action) -> bytes:
    archive = _torch(stream(act.call, protocol=2))
    good = struct.pack("<I", zlib.crc32(stream(act.call, protocol=2)))
    return archive.replace(good, b"\xde\xad\xbe\xef")


def _names_differ(act: Action) -> bytes:
    archive = _torch(stream(act.call, protocol=2))
    return archive.replace(b"archive/data.pkl", b"archive/notes.md", 1)


def _encrypted_flag(act: Action) -> bytes:
    archive = bytearray(_torch(stream(act.call, protocol=2)))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(archive)


def _prefixed(act: Action) -> bytes:
    return b"#!/bin/true\n" + _torch(stream(act.call, protocol=2))


def _odd_member(act: Action) -> bytes:
    return _torch(_STATE, **{"archive/extra/config.p": _plain_text(act)})


def _member_without_name(act: Action) -> bytes:
    """A member that the central directory does not list, in front of those that it does."""
    listed, hidden = _torch(_STATE), _zip({"archive/data.pkl": stream(act.call, protocol=2)})
    start = hidden[: hidden.index(b"PK\x01\x02")]
    moved = bytearray(start + listed)
    at = moved.index(b"PK\x01\x02")
    while at >= 0:
        offset = struct.unpack_from("<I", moved, at + 42)[0]
        struct.pack_into("<I", moved, at + 42, offset + len(start))
        at = moved.find(b"PK\x01\x02", at + 46)
    end = moved.index(b"PK\x05\x06")
    struct.pack_into("<I", moved, end + 16, struct.unpack_from("<I", moved, end + 16)[0] + len(start))
    return bytes(moved)


def _zip_in_zip(act: Action) -> bytes:
    return _zip({"inner/model.zip": _zip({"model.pkl": _pickle(act)}, zipfile.ZIP_DEFLATED)})


def _torchscript(act: Action) -> bytes:
    module = new(global_line("__torch__", "Net")) + dict_of(("training", act.call)) + b"b"
    return _zip(
        {
            "archive/data.pkl": stream(module, protocol=2),
            "archive/code/__torch__.py": b"class Net(Module):\n  training : bool\n",
            "archive/constants.pkl": stream(EMPTY_TUPLE, protocol=2),
            "archive/version": b"3\n",
        }
    )


def encrypted() -> tuple[bytes, bytes]:
    """A zip whose member claims encryption and looks like it, and the same in the clear."""
    content = _pickle(PAYLOAD)
    noise = hashlib.sha256(b"weighbridge").digest() * (len(content) // 32 + 2)
    archive = bytearray(_zip({"model.pkl": noise[: len(content) + 12]}))
    central = archive.index(b"PK\x01\x02")
    archive[6] |= 1
    archive[central + 8] |= 1
    for crc_at, size_at in ((14, 22), (central + 16, central + 24)):
        struct.pack_into("<I", archive, crc_at, zlib.crc32(content))
        struct.pack_into("<I", archive, size_at, len(content))
    return bytes(archive), _zip({"model.pkl": _STATE})


# Tar, compressed streams, arrays.


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for title, content in members.items():
            info = tarfile.TarInfo(title)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _legacy_tar(act: Action) -> bytes:
    """`storages` and `tensors` are pickles as much as `pickle` is."""
    system = stream(dict_of(("little_endian", b"\x88")), protocol=2)
    none = stream(integer(0), protocol=2)
    hidden = stream(act.call, POP, integer(0), protocol=2)
    return _tar({"sys_info": system, "pickle": _STATE, "storages": hidden, "tensors": none})


def _tar_gz(act: Action) -> bytes:
    return gzip.compress(_tar({"model/weights.dat": _pickle(act)}), mtime=0)


def _zfile(act: Action) -> bytes:
    """The compressed files of joblib before 0.10."""
    content = _pickle(act)
    return b"ZF" + hex(len(content)).ljust(19).encode() + zlib.compress(content)


def _npy(descr: str, payload: bytes) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + payload


def _npy_objects(act: Action) -> bytes:
    return _npy("'|O'", _pickle(act))


def _npy_structured(act: Action) -> bytes:
    return _npy("[('a', '<i4'), ('b', '|O')]", _pickle(act))


def _npz(act: Action) -> bytes:
    return _zip({"a.npy": _npy("'<i4'", bytes(4)), "b.npy": _npy_objects(act)})


# Legacy torch streams and joblib.


def _legacy(place: int) -> Structure:
    """Five pickles and a storage; the action runs in one that holds plain data."""

    def structure(act: Action) -> bytes:
        kind = global_line("torch", "FloatStorage")
        pid = tuple_of(text("storage"), kind, text("0"), text("cpu"), integer(1), NONE)
        one = tuple_of(integer(1))
        tensor = call(
            global_line("torch._utils", "_rebuild_tensor_v2"),
            pid + BINPERSID,
            integer(0),
            one,
            one,
            b"\x89",
            call(global_line("collections", "OrderedDict")),
        )
        system = dict_of(("little_endian", b"\x88"))
        parts = [integer(_MAGIC), integer(1001), system, dict_of(("w", tensor)), list_of(text("0"))]
        parts[place] = act.call + POP + parts[place]
        return b"".join(stream(part, protocol=2) for part in parts) + struct.pack("<qf", 1, 0.5)

    return structure


def _joblib(letter: str, behind: Structure) -> Structure:
    """A wrapped array, and what joblib reads in place behind it."""

    def structure(act: Action) -> bytes:
        dtype = call(name("numpy", "dtype"), text(letter), b"\x89", b"\x88")
        fields = (
            ("subclass", name("numpy", "ndarray")),
            ("shape", tuple_of(integer(4))),
            ("order", text("C")),
            ("dtype", dtype),
            ("allow_mmap", b"\x88"),
        )
        array = build(new(name("joblib.numpy_pickle", "NumpyArrayWrapper")), dict_of(*fields))
        return stream(b"]", MARK, array, behind(act), b"e")

    return structure


def _after_array(act: Action) -> bytes:
    return b"\xff\xfe\xfd\xfc" * 8 + act.call


def _as_objects(act: Action) -> bytes:
    return stream(list_of(act.call, NONE)) + integer(1)


# Two formats in one file.


def _pickle_then_zip(act: Action) -> bytes:
    return _pickle(act) + _zip({"archive/data.pkl": _STATE})


def _zip_behind_pickle(act: Action) -> bytes:
    return _STATE + _zip({"archive/data.pkl": _pickle(act)})


def _behind_safetensors(act: Action) -> bytes:
    entry = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    header = json.dumps(entry).encode().ljust(72)
    return struct.pack("<Q", len(header)) + header + bytes(4) + _pickle(act)


def _pointer(act: Action) -> bytes:
    content = _torch(stream(act.call, protocol=2))
    oid = hashlib.sha256(content).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()
        + content
    )


CONTAINERS: Final[dict[str, Structure]] = {
    "pkc-01-named.bin": _pickle,
    "pkc-01-named.weights": _pickle,
    "pkc-01-named.h5": _pickle,
    "pkc-01-named.safetensors": _pickle,
    "pkc-01-without-extension": _pickle,
    "pkc-01-printable.txt": _plain_text,
    "pkc-02-bad-crc.pt": _bad_crc,
    "pkc-02-names-differ.pt": _names_differ,
    "pkc-02-encrypted-flag.pt": _encrypted_flag,
    "pkc-02-prefixed.pt": _prefixed,
    "pkc-03-odd-member.pt": _odd_member,
    "pkc-03-unlisted-member.pt": _member_without_name,
    "pkc-04-zip-in-zip.pt": _zip_in_zip,
    "pkc-04-tar.gz": _tar_gz,
    "pkc-05-legacy-tar.pt": _legacy_tar,
    "pkc-06-legacy-magic.pt": _legacy(0),
    "pkc-06-legacy-system.pt": _legacy(2),
    "pkc-06-legacy-keys.pt": _legacy(4),
    "pkc-07-torchscript.pt": _torchscript,
    "pkc-08-gzip.pkl.gz": lambda act: gzip.compress(_pickle(act), mtime=0),
    "pkc-08-bzip2.pkl.bz2": lambda act: bz2.compress(_pickle(act)),
    "pkc-08-xz.pkl.xz": lambda act: lzma.compress(_pickle(act)),
    "pkc-08-lzma.pkl.lzma": lambda act: lzma.compress(_pickle(act), lzma.FORMAT_ALONE),
    "pkc-08-zlib.joblib": lambda act: zlib.compress(_pickle(act), 3),
    "pkc-08-zfile.joblib": _zfile,
    "pkc-09-objects.npy": _npy_objects,
    "pkc-09-structured.npy": _npy_structured,
    "pkc-09-archive.npz": _npz,
    "pkc-10-after-array.joblib": _joblib("f8", _after_array),
    "pkc-10-array-of-objects.joblib": _joblib("O8", _as_objects),
    "pkc-11-pickle-then-zip.pt": _pickle_then_zip,
    "pkc-11-zip-behind-pickle.pt": _zip_behind_pickle,
    "pkc-11-behind-safetensors.safetensors": _behind_safetensors,
    "pkc-12-pointer-with-archive.pt": _pointer,
}
