"""The zip reader against zipfile, and against archives that no writer makes."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.zip_bytes import Entry, build_zip, end_record
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.inflate import Salvage
from weighbridge.formats.archive.zip import ZipDirectory, parse_zip
from weighbridge.formats.archive.zip_anomalies import ZipAnomalyKind as Kind
from weighbridge.formats.archive.zip_members import is_plain, open_member
from weighbridge.formats.archive.zip_records import ZipMember

METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def parse(data: bytes, limits: Limits | None = None) -> ZipDirectory:
    return parse_zip(MemorySource(data), Budget(limits or Limits()), compare_local_headers=True)


def kinds(data: bytes) -> set[Kind]:
    return {anomaly.kind for anomaly in parse(data).anomalies}


def content(data: bytes, member: ZipMember) -> bytes:
    return b"".join(open_member(MemorySource(data), member, Budget(Limits())))


def contents(data: bytes) -> list[tuple[str, bytes]]:
    return [(member.name, content(data, member)) for member in parse(data).members]


def by_zipfile(method: int, *, name: str = "archive/data.pkl") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, b"some text " * 400)
        archive.writestr("archive/data/0", bytes(range(256)) * 8)
        archive.mkdir("archive/empty")
    return buffer.getvalue()


def assert_same_as_zipfile(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [
            (info.filename, info.CRC, info.file_size, info.compress_size, info.header_offset)
            for info in archive.infolist()
        ]
        payloads = [archive.read(info) for info in archive.infolist()]
    directory = parse(data)
    found = [(m.name, m.crc, m.size, m.compressed_size, m.header_offset) for m in directory.members]
    assert found == expected
    assert [content(data, member) for member in directory.members] == payloads
    assert directory.anomalies == ()


class TestRealWriters:
    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
    def test_reads_what_zipfile_reads(self, method: int) -> None:
        assert_same_as_zipfile(by_zipfile(method))

    def test_reads_names_beyond_ascii(self) -> None:
        assert_same_as_zipfile(by_zipfile(zipfile.ZIP_DEFLATED, name="モデル/data.pkl"))

    def test_reads_data_descriptors_of_a_writer_that_cannot_seek(self) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", b"a" * 1000)
            archive.writestr("b.txt", b"b" * 1000)
        assert_same_as_zipfile(pipe.getvalue())

    def test_reads_zip64_fields_that_were_forced(self) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive, archive.open("b", "w", force_zip64=True) as member:
            member.write(b"not so big")
        assert_same_as_zipfile(buffer.getvalue())

    def test_reads_a_zip64_directory(self) -> None:
        buffer = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
            for index in range(65_536):
                archive.writestr(zipfile.ZipInfo(f"{index}"), b"")
        directory = parse(buffer.getvalue())
        assert len(directory.members) == 65_536
        assert directory.anomalies == ()

    def test_reads_an_empty_archive(self) -> None:
        buffer = io.BytesIO()
        zipfile.ZipFile(buffer, "w").close()
        assert parse(buffer.getvalue()) == ZipDirectory(members=(), anomalies=())

    def test_reads_a_long_comment(self) -> None:
        buffer = io.BytesIO(by_zipfile(zipfile.ZIP_STORED))
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.comment = b"x" * 65_535
        assert_same_as_zipfile(buffer.getvalue())

    @pytest.mark.skipif(shutil.which("zip") is None, reason="needs the zip command")
    def test_reads_what_info_zip_writes(self, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "naïve.txt").write_bytes(b"text " * 100)
        (tmp_path / "tree" / "weights.bin").write_bytes(bytes(5000))
        subprocess.run(["zip", "-qr", "out.zip", "tree"], cwd=tmp_path, check=True)
        assert_same_as_zipfile((tmp_path / "out.zip").read_bytes())

    @pytest.mark.slow
    @pytest.mark.parametrize("computes_checksums", [True, False])
    def test_reads_what_torch_writes(self, computes_checksums: bool) -> None:
        import torch

        torch.serialization.set_crc32_options(computes_checksums)
        buffer = io.BytesIO()
        torch.save({"weight": torch.ones(300), "bias": torch.zeros(3)}, buffer)
        torch.serialization.set_crc32_options(True)
        data = buffer.getvalue()
        assert parse(data).anomalies == ()
        by_name = dict(contents(data))
        assert by_name["archive/data/0"] == b"\x00\x00\x80\x3f" * 300
        assert by_name["archive/data.pkl"].startswith(b"\x80\x02")


class TestDecoding:
    def test_yields_what_was_decoded_before_the_data_breaks(self) -> None:
        whole = Entry(name=b"a", data=bytes(range(256)) * 2000, method=8)
        broken = whole.stored[:-40] + b"\xff" * 40
        data = build_zip(Entry(name=b"a", data=broken, local_method=8))
        member = next(m for m in parse(data).members if m.method == 8)
        salvage = Salvage(open_member(MemorySource(data), member, Budget(Limits())))
        decoded = b"".join(salvage)
        assert isinstance(salvage.error, Malformed)
        assert len(decoded) > len(whole.data) - 20_000
        assert whole.data.startswith(decoded[: len(decoded) - 2_000])

    def test_refuses_a_method_that_it_does_not_know(self) -> None:
        data = build_zip(Entry(name=b"a", data=b"abc", method=9))
        with pytest.raises(Malformed, match="deflate64"):
            content(data, parse(data).members[0])

    def test_stops_a_bomb_at_the_ratio(self) -> None:
        data = build_zip(Entry(name=b"bomb", data=bytes(64 << 20), method=8))
        with pytest.raises(LimitReached, match="bomb"):
            content(data, parse(data).members[0])

    @pytest.mark.parametrize("method", [0, 8])
    def test_sees_that_flagged_data_is_not_encrypted(self, method: int) -> None:
        data = build_zip(Entry(name=b"a", data=b"plain " * 9, method=method, flags=1, crc=7))
        assert is_plain(MemorySource(data), parse(data).members[0], Budget(Limits()))

    @pytest.mark.parametrize("method", [0, 8])
    def test_sees_that_encrypted_data_is_encrypted(self, method: int) -> None:
        noise = b"\x07\xf1\x9c" * 30
        data = build_zip(Entry(name=b"a", data=noise, method=0, local_method=method, flags=1, size=78))
        member = parse(data).members[-1]
        assert member.method == method
        assert not is_plain(MemorySource(data), member, Budget(Limits()))


PLAIN = Entry(name=b"plain.txt", data=b"nothing to see")
UNICODE = struct.pack("<BI", 1, zlib.crc32(b"notes.txt")) + b"data.pkl"

TRICKS = {
    Kind.NAMES_DIFFER: build_zip(Entry(name=b"data.pkl", local_name=b"note.txt", data=b"x")),
    Kind.METHODS_DIFFER: build_zip(Entry(name=b"a", data=b"x" * 9, method=8, local_method=0)),
    Kind.SIZES_DIFFER: build_zip(Entry(name=b"a", data=b"x" * 9, local_compressed_size=4)),
    Kind.CRCS_DIFFER: build_zip(Entry(name=b"a", data=b"x" * 9, local_crc=4)),
    Kind.FLAGS_DIFFER: build_zip(Entry(name=b"a", data=b"x" * 9, local_flags=1)),
    Kind.UNICODE_NAME_DIFFERS: build_zip(
        Entry(name=b"notes.txt", data=b"x", extra=struct.pack("<2H", 0x7075, len(UNICODE)) + UNICODE)
    ),
    Kind.NUL_IN_NAME: build_zip(Entry(name=b"data.pkl\0.txt", data=b"x")),
    Kind.FILE_NAMED_AS_DIRECTORY: build_zip(Entry(name=b"data.pkl/", data=b"x")),
    Kind.BACKSLASH_IN_NAME: build_zip(Entry(name=b"a\\b", data=b"x")),
    Kind.DUPLICATE_NAME: build_zip(Entry(name=b"a", data=b"x"), Entry(name=b"a", data=b"y")),
    Kind.OVERLAP: build_zip(Entry(name=b"a", data=b"x"), Entry(name=b"b", data=b"x", offset=0)),
    Kind.OFFSET_OUTSIDE: build_zip(Entry(name=b"a", data=b"x", offset=0xFFFF_FFF0), PLAIN),
    Kind.NO_LOCAL_HEADER: build_zip(Entry(name=b"a", data=b"x", offset=3), PLAIN),
    Kind.PREFIX: build_zip(PLAIN, prefix=b"#!/bin/sh\n"),
    Kind.GAP: build_zip(Entry(name=b"a", data=b"x", after=b"hidden"), PLAIN),
    Kind.TRAILING: build_zip(PLAIN, suffix=b"appended"),
    Kind.HIDDEN_MEMBER: build_zip(PLAIN, Entry(name=b"hidden.pkl", data=b"x", is_listed=False)),
    Kind.COUNT_DIFFERS: build_zip(PLAIN, Entry(name=b"b", data=b"x"), count=1),
    Kind.DISK_NUMBER: build_zip(PLAIN, disk=1),
    Kind.NO_DIRECTORY: build_zip(PLAIN)[: -len(PLAIN.central(0)) - 22],
    Kind.BROKEN_DIRECTORY: PLAIN.local()
    + PLAIN.central(0)[:-3]
    + end_record(count=1, size=len(PLAIN.central(0)) - 3, offset=len(PLAIN.local())),
}


class TestTricks:
    @pytest.mark.parametrize("kind", TRICKS, ids=lambda kind: kind.name)
    def test_is_told(self, kind: Kind) -> None:
        assert kind in kinds(TRICKS[kind])

    def test_none_of_them_is_told_of_a_plain_archive(self) -> None:
        assert parse(build_zip(PLAIN, Entry(name=b"b", data=b"x" * 99, method=8))).anomalies == ()

    def test_both_names_are_members(self) -> None:
        assert contents(TRICKS[Kind.NAMES_DIFFER]) == [("data.pkl", b"x"), ("note.txt", b"x")]

    def test_both_methods_are_readings(self) -> None:
        data = TRICKS[Kind.METHODS_DIFFER]
        assert [member.method for member in parse(data).members] == [8, 0]
        assert contents(data)[0] == ("a", b"x" * 9)

    def test_a_member_in_no_directory_is_found(self) -> None:
        assert ("hidden.pkl", b"x") in contents(TRICKS[Kind.HIDDEN_MEMBER])

    def test_a_member_in_the_prefix_is_found(self) -> None:
        data = build_zip(PLAIN, prefix=Entry(name=b"hidden.pkl", data=b"x").local())
        assert ("hidden.pkl", b"x") in contents(data)

    def test_a_hidden_member_whose_sizes_follow_it_is_found_whole(self) -> None:
        hidden = Entry(
            name=b"hidden.pkl",
            data=b"payload",
            flags=8,
            local_crc=0,
            local_size=0,
            local_compressed_size=0,
            after=b"PK\x07\x08" + bytes(12),
            is_listed=False,
        )
        assert ("hidden.pkl", b"payload") in contents(build_zip(hidden, PLAIN))

    def test_a_cut_archive_gives_its_members_and_says_why_it_ends(self) -> None:
        directory = parse(TRICKS[Kind.NO_DIRECTORY])
        assert [member.name for member in directory.members] == ["plain.txt"]
        assert isinstance(directory.unfinished, Malformed)

    def test_a_pickle_that_differs_only_in_case_is_a_duplicate(self) -> None:
        data = build_zip(Entry(name=b"a/data.pkl", data=b"x"), Entry(name=b"a/DATA.PKL", data=b"y"))
        assert Kind.DUPLICATE_NAME in kinds(data)

    def test_case_matters_for_other_names(self) -> None:
        data = build_zip(Entry(name=b"Makefile", data=b"x"), Entry(name=b"makefile", data=b"y"))
        assert kinds(data) == set()

    def test_padding_and_foreign_extra_fields_are_usual(self) -> None:
        padding = b"FB" + struct.pack("<H", 40) + b"Z" * 40
        assert kinds(build_zip(Entry(name=b"a", data=b"x", local_extra=padding))) == set()

    def test_zeros_between_members_are_usual(self) -> None:
        assert kinds(build_zip(Entry(name=b"a", data=b"x", after=bytes(100)), PLAIN)) == set()


class TestTwoDirectories:
    def test_the_stated_offset_and_the_place_before_the_end_record_may_differ(self) -> None:
        """Python goes back from the end record, miniz goes to the stated offset."""
        shown, hidden = Entry(name=b"notes.txt", data=b"x"), Entry(name=b"data.pkl", data=b"y")
        body = shown.local() + hidden.local()
        first, second = hidden.central(len(shown.local())), shown.central(0)
        end = end_record(count=1, size=len(second), offset=len(body))
        data = body + first + second + end
        directory = parse(data)
        assert Kind.SEVERAL_DIRECTORIES in {anomaly.kind for anomaly in directory.anomalies}
        assert "data.pkl" in {member.name for member in directory.members}

    def test_an_end_record_in_the_comment_is_read_too(self) -> None:
        shown, hidden = Entry(name=b"notes.txt", data=b"x"), Entry(name=b"data.pkl", data=b"y")
        body = shown.local() + hidden.local()
        directory = hidden.central(len(shown.local()))
        inner = directory + end_record(count=1, size=len(directory), offset=len(body) + 77)
        outer = shown.central(0)
        end = end_record(count=1, size=len(outer), offset=len(body), comment=inner)
        names = {member.name for member in parse(body + outer + end).members}
        assert names == {"notes.txt", "data.pkl"}

    def test_zip64_records_beside_and_where_the_locator_points_are_read(self) -> None:
        shown, hidden = Entry(name=b"notes.txt", data=b"x"), Entry(name=b"data.pkl", data=b"y")
        body = shown.local() + hidden.local()
        one, other = shown.central(0), hidden.central(len(shown.local()))
        far_record = _end64(size=len(one), offset=len(body))
        near_record = _end64(size=len(other), offset=len(body) + len(one) + len(far_record))
        far = len(body) + len(one)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, far, 1)
        end = end_record(count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF)
        data = body + one + far_record + other + near_record + locator + end
        assert {member.name for member in parse(data).members} == {"notes.txt", "data.pkl"}
        assert Kind.SEVERAL_DIRECTORIES in kinds(data)

    def test_a_nested_stored_zip_is_no_second_directory(self) -> None:
        inner = build_zip(PLAIN)
        assert kinds(build_zip(Entry(name=b"inner.zip", data=inner))) == set()


def _end64(*, size: int, offset: int) -> bytes:
    return struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, offset)


class TestBounds:
    def test_stops_at_the_limit_of_entries_and_keeps_what_it_has(self) -> None:
        data = build_zip(*(Entry(name=b"%d" % index) for index in range(50)))
        directory = parse(data, Limits(entries=20))
        assert len(directory.members) == 20
        assert isinstance(directory.unfinished, LimitReached)

    def test_stops_at_the_limit_of_directory_bytes(self) -> None:
        data = build_zip(*(Entry(name=b"%d" % index + b"x" * 900) for index in range(50)))
        directory = parse(data, Limits(header_bytes=10_000))
        assert 0 < len(directory.members) < 20
        assert isinstance(directory.unfinished, LimitReached)

    def test_tells_at_most_twenty_anomalies_of_a_kind(self) -> None:
        data = build_zip(*(Entry(name=b"%d" % index, data=b"x", local_name=b"z") for index in range(50)))
        told = [a for a in parse(data).anomalies if a.kind is Kind.NAMES_DIFFER]
        assert len(told) == 20

    def test_a_declared_count_allocates_nothing(self) -> None:
        end = end_record(count=0xFFFF, size=0xFFFFFFF0, offset=0)
        with pytest.raises(Malformed):
            parse(end)

    def test_truncation_at_every_byte_gives_a_value_or_malformed(self) -> None:
        data = by_zipfile(zipfile.ZIP_DEFLATED) + b""
        outcomes = {_outcome(data[:length]) for length in range(len(data))}
        assert outcomes == {"cut", "malformed"}

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=400))
    def test_any_bytes_give_a_value_or_malformed(self, noise: bytes) -> None:
        assert _outcome(b"PK\x03\x04" + noise) in {"whole", "cut", "malformed"}

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_any_change_of_bytes_gives_a_value_or_malformed(self, data: st.DataObject) -> None:
        archive = bytearray(build_zip(PLAIN, Entry(name=b"b", data=b"y" * 50, method=8)))
        for _ in range(data.draw(st.integers(1, 6))):
            archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
        assert _outcome(bytes(archive)) in {"whole", "cut", "malformed"}


def _outcome(data: bytes) -> str:
    """Parse and decode everything; any other exception fails the test."""
    try:
        directory = parse(data)
    except Malformed:
        return "malformed"
    for member in directory.members:
        try:
            content(data, member)
        except (Malformed, LimitReached):
            continue
    return "whole" if directory.unfinished is None else "cut"
