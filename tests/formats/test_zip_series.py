"""Several whole archives in one file are told from an archive with something before it."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Budget, Limits
from weighbridge.formats.archive.zip_series import archive_series


def _archive(data: bytes = b"weighbridge-marker") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), data)
    return file.getvalue()


def _series(data: bytes) -> tuple[tuple[int, int], ...]:
    return archive_series(MemorySource(data), Budget(Limits()))


def test_archives_behind_each_other_are_a_series_in_their_order() -> None:
    first, second, third = _archive(b"a"), _archive(b"bcd"), _archive(b"")
    ends = [len(first), len(first + second), len(first + second + third)]

    assert _series(first + second + third) == tuple(zip([0, *ends[:2]], ends, strict=True))


@pytest.mark.parametrize(
    "data",
    [
        _archive(),
        b"",
        b"before" + _archive() + _archive(),
        _archive() + b"between" + _archive(),
        _archive() + _archive() + b"behind",
    ],
    ids=["one", "none", "before", "between", "behind"],
)
def test_anything_else_is_no_series(data: bytes) -> None:
    assert _series(data) == ()


def test_a_directory_that_only_another_reader_finds_is_no_part_of_a_series() -> None:
    """A reader that goes to the stated offset (miniz) must find a directory of the series there."""
    last = _archive()
    stated = struct.unpack("<I", last[-6:-2])[0]
    central = last[stated:-22]
    decoy = central.ljust(400, b"\0")
    first = _archive(b"x" * (stated - 46) + decoy)

    assert first[stated : stated + 4] == b"PK\x01\x02"
    assert _series(first + last) == ()
