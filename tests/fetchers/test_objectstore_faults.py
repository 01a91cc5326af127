"""A store that breaks as stores and the networks before them break: words, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetchers.object_stores import PAYLOAD, clear_environment, details, rules, torch_bytes
from tests.servers.faulty import (
    METADATA,
    Compressed,
    DrippingBody,
    Endless,
    Fault,
    IgnoresRange,
    RedirectLoop,
    RedirectTo,
    Reset,
    Status,
    Truncated,
    UnstatedRange,
    WrongRange,
    running_faulty,
)
from tests.servers.gcs_stub import StubStore, running_stub_store
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import AccessDenied, ReadError, TargetUnavailable
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.registry import fetch

SETTINGS = FetchSettings(
    http=HttpSettings(
        inactivity_s=2, deadline_s=0.5, slowest_bytes_per_s=1 << 30, attempts=2, wait_total_s=2
    )
)
SESSION = "weighbridge-session-token"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubStore]:
    clear_environment(monkeypatch, tmp_path)
    with running_stub_store() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWEIGHBRIDGETEST0")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
        yield running


def scan(target: str) -> Report:
    return scan_target(target, ScanSettings(jobs=2, fetch=SETTINGS))


def entry(fetched: Fetched) -> Entry:
    return next(item for item in fetched.items if isinstance(item, Entry))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(403), "refuses access"),
        (Status(404), "does not exist"),
        (Status(412), "the object was changed after it was listed"),
        (Status(503), "can't answer now (status 503), 2 tries in a row"),
        (Truncated(100), "2 tries in a row"),
        (Reset(), "2 tries in a row"),
        (RedirectLoop(), "redirects more than 5 times"),
        (RedirectTo(METADATA), "cloud metadata address"),
        (WrongRange(), "asked for were"),
        (UnstatedRange(), "without saying which"),
        (Compressed(), "compressed"),
        (DrippingBody(), "took longer than"),
        (Status(200, {"etag": '"another"'}, b"x"), "the object was changed after it was listed"),
        (Status(206, {"content-range": "bytes 0-9/10"}, b"0123456789"), "its ETag is another"),
        (Endless(), "its ETag is another"),
    ],
)
def test_an_object_that_cannot_be_read_is_said(store: StubStore, fault: Fault, words: str) -> None:
    store.put("bucket", {"m/a.pt": bytes(300_000)})
    source = entry(fetch("s3://bucket/m", SETTINGS)).open()
    store.server.fault(r"/a\.pt", fault)

    with pytest.raises(ReadError) as caught:
        source.read_at(0, 10)

    assert words in str(caught.value)
    assert SESSION not in str(caught.value)


def test_what_cannot_be_read_takes_nothing_from_the_rest(store: StubStore, tmp_path: Path) -> None:
    files = {"m/a.pt": torch_bytes(tmp_path), "m/b.pt": torch_bytes(tmp_path, payload=PAYLOAD)}
    store.put("bucket", files)
    store.server.fault(r"/a\.pt", Truncated(100))

    report = scan("s3://bucket/m")

    assert set(details(report)) == {"a.pt"}
    assert {row.outcome for row in report.coverage if row.artifact == "a.pt"} == {Outcome.FAILED}
    assert "PKL002" in rules(report)


def test_a_fault_that_passes_leaves_no_trace(store: StubStore, tmp_path: Path) -> None:
    store.put("bucket", {"m/a.pt": torch_bytes(tmp_path, payload=PAYLOAD)})
    store.server.fault(r"list-type", Status(500), times=1)
    store.server.fault(r"/a\.pt", Truncated(10), times=1)

    report = scan("s3://bucket/m")

    assert report.is_complete
    assert "PKL002" in rules(report)
    assert report.traffic.requests == len(store.server.requests) == 2 + 3


def test_a_small_object_is_read_from_a_store_that_ignores_ranges(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"0123456789"})
    store.server.fault(r"/a\.txt", IgnoresRange())

    assert bytes(entry(fetch("s3://bucket/m", SETTINGS)).open().read_at(2, 3)) == b"234"


def test_a_large_object_of_a_store_that_ignores_ranges_is_said(store: StubStore) -> None:
    store.put("bucket", {"m/a.zip": bytes(9 << 20)})
    store.server.fault(r"/a\.zip", IgnoresRange())

    with pytest.raises(ReadError, match="the server ignores range requests"):
        entry(fetch("s3://bucket/m", SETTINGS)).open().read_at(0, 9 << 20)


def test_neither_key_nor_session_follows_a_redirect(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"0123456789"})
    with running_faulty({"/a.txt": b"0123456789"}, address="127.0.0.2") as other:
        store.server.fault(r"/a\.txt", RedirectTo(other.url("/a.txt")))

        with pytest.raises(ReadError, match="its ETag is another"):
            entry(fetch("s3://bucket/m", SETTINGS)).open().read_at(0, 10)

        (seen,) = other.requests
        assert seen.authorization is None
        assert SESSION not in repr(seen.headers)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(500), "can't answer now"),
        (Reset(), "the connection to 127.0.0.1 failed"),
        (RedirectLoop(), "redirects more than 5 times"),
        (RedirectTo(METADATA), "cloud metadata address"),
        (DrippingBody(), "took longer than"),
        (Truncated(30), "2 tries in a row"),
        (Status(200, {}, b"<html>hello</html>"), "it is no ListBucketResult"),
        (Status(200, {}, b"<ListBucketResult"), "not well-formed"),
        (Status(200, {}, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"), "not plain XML"),
        (Status(200, {}, "<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16")), "not plain"),
        (
            Status(200, {}, b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"),
            "size",
        ),
        (Status(400), "answered with status 400"),
    ],
)
def test_a_store_that_cannot_be_listed_is_unavailable(
    store: StubStore, fault: Fault, words: str
) -> None:
    store.put("bucket", {"m/a.txt": b"1"})
    store.server.fault("list-type", fault)

    with pytest.raises(TargetUnavailable) as caught:
        fetch("s3://bucket/m", SETTINGS)

    assert words in str(caught.value)
    assert SESSION not in str(caught.value)


def test_an_object_is_read_by_those_who_may_not_list(store: StubStore) -> None:
    store.put("bucket", {"m/model": b"1"})
    store.server.fault("list-type", Status(403))

    assert entry(fetch("s3://bucket/m/model", SETTINGS)).name == "model"
    with pytest.raises(AccessDenied, match="refuses the AWS access key"):
        fetch("s3://bucket/m", SETTINGS)


def test_a_folder_is_listed_by_those_who_may_not_ask_for_its_name(store: StubStore) -> None:
    store.put("bucket", {"m/v1.0/a.txt": b"1"})
    store.server.fault(r"/v1\.0$", Status(403))

    assert entry(fetch("s3://bucket/m/v1.0", SETTINGS)).name == "a.txt"


def test_a_listing_that_breaks_off_keeps_what_it_gave(store: StubStore) -> None:
    store.page_size = 2
    store.put("bucket", {f"m/{number}.txt": b"1" for number in range(5)})
    store.server.fault("continuation-token=m/3|continuation-token=m%2F3", Status(500))

    report = scan("s3://bucket/m")

    assert [file.name for file in report.files] == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert "the listing broke off, and what comes after is not known" in details(report)["..."]
    assert not report.is_complete


def test_a_listing_in_a_circle_ends(store: StubStore) -> None:
    body = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>again</NextContinuationToken>"
        b"<Contents><Key>m/a.txt</Key><Size>1</Size></Contents></ListBucketResult>"
    )
    store.server.fault("list-type", Status(200, {}, body))

    items = list(fetch("s3://bucket/m", SETTINGS).items)

    assert isinstance(items[-1], Problem)
    assert items[-1].kind is ProblemKind.UNREADABLE
    assert "lists in a circle" in items[-1].detail
    assert len(items) == 3


def test_a_key_that_was_not_asked_for_is_not_read(store: StubStore) -> None:
    body = (
        b"<ListBucketResult><Contents><Key>other/a.txt</Key><Size>1</Size></Contents>"
        b"<Contents><Key>m/%FF</Key><Size>1</Size></Contents><EncodingType>url</EncodingType>"
        b"</ListBucketResult>"
    )
    store.server.fault("list-type", Status(200, {}, body))

    items = list(fetch("s3://bucket/m", SETTINGS).items)

    assert [type(item) for item in items] == [Problem, Problem]
    assert "is not below what was asked for" in repr(items[0])
    assert "is not UTF-8" in repr(items[1])


def test_the_bucket_says_in_which_region_it_is(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"1"})
    store.server.fault("list-type", Status(301, {"x-amz-bucket-region": "eu-west-3"}), times=1)

    names = [item.name for item in fetch("s3://bucket/m", SETTINGS).items]

    assert names == ["a.txt"]
    scopes = [(seen.authorization or "").split("/")[2] for seen in store.server.requests]
    assert scopes == ["us-east-1", "eu-west-3"]


def test_a_bucket_that_is_in_no_region_is_unavailable(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"1"})
    store.server.fault("list-type", Status(301, {"x-amz-bucket-region": "eu-west-3"}))

    with pytest.raises(TargetUnavailable, match="the bucket is in the region eu-west-3"):
        fetch("s3://bucket/m", SETTINGS)
