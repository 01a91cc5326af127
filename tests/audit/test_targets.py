"""Lists of targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.audit.targets import read_targets
from weighbridge.errors import UsageError


def shown(*typed: str) -> list[str]:
    return [one.shown for one in read_targets(typed)]


@pytest.mark.parametrize("prefix", ["", "@"])
def test_a_list_gives_a_target_for_each_line(tmp_path: Path, prefix: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# ours\n\ns3://bucket/models\n  /data/models  \n# hf://not/this\n")
    assert shown(f"{prefix}{listed}") == ["s3://bucket/models", "/data/models"]


def test_a_list_without_the_ending_is_asked_for_by_its_mark(tmp_path: Path) -> None:
    listed = tmp_path / "targets"
    listed.write_text("hf://org/name\n")
    assert shown(f"@{listed}") == ["hf://org/name"]
    assert shown(str(listed)) == [str(listed)]


def test_a_target_that_is_named_twice_is_audited_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown("models", "./models", str(tmp_path / "models")) == [str(tmp_path / "models")]


def test_targets_that_only_look_like_paths_stay_as_they_are() -> None:
    assert shown("models:/fraud/3", "runs:/12/model") == ["models:/fraud/3", "runs:/12/model"]


def test_what_is_secret_in_an_address_is_not_stored() -> None:
    (one,) = read_targets(["https://user:secret@example.invalid/x.zip?signature=secret"])
    assert "secret" in one.target
    assert "secret" not in one.shown


def test_two_addresses_that_differ_in_secrets_only_are_refused() -> None:
    with pytest.raises(UsageError, match="differ in what is secret"):
        read_targets([f"https://example.invalid/x?file={number}" for number in (1, 2)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# nothing\n", "names no target"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"s3://a\n@other.txt\n", "target 2"),
    ],
)
def test_a_list_that_is_none_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_targets([str(listed)])


def test_a_missing_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read the list of targets"):
        read_targets([f"@{tmp_path / 'missing'}"])
