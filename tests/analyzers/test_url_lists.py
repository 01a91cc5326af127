"""Datasets that point to their data and can't tell when it changes."""

from __future__ import annotations

import json

import pytest

from tests.analyzers.config_events import scan

ADDRESSES = [f"https://images-{number}.example.invalid/{number}.jpg" for number in range(6)]


def _is_told(name: str, content: str) -> bool:
    return "DST029" in [one.rule for one in scan(name, content)[0]]


def _csv(header: str, *cells: str) -> str:
    return "\n".join([header, *(",".join((address, *cells)) for address in ADDRESSES)]) + "\n"


@pytest.mark.parametrize("header", ["url,caption", "image_url,text", "URL,TEXT", "link,caption"])
def test_a_table_of_addresses_without_digests_is_told(header: str) -> None:
    assert _is_told("train.csv", _csv(header, "a cat"))


@pytest.mark.parametrize("digest", ["sha256", "md5", "image_hash", "phash", "checksum"])
def test_a_table_with_digests_is_not_told(digest: str) -> None:
    assert not _is_told("train.csv", _csv(f"url,caption,{digest}", "a cat", "00ff"))


def test_addresses_that_say_where_a_text_came_from_are_not_told() -> None:
    assert not _is_told("train.csv", _csv("url,text", "word " * 200))


def test_a_column_that_holds_few_addresses_is_not_told() -> None:
    rows = "\n".join(f"note {number},a" for number in range(9))
    assert not _is_told("train.csv", f"url,caption\n{ADDRESSES[0]},a\n{rows}\n")


def test_a_column_of_another_name_is_not_told() -> None:
    assert not _is_told("train.csv", _csv("homepage,name", "a cat"))


def test_json_lines_of_addresses_are_told() -> None:
    lines = [json.dumps({"url": address, "caption": "a cat"}) for address in ADDRESSES]
    assert _is_told("train.jsonl", "\n".join(lines) + "\n")
