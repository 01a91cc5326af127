"""Artifacts of Weights & Biases, against a stub of its GraphQL API and its storage."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.faulty import json_answer
from tests.servers.stub_hubs import (
    COMMAND,
    Running,
    WandbStub,
    found,
    running_stub,
    samples,
    scanned,
)
from weighbridge.core.report import Outcome
from weighbridge.errors import AccessDenied, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.wandb import WandbFetcher

TARGET = "wandb://acme/vision/model"
SIGNED_IN = "Basic " + base64.b64encode(b"api:w-test").decode()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with running_stub(WandbStub(samples(tmp_path, is_dirty=True))) as running:
        monkeypatch.setenv("WANDB_BASE_URL", running.api.origin)
        yield running


def test_a_dirty_checkpoint_of_8_mib_costs_seven_requests_and_132_kib(hub: Running) -> None:
    report = scanned(f"{TARGET}:latest")

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (3, 4)
    assert hub.sent_bytes < 135_000


def test_a_clean_one_is_clean(hub: Running, tmp_path: Path) -> None:
    hub.stub.files = samples(tmp_path)

    report = scanned(f"{TARGET}:v7")

    assert found(report) == set()
    assert report.is_complete


def test_an_alias_is_pinned_to_its_version(hub: Running) -> None:
    report = scanned(TARGET)

    assert report.origin.location == f"{TARGET}:v7"
    assert report.origin.revision == "v7"
    assert report.origin.facts["requested_revision"] == "latest"
    assert report.origin.facts["digest"] == "d" * 32


def test_what_is_only_a_reference_is_said_to_be_unread(hub: Running) -> None:
    assert isinstance(hub.stub, WandbStub)
    hub.stub.references = {"far/away.pt": "s3://bucket/away.pt"}

    report = scanned(TARGET)

    unread = [(row.artifact, row.outcome) for row in report.coverage if not row.outcome.is_complete]
    assert unread == [("far/away.pt", Outcome.FAILED)]
    assert "s3://bucket/away.pt" in next(row.detail for row in report.coverage if row.detail)
    assert COMMAND in found(report)


@pytest.mark.parametrize("place", ["environment", "file"])
def test_the_key_is_found_where_wandb_login_leaves_it(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    hub.stub.authorization = SIGNED_IN
    if place == "environment":
        monkeypatch.setenv("WANDB_API_KEY", "w-test")
    else:
        (tmp_path / "netrc").write_text("machine 127.0.0.1\n  login user\n  password w-test\n")

    report = scanned(TARGET)

    assert report.is_complete
    assert {seen.authorization for seen in hub.storage.requests} == {None}


def test_a_manifest_on_a_private_address_is_not_asked_for(
    hub: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.stub.storage = "http://10.0.0.1"

    with pytest.raises(TargetUnavailable, match=r"private address 10\.0\.0\.1"):
        scanned(TARGET)
    assert hub.requests == (1, 0)


def test_no_access_and_nothing_there_are_told_apart(hub: Running) -> None:
    with pytest.raises(TargetNotFound, match="There is no acme/vision/other:latest at Weights & Biases"):
        scanned("wandb://acme/vision/other")

    hub.stub.authorization = SIGNED_IN
    with pytest.raises(AccessDenied, match="set WANDB_API_KEY or run: wandb login"):
        scanned(TARGET)


def test_errors_of_the_api_are_no_listing(hub: Running) -> None:
    hub.api.fault("/graphql", json_answer({"errors": [{"message": "no"}], "data": None}))

    with pytest.raises(TargetUnavailable, match="answers with errors and without the artifact"):
        scanned(TARGET)


@pytest.mark.parametrize("target", ["wandb://acme/model:v1", f"{TARGET}:", f"{TARGET}:a/b", "wandb://"])
def test_a_target_that_is_spelt_wrong_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match="write wandb://entity/project/artifact:version"):
        WandbFetcher().fetch(target, FetchSettings())
