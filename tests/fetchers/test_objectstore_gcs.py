"""`gs://` against a stub with Google's XML interface: generations, tokens, files of credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fetchers.object_stores import (
    PAYLOAD,
    clear_environment,
    details,
    model_files,
    rules,
    scan,
    torch_bytes,
)
from tests.servers.faulty import Status, Truncated
from tests.servers.gcs_stub import StubStore, running_stub_store
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import AccessDenied, ReadError, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import CloudCredentials, Entry, FetchSettings
from weighbridge.fetchers.registry import fetch


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubStore]:
    clear_environment(monkeypatch, tmp_path)
    with running_stub_store() as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.endpoint)
        yield running


@pytest.fixture(scope="module")
def service_account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path_factory.mktemp("google") / "account.json"
    account = {"type": "service_account", "client_email": "a@b.invalid", "private_key_id": "1"}
    file.write_text(json.dumps({**account, "private_key": key.decode()}), encoding="utf-8")
    return file


def entry(target: str, settings: FetchSettings | None = None) -> Entry:
    items = fetch(target, settings or FetchSettings()).items
    return next(item for item in items if isinstance(item, Entry))


def test_a_clean_prefix_costs_a_listing_and_the_ranges_that_matter(
    store: StubStore, tmp_path: Path
) -> None:
    store.put("bucket", model_files(tmp_path))

    report = scan("gs://bucket/models")

    assert details(report) == {}
    assert report.traffic.requests == len(store.server.requests) == 1 + 1 + 1 + 1 + 2
    assert report.traffic.bytes_received < 220_000
    assert report.origin.kind == "gcs"


def test_a_dirty_checkpoint_is_found_by_two_ranges(store: StubStore, tmp_path: Path) -> None:
    content = torch_bytes(tmp_path, payload=PAYLOAD)
    store.put("bucket", {"models/model.pt": content})

    report = scan("gs://bucket/models/model.pt")

    assert "PKL002" in rules(report)
    assert report.is_complete
    tail_from = (len(content) - 65_558) // 16_384 * 16_384
    assert [(seen.method, seen.range) for seen in store.server.requests] == [
        ("HEAD", None),
        ("GET", f"bytes={tail_from}-{len(content) - 1}"),
        ("GET", "bytes=0-65535"),
    ]
    assert report.traffic.bytes_received == len(content) - tail_from + 65_536


def test_an_object_is_read_in_the_generation_that_was_listed(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"old"})
    found = entry("gs://bucket/m")
    store.put("bucket", {"m/a.txt": b"new"})

    assert found.origin.revision == "1001"
    with pytest.raises(ReadError, match="does not exist"):
        found.open().read_at(0, 3)


@pytest.mark.parametrize("spelling", ["#1001", "?generation=1001"])
def test_a_generation_is_pinned(store: StubStore, spelling: str) -> None:
    store.put("bucket", {"m/a.txt": b"old"})

    found = entry(f"gs://bucket/m/a.txt{spelling}")

    assert (found.origin.revision, bytes(found.open().read_at(0, 3))) == ("1001", b"old")
    assert all(seen.query["generation"] == "1001" for seen in store.server.requests)


def test_a_generation_that_is_gone_is_said(store: StubStore) -> None:
    store.put("bucket", {"m/a.txt": b"old"})

    with pytest.raises(TargetNotFound, match="does not exist in the version '7'"):
        fetch("gs://bucket/m/a.txt#7", FetchSettings())


def test_a_token_of_the_environment_is_sent(store: StubStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.token = "weighbridge-token"
    store.put("bucket", {"m/a.txt": b"1"})
    with pytest.raises(AccessDenied, match="Set GOOGLE_APPLICATION_CREDENTIALS"):
        fetch("gs://bucket/m", FetchSettings())

    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN", store.token)

    assert bytes(entry("gs://bucket/m").open().read_at(0, 1)) == b"1"


def test_a_service_account_reads_through_obstore(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path, tmp_path: Path
) -> None:
    store.put("bucket", model_files(tmp_path, payload=PAYLOAD))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))

    report = scan("gs://bucket/models")

    assert "PKL002" in rules(report)
    assert report.is_complete
    assert report.traffic.requests == len(store.server.requests) == 1 + 1 + 1 + 1 + 2
    assert all((seen.authorization or "").startswith("Bearer ey") for seen in store.server.requests)
    assert "obstore" not in repr({seen.headers["user-agent"] for seen in store.server.requests})


def test_one_object_of_a_service_account_is_asked_for_by_its_generation(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path
) -> None:
    store.put("bucket", {"m/a b%2F.txt": b"0123456789"})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))

    found = entry("gs://bucket/m/a b%2F.txt")

    assert (found.origin.revision, bytes(found.open().read_at(2, 3))) == ("1001", b"234")
    with pytest.raises(TargetNotFound, match="none below it"):
        fetch("gs://bucket/m/b.txt", FetchSettings())


def test_a_listing_through_obstore_says_which_keys_stand_in_its_way(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path
) -> None:
    store.put("bucket", {"m/a.txt": b"1", "m/b//c.txt": b"1"})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))

    with pytest.raises(TargetUnavailable, match="a key that is no path stands in the way"):
        fetch("gs://bucket/m", FetchSettings())


def test_2500_objects_come_through_obstore_in_three_pages(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path
) -> None:
    store.put("bucket", {f"m/{number:04}.txt": b"1" for number in range(2500)})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))

    fetched = fetch("gs://bucket/m", FetchSettings())
    names = [item.name for item in fetched.items]

    assert names == [f"{number:04}.txt" for number in range(2500)]
    assert fetched.traffic.snapshot().requests == len(store.server.requests) == 3


def test_a_truncated_body_is_asked_for_again_and_then_said(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path
) -> None:
    store.put("bucket", {"m/a.txt": bytes(1000)})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))
    settings = FetchSettings(http=HttpSettings(attempts=2))
    store.server.fault(r"a(\.|%2E)txt", Truncated(10))

    with pytest.raises(ReadError, match="no whole answer, 2 tries in a row"):
        entry("gs://bucket/m", settings).open().read_at(0, 1000)
    assert len(store.server.requests) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_service_account_is_said(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, service_account: Path, status: int
) -> None:
    store.put("bucket", {"m/a.txt": b"1"})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account))
    store.server.fault("list-type", Status(status))

    with pytest.raises(AccessDenied, match="refuses the credentials in "):
        fetch("gs://bucket/m", FetchSettings())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "can't read"),
        ('{"type": "external_account"}', "of the type 'external_account'"),
        ('{"type": "service_account", "private_key": "weighbridge-secret"}', "can't use"),
    ],
)
def test_a_file_of_credentials_that_cannot_be_used_is_said_and_not_quoted(
    store: StubStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "account.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))

    with pytest.raises(UsageError, match=words) as caught:
        fetch("gs://bucket/m", FetchSettings())
    assert "weighbridge-secret" not in str(caught.value)
    assert store.server.requests == []


def test_the_login_of_gcloud_is_for_those_who_allow_files(
    store: StubStore, tmp_path: Path, service_account: Path
) -> None:
    store.put("bucket", {"m/a.txt": b"1"})
    store.token = "nobody-has-this"
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_bytes(service_account.read_bytes())

    with pytest.raises(AccessDenied, match="use --cloud-credentials files"):
        fetch("gs://bucket/m", FetchSettings())

    store.token = None
    assert entry("gs://bucket/m", FetchSettings(cloud=CloudCredentials.FILES)).name == "a.txt"
    assert [bool(seen.authorization) for seen in store.server.requests] == [False, False, True]
