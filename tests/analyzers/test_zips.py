"""Findings, members and coverage of zip archives."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.analyzers.archive_events import CountingSource, Seen, look
from tests.formats.test_zip import PLAIN, TRICKS
from tests.formats.zip_bytes import Entry, build_zip
from weighbridge.analyzers.archives import zips
from weighbridge.analyzers.archives.zip_rules import RULES
from weighbridge.core.limits import Limits
from weighbridge.core.report import Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.zip_anomalies import ZipAnomalyKind as Kind
from weighbridge.knowledge.rules import load_rule_file

PICKLE = b"\x80\x04N."
RULE_FILES = Path(__file__).parents[2] / "signatures" / "rules"


def inspect(data: bytes, limits: Limits | None = None) -> Seen:
    return look(zips.inspect, data, "model.pt", limits)


def test_every_anomaly_has_a_rule_that_exists() -> None:
    known = {rule.id for rule in load_rule_file(RULE_FILES / "zip.toml")}
    assert set(RULES) == set(Kind)
    assert {rule for rule in RULES.values() if rule is not None} <= known


@pytest.mark.parametrize("kind", [kind for kind in TRICKS if RULES[kind]], ids=lambda kind: kind.name)
def test_a_trick_is_a_finding(kind: Kind) -> None:
    assert RULES[kind] in inspect(TRICKS[kind]).rules


class TestMembers:
    def test_every_member_is_handed_on_but_directories(self) -> None:
        data = build_zip(
            Entry(name=b"archive/"),
            Entry(name=b"archive/data.pkl", data=PICKLE),
            Entry(name=b"archive/config.p", data=b"N.", method=8),
        )
        seen = inspect(data)
        assert seen.contents == [("archive/data.pkl", PICKLE), ("archive/config.p", b"N.")]
        assert (seen.rules, seen.rows, seen.error) == (set(), [], None)

    def test_a_nested_path_names_the_container(self) -> None:
        assert str(inspect(build_zip(PLAIN)).nested[0]) == "model.pt!/plain.txt"

    def test_trailing_bytes_are_handed_on(self) -> None:
        seen = inspect(build_zip(PLAIN, suffix=PICKLE))
        assert ("model.pt.trailing", PICKLE) in seen.contents
        assert seen.rules == {"ZIP011"}

    def test_a_directory_that_holds_data_is_handed_on(self) -> None:
        seen = inspect(build_zip(Entry(name=b"data.pkl/", data=PICKLE)))
        assert seen.contents == [("data.pkl/", PICKLE)]
        assert seen.rules == {"ZIP014"}

    def test_a_broken_member_is_handed_on_as_far_as_it_goes(self) -> None:
        whole = Entry(name=b"a", data=bytes(range(256)) * 2000, method=8)
        cut = build_zip(Entry(name=b"a", data=whole.stored[:-30], local_method=8)).replace(
            b"\x14\0\0\0\0\0\0\0", b"\x14\0\0\0\x08\0\0\0"
        )
        seen = inspect(cut)
        assert ("a", Outcome.FAILED) in seen.outcomes
        assert whole.data.startswith(seen.contents[0][1][:400_000])

    def test_members_that_cannot_be_found_are_failed_rows(self) -> None:
        seen = inspect(TRICKS[Kind.OFFSET_OUTSIDE])
        assert seen.outcomes == [("a", Outcome.FAILED)]
        assert ("plain.txt", PLAIN.data) in seen.contents

    def test_a_cut_archive_is_malformed_after_its_members(self) -> None:
        seen = inspect(TRICKS[Kind.NO_DIRECTORY])
        assert seen.contents == [("plain.txt", PLAIN.data)]
        assert isinstance(seen.error, Malformed)

    def test_too_many_members_are_limited_after_those_that_were_read(self) -> None:
        seen = inspect(
            build_zip(*(Entry(name=b"%d" % i, data=b"x") for i in range(30))), Limits(entries=20)
        )
        assert len(seen.nested) == 20
        assert isinstance(seen.error, LimitReached)


class TestFlags:
    @pytest.mark.parametrize("flag", [0x1, 0x20, 0x40, 0x2000])
    @pytest.mark.parametrize("method", [0, 8])
    def test_flagged_data_that_is_plain_is_told_and_handed_on(self, flag: int, method: int) -> None:
        seen = inspect(build_zip(Entry(name=b"data.pkl", data=PICKLE, flags=flag, method=method)))
        assert seen.rules == {"ZIP002"}
        assert seen.contents == [("data.pkl", PICKLE)]

    def test_encrypted_data_is_unsupported(self) -> None:
        noise = bytes((index * 197 + 91) & 0xFF for index in range(90))
        seen = inspect(build_zip(Entry(name=b"a", data=noise, flags=1, size=78)))
        assert seen.rules == {"ARC008"}
        assert seen.outcomes == [("a", Outcome.UNSUPPORTED)]
        assert seen.nested == []

    def test_a_pickle_that_poses_as_encrypted_is_handed_on(self) -> None:
        data = PICKLE + bytes(12)
        seen = inspect(build_zip(Entry(name=b"a", data=data, flags=1, size=len(PICKLE))))
        assert seen.contents == [("a", data)]

    def test_an_unknown_method_is_unsupported(self) -> None:
        seen = inspect(build_zip(Entry(name=b"a", data=b"abc", method=9)))
        assert seen.outcomes == [("a", Outcome.UNSUPPORTED)]
        assert "deflate64" in seen.rows[0].detail


class TestChecksums:
    def test_a_wrong_one_of_text_is_medium(self) -> None:
        assert inspect(build_zip(Entry(name=b"a.txt", data=b"text", crc=7), PLAIN)).rules == {"ZIP005"}

    @pytest.mark.parametrize("data", [PICKLE, b"cos\nsep\n.", build_zip(PLAIN)])
    def test_a_wrong_one_of_a_pickle_or_archive_is_high(self, data: bytes) -> None:
        seen = inspect(build_zip(Entry(name=b"a.txt", data=data, crc=7), PLAIN))
        assert seen.rules == {"ZIP006"}
        assert seen.contents[0] == ("a.txt", data)

    def test_none_at_all_is_info(self) -> None:
        data = build_zip(Entry(name=b"data.pkl", data=PICKLE, crc=0), Entry(name=b"b", data=b"x", crc=0))
        assert inspect(data).rules == {"ZIP019"}


class TestPaths:
    @pytest.mark.parametrize(
        ("name", "rule"),
        [(b"../../x", "ARC001"), (b"/data/x", "ARC002"), (b"C:/x", "ARC002"), (b"/etc/x", "ARC017")],
    )
    def test_a_name_that_leads_elsewhere_is_told(self, name: bytes, rule: str) -> None:
        assert inspect(build_zip(Entry(name=name, data=b"x"))).rules == {rule}

    def test_a_link_that_leads_out_and_what_is_written_through_it_are_told(self) -> None:
        link = Entry(name=b"cache", data=b"/etc", mode=0o120777)
        seen = inspect(build_zip(link, Entry(name=b"cache/job", data=b"x")))
        assert seen.rules == {"ARC003", "ARC004"}

    def test_a_link_that_stays_inside_is_fine(self) -> None:
        assert (
            inspect(build_zip(PLAIN, Entry(name=b"l", data=b"plain.txt", mode=0o120777))).rules == set()
        )


def test_a_bomb_is_told_and_limited() -> None:
    seen = inspect(build_zip(Entry(name=b"zeros", data=bytes(32 << 20), method=8)))
    assert seen.rules == {"ARC007"}
    assert seen.outcomes == [("zeros", Outcome.LIMITED)]


# A torch zip: data.pkl names storage "0" of 4 floats by a persistent id.
STORAGE_PICKLE = (
    b"\x80\x02((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x04tQ."
)
TORCH = build_zip(
    Entry(name=b"model/data.pkl", data=STORAGE_PICKLE),
    Entry(name=b"model/byteorder", data=b"little"),
    Entry(name=b"model/data/0", data=bytes(16)),
    Entry(name=b"model/version", data=b"3\n"),
)


class TestTorch:
    def test_proven_storages_are_one_opaque_row(self) -> None:
        seen = inspect(TORCH)
        assert [artifact.name for artifact in seen.nested] == [
            "model/data.pkl",
            "model/byteorder",
            "model/version",
        ]
        assert seen.outcomes == [("model/data/", Outcome.OPAQUE)]
        assert seen.rows[0].detail == "1 tensor storages, 16 bytes, not read"

    def test_a_storage_of_another_size_is_inspected(self) -> None:
        other = Entry(name=b"model/data/0", data=PICKLE)
        seen = inspect(build_zip(Entry(name=b"model/data.pkl", data=STORAGE_PICKLE), other))
        assert ("model/data/0", PICKLE) in seen.contents

    @pytest.mark.parametrize(
        "entry",
        [
            Entry(name=b"model/DATA.pkl", data=b"N."),
            Entry(name=b"model/data/0", data=bytes(15) + b"."),
            Entry(name=b"x", data=b"x", local_name=b"y"),
        ],
        ids=["second pickle", "second storage", "two names"],
    )
    def test_nothing_is_proven_when_readers_may_disagree(self, entry: Entry) -> None:
        data = build_zip(
            Entry(name=b"model/data.pkl", data=STORAGE_PICKLE),
            Entry(name=b"model/data/0", data=bytes(16)),
            entry,
        )
        assert ("model/data/0", bytes(16)) in inspect(data).contents

    @pytest.mark.slow
    @pytest.mark.parametrize("computes_checksums", [True, False])
    def test_what_torch_saves_is_clean(self, computes_checksums: bool) -> None:
        import torch

        torch.serialization.set_crc32_options(computes_checksums)
        buffer = io.BytesIO()
        torch.save({f"layer{i}": torch.ones(300 + i) for i in range(20)}, buffer)
        torch.serialization.set_crc32_options(True)
        seen = inspect(buffer.getvalue())
        assert seen.rules == (set() if computes_checksums else {"ZIP019"})
        assert seen.outcomes == [("archive/data/", Outcome.OPAQUE)]


class TestRemote:
    def test_a_torch_zip_costs_three_reads(self) -> None:
        source = CountingSource(_large_torch_zip())
        seen = look(zips.inspect, source)
        names = [artifact.name for artifact in seen.nested]
        assert names == ["model/data.pkl", "model/byteorder", "model/version"]
        assert seen.contents[0][1].startswith(b"\x80\x02")
        assert len(source.reads) <= 3
        assert source.bytes_read < 300_000
        assert (seen.rules, seen.error) == (set(), None)

    def test_small_members_share_one_read(self) -> None:
        entries = [Entry(name=b"%d.txt" % index, data=b"%d" % index * 3000) for index in range(60)]
        source = CountingSource(build_zip(*entries))
        assert len(look(zips.inspect, source).contents) == 60
        assert len(source.reads) <= 3

    def test_an_empty_archive_is_fine(self) -> None:
        seen = look(zips.inspect, CountingSource(build_zip()))
        assert (seen.nested, seen.rules, seen.error) == ([], set(), None)

    def test_local_headers_of_what_is_read_are_compared(self) -> None:
        assert look(zips.inspect, CountingSource(TRICKS[Kind.NAMES_DIFFER])).rules == {"ZIP001"}

    def test_a_long_prefix_is_told_but_not_fetched(self) -> None:
        source = CountingSource(build_zip(PLAIN, prefix=bytes(1 << 20)))
        seen = look(zips.inspect, source, "model.pt")
        assert seen.rules == {"ZIP010"}
        assert seen.outcomes == [("model.pt", Outcome.LIMITED)]
        assert source.bytes_read < 200_000


def _large_torch_zip() -> bytes:
    count = 100_000
    ids = b"".join(
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX"
        + struct.pack("<I", len(b"%d" % key))
        + b"%d" % key
        + b"X\x03\0\0\0cpuJ"
        + struct.pack("<i", count)
        + b"tQ"
        for key in range(4)
    )
    storages = [Entry(name=b"model/data/%d" % key, data=bytes(4 * count)) for key in range(4)]
    return build_zip(
        Entry(name=b"model/data.pkl", data=b"\x80\x02(" + ids + b"l."),
        Entry(name=b"model/byteorder", data=b"little"),
        *storages,
        Entry(name=b"model/version", data=b"3\n"),
    )


def test_a_zip_by_the_standard_library_is_clean() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", b"text" * 1000)
        archive.writestr("model.pkl", PICKLE)
    seen = inspect(buffer.getvalue())
    assert (seen.rules, seen.rows, seen.error) == (set(), [], None)
    assert zlib.crc32(seen.contents[1][1]) == zlib.crc32(PICKLE)
