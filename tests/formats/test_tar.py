"""The tar reader against tarfile and GNU tar, and against archives on which readers disagree."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.member_paths import LinkTable, PathHazard, path_hazard
from weighbridge.formats.archive.tar import read_tar
from weighbridge.formats.archive.tar_events import TarAnomaly, TarEvent, TarMember
from weighbridge.formats.archive.tar_events import TarAnomalyKind as Kind
from weighbridge.formats.archive.tar_headers import TarKind, number_field
from weighbridge.formats.archive.tar_sparse import SparseSource

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
KINDS = {
    tarfile.REGTYPE: TarKind.FILE,
    tarfile.DIRTYPE: TarKind.DIRECTORY,
    tarfile.SYMTYPE: TarKind.SYMLINK,
    tarfile.LNKTYPE: TarKind.HARD_LINK,
    tarfile.CHRTYPE: TarKind.DEVICE,
    tarfile.FIFOTYPE: TarKind.FIFO,
}


def events(data: bytes, limits: Limits | None = None) -> list[TarEvent]:
    return list(read_tar(MemorySource(data), Budget(limits or Limits())))


def members(data: bytes) -> list[TarMember]:
    return [event for event in events(data) if isinstance(event, TarMember)]


def anomalies(data: bytes) -> list[Kind]:
    return [event.kind for event in events(data) if isinstance(event, TarAnomaly)]


def payload(data: bytes, member: TarMember) -> bytes:
    return data[member.data_offset : member.data_offset + member.stored_bytes]


def info(
    name: str, size: int = 0, type_flag: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname, made.mtime = size, type_flag, link, 0
    return made


def build(*pairs: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for made, data in pairs:
            archive.addfile(made, io.BytesIO(data))
    return buffer.getvalue()


def block(name: str, size: int = 0, type_flag: bytes = b"0", **fields: str) -> bytes:
    """One plain header, whatever a library would add to it."""
    made = info(name, size, type_flag, fields.get("link", ""))
    return made.tobuf(tarfile.USTAR_FORMAT)


def pax(**records: str) -> bytes:
    """A local extended header with these records."""
    return tarfile.TarInfo._create_pax_generic_header(records, b"x", "utf-8")  # type: ignore[attr-defined,no-any-return]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


END = bytes(1024)


class TestRealWriters:
    @pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS.keys())
    def test_reads_what_tarfile_reads(self, format: int) -> None:
        long = "deep/" * 20 + "data.pkl"
        data = build(
            (info("a.txt", 5), b"hello"),
            (info(long[-100:] if format == tarfile.USTAR_FORMAT else long * 3, 600), b"x" * 600),
            (info("folder", type_flag=tarfile.DIRTYPE), b""),
            (info("link", type_flag=tarfile.SYMTYPE, link="a.txt"), b""),
            (info("hard", type_flag=tarfile.LNKTYPE, link="a.txt"), b""),
            (info("null", type_flag=tarfile.CHRTYPE), b""),
            (info("pipe", type_flag=tarfile.FIFOTYPE), b""),
            format=format,
        )
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            expected = [
                (m.name, KINDS[m.type], m.linkname, m.size, m.offset_data) for m in archive.getmembers()
            ]
        found = [(m.name.rstrip("/"), m.kind, m.link_name, m.size, m.data_offset) for m in members(data)]
        assert found == expected
        assert anomalies(data) == []
        assert payload(data, members(data)[0]) == b"hello"

    @pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
    def test_reads_names_beyond_ascii(self, format: int) -> None:
        data = build((info("モデル/" * 30, 1), b"x"), (info("é", 1), b"y"), format=format)
        assert [member.name for member in members(data)] == ["モデル/" * 30, "é"]
        assert anomalies(data) == []

    def test_reads_base_256_sizes(self) -> None:
        assert number_field(b"\x80" + (9 << 30).to_bytes(11, "big")) == 9 << 30

    @pytest.mark.skipif(shutil.which("tar") is None, reason="needs the tar command")
    @pytest.mark.parametrize("format", ["v7", "oldgnu", "gnu", "ustar", "pax"])
    def test_reads_what_gnu_tar_writes(self, tmp_path: Path, format: str) -> None:
        (tmp_path / "tree" / "sub").mkdir(parents=True)
        (tmp_path / "tree" / "sub" / "weights.bin").write_bytes(b"w" * 1000)
        (tmp_path / "tree" / "link").symlink_to("sub/weights.bin")
        data = _gnu_tar(tmp_path, f"--format={format}")
        found = {member.name.rstrip("/"): member for member in members(data)}
        assert set(found) == {"tree", "tree/link", "tree/sub", "tree/sub/weights.bin"}
        assert payload(data, found["tree/sub/weights.bin"]) == b"w" * 1000
        assert anomalies(data) == []

    @pytest.mark.skipif(shutil.which("tar") is None, reason="needs the tar command")
    @pytest.mark.parametrize("format", [("gnu", ""), ("pax", "0.0"), ("pax", "0.1"), ("pax", "1.0")])
    def test_reads_sparse_files_as_they_extract(self, tmp_path: Path, format: tuple[str, str]) -> None:
        (tmp_path / "tree").mkdir()
        with (tmp_path / "tree" / "sparse.bin").open("wb") as file:
            for index in range(12):
                file.seek(index * 400_000)
                file.write(b"piece %d" % index)
            file.truncate(6_000_000)
        options = ["--sparse", f"--format={format[0]}"]
        options += [f"--sparse-version={format[1]}"] if format[1] else []
        data = _gnu_tar(tmp_path, *options)
        member = next(member for member in members(data) if member.kind is TarKind.FILE)
        assert member.name == "tree/sparse.bin"
        assert member.sparse_map is not None
        source = SparseSource(MemorySource(data), member.data_offset, member.sparse_map, member.size)
        expected = (tmp_path / "tree" / "sparse.bin").read_bytes()
        assert bytes(source.read_at(0, source.size)) == expected
        assert bytes(source.read_at(399_990, 30)) == expected[399_990:400_020]


def _gnu_tar(folder: Path, *options: str) -> bytes:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    subprocess.run(
        ["tar", "--sort=name", *options, "-cf", "out.tar", "tree"],
        cwd=folder,
        check=True,
        env=environment,
    )
    return (folder / "out.tar").read_bytes()


class TestDisagreement:
    def test_a_pax_size_that_differs_leads_to_both_next_headers(self) -> None:
        inner = block("hidden.pkl", 3) + padded(b"abc")
        data = pax(size=str(len(inner))) + block("a", 0) + inner + block("last", 0) + END
        assert Kind.SIZES_DIFFER in anomalies(data)
        assert {member.name for member in members(data)} == {"a", "hidden.pkl", "last"}

    def test_a_directory_with_a_size_leads_to_both_next_headers(self) -> None:
        first = block("seen-by-python", 512) + bytes(512)
        data = block("folder", len(first), b"5") + first + block("seen-by-others", 0) + END
        assert Kind.TWO_NEXT_HEADERS in anomalies(data)
        assert {"seen-by-python", "seen-by-others"} <= {member.name for member in members(data)}

    def test_a_hard_link_with_data_is_usual(self) -> None:
        data = block("a", 3) + padded(b"abc") + block("b", 3, b"1", link="a") + padded(b"abc") + END
        assert anomalies(data) == []
        assert payload(data, members(data)[1]) == b"abc"

    def test_a_hard_link_that_states_the_size_of_its_target_is_usual(self) -> None:
        data = block("a", 3) + padded(b"abc") + block("b", 3, b"1", link="a") + block("c") + END
        assert anomalies(data) == []
        assert [member.name for member in members(data)] == ["a", "b", "c"]

    def test_a_name_field_cut_at_a_slash_makes_no_directory(self) -> None:
        data = build((info("deep/" * 20 + "data.pkl", 3), b"abc"))
        assert [(member.kind, member.size) for member in members(data)] == [(TarKind.FILE, 3)]

    def test_a_pax_path_without_need_is_told(self) -> None:
        assert anomalies(pax(path="data.pkl") + block("notes.txt") + END) == [Kind.NAMES_DIFFER]

    def test_a_pax_path_with_need_is_usual(self) -> None:
        assert anomalies(pax(path="x" * 150) + block("x" * 99) + END) == []

    def test_members_behind_a_broken_header_are_found(self) -> None:
        broken = bytearray(block("broken"))
        broken[0] ^= 1
        data = block("a") + bytes(broken) + block("behind", 1) + padded(b"x") + END
        assert anomalies(data) == [Kind.BAD_HEADER]
        assert [member.name for member in members(data)] == ["a", "behind"]

    def test_a_second_archive_behind_the_end_is_told(self) -> None:
        first = block("a") + END
        told = [event for event in events(first + block("b") + END) if isinstance(event, TarAnomaly)]
        assert [(anomaly.kind, anomaly.offset) for anomaly in told] == [
            (Kind.DATA_AFTER_END, len(first))
        ]

    def test_zeros_behind_the_end_are_usual(self) -> None:
        assert anomalies(block("a") + END + bytes(20_000)) == []

    def test_a_signed_checksum_is_valid(self) -> None:
        header = bytearray(block("caf\xe9"))
        header[148:156] = b" " * 8
        signed = sum(byte - 256 if byte > 127 else byte for byte in header)
        header[148:156] = b"%06o\0 " % signed
        assert len(members(bytes(header) + END)) == 1

    def test_a_negative_size_is_no_number(self) -> None:
        header = bytearray(block("a"))
        header[124:136] = b"-0000000010\0"
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        assert anomalies(bytes(header) + block("b") + END) == [Kind.BAD_SIZE]


class TestBounds:
    def test_a_first_block_without_checksum_is_no_tar(self) -> None:
        with pytest.raises(Malformed):
            events(b"x" * 257 + b"ustar\0" + b"x" * 2000)

    def test_stops_at_the_limit_of_entries(self) -> None:
        with pytest.raises(LimitReached, match="members"):
            events(b"".join(block(str(index)) for index in range(30)) + END, Limits(entries=20))

    def test_an_extended_header_of_a_gigabyte_is_refused(self) -> None:
        with pytest.raises(LimitReached, match="larger than 1 MiB"):
            events(block("a", 1 << 30, b"x") + END)

    def test_a_cut_member_is_told_and_then_malformed(self) -> None:
        with pytest.raises(Malformed, match="cut"):
            events(block("a", 1000) + b"only this")
        found = _until_broken(block("a", 1000) + b"only this")
        assert [type(event) for event in found] == [TarMember, TarAnomaly]

    def test_headers_that_lead_back_end_the_walk(self) -> None:
        inner = block("b", 512, b"5") + block("c", 0)
        data = pax(size="1024") + block("a", 0) + inner + block("d") + END
        assert {member.name for member in members(data)} == {"a", "b/", "c", "d"}

    def test_truncation_at_every_byte_gives_members_or_malformed(self) -> None:
        data = build((info("a" * 150, 700), b"x" * 700), (info("b", 3), b"abc"))
        counts = [len(_until_broken(data[:length])) for length in range(0, 5 * 512)]
        assert counts[0] == 0
        assert max(counts) == 2

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_any_change_of_bytes_gives_events_malformed_or_a_limit(self, data: st.DataObject) -> None:
        archive = bytearray(pax(path="é" * 60, size="9") + block("x" * 60, 9) + padded(b"y" * 9) + END)
        start = data.draw(st.sampled_from([512, 0]))
        for _ in range(data.draw(st.integers(1, 6))):
            archive[data.draw(st.integers(start, len(archive) - 1))] = data.draw(st.integers(0, 255))
        assert len(_until_broken(bytes(archive))) < 20

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=600), st.sampled_from([b"x", b"g", b"L", b"S", b"0"]))
    def test_any_data_of_an_extended_header_is_survived(self, noise: bytes, flag: bytes) -> None:
        data = block("h", len(noise), flag) + padded(noise) + block("a", 1) + padded(b"x") + END
        assert len(_until_broken(data)) < 20


def _until_broken(data: bytes) -> list[TarEvent]:
    found: list[TarEvent] = []
    try:
        for event in read_tar(MemorySource(data), Budget(Limits())):
            found.append(event)  # noqa: PERF402 - what came before the exception counts
    except (Malformed, LimitReached):
        pass
    return found


class TestPaths:
    @pytest.mark.parametrize("name", ["../a", "a/../../b", "..\\a", "a/b/../../../c", "/../a"])
    def test_a_name_that_climbs_out_escapes(self, name: str) -> None:
        assert path_hazard(name) is PathHazard.ESCAPES

    @pytest.mark.parametrize("name", ["/etc/passwd", "C:\\a", "c:/a", "\\\\server\\share"])
    def test_a_name_from_the_root_is_absolute(self, name: str) -> None:
        assert path_hazard(name) is PathHazard.ABSOLUTE

    @pytest.mark.parametrize("name", ["a", "./a", "a/../b", "a..b", "...", "archive/data/0", "a:b"])
    def test_a_name_that_stays_is_fine(self, name: str) -> None:
        assert path_hazard(name) is None

    def test_a_link_that_leaves_takes_its_members_with_it(self) -> None:
        links = LinkTable()
        assert links.add_symlink("cache", "/etc")
        assert links.leaves("cache/cron.d/job")

    def test_links_that_stay_inside_are_fine(self) -> None:
        links = LinkTable()
        assert not links.add_symlink("lib/libx.so", "libx.so.1")
        assert not links.add_symlink("lib64", "lib")
        assert not links.leaves("lib64/libx.so")

    def test_a_chain_of_links_that_stay_inside_one_by_one_can_leave(self) -> None:
        links = LinkTable()
        links.add_symlink("a/b/up", "..")
        links.add_symlink("up2", "a/b/up/..")
        assert links.leaves("up2/../x")

    def test_links_in_a_circle_end(self) -> None:
        links = LinkTable()
        links.add_symlink("a", "b")
        links.add_symlink("b", "a")
        assert not links.leaves("a/x")
