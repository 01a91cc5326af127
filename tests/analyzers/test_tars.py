"""Findings, members and coverage of tar archives."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.analyzers.archive_events import CountingSource, Seen, look
from tests.formats.test_tar import END, block, build, info, padded, pax
from weighbridge.analyzers.archives import tars
from weighbridge.core.limits import Limits
from weighbridge.core.report import Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.archive.tar_events import TarAnomalyKind
from weighbridge.knowledge.rules import load_rule_file

PICKLE = b"\x80\x04N."
RULE_FILES = Path(__file__).parents[2] / "signatures" / "rules"


def inspect(data: bytes, limits: Limits | None = None) -> Seen:
    return look(tars.inspect, data, "model.tar", limits)


def test_every_anomaly_has_a_rule_that_exists() -> None:
    known = {rule.id for rule in load_rule_file(RULE_FILES / "archive.toml")}
    assert set(tars.RULES) == set(TarAnomalyKind)
    assert set(tars.RULES.values()) <= known


def test_every_file_is_handed_on() -> None:
    data = build(
        (info("sys_info", 4), PICKLE),
        (info("folder", type_flag=tarfile.DIRTYPE), b""),
        (info("folder/pickle", 4), PICKLE),
        (info("empty"), b""),
    )
    seen = inspect(data)
    assert seen.contents == [("sys_info", PICKLE), ("folder/pickle", PICKLE), ("empty", b"")]
    assert (seen.rules, seen.rows, seen.error) == (set(), [], None)


@pytest.mark.parametrize(
    ("member", "rule"),
    [
        (info("../../x"), "ARC001"),
        (info("/data/x"), "ARC002"),
        (info("/etc/x"), "ARC017"),
        (info("link", type_flag=tarfile.SYMTYPE, link="/etc"), "ARC003"),
        (info("a/link", type_flag=tarfile.SYMTYPE, link="../../x"), "ARC003"),
        (info("hard", type_flag=tarfile.LNKTYPE, link="/etc/passwd"), "ARC017"),
        (info("mem", type_flag=tarfile.CHRTYPE), "ARC005"),
        (info("pipe", type_flag=tarfile.FIFOTYPE), "ARC005"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_member_that_is_dangerous_to_extract_is_told(member: tarfile.TarInfo, rule: str) -> None:
    assert inspect(build((member, b""))).rules == {rule}


@pytest.mark.parametrize(
    "member",
    [
        info("a/link", type_flag=tarfile.SYMTYPE, link="../other"),
        info("hard", type_flag=tarfile.LNKTYPE, link="a/file"),
        info("./a/./b"),
    ],
    ids=lambda member: member.name,
)
def test_a_member_that_stays_inside_is_fine(member: tarfile.TarInfo) -> None:
    assert inspect(build((member, b""))).rules == set()


def test_a_member_written_through_a_link_is_told() -> None:
    link = info("cache", type_flag=tarfile.SYMTYPE, link="/etc")
    assert inspect(build((link, b""), (info("cache/job"), b""))).rules == {"ARC003", "ARC004"}


def test_set_user_id_is_told() -> None:
    made = info("tool")
    made.mode = 0o4755
    assert inspect(build((made, b""))).rules == {"ARC006"}


def test_a_file_that_stands_twice_is_info_and_both_are_handed_on() -> None:
    seen = inspect(build((info("a", 1), b"1"), (info("a", 1), b"2")))
    assert seen.rules == {"ARC014"}
    assert seen.contents == [("a", b"1"), ("a", b"2")]


def test_what_follows_the_end_is_handed_on() -> None:
    second = block("b", 4) + padded(PICKLE) + END
    seen = inspect(block("a") + END + second)
    assert seen.rules == {"ARC011"}
    assert seen.contents[-1] == ("model.tar.trailing", second)


def test_members_of_both_readings_are_handed_on() -> None:
    inner = block("hidden.pkl", 4) + padded(PICKLE)
    seen = inspect(pax(size=str(len(inner))) + block("a", 0) + inner + block("last", 0) + END)
    assert seen.rules == {"ARC010"}
    assert ("hidden.pkl", PICKLE) in seen.contents
    assert ("a", inner) in seen.contents


def test_a_sparse_file_is_handed_on_packed_and_as_it_extracts() -> None:
    data = _sparse("2,3,1024,2", size="1026", stored=b"abcde")
    seen = inspect(data)
    assert seen.contents == [("s", b"\0\0abc" + bytes(1019) + b"de"), ("s", b"abcde")]


def test_a_sparse_bomb_is_told_and_handed_on_packed() -> None:
    seen = inspect(_sparse("0,5", size=str(1 << 40), stored=b"abcde"))
    assert seen.rules == {"ARC007"}
    assert seen.outcomes == [("s", Outcome.LIMITED)]
    assert seen.contents == [("s", b"abcde")]


def test_a_sparse_map_with_overlaps_is_unsupported() -> None:
    seen = inspect(_sparse("0,5,2,5", size="10", stored=b"abcdefghij"))
    assert seen.outcomes == [("s", Outcome.UNSUPPORTED)]
    assert seen.contents == [("s", b"abcdefghij")]


def test_a_cut_archive_is_malformed_after_its_members() -> None:
    seen = inspect(block("a", 4) + padded(PICKLE) + block("b", 1000) + b"start")
    assert seen.contents == [("a", PICKLE), ("b", b"start")]
    assert isinstance(seen.error, Malformed)
    assert seen.rules == {"ARC012"}


def test_a_remote_tar_is_read_by_hops() -> None:
    parts = [block(str(index), 300_000) + padded(bytes(300_000)) for index in range(4)]
    source = CountingSource(b"".join(parts) + END)
    assert len(look(tars.inspect, source).nested) == 4
    assert source.bytes_read < 400_000


def _sparse(pieces: str, *, size: str, stored: bytes) -> bytes:
    records = {"GNU.sparse.map": pieces, "GNU.sparse.size": size, "GNU.sparse.name": "s"}
    return pax(**records) + block("GNUSparseFile.0/s", len(stored)) + padded(stored) + END
