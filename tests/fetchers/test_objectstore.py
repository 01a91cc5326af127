"""`s3://` against moto's server: listed in pages, read by ranges, every request counted."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
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
from tests.servers.moto import CREDENTIALS, put, request, running_moto, strict
from weighbridge.core.report import Outcome
from weighbridge.errors import AccessDenied, ReadError, TargetNotFound
from weighbridge.fetchers.interface import (
    CloudCredentials,
    Entry,
    FetchSettings,
    Problem,
    ProblemKind,
)
from weighbridge.fetchers.registry import fetch


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _user(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def entries(target: str) -> dict[str, Entry]:
    items = list(fetch(target, FetchSettings()).items)
    return {item.name: item for item in items if isinstance(item, Entry)}


def test_a_clean_prefix_costs_a_listing_and_the_ranges_that_matter(moto: str, tmp_path: Path) -> None:
    put(moto, "clean", model_files(tmp_path))

    report = scan("s3://clean/models")

    assert details(report) == {}
    assert not {"PKL002", "TOR050"} & rules(report)
    assert [file.name for file in report.files] == [
        *("config.json", "model.gguf", "model.pt", "notes/readme.txt"),
    ]
    # One page, one for each small file and for the GGUF header, the tail and the head of the zip.
    assert report.traffic.requests == 1 + 1 + 1 + 1 + 2
    assert report.traffic.bytes_received < 220_000
    assert report.origin.kind == "s3"
    assert report.origin.location == "s3://clean/models"


def test_a_dirty_checkpoint_is_found_by_two_ranges(moto: str, tmp_path: Path) -> None:
    content = torch_bytes(tmp_path, payload=PAYLOAD)
    put(moto, "dirty", {"models/model.pt": content})

    report = scan("s3://dirty/models/model.pt")

    assert "PKL002" in rules(report)
    assert report.is_complete
    assert report.traffic.requests == 3, "HEAD, tail, head"
    tail_from = (len(content) - 65_558) // 16_384 * 16_384
    assert report.traffic.bytes_received == len(content) - tail_from + 65_536
    assert report.files[0].name == "model.pt"


def test_the_command_scans_a_prefix_and_fails_on_it(moto: str, tmp_path: Path) -> None:
    put(moto, "gate", {"m/model.pt": torch_bytes(tmp_path, payload=PAYLOAD)})
    command = [sys.executable, "-m", "weighbridge", "scan", "s3://gate/m", "-f", "json"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))

    assert done.returncode == 1, done.stderr
    target = json.loads(done.stdout)["targets"][0]
    assert target["origin"]["kind"] == "s3"
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr


def test_what_the_store_says_of_an_object_is_its_origin(moto: str) -> None:
    put(moto, "facts", {"m/a.bin": b"0123456789"})

    origin = entries("s3://facts/m")["a.bin"].origin

    assert origin.location == "s3://facts/m/a.bin"
    assert (origin.size_bytes, origin.revision, origin.sha256) == (10, None, None)
    assert origin.facts["etag"] == hashlib.md5(b"0123456789").hexdigest()
    assert origin.facts["last_modified"].startswith("20")


def test_the_checksum_that_the_store_vouches_for_is_taken(moto: str) -> None:
    content = b"0123456789"
    digest = hashlib.sha256(content)
    request(moto, "PUT", "/sums")
    checksum = base64.b64encode(digest.digest()).decode()
    named = {"x_amz_checksum_sha256": checksum, "x_amz_sdk_checksum_algorithm": "SHA256"}
    request(moto, "PUT", "/sums/a.bin", content, **named)

    assert entries("s3://sums/a.bin")["a.bin"].origin.sha256 == digest.hexdigest()


def test_a_version_is_pinned(moto: str) -> None:
    request(moto, "PUT", "/versions")
    rule = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    request(moto, "PUT", "/versions?versioning", rule)
    old = request(moto, "PUT", "/versions/a.bin", b"old one")["x-amz-version-id"]
    new = request(moto, "PUT", "/versions/a.bin", b"newer")["x-amz-version-id"]

    pinned = entries(f"s3://versions/a.bin?versionId={old}")["a.bin"]
    newest = entries("s3://versions/a.bin")["a.bin"]

    assert (pinned.origin.revision, bytes(pinned.open().read_at(0, 9))) == (old, b"old one")
    assert (newest.origin.revision, bytes(newest.open().read_at(0, 9))) == (new, b"newer")


def test_a_version_that_is_not_there_is_said(moto: str) -> None:
    put(moto, "noversion", {"a.bin": b"1"})

    with pytest.raises(TargetNotFound, match="does not exist in the version 'abc'"):
        fetch("s3://noversion/a.bin?versionId=abc", FetchSettings())


def test_2500_objects_come_in_three_pages_as_the_caller_goes_on(moto: str) -> None:
    put(moto, "many", {f"m/{number:04}.txt": b"x" for number in range(2500)})

    fetched = fetch("s3://many/m", FetchSettings())
    after = {0: fetched.traffic.snapshot().requests}
    names = []
    for number, item in enumerate(fetched.items, start=1):
        names.append(item.name)
        after[number] = fetched.traffic.snapshot().requests

    assert fetched.count is None
    assert names == [f"{number:04}.txt" for number in range(2500)]
    assert {number: after[number] for number in (0, 1, 1000, 1001, 2000, 2001, 2500)} == {
        **{0: 1, 1: 1, 1000: 1},
        **{1001: 2, 2000: 2, 2001: 3, 2500: 3},
    }


def test_more_objects_than_the_user_allows_are_said_and_not_listed(moto: str) -> None:
    put(moto, "limit", {f"{number}.txt": b"x" for number in range(9)})

    items = list(fetch("s3://limit", FetchSettings(max_files=4)).items)

    assert [item.name for item in items[:4]] == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert isinstance(items[4], Problem)
    assert items[4].kind is ProblemKind.TOO_MANY_FILES
    assert len(items) == 5


def test_keys_that_no_path_may_have_hide_nothing_else(moto: str) -> None:
    keys = ("m/../up", "m//abs", "m/a//b", "m/a/./b", "m/ctl\x01", "m/data/", "m/good.txt")
    put(moto, "names", {key: b"" if key.endswith("/") else b"content" for key in keys})

    report = scan("s3://names/m")

    rows = {row.artifact: row.outcome for row in report.coverage}
    assert rows.pop("good.txt").is_complete
    assert rows.pop("data/") is Outcome.ANALYZED, "the marker of a folder holds nothing"
    assert rows == dict.fromkeys(("../up", "/abs", "a//b", "a/./b", "ctl\x01"), Outcome.FAILED)
    assert {"ARC001", "ARC002"} <= rules(report)


def test_a_folder_marker_with_content_is_not_passed_over(moto: str) -> None:
    put(moto, "fat", {"m/folder/": b"cposix\nsystem\n.", "m/good.txt": b"1"})

    assert set(details(scan("s3://fat/m"))) == {"folder/"}


@pytest.mark.parametrize("name", ["a b", "a+b", "ü", "a%2Fb", "a#b", "a?b", "a\\b", "a&b=c", "a*'()!~"])
def test_odd_keys_are_read_as_what_they_are(moto: str, name: str) -> None:
    put(moto, "odd", {f"{name}/x.txt": name.encode(), "ab": b"another"})

    found = entries(f"s3://odd/{name}")

    assert {key: bytes(entry.open().read_at(0, 99)) for key, entry in found.items()} == {
        "x.txt": name.encode()
    }


def test_an_object_that_is_replaced_after_listing_is_not_mixed(moto: str, tmp_path: Path) -> None:
    content = torch_bytes(tmp_path)
    put(moto, "swap", {"m/model.pt": content})
    source = entries("s3://swap/m")["model.pt"].open()
    source.read_at(len(content) - 100, 100)
    put(moto, "swap", {"m/model.pt": content[:-1] + b"!"})

    with pytest.raises(ReadError, match="the object was changed after it was listed"):
        source.read_at(0, 100)


def test_an_object_that_is_gone_after_listing_is_said(moto: str) -> None:
    put(moto, "gone", {"m/a.txt": b"1"})
    entry = entries("s3://gone/m")["a.txt"]
    request(moto, "DELETE", "/gone/m/a.txt")

    with pytest.raises(ReadError, match="says that the file does not exist"):
        entry.open().read_at(0, 1)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("s3://no-such-bucket/m", "There is no bucket s3://no-such-bucket at 127.0.0.1"),
        ("s3://no-such-bucket/m.pt", "There is no bucket s3://no-such-bucket at 127.0.0.1"),
        ("s3://known/nothing", "There is no object s3://known/nothing, and none below it"),
        ("s3://known/nothing.pt", "There is no object s3://known/nothing.pt, and none below it"),
        ("s3://known/a.tx", "There is no object s3://known/a.tx, and none below it"),
        ("s3://known/folder/", "There is no object s3://known/folder/, and none below it"),
    ],
)
def test_what_is_not_there_is_said(moto: str, target: str, words: str) -> None:
    put(moto, "known", {"a.txt": b"1"})

    with pytest.raises(TargetNotFound, match=words):
        fetch(target, FetchSettings())


def test_an_empty_bucket_does_not_pass(moto: str) -> None:
    put(moto, "empty", {"a": b""})
    request(moto, "DELETE", "/empty/a")

    with pytest.raises(TargetNotFound, match="s3://empty is empty"):
        fetch("s3://empty", FetchSettings())


@pytest.mark.parametrize("target", ["s3://guarded/m", "s3://guarded/m/a.txt"])
def test_keys_that_are_refused_are_said_and_not_shown(moto: str, target: str) -> None:
    put(moto, "guarded", {"m/a.txt": b"1"})

    with strict(moto), pytest.raises(AccessDenied, match="refuses the AWS access key") as caught:
        fetch(target, FetchSettings())

    assert "AKIA" not in str(caught.value)


def test_a_refused_stranger_hears_which_credentials_there_are(moto: str) -> None:
    put(moto, "guarded", {"m/a.txt": b"1"})

    with pytest.raises(AccessDenied) as caught:
        fetch("s3://guarded/m/a.txt", FetchSettings(cloud=CloudCredentials.NONE))

    assert "refuses a request without credentials" in str(caught.value)
    assert "use --cloud-credentials environment" in str(caught.value)
