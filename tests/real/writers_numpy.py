"""Files that numpy and joblib write, and numpy objects in pickles."""

from __future__ import annotations

import io
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import numpy.ma.mrecords

_DTYPES = (
    "?",
    "b",
    "B",
    "h",
    "H",
    "i",
    "I",
    "l",
    "L",
    "q",
    "Q",
    "e",
    "f",
    "d",
    "g",
    "F",
    "D",
    "G",
    "S7",
    "U3",
    "V5",
    ">i4",
    ">f8",
    "<u2",
    ">c16",
    "M8[D]",
    "M8[ns]",
    "m8[s]",
    "M8",
    "T",
)
_STRUCTURED = (
    np.dtype([("a", "<i4"), ("b", "S3"), ("c", ">f8", (2, 3))]),
    np.dtype([("nested", [("x", "f4"), ("y", "M8[s]")])]),
    np.dtype(
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [0, 16], "itemsize": 32}, align=True
    ),
    np.dtype([(("a title", "name"), "i2")]),
    np.dtype([("ünïcode", "f4")]),
)


def arrays() -> Iterator[tuple[str, np.ndarray]]:
    """Arrays of every dtype and shape that has a file format of its own."""
    for code in _DTYPES:
        dtype = np.dtype(code) if code != "T" else np.dtypes.StringDType()
        yield f"dtype_{code.translate(str.maketrans('<>?[]', 'ab_()'))}", np.zeros((2, 3), dtype)
    for number, dtype in enumerate(_STRUCTURED):
        yield f"structured_{number}", np.zeros(4, dtype)
    yield "fortran", np.asfortranarray(np.arange(12.0).reshape(3, 4))
    yield "strided", np.arange(20)[::3]
    yield "transposed", np.arange(6).reshape(2, 3).T
    yield "empty", np.empty((0, 3))
    yield "scalar", np.array(1.5)
    yield "broadcast", np.broadcast_to(np.arange(3), (4, 3))
    yield "large", np.arange(200_000, dtype=np.float32)
    yield "objects", np.array([{"a": 1}, [1, 2], None, "x", 1.5, (1,)], dtype=object)
    yield "object_arrays", np.array([np.arange(3), np.zeros((2, 2))], dtype=object)
    yield "object_empty", np.empty(0, dtype=object)
    yield "text_objects", np.array([["a", "bc"], ["d", None]], dtype=object)
    yield "structured_objects", np.array([(1, {"a": 2})], dtype=[("n", "i4"), ("o", "O")])


def others() -> Iterator[tuple[str, object]]:
    """What is pickled besides arrays."""
    yield (
        "scalars",
        [
            kind(1)
            for kind in (np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex64, np.half)
        ],
    )
    yield (
        "more_scalars",
        [
            np.str_("a"),
            np.bytes_(b"a"),
            np.datetime64("2026-01-02"),
            np.timedelta64(3, "D"),
            np.longdouble(1),
        ],
    )
    yield "void", np.zeros(1, _STRUCTURED[0])[0]
    yield "dtypes", [np.dtype(code) for code in _DTYPES if code != "T"] + list(_STRUCTURED)
    yield "scalar_types", [np.float32, np.int64, np.bool_, np.generic, np.ndarray, np.str_]
    yield "dtype_classes", [np.dtypes.Float64DType, np.dtypes.Int8DType]
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        bits = getattr(np.random, name)(7)
        yield f"generator_{name}", [bits, np.random.Generator(bits)]
    yield "random_state", [np.random.RandomState(7), np.random.RandomState(7).get_state()]
    yield "seed_sequence", np.random.SeedSequence(7)
    yield "masked", np.ma.masked_array([1, 2, 3], [0, 1, 0])
    yield "masked_records", np.zeros(2, [("a", "i4"), ("b", "f8")]).view(np.ma.mrecords.MaskedRecords)
    yield "masked_constant", np.ma.masked
    yield "matrix", np.matrix([[1, 2], [3, 4]])
    yield (
        "records",
        [
            np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
            np.rec.array([(1,)], dtype=[("a", "i4")])[0],
        ],
    )
    yield "characters", np.char.array(["a", "bc"])
    yield "poly1d", np.poly1d([1, 2, 3])
    yield "polynomials", [kind([1, 2]) for kind in _polynomials()]
    yield "functions", [np.log1p, np.sum, np.mean, np.add, np.exp, np.linalg.norm, np.fft.fft]
    yield "vectorized", np.vectorize(len)
    yield (
        "nditer_free",
        {"ix": np.ix_([0, 1], [1]), "slice": np.s_[1:2, ...], "newaxis": np.newaxis, "nan": np.nan},
    )
    yield "finfo", [np.finfo(np.float32).dtype, np.errstate(all="ignore").__class__.__name__]


