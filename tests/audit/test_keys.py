"""What makes two files one artifact, and what never does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.audit.keys import (
    artifact_id,
    content_of,
    digest_of,
    provenance_of,
    stamp_of,
    told_name,
    told_origin,
)
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.fetchers.interface import Entry

SHA = "0" * 64


def entry(origin: Origin, name: str = "m/x.pkl", path: Path | None = None) -> Entry:
    def opened() -> ByteSource:
        return MemorySource(b"")

    return Entry(name=name, size_bytes=3, origin=origin, open=opened, local_path=path)


def content(source: Origin, one: Entry) -> str:
    return content_of(one, stamp_of(one, 1), source).key


def bucket(name: str, **facts: str) -> Origin:
    return Origin(kind="s3", location=f"s3://{name}/m/x.pkl", facts=facts)


def test_no_joined_texts_are_taken_for_others() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of("a", "b") != digest_of("a\0" + "1:b")


def test_a_stated_digest_counts_only_where_it_was_stated() -> None:
    ours, theirs = (replace(bucket(name), sha256=SHA) for name in ("ours", "theirs"))
    assert content(ours, entry(ours)) == content(ours, entry(ours, "m/y.pkl"))
    assert content(ours, entry(ours)) != content(theirs, entry(theirs))


def test_a_bucket_of_the_same_name_at_another_server_is_another() -> None:
    here = bucket("models", etag="1", endpoint="a.example.invalid")
    there = bucket("models", etag="1", endpoint="b.example.invalid")
    assert content(here, entry(here)) != content(there, entry(there))


def test_an_etag_names_the_bytes_of_one_key_only() -> None:
    one = bucket("models", etag="1")
    other = replace(one, location="s3://models/m/y.pkl")
    assert content(one, entry(one)) != content(one, entry(other, "m/y.pkl"))


def test_another_etag_is_another_content() -> None:
    before, after = bucket("models", etag="1"), bucket("models", etag="2")
    assert content(before, entry(before)) != content(before, entry(after))


def test_what_nobody_vouches_for_is_new_in_each_run() -> None:
    one = entry(Origin(kind="web", location="https://example.invalid/x.pkl"))
    assert stamp_of(one, 1) != stamp_of(one, 2)


def test_a_local_file_is_named_by_its_bytes_whatever_it_is_called(tmp_path: Path) -> None:
    source = Origin(kind="local", location=str(tmp_path))
    for name in ("x.pkl", "y.pkl"):
        (tmp_path / name).write_bytes(b"abc")
    one, other = (entry(source, name, tmp_path / name) for name in ("x.pkl", "y.pkl"))
    assert content(source, one) == content(source, other)
    assert stamp_of(one, 1) != stamp_of(other, 1)


@pytest.mark.parametrize(("root", "told"), [("", "a/b/x.pkl"), ("a", "b/x.pkl"), ("a/b", "x.pkl")])
def test_a_worker_is_told_the_name_within_the_repository(root: str, told: str) -> None:
    assert told_name("a/b/x.pkl", root) == told


def test_another_name_or_another_registry_is_another_artifact() -> None:
    assert len({artifact_id("c", "x", "p"), artifact_id("c", "y", "p"), artifact_id("c", "x", "q")}) == 3


def test_a_worker_is_told_nothing_of_a_store_that_is_not_in_the_key() -> None:
    one, other = bucket("a", etag="1"), bucket("b", etag="2", last_modified="now")
    assert told_origin(entry(one), one) == told_origin(entry(other), other)
    assert provenance_of(entry(one), one) == provenance_of(entry(other), other)


@pytest.mark.parametrize(
    "change",
    [
        {"location": "hf://them/name@2"},
        {"registry_verdicts": {"ClamAV": "unsafe"}},
        {"size_bytes": 4},
    ],
)
def test_what_a_registry_says_is_part_of_the_key(change: dict[str, object]) -> None:
    source = Origin(kind="huggingface", location="hf://us/name@2", revision="2", size_bytes=3)
    other = replace(source, **change)  # type: ignore[arg-type]
    assert told_origin(entry(source), source) != told_origin(entry(other), other)
    assert provenance_of(entry(source), source) != provenance_of(entry(other), other)


def test_a_new_commit_alone_is_no_other_artifact() -> None:
    before = Origin(kind="huggingface", location="hf://us/name@1", revision="1", sha256=SHA)
    after = replace(before, location="hf://us/name@2", revision="2")
    assert told_origin(entry(before), before) == told_origin(entry(after), after)
    assert provenance_of(entry(before), before) == provenance_of(entry(after), after)
    assert content(before, entry(before)) == content(after, entry(after))
