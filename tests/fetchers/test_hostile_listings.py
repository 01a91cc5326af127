"""Listings that mean harm: one name twice, no end, sizes that hide, words that break a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fetchers.object_stores import clear_environment
from tests.servers.docker_registry import Layer
from tests.servers.faulty import Answer, FileAnswer, Seen, Status, json_answer, running_faulty
from tests.servers.gcs_stub import StubStore, running_stub_store
from tests.servers.oci_stub import running_stub
from tests.servers.stub_hubs import COMMIT, PAYLOAD, scanned
from weighbridge.core.report import Outcome
from weighbridge.errors import TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.jfrog import _server

CLEAN = b"\x80\x04]\x94."
OTHER = "6" * 40


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubStore]:
    clear_environment(monkeypatch, tmp_path)
    with running_stub_store() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


def page(rows: str, tail: str = "<IsTruncated>false</IsTruncated>") -> Status:
    return Status(200, {}, f"<ListBucketResult>{tail}{rows}</ListBucketResult>".encode())


def hub_row(path: str, size: int, revision: str = COMMIT) -> object:
    return {"Path": path, "Type": "blob", "Size": size, "Revision": revision}


def hub_listing(*rows: object) -> Status:
    return json_answer({"Code": 200, "Data": {"Files": rows, "LatestCommitter": {"Id": COMMIT}}})


def test_a_name_that_is_listed_twice_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.route.endswith("/files"):
            return hub_listing(hub_row("m.pkl", 5), hub_row("m.pkl", len(PAYLOAD), OTHER))
        return FileAnswer(PAYLOAD if seen.query["Revision"] == OTHER else CLEAN)

    with running_faulty(answer) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.origin)
        report = scanned("modelscope://acme/model")

    assert "PKL002" in {found.rule for found in report.findings}


@pytest.mark.parametrize("row", [hub_row("n" * 5000, 5), hub_row("m.pkl", 10**30)])
def test_a_name_or_size_without_bounds_is_said(row: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_faulty(lambda _: hub_listing(row)) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.origin)
        report = scanned("modelscope://acme/model")

    assert [one.detail for one in report.coverage] == [
        "listed with a name or size that no file can have"
    ]


def test_an_object_that_is_listed_as_empty_hides_nothing(store: StubStore) -> None:
    store.put("bucket", {"model.py": b"import os\n", "void": b""})
    rows = "".join(
        f"<Contents><Key>{key}</Key><Size>0</Size></Contents>" for key in ("model.py", "void")
    )
    store.server.fault("list-type", page(rows))

    report = scanned("s3://bucket")

    assert {
        one.artifact: one.outcome for one in report.coverage if one.artifact in ("model.py", "void")
    } == {
        "model.py": Outcome.FAILED,
        "void": Outcome.OPAQUE,
    }


def test_an_etag_that_no_header_can_hold_costs_one_object(store: StubStore) -> None:
    store.put("bucket", {"a.pkl": PAYLOAD, "b.pkl": CLEAN})
    rows = (
        f"<Contents><Key>a.pkl</Key><Size>{len(PAYLOAD)}</Size></Contents>"
        "<Contents><Key>b.pkl</Key><Size>5</Size><ETag>&#233;&#10;</ETag></Contents>"
    )
    store.server.fault("list-type", page(rows))

    report = scanned("s3://bucket")

    details = {one.artifact: one.detail for one in report.coverage}
    assert "PKL002" in {found.rule for found in report.findings}
    assert "no header if-match can hold it" in details["b.pkl"]


def test_pages_of_a_bucket_that_go_round_are_asked_for_once(store: StubStore) -> None:
    store.put("bucket", {"a.txt": b"a"})
    rows = "<Contents><Key>a.txt</Key><Size>1</Size></Contents>"
    going_on = "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>"
    for token in ("x", "y", "x"):
        store.server.fault("list-type", page(rows, going_on.format(token)), times=1)

    report = scanned("s3://bucket")

    assert "lists in a circle" in " ".join(one.detail for one in report.coverage)
    assert len(store.server.seen("list-type")) == 3


def test_pages_of_kaggle_that_go_round_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(seen: Seen) -> Answer:
        following = {"x": "y", "y": "x"}.get(seen.query.get("page_token", ""), "x")
        return json_answer({"files": [{"name": "a.txt", "size": 1}], "nextPageToken": following})

    with running_faulty(answer) as server:
        monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.origin)
        with pytest.raises(TargetUnavailable, match="its listing has no end"):
            scanned("kaggle://models/acme/model/pyTorch/base/3", token="k")

    assert len(server.requests) == 3


def test_folders_of_a_hub_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(seen: Seen) -> Answer:
        if "/tree/" not in seen.route:
            return json_answer({"id": "acme/model", "sha": COMMIT})
        return json_answer(
            [{"type": "directory", "path": "d"}], {"link": f'<{seen.route}?cursor=x>; rel="next"'}
        )

    with running_faulty(answer) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.origin)
        with pytest.raises(TargetUnavailable, match="the listing has no end"):
            scanned("hf://acme/model")

    assert len(server.requests) == 3


def test_a_manifest_that_is_large_only_in_memory_is_refused() -> None:
    with running_stub() as stub:
        stub.put("1", [Layer(content=CLEAN, media_type="application/octet-stream")])
        document = json.loads(stub.documents["1"])
        stub.documents["1"] = json.dumps({**document, "x-more": [{}] * 50_000}).encode()

        with pytest.raises(TargetUnavailable, match="more than 50,000 objects and lists"):
            scanned(f"oci://{stub.host}/acme/m:1")


@pytest.mark.parametrize(
    "target",
    [
        "jfrog-generic://user:s3cr3t@h/artifactory/r",
        "jfrog://h:port/artifactory/r/o/n",
        "jfrog://[::1/artifactory/r/o/n",
        "jfrog://a..b/artifactory/r/o/n",
        "jfrog://h\0/artifactory/r/o/n",
        "ollama://user:s3cr3t@127.0.0.1/a/b",
    ],
)
def test_a_host_that_is_none_is_a_usage_error_that_shows_no_password(target: str) -> None:
    with pytest.raises(UsageError) as raised:
        scanned(target)

    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("endpoint", ["http://[::1", "hub.example.invalid", "http://u:s3cr3t@127.0.0.1"])
def test_an_endpoint_of_the_environment_that_is_none_is_said(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", endpoint)

    for target, name in (("hf://a/b", "HF"), ("kaggle://datasets/a/b", "KAGGLE_API")):
        with pytest.raises(UsageError, match=f"{name}_ENDPOINT is not an address") as raised:
            scanned(target)
        assert "s3cr3t" not in str(raised.value)


def test_a_token_for_no_server_in_particular_goes_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JFROG_URL", "JF_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JFROG_ACCESS_TOKEN", "s3cr3t")

    server = _server("other.example.invalid", "artifactory", FetchSettings())

    assert (server.base, server.headers) == ("https://other.example.invalid/artifactory", {})
