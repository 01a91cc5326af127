"""Containers around real files, the tar layout of torch before 0.1.10, and the same with a call planted.

`Planted` is written, never read: `posix.system('echo weighbridge-marker')`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import joblib
import lz4.frame
import numpy as np
import pandas as pd
import py7zr
import torch
import zstandard
from sklearn import linear_model, pipeline, preprocessing

from tests.real.writers_numpy import zf

Writer = Callable[[object, Path], object]


class Planted:
    """Pickled, it is a call of a shell with an inert command."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo weighbridge-marker",)


# Containers around files.


def wrap(files: dict[str, bytes], folder: Path) -> None:
    """Write the same files into every kind of container, and containers into containers."""
    tar = _tar(files)
    wrapped = {
        "plain.zip": _zip(files, zipfile.ZIP_STORED),
        "deflated.zip": _zip(files, zipfile.ZIP_DEFLATED),
        "bzip2.zip": _zip(files, zipfile.ZIP_BZIP2),
        "lzma.zip": _zip(files, zipfile.ZIP_LZMA),
        "plain.tar": tar,
        "gnu.tar": _tar(files, tarfile.GNU_FORMAT),
        "ustar.tar": _tar(files, tarfile.USTAR_FORMAT),
        "packed.tgz": gzip.compress(tar, mtime=0),
        "packed.tar.bz2": bz2.compress(tar),
        "packed.tar.xz": lzma.compress(tar),
        "packed.tar.zst": zstandard.compress(tar),
        "packed.tar.lz4": lz4.frame.compress(tar),
        "packed.7z": _sevenzip(files),
    }
    wrapped["nested.zip"] = _zip(
        {name: wrapped[name] for name in ("packed.tgz", "deflated.zip", "packed.7z")}, zipfile.ZIP_STORED
    )
    wrapped["nested.tar"] = _tar({"inner/plain.zip": wrapped["plain.zip"]})
    for name, data in wrapped.items():
        (folder / name).write_bytes(data)
    for name, data in files.items():
        compressed = {
            ".gz": gzip.compress(data, mtime=0),
            ".xz": lzma.compress(data),
            ".bz2": bz2.compress(data),
        }
        compressed |= {
            ".zst": zstandard.compress(data),
            ".lz4": lz4.frame.compress(data),
            ".z": zlib.compress(data),
        }
        compressed |= {".lzma": lzma.compress(data, lzma.FORMAT_ALONE)}
        for suffix, packed in compressed.items():
            (folder / f"{name}{suffix}").write_bytes(packed)


