"""Kaggle by its public API, against a stub that speaks it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.faulty import Status
from tests.servers.stub_hubs import (
    COMMAND,
    KaggleStub,
    Running,
    found,
    running_stub,
    samples,
    scanned,
)
from weighbridge.errors import AccessDenied, TargetNotFound, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.kaggle import KaggleFetcher

MODEL = "kaggle://models/acme/model/pyTorch/base"
SIGNED_IN = "Basic " + base64.b64encode(b"anna:k-test").decode()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "config"))
    with running_stub(KaggleStub(samples(tmp_path, is_dirty=True))) as running:
        monkeypatch.setenv("KAGGLE_API_ENDPOINT", running.api.origin)
        yield running


@pytest.mark.parametrize("target", [MODEL, "kaggle://datasets/acme/data"])
def test_a_dirty_checkpoint_of_8_mib_costs_eight_requests_and_132_kib(hub: Running, target: str) -> None:
    report = scanned(target)

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (5, 3)
    assert hub.sent_bytes < 135_000


@pytest.mark.parametrize("target", [f"{MODEL}/3", "kaggle://datasets/acme/data/3"])
def test_a_clean_one_is_clean_and_a_named_version_saves_a_request(
    hub: Running, tmp_path: Path, target: str
) -> None:
    hub.stub.files = samples(tmp_path)

    report = scanned(target)

    assert found(report) == set()
    assert (report.is_complete, report.origin.revision) == (True, "3")
    assert hub.requests == (4, 3)


def test_the_newest_version_is_pinned(hub: Running) -> None:
    report = scanned(MODEL)

    assert report.origin.location == f"{MODEL}/3"
    assert report.origin.revision == "3"


@pytest.mark.parametrize("place", ["environment", "file"])
def test_credentials_are_found_where_kaggles_tools_look(
    hub: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    hub.stub.authorization = SIGNED_IN
    if place == "environment":
        monkeypatch.setenv("KAGGLE_USERNAME", "anna")
        monkeypatch.setenv("KAGGLE_KEY", "k-test")
    else:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "kaggle.json").write_text('{"username": "anna", "key": "k-test"}')

    report = scanned(MODEL)

    assert report.is_complete
    assert {seen.authorization for seen in hub.storage.requests} == {None}


def test_a_file_of_credentials_that_is_broken_is_said_without_its_content(
    hub: Running, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "kaggle.json").write_text('{"username": "anna", "key": ["k-test"]}')

    with pytest.raises(UsageError, match=r"kaggle\.json' can't be read") as caught:
        scanned(MODEL)
    assert "k-test" not in str(caught.value)


def test_no_access_says_what_to_set(hub: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stub.authorization = SIGNED_IN
    with pytest.raises(AccessDenied, match=r"asks who we are.*KAGGLE_USERNAME and KAGGLE_KEY"):
        scanned(MODEL)

    monkeypatch.setenv("KAGGLE_API_TOKEN", "wrong")
    with pytest.raises(AccessDenied, match="refuses the credentials"):
        scanned(MODEL)

    hub.api.fault("/get", Status(403))
    with pytest.raises(AccessDenied, match=r"may not read it.*accept its terms"):
        scanned(MODEL)


def test_a_missing_model_is_said(hub: Running) -> None:
    with pytest.raises(TargetNotFound, match="There is no models/acme/other/pyTorch/base at Kaggle"):
        scanned("kaggle://models/acme/other/pyTorch/base")


@pytest.mark.parametrize(
    "target", ["kaggle://acme/data", "kaggle://models/acme/model", f"{MODEL}/latest", f"{MODEL}/3/4"]
)
def test_a_target_that_is_spelt_wrong_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match="write kaggle://models/owner/model/framework/variation"):
        KaggleFetcher().fetch(target, FetchSettings())
