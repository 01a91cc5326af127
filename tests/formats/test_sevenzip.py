"""7z archives through py7zr: what it writes, and what breaks it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.sevenzip import (
    Encrypted,
    ExtraMissing,
    SevenZipContent,
    read_sevenzip,
)

TEXT = b"".join(b"row %d\n" % (index * 7919) for index in range(5000))


def write(files: dict[str, bytes], password: str | None = None, *, hides_names: bool = False) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", password=password, header_encryption=hides_names) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()


def read(data: bytes, limits: Limits | None = None) -> SevenZipContent:
    return read_sevenzip(MemorySource(data), Budget(limits or Limits()))


def contents(content: SevenZipContent) -> dict[str, bytes]:
    return {m.name: bytes(content.spool.read_at(m.offset, m.size)) for m in content.members}


def test_unpacks_every_member_whatever_its_name() -> None:
    files = {"a/model.pkl": b"\x80\x04N.", "b.txt": TEXT, "empty": b""}
    content = read(write(files))
    assert contents(content) == files
    assert content.unfinished is None


def test_members_with_names_that_climb_out_are_only_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    data = write({"xxxfile": b"payload", "good": b"fine"})
    renamed = _rename(data, "xxxfile", "../file")
    assert contents(read(renamed)) == {"../file": b"payload", "good": b"fine"}
    assert list(tmp_path.rglob("*")) == [tmp_path / "in"]


def test_two_members_of_one_name_are_both_there() -> None:
    renamed = _rename(write({"one": b"1", "two": b"2"}), "two", "one")
    assert [member.name for member in read(renamed).members] == ["one", "one"]


@pytest.mark.parametrize("hides_names", [False, True])
def test_says_that_an_archive_is_encrypted(hides_names: bool) -> None:
    with pytest.raises(Encrypted):
        read(write({"a": TEXT}, password="marker", hides_names=hides_names))


def test_stops_a_bomb_and_keeps_what_came_before() -> None:
    content = read(write({"first": TEXT, "bomb": bytes(64 * MIB)}), Limits(expanded_bytes=20 * MIB))
    assert isinstance(content.unfinished, LimitReached)
    assert contents(content)["first"] == TEXT


def test_stops_at_the_limit_of_entries() -> None:
    with pytest.raises(LimitReached, match="members"):
        read(write({str(index): b"x" for index in range(5)}), Limits(entries=3))


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write({"a": b"x"})
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(ExtraMissing, match=r"^needs an extra: pip install 'weighbridge\[archives\]'$"):
        read(data)


def test_truncation_gives_malformed() -> None:
    data = write({"a": TEXT})
    outcomes = {_outcome(data[:length]) for length in range(0, len(data), 7)}
    assert outcomes == {"malformed"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_of_bytes_gives_a_value_or_an_error_of_ours(data: st.DataObject) -> None:
    archive = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(6, len(archive) - 1))] = data.draw(st.integers(0, 255))
    assert _outcome(_with_valid_checksums(bytes(archive))) in {"whole", "broken", "malformed"}


SMALL = write({"a.txt": TEXT[:300], "b.txt": b"second"})


def _outcome(data: bytes) -> str:
    try:
        content = read(data)
    except (Malformed, LimitReached, Encrypted):
        return "malformed"
    return "whole" if content.unfinished is None else "broken"


def _with_valid_checksums(data: bytes) -> bytes:
    """Repair the two checksums that guard the header, so that changes get past them."""
    import zlib

    offset = int.from_bytes(data[12:20], "little")
    size = int.from_bytes(data[20:28], "little")
    if offset + size > len(data):
        return data
    header = data[32 + offset : 32 + offset + size]
    fixed = data[12:28] + zlib.crc32(header).to_bytes(4, "little")
    return data[:8] + zlib.crc32(fixed).to_bytes(4, "little") + fixed + data[32:]


def _rename(data: bytes, old: str, new: str) -> bytes:
    """Change a name in an archive whose header py7zr wrote compressed: write it plain first."""
    buffer = io.BytesIO(data)
    with py7zr.SevenZipFile(buffer, "r") as archive:
        archive_files = {entry.filename: None for entry in archive.files}
        unpacked = read(data)
    assert old in archive_files
    plain = io.BytesIO()
    with py7zr.SevenZipFile(plain, "w") as archive:
        archive.set_encoded_header_mode(False)
        for member in unpacked.members:
            archive.writestr(bytes(unpacked.spool.read_at(member.offset, member.size)), member.name)
    before = plain.getvalue()
    assert before.count(old.encode("utf-16-le")) == 1
    return _with_valid_checksums(before.replace(old.encode("utf-16-le"), new.encode("utf-16-le")))