def _zip(files: dict[str, bytes], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def _tar(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def _sevenzip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return file.getvalue()


def real_files() -> dict[str, bytes]:
    """A file of each library, to be packed."""
    return {
        "model.pt": _written(torch.save, {"w": torch.ones(3)}),
        "legacy.pt": _written(_save_legacy, {"w": torch.ones(3)}),
        "pipeline.joblib": _written(joblib.dump, _pipeline()),
        "frame.pkl": pickle.dumps(pd.DataFrame({"a": [1], "b": ["x"]})),
        "array.npy": _written(lambda value, file: np.save(file, value), np.arange(3)),
        "notes.txt": b"plain text\n",
    }


def _pipeline() -> pipeline.Pipeline:
    return pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()).fit(
        [[0.0], [1.0]], [0.0, 1.0]
    )


def _written(write: Callable[..., object], value: object) -> bytes:
    file = io.BytesIO()
    write(value, file)
    return file.getvalue()


def _save_legacy(value: object, file: io.BytesIO) -> None:
    torch.save(value, file, _use_new_zipfile_serialization=False)


def write_containers(folder: Path) -> None:
    """Real files in every container."""
    wrap(real_files(), folder)


# The layout of torch before 0.1.10.


def torch_tar(value: object) -> bytes:
    """A checkpoint as torch 0.1.9 laid it out: a tar of `sys_info`, `pickle`, `storages`, `tensors`.

    storages: count | for each (key, location, type) pickled, count of elements, elements | views
    tensors: count | for each (key, storage, type) pickled, dimensions, sizes, strides, offset
    pickle: the object; a tensor is a persistent id, its key as text.

    Source: torch/serialization.py `_legacy_load`, `legacy_load`.
    """
    elements = struct.pack("<q6f", 6, 0, 1, 2, 3, 4, 5)
    storage = pickle.dumps(("1", "cpu", torch.FloatStorage), 2) + elements
    tensor = pickle.dumps(("2", "1", torch.FloatTensor), 2) + struct.pack(
        "<iiqqqqq", 2, 0, 2, 3, 3, 1, 0
    )
    system = {
        "protocol_version": 1000,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    members = {
        "sys_info": pickle.dumps(system, 2),
        "pickle": _with_tensor_id(value),
        "storages": pickle.dumps(1, 2) + storage + pickle.dumps([], 2),
        "tensors": pickle.dumps(1, 2) + tensor,
    }
    return _tar(members)


class _TensorId:
    """Stands for the tensor of key 2."""


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> str | None:
        return "2" if isinstance(value, _TensorId) else None


def _with_tensor_id(value: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file, 2).dump({"weight": _TensorId(), "other": value})
    return file.getvalue()


def write_torch_tar(folder: Path) -> None:
    (folder / "model.pt").write_bytes(torch_tar({"epoch": 3, "names": ["a"]}))


# The same writers, with a call planted in what they write.


def planted_writers() -> Iterator[tuple[str, Writer]]:
    """Yield (file name, writer): each writer of the suite that can be handed any object."""
    yield from _planted_pickles()
    yield from _planted_torch()
    yield from _planted_joblib()
    yield from _planted_numpy_and_pandas()


def _planted_pickles() -> Iterator[tuple[str, Writer]]:
    for protocol in range(6):
        yield f"pickle.p{protocol}.pkl", partial(_write_pickle, protocol=protocol)
    yield "deep.pkl", lambda value, path: path.write_bytes(pickle.dumps([{"a": (1, {"b": [value]})}]))
    yield "late.pkl", lambda value, path: path.write_bytes(pickle.dumps([*range(100_000), value]))
    yield "second.pkl", lambda value, path: path.write_bytes(pickle.dumps([1]) + pickle.dumps(value))
    yield "attribute.pkl", _write_estimator


def _write_pickle(value: object, path: Path, *, protocol: int) -> None:
    path.write_bytes(pickle.dumps(value, protocol))


def _write_compressed(value: object, path: Path, *, compressor: str) -> None:
    joblib.dump([np.arange(3), value], path, compress=(compressor, 3))


def _write_estimator(value: object, path: Path) -> None:
    estimator = _pipeline()
    estimator.note = value
    path.write_bytes(pickle.dumps(estimator))


def _planted_torch() -> Iterator[tuple[str, Writer]]:
    yield "zip.pt", lambda value, path: torch.save({"w": torch.ones(2), "x": value}, path)
    yield "zip.p5.pt", lambda value, path: torch.save([value, torch.ones(2)], path, pickle_protocol=5)
    yield (
        "legacy.pt",
        lambda value, path: torch.save(
            [torch.ones(2), value], path, _use_new_zipfile_serialization=False
        ),
    )
    yield "tar.pt", lambda value, path: path.write_bytes(torch_tar(value))
    yield "module.pt", _write_module
    yield "rezipped.pt", _write_rezipped
    yield "package.pt", _write_package
    yield "distributed", _write_distributed
    yield "appended.pt", _write_appended


def _write_module(value: object, path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    module.note = value
    torch.save(module, path)


def _write_rezipped(value: object, path: Path) -> None:
    saved = _written(torch.save, value)
    with zipfile.ZipFile(io.BytesIO(saved)) as source:
        files = {info.filename: source.read(info) for info in source.infolist()}
    path.write_bytes(_zip(files, zipfile.ZIP_DEFLATED))


def _write_package(value: object, path: Path) -> None:
    with torch.package.PackageExporter(path) as exporter:
        exporter.extern(["**"])
        exporter.save_pickle("model", "model.pkl", value)


def _write_distributed(value: object, path: Path) -> None:
    import torch.distributed.checkpoint as distributed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distributed.save(
            {"a": torch.ones(2), "b": value, "c": torch.ones(2)}, checkpoint_id=str(path), no_dist=True
        )


def _write_appended(value: object, path: Path) -> None:
    with open(path, "wb") as file:
        torch.save([1], file, _use_new_zipfile_serialization=False)
        torch.save(value, file, _use_new_zipfile_serialization=False)


def _planted_joblib() -> Iterator[tuple[str, Writer]]:
    yield "plain.joblib", lambda value, path: joblib.dump([np.arange(3), value, np.arange(3)], path)
    yield (
        "object_array.joblib",
        lambda value, path: joblib.dump([np.arange(3), np.array([value], dtype=object)], path),
    )
    yield (
        "behind_arrays.joblib",
        lambda value, path: joblib.dump([*(np.full(n, n) for n in range(50)), value], path),
    )
    for compressor in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
        yield f"{compressor}.joblib", partial(_write_compressed, compressor=compressor)
    yield "zf.joblib", lambda value, path: path.write_bytes(zf(pickle.dumps(value, 2)))


def _planted_numpy_and_pandas() -> Iterator[tuple[str, Writer]]:
    yield (
        "objects.npy",
        lambda value, path: np.save(path, np.array([value], dtype=object), allow_pickle=True),
    )
    yield (
        "objects.npz",
        lambda value, path: np.savez(path, np.arange(3), np.array([value], dtype=object)),
    )
    yield (
        "compressed.npz",
        lambda value, path: np.savez_compressed(path, np.array([value], dtype=object)),
    )
    for suffix in ("", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tar.gz"):
        yield (
            f"frame.pkl{suffix}",
            lambda value, path: pd.DataFrame({"a": [value]}, dtype=object).to_pickle(path),
        )


def write_planted(folder: Path) -> None:
    """Every writer with a planted call, and a planted pickle in every container."""
    for name, write in planted_writers():
        write(Planted(), folder / name)
    containers = folder / "containers"
    containers.mkdir()
    wrap({"readme.txt": b"plain text\n", "weights.bin": pickle.dumps(Planted())}, containers)
    for leftover in ("readme.txt",):
        for path in containers.glob(f"{leftover}.*"):
            path.unlink()
