"""How addresses of object stores are spelt, and which are refused."""

from __future__ import annotations

import pytest

from weighbridge.errors import UsageError
from weighbridge.fetchers.objectstore_target import ObjectTarget, flaw_of, parse_object_target


def parts(target: ObjectTarget) -> tuple[str | None, str, str, str | None]:
    return target.account, target.bucket, target.key, target.version


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket", (None, "bucket", "", None)),
        ("s3://bucket/", (None, "bucket", "", None)),
        ("s3://bucket/a/b/", (None, "bucket", "a/b/", None)),
        ("s3://bucket/a%2Fb c?d#e", (None, "bucket", "a%2Fb c?d#e", None)),
        ("s3://bucket/a?versionId=x.Y-1", (None, "bucket", "a", "x.Y-1")),
        ("s3://bucket/a?generation=12", (None, "bucket", "a?generation=12", None)),
        ("gs://bucket/a#12", (None, "bucket", "a", "12")),
        ("gs://bucket/a?generation=12", (None, "bucket", "a", "12")),
        ("gs://bucket/a#b", (None, "bucket", "a#b", None)),
        ("az://lake/box/a", ("lake", "box", "a", None)),
        ("az://lake/box", ("lake", "box", "", None)),
        (
            "az://lake/box/a?versionid=2026-01-01T00:00:00.0Z",
            ("lake", "box", "a", "2026-01-01T00:00:00.0Z"),
        ),
    ],
)
def test_an_address_names_a_bucket_and_a_key(
    address: str, expected: tuple[str | None, str, str, str | None]
) -> None:
    assert parts(parse_object_target(address)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("az://box/a", ("lake", "box", "a", None)),
        ("az://lake/box/a", ("lake", "box", "a", None)),
        ("az://other/box/a", ("lake", "other", "box/a", None)),
    ],
)
def test_with_an_account_in_the_environment_the_container_is_enough(
    address: str, expected: tuple[str | None, str, str, str | None]
) -> None:
    assert parts(parse_object_target(address, account="lake")) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("s3://", "s3:///key", "s3://b", "s3://user:pass@bucket/key", "s3://bucket:80/key"),
        *(
            "s3://bucket/../other",
            "s3://bucket/a//b",
            "s3://bucket/a\0b",
            "s3://bucket/a\nb",
            "s3://a b/c",
        ),
        *("gs://Bucket/a", "gs://bucket/" + "k" * 1025),
        *("az://lake", "az://Lake/box", "az://evil.invalid/box", "az://lake/Box/a", "az://la/box"),
    ],
)
def test_what_names_no_bucket_or_no_key_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"can't read the target .*; write "):
        parse_object_target(address)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", ".", "a/..", "a/./b", "a\x7f", "a\x85b", "\ud800"]
)
def test_names_that_no_file_has_are_told(key: str) -> None:
    assert flaw_of(key) is not None


@pytest.mark.parametrize("key", ["a", "a/b", "...", "a..b", " ", "a\\b", "ü/漢", "a%2F..%2Fb", "-"])
def test_names_that_a_file_has_are_taken(key: str) -> None:
    assert flaw_of(key) is None
