"""Lance manifests: the paths in them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.datasets.lance import read_manifest


def _manifest(content: bytes, *, at: int = 0) -> bytes:
    return struct.pack("<I", len(content)) + content + struct.pack("<QHH", at, 0, 2) + b"LANC"


def _nested(*numbers: int, text: bytes) -> bytes:
    for number in reversed(numbers):
        # A tag above 15 takes two bytes.
        tag = number << 3 | 2
        head = bytes([tag]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7])
        text = head + bytes([len(text)]) + text
    return text


def test_paths_of_data_files_and_of_bases_are_found() -> None:
    content = _nested(2, 2, 1, text=b"a.lance") + _nested(18, 4, text=b"/base")
    assert read_manifest(MemorySource(_manifest(content))).paths == ("a.lance", "/base")


@pytest.mark.parametrize("data", [b"LANC", bytes(20), _manifest(b"", at=1 << 60), _manifest(b"", at=3)])
def test_a_file_without_a_manifest_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_manifest(MemorySource(data))


@given(st.binary(min_size=1, max_size=80))
def test_any_content_gives_paths_or_malformed(content: bytes) -> None:
    try:
        paths = read_manifest(MemorySource(_manifest(content))).paths
    except (Malformed, LimitReached):
        return
    assert sum(map(len, paths)) <= 4 * len(content)
