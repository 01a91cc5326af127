"""`az://` against Azurite: shared keys, signatures, public containers, accounts of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetchers.object_stores import (
    PAYLOAD,
    clear_environment,
    details,
    model_files,
    rules,
    scan,
    torch_bytes,
)
from tests.servers.azurite import ACCOUNT, CREDENTIALS, KEY, put, running_azurite, shared_access
from weighbridge.errors import AccessDenied, ReadError, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import CloudCredentials, Entry, FetchSettings
from weighbridge.fetchers.registry import fetch


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _user(azurite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def entry(target: str) -> Entry:
    return next(item for item in fetch(target, FetchSettings()).items if isinstance(item, Entry))


def test_a_clean_container_costs_a_listing_and_the_ranges_that_matter(
    azurite: str, tmp_path: Path
) -> None:
    put(azurite, "clean", model_files(tmp_path))

    report = scan("az://clean/models")

    assert details(report) == {}
    assert "PKL002" not in rules(report)
    assert [file.name for file in report.files] == [
        *("config.json", "model.gguf", "model.pt", "notes/readme.txt"),
    ]
    assert report.traffic.requests == 1 + 1 + 1 + 1 + 2
    assert report.traffic.bytes_received < 220_000
    assert report.origin.location == f"az://{ACCOUNT}/clean/models"


def test_a_dirty_blob_is_found_by_two_ranges(azurite: str, tmp_path: Path) -> None:
    content = torch_bytes(tmp_path, payload=PAYLOAD)
    put(azurite, "dirty", {"models/model.pt": content})

    report = scan(f"az://{ACCOUNT}/dirty/models/model.pt")

    assert "PKL002" in rules(report)
    assert report.is_complete
    assert report.traffic.requests == 3, "HEAD, tail, head"
    tail_from = (len(content) - 65_558) // 16_384 * 16_384
    assert report.traffic.bytes_received == len(content) - tail_from + 65_536


def test_what_the_store_says_of_a_blob_is_its_origin(azurite: str) -> None:
    put(azurite, "facts", {"m/a b+ü%2F.txt": b"0123456789"})

    found = entry("az://facts/m")

    assert (found.name, found.origin.kind) == ("a b+ü%2F.txt", "azure")
    assert found.origin.facts["etag"].startswith("0x")
    assert found.origin.facts["last_modified"].endswith("GMT")
    assert bytes(found.open().read_at(3, 4)) == b"3456"


def test_a_blob_that_is_replaced_after_listing_is_not_mixed(azurite: str) -> None:
    put(azurite, "swap", {"m/a.txt": b"0123456789"})
    found = entry("az://swap/m")
    put(azurite, "swap", {"m/a.txt": b"9876543210"})

    with pytest.raises(ReadError, match="the object was changed after it was listed"):
        found.open().read_at(0, 10)


def test_a_connection_string_is_enough(azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(azurite, "joined", {"a.txt": b"1"})
    for name in ("AZURE_STORAGE_ENDPOINT", *CREDENTIALS):
        monkeypatch.delenv(name)
    text = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={azurite};"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)

    assert bytes(entry("az://joined").open().read_at(0, 9)) == b"1"


def test_a_shared_access_signature_is_used_and_not_shown(
    azurite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(azurite, "signed", {"m/a.txt": b"1"})
    monkeypatch.delenv("AZURE_STORAGE_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", shared_access())

    assert bytes(entry("az://signed/m").open().read_at(0, 9)) == b"1"

    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", shared_access(permissions="w"))
    with pytest.raises(AccessDenied, match="refuses the shared access signature") as caught:
        fetch("az://signed/m", FetchSettings())
    assert "sig=" not in str(caught.value)


def test_a_public_container_needs_nobody(azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(azurite, "public", {"m/a.txt": b"1"}, is_public=True)
    monkeypatch.delenv("AZURE_STORAGE_KEY")

    assert bytes(entry("az://public/m").open().read_at(0, 9)) == b"1"


def test_a_wrong_key_is_said_and_not_shown(azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(azurite, "guarded", {"m/a.txt": b"1"})
    monkeypatch.setenv("AZURE_STORAGE_KEY", "c2VjcmV0c2VjcmV0")

    with pytest.raises(AccessDenied, match="refuses the key of the storage account") as caught:
        fetch("az://guarded/m", FetchSettings())

    assert "c2VjcmV0" not in str(caught.value)


def test_a_refused_stranger_hears_which_credentials_there_are(azurite: str) -> None:
    put(azurite, "guarded", {"m/a.txt": b"1"})

    with pytest.raises(AccessDenied, match="use --cloud-credentials environment"):
        fetch("az://guarded/m", FetchSettings(cloud=CloudCredentials.NONE))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("az://missing-container/m", "There is no container az://devstoreaccount1/missing-container"),
        ("az://known/nothing", "There is no object az://devstoreaccount1/known/nothing"),
        ("az://known/nothing.pt", "There is no object az://devstoreaccount1/known/nothing.pt"),
    ],
)
def test_what_is_not_there_is_said(azurite: str, target: str, words: str) -> None:
    put(azurite, "known", {"a.txt": b"1"})

    with pytest.raises(TargetNotFound, match=words):
        fetch(target, FetchSettings())


def test_a_version_that_the_store_does_not_vouch_for_is_not_taken(azurite: str) -> None:
    put(azurite, "plain", {"a.txt": b"1"})

    with pytest.raises(TargetUnavailable, match="does not say that what it has is the version"):
        fetch("az://plain/a.txt?versionId=2026-11-22T00:00:00.0000000Z", FetchSettings())


def test_without_an_account_in_the_environment_the_address_must_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT")

    with pytest.raises(UsageError, match="az://account/container/prefix"):
        fetch("az://container", FetchSettings())
