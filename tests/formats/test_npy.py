"""NumPy headers: every dtype that NumPy writes, and every spelling that it would read."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import Malformed
from weighbridge.formats.weights.npy import NpyAnomaly, NpyHeader, parse_npy
from weighbridge.formats.weights.npy_dtype import Content


def parse(data: bytes, *, offset: int = 0) -> NpyHeader:
    return parse_npy(MemorySource(data), offset=offset)


def file_of(header: str | bytes, payload: bytes = b"", *, version: int = 1) -> bytes:
    raw = header if isinstance(header, bytes) else header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes([version, 0]) + length + raw + payload


def described(descr: str, *, shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def kinds(data: bytes) -> list[NpyAnomaly]:
    return [anomaly.kind for anomaly in parse(data).anomalies]


def saved(array: Any, *, version: tuple[int, int] | None = None) -> bytes:
    from numpy.lib import format as npy_format

    out = io.BytesIO()
    npy_format.write_array(out, array, version=version)
    return out.getvalue()


PLAIN_DTYPES = [
    *("?", "b", "B", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8", "g", "<c8", "<c16", "G"),
    *("S5", "S0", "<U3", "V7", "<M8[ns]", "<m8[25us]", "<M8"),
]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", PLAIN_DTYPES)
def test_every_plain_dtype_that_numpy_writes_has_its_size(dtype: str) -> None:
    import numpy as np

    data = saved(np.zeros((2, 3), dtype=dtype))
    header = parse(data)

    assert header.dtype.content is Content.PLAIN
    assert header.payload_size is not None
    assert header.payload_offset + header.payload_size == len(data)
    assert header.anomalies == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype",
    [
        [("a", "<i4"), ("b", "<f8")],
        [("a", [("x", "<f4", (2, 3)), ("y", "<U4")]), ("b", "S1", (2,))],
        [(("title", "name"), "<i4"), ("it's \\ \"ü", "u1")],
    ],
)
def test_structured_dtypes_that_numpy_writes_have_their_size(dtype: Any) -> None:
    import numpy as np

    array: Any = np.zeros(3, dtype=dtype)

    assert parse(saved(array, version=(3, 0))).payload_size == array.nbytes


@pytest.mark.slow
def test_aligned_structs_with_padding_have_their_size() -> None:
    import numpy as np

    array: Any = np.zeros(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))

    assert parse(saved(array)).payload_size == array.nbytes == 48


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype", ["O", [("a", "<i4"), ("b", "O")], [("a", [("x", "O", (2,))])], [("n", "O", (1, 1))]]
)
def test_objects_are_seen_however_deep_they_are(dtype: Any) -> None:
    import numpy as np

    data = saved(np.zeros(2, dtype=dtype))
    header = parse(data)

    assert header.has_objects
    assert header.payload_size is None
    assert data[header.payload_offset : header.payload_offset + 1] == b"\x80"


@pytest.mark.slow
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_that_numpy_writes_is_read(version: tuple[int, int]) -> None:
    import numpy as np

    header = parse(saved(np.asfortranarray(np.zeros((4, 5), dtype="<f8")), version=version))

    assert header.version == version
    assert header.shape == (4, 5)
    assert header.fortran_order
    assert header.anomalies == ()


@pytest.mark.slow
def test_members_of_an_npz_are_arrays() -> None:
    import numpy as np

    out = io.BytesIO()
    np.savez_compressed(out, numbers=np.arange(4), objects=np.array([{"a": 1}], dtype=object))
    with zipfile.ZipFile(out) as archive:
        headers = {name: parse(archive.read(name)) for name in archive.namelist()}

    assert {name: header.has_objects for name, header in headers.items()} == {
        "numbers.npy": False,
        "objects.npy": True,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "word", ["O", "|O", "O8", "|O8", "O4", "object", "object_", "<O", "2O", "O,i4", "T"]
)
def test_no_spelling_of_an_object_dtype_that_numpy_reads_counts_as_plain(word: str) -> None:
    import numpy as np

    assert np.dtype(word).hasobject
    assert parse(file_of(described(repr(word)))).dtype.content is not Content.PLAIN


@pytest.mark.slow
@given(st.text(alphabet="<>|=?biufcSUVMmOT0123456789,()[]nso ", max_size=8))
def test_a_dtype_that_counts_as_plain_has_no_objects_in_numpy_either(word: str) -> None:
    import numpy as np

    dtype = parse(file_of(described(repr(word)))).dtype
    if dtype.content is Content.PLAIN:
        try:
            theirs = np.dtype(word)
        except (TypeError, ValueError):
            return
        assert not theirs.hasobject
        assert dtype.size_bytes == theirs.itemsize


@pytest.mark.parametrize("descr", ["'|' 'O'", "'\\x4f'", "r'|O'", "[('a', '|O')]", "('|O', (2,))"])
def test_an_object_dtype_is_seen_through_its_spelling(descr: str) -> None:
    assert parse(file_of(described(descr))).has_objects


def test_longs_of_python_2_are_read() -> None:
    header = parse(file_of(described("'<f8'", shape="(10L, 2L)"), bytes(160)))

    assert header.shape == (10, 2)
    assert header.anomalies == ()


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"{'descr': __import__('os')}", NpyAnomaly.NOT_LITERAL),
        (b"[]", NpyAnomaly.NOT_LITERAL),
        (b"{", NpyAnomaly.NOT_LITERAL),
        (b"\0", NpyAnomaly.NOT_LITERAL),
        (b"{**{}}", NpyAnomaly.NOT_LITERAL),
        (b"1" + b"+1" * 20_000, NpyAnomaly.NOT_LITERAL),
        (b"-" * 60_000 + b"1", NpyAnomaly.NOT_LITERAL),
        (b"[" * 180 + b"]" * 180, NpyAnomaly.NOT_LITERAL),
        (b"1if 1 else " * 5_000 + b"1", NpyAnomaly.NOT_LITERAL),
        (b"{'shape': 0x" + b"f" * 20_000 + b"}", NpyAnomaly.NOT_LITERAL),
        (b"{}", NpyAnomaly.WRONG_KEYS),
        (b"{'descr': '<f8', 'shape': (1,)}", NpyAnomaly.WRONG_KEYS),
        (
            b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}",
            NpyAnomaly.WRONG_KEYS,
        ),
        (
            b"{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
            NpyAnomaly.DUPLICATE_KEY,
        ),
        (described("'i4,O'").encode(), NpyAnomaly.UNKNOWN_DTYPE),
        (described("{'a': 1}").encode(), NpyAnomaly.UNKNOWN_DTYPE),
        (described("'<f8'", shape="(-1,)").encode(), NpyAnomaly.BAD_SHAPE),
        (described("'<f8'", shape="[1]").encode(), NpyAnomaly.BAD_SHAPE),
        (described("'<f8'", shape="(4294967296, 4294967296)").encode(), NpyAnomaly.OVERFLOW),
        (described("'<f8'", shape="(9223372036854775807,)").encode(), NpyAnomaly.OVERFLOW),
        (described("'<f8'", shape="(1000000000,)").encode(), NpyAnomaly.TRUNCATED),
        (b" " * 70_000, NpyAnomaly.LONG_HEADER),
    ],
    ids=lambda value: value.value if isinstance(value, NpyAnomaly) else "",
)
def test_each_broken_header_is_named(header: bytes, kind: NpyAnomaly) -> None:
    assert kind in kinds(file_of(header, bytes(16), version=2))


def test_an_object_dtype_counts_even_when_another_reading_has_none() -> None:
    twice = "{'descr': '|O', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"

    assert parse(file_of(twice)).has_objects


@pytest.mark.parametrize("header", [b"junk", b" " * 70_000])
def test_a_header_that_is_not_understood_makes_the_payload_unknown(header: bytes) -> None:
    parsed = parse(file_of(header, b"payload", version=2))

    assert parsed.dtype.content is Content.UNKNOWN
    assert parsed.payload_size is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\x93NUMPY", b"\x94NUMPY" + bytes(20), file_of("{}", version=4), b"\x93NUMPY\1\1" + bytes(9)],
)
def test_what_is_no_known_npy_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


def test_an_array_in_the_middle_of_a_file_is_read() -> None:
    first = file_of(described("'<f8'"), bytes(16))

    header = parse(first + file_of(described("'<f4'"), bytes(8)), offset=len(first))

    assert header.payload_offset + (header.payload_size or 0) == len(first) + len(first) - 8


def test_truncation_at_every_byte_is_noticed() -> None:
    data = file_of(described("'<f8'"), bytes(16))
    unnoticed = []
    for size in range(len(data)):
        try:
            if kinds(data[:size]) != [NpyAnomaly.TRUNCATED]:
                unnoticed.append(size)
        except Malformed:
            pass

    assert unnoticed == []
    assert kinds(data) == []


@given(st.binary(max_size=80) | st.text(alphabet="{}[]()'descrhapfotn_: ,0123<|OL-", max_size=80))
def test_any_header_gives_a_value_or_malformed(header: bytes | str) -> None:
    data = file_of(header, b"payload")

    parsed = parse(data)

    assert parsed.payload_offset == len(data) - len(b"payload")


@given(st.binary(max_size=60))
def test_any_bytes_give_a_header_or_malformed(data: bytes) -> None:
    try:
        header = parse(b"\x93NUMPY" + data)
    except Malformed:
        return
    assert header.payload_offset <= len(data) + 6
