"""JFrog Artifactory, against a stub of its hub endpoint and of its storage API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.stub_hubs import (
    COMMAND,
    COMMIT,
    ArtifactoryStub,
    Running,
    found,
    running_stub,
    samples,
    scanned,
    sha256,
)
from weighbridge.errors import AccessDenied, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.jfrog import JfrogFetcher


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name in ("JFROG_ACCESS_TOKEN", "JFROG_USER", "JFROG_PASSWORD", "JFROG_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.replace("JFROG", "JF"), raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf-not-for-artifactory")
    with running_stub(ArtifactoryStub(samples(tmp_path, is_dirty=True))) as running:
        monkeypatch.setenv("JFROG_URL", running.api.origin)
        yield running


def model(hub: Running) -> str:
    return f"jfrog://{hub.host}/artifactory/hf/acme/model"


def folder(hub: Running) -> str:
    return f"jfrog-generic://{hub.host}/artifactory/ml/models"


def test_a_dirty_model_of_8_mib_costs_eight_requests_and_132_kib(hub: Running) -> None:
    report = scanned(model(hub))

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (5, 3)
    assert hub.sent_bytes < 135_000
    assert report.origin.kind == "jfrog"
    assert report.origin.location == f"{model(hub)}@{COMMIT}"


def test_a_dirty_folder_costs_five_requests_and_132_kib(hub: Running) -> None:
    report = scanned(folder(hub))

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (5, 0)
    assert hub.sent_bytes < 135_000
    digests = {file.name: file.sha256 for file in report.files}
    assert digests == {name: sha256(content).hex() for name, content in hub.stub.files.items()}


@pytest.mark.parametrize("target", [model, folder])
def test_a_clean_one_is_clean(hub: Running, tmp_path: Path, target: object) -> None:
    hub.stub.files = samples(tmp_path)
    assert callable(target)

    report = scanned(target(hub))

    assert found(report) == set()
    assert report.is_complete


def test_one_file_of_a_generic_repository_is_a_target_too(hub: Running) -> None:
    report = scanned(f"{folder(hub)}/weights/model.bin")

    assert [file.name for file in report.files] == ["model.bin"]
    assert ("PKL002", "model.bin!/model/data.pkl") in found(report)
    assert hub.requests == (3, 0)


def test_a_server_that_knows_no_tree_is_listed_by_its_older_page(hub: Running) -> None:
    assert isinstance(hub.stub, ArtifactoryStub)
    hub.stub.has_tree = False

    report = scanned(model(hub))

    assert COMMAND in found(report)
    assert report.is_complete
    assert [file.size_bytes for file in report.files] == [None, None]


@pytest.mark.parametrize("target", [model, folder])
def test_the_token_is_for_the_server_that_the_environment_names(
    hub: Running, monkeypatch: pytest.MonkeyPatch, target: object
) -> None:
    assert callable(target)
    monkeypatch.setenv("JFROG_ACCESS_TOKEN", "j-test")
    hub.stub.authorization = "Bearer j-test"

    assert scanned(target(hub)).is_complete
    assert {seen.authorization for seen in hub.api.requests} == {"Bearer j-test"}
    assert "hf-not-for-artifactory" not in str([seen.headers for seen in hub.api.requests])
    assert {seen.authorization for seen in hub.storage.requests} <= {None}


def test_another_server_gets_no_token(hub: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.fetchers.jfrog import _server

    monkeypatch.setenv("JFROG_ACCESS_TOKEN", "j-test")

    other = _server("other.example.invalid", "artifactory", FetchSettings())

    assert (other.base, other.headers) == ("https://other.example.invalid/artifactory", {})
    assert _server(hub.host, "artifactory", FetchSettings()).headers == {
        "authorization": "Bearer j-test"
    }


def test_no_access_and_nothing_there_are_told_apart(hub: Running) -> None:
    with pytest.raises(TargetNotFound, match="There is no ml/other at Artifactory"):
        scanned(f"jfrog-generic://{hub.host}/artifactory/ml/other")
    with pytest.raises(TargetNotFound, match=r"acme/other.*set JFROG_ACCESS_TOKEN"):
        scanned(f"jfrog://{hub.host}/artifactory/hf/acme/other")

    hub.stub.authorization = "Bearer j-test"
    with pytest.raises(AccessDenied, match="set JFROG_ACCESS_TOKEN"):
        scanned(folder(hub))
    with pytest.raises(AccessDenied, match="refuses the credentials"):
        scanned(folder(hub), token="wrong")


def test_the_hubs_own_offline_switch_counts_here_too(
    hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(TargetUnavailable, match="HF_HUB_OFFLINE is set"):
        scanned(model(hub))
    assert hub.requests == (0, 0)


@pytest.mark.parametrize(
    "target",
    [
        *("jfrog://host/artifactory/hf", "jfrog://host/artifactory/hf/model", "jfrog://"),
        *("jfrog://user@host/artifactory/hf/a/b", "jfrog-generic://host/artifactory"),
        *("jfrog-generic://host/artifactory/ml/../x", "jfrog-generic://host/artifactory/ml/x?y"),
    ],
)
def test_a_target_that_is_spelt_wrong_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match=r"write jfrog(-generic)?://host/artifactory/repository"):
        JfrogFetcher().fetch(target, FetchSettings())