def _polynomials() -> list[type]:
    space = np.polynomial
    return [
        space.Polynomial,
        space.Chebyshev,
        space.Legendre,
        space.Laguerre,
        space.Hermite,
        space.HermiteE,
    ]


def write_numpy(folder: Path) -> None:
    """.npy, .npz, savez_compressed, and pickles of every protocol."""
    plain = dict(arrays())
    for name, array in plain.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
        np.savez(folder / f"{name}.npz", array, other=array)
        np.savez_compressed(folder / f"{name}.compressed.npz", array)
    np.savez(folder / "all.npz", *plain.values())
    with open(folder / "several.npy", "wb") as file:
        for _ in range(3):
            np.save(file, np.arange(5))
    for name, value in (*plain.items(), *others()):
        for protocol in range(6):
            (folder / f"{name}.p{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    mapped = np.lib.format.open_memmap(folder / "mapped.npy", "w+", np.float32, (10,))
    for protocol in range(6):
        (folder / f"memmap.p{protocol}.pkl").write_bytes(pickle.dumps(mapped, protocol=protocol))
    _write_out_of_band(folder)


def _write_out_of_band(folder: Path) -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps({"a": np.arange(1000)}, protocol=5, buffer_callback=buffers.append)
    (folder / "out_of_band.pkl").write_bytes(data)


# joblib


def joblib_objects() -> Iterator[tuple[str, object]]:
    """Arrays between opcodes in every shape that joblib writes them."""
    yield from arrays()
    yield (
        "several",
        {
            "a": np.arange(5),
            "b": [np.zeros(3), np.ones((2, 2), order="F")],
            "c": {"d": np.array([1], dtype=object)},
        },
    )
    yield "same_twice", [(shared := np.arange(4)), shared]
    yield (
        "nested_objects",
        {"o": np.array([np.array([{"a": np.arange(2)}], dtype=object)], dtype=object)},
    )
    yield "no_array", {"a": [1, 2, {"b": 3}]}
    yield "text_after_array", [np.arange(3), "PK\x05\x06", b"\x80\x04cos\nsystem\n"]
    yield "masked", np.ma.masked_array([1.0, 2.0], [0, 1])
    yield "matrix", np.matrix([[1, 2]])
    yield "generator", np.random.default_rng(1)
    yield "many", [np.full(n % 7, n) for n in range(300)]
    yield "bytes_like_pickles", np.frombuffer(pickle.dumps({"a": 1}) * 50, dtype=np.uint8)


def write_joblib(folder: Path) -> None:
    """joblib.dump plain, with every compressor and level, protocols from 2, to a stream, from a map."""
    for name, value in joblib_objects():
        joblib.dump(value, folder / f"{name}.joblib")
        joblib.dump(value, folder / f"{name}.joblib.z", compress=3)
    small = {"a": np.arange(2000.0), "b": np.array([{"x": 1}], dtype=object), "c": "text"}
    for compressor in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
        for level in (0, 1, 3, 9):
            joblib.dump(small, folder / f"{compressor}_{level}.joblib", compress=(compressor, level))
        suffix = {"zlib": "z", "gzip": "gz"}.get(compressor, compressor)
        joblib.dump(small, folder / f"by_suffix.pkl.{suffix}")
    for protocol in range(2, 6):
        joblib.dump(small, folder / f"p{protocol}.joblib", protocol=protocol)
        joblib.dump(small, folder / f"p{protocol}.gz.joblib", protocol=protocol, compress=("gzip", 3))
    stream = io.BytesIO()
    joblib.dump(small, stream)
    (folder / "stream.joblib").write_bytes(stream.getvalue())
    joblib.dump(np.arange(5000.0), folder / "mappable.joblib")
    mapped = joblib.load(folder / "mappable.joblib", mmap_mode="r")  # a file that this function wrote
    joblib.dump({"mapped": mapped}, folder / "mapped.joblib")
    (folder / "zf.joblib").write_bytes(zf(pickle.dumps({"a": 1, "b": [1.5]}, protocol=2)))


def zf(data: bytes) -> bytes:
    """The container of joblib before 0.10: ZF, the length in hexadecimal in 19 characters, zlib.

    Source: joblib/numpy_pickle_compat.py `write_zfile`.
    """
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data, 3)
