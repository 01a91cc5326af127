"""ModelScope by its documented API, against a stub that speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.stub_hubs import (
    COMMAND,
    COMMIT,
    ModelScopeStub,
    Running,
    found,
    running_stub,
    samples,
    scanned,
    sha256,
)
from weighbridge.errors import AccessDenied, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.modelscope import ModelScopeFetcher


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.delenv("MODELSCOPE_API_TOKEN", raising=False)
    with running_stub(ModelScopeStub(samples(tmp_path, is_dirty=True))) as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.api.origin)
        yield running


@pytest.mark.parametrize("target", ["modelscope://acme/model", "modelscope://datasets/acme/data"])
def test_a_dirty_checkpoint_of_8_mib_costs_six_requests_and_132_kib(hub: Running, target: str) -> None:
    report = scanned(target)

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (3, 3)
    assert hub.sent_bytes < 135_000
    assert report.traffic.requests == 6


def test_a_clean_one_is_clean(hub: Running, tmp_path: Path) -> None:
    hub.stub.files = samples(tmp_path)

    report = scanned("modelscope://acme/model")

    assert found(report) == set()
    assert report.is_complete


def test_files_are_asked_for_at_the_commit_that_was_listed(hub: Running) -> None:
    report = scanned("modelscope://acme/model@master")

    assert report.origin.revision == COMMIT
    assert report.origin.facts["requested_revision"] == "master"
    assert report.origin.location == f"modelscope://acme/model@{COMMIT}"
    assert [seen.query["Revision"] for seen in hub.api.requests] == ["master", COMMIT, COMMIT]
    digests = {file.name: file.sha256 for file in report.files}
    assert digests == {name: sha256(content).hex() for name, content in hub.stub.files.items()}


def test_the_token_goes_to_the_registry_and_not_to_its_storage(
    hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.stub.authorization = "Bearer ms-test"
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-test")

    report = scanned("modelscope://acme/model")

    assert report.is_complete
    assert {seen.headers["cookie"] for seen in hub.api.requests} == {"m_session_id=ms-test"}
    assert all({"authorization", "cookie"}.isdisjoint(seen.headers) for seen in hub.storage.requests)
    assert len(hub.storage.requests) == 3


def test_without_a_token_it_says_which_one(hub: Running) -> None:
    hub.stub.authorization = "Bearer ms-test"

    with pytest.raises(AccessDenied, match=r"asks who we are.*set MODELSCOPE_API_TOKEN"):
        scanned("modelscope://acme/model")
    with pytest.raises(AccessDenied, match="refuses the credentials"):
        scanned("modelscope://acme/model", token="wrong")


def test_an_unknown_revision_is_said(hub: Running) -> None:
    with pytest.raises(TargetNotFound, match=r"There is no acme/model \(main\) at ModelScope.*master"):
        scanned("modelscope://acme/model@main")


def test_an_answer_with_a_code_of_its_own_is_no_listing(hub: Running) -> None:
    assert isinstance(hub.stub, ModelScopeStub)
    hub.stub.code = 10010205001

    with pytest.raises(TargetUnavailable, match="answers with code 10010205001"):
        scanned("modelscope://acme/model")


def test_datasets_are_listed_page_by_page(hub: Running) -> None:
    hub.stub.files = {f"part-{number:03}.json": b"{}" for number in range(450)}

    fetched = ModelScopeFetcher().fetch("modelscope://datasets/acme/data", FetchSettings())
    names = [item.name for item in fetched.items]
    fetched.close()

    assert names == sorted(hub.stub.files)
    assert [seen.query["PageNumber"] for seen in hub.api.requests] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "target",
    [
        "modelscope://",
        "modelscope://name",
        "modelscope://a/b/c",
        "modelscope://a/b@",
        "modelscope://../b",
    ],
)
def test_a_target_that_names_no_repository_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match="write modelscope://org/name"):
        ModelScopeFetcher().fetch(target, FetchSettings())
