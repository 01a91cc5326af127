"""Models of NVIDIA NGC, against a stub of its registry API and of its sign-in."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.faulty import FaultyServer, Status, json_answer, running_faulty
from tests.servers.stub_hubs import (
    COMMAND,
    NgcStub,
    Running,
    found,
    running_stub,
    samples,
    scanned,
    sha256,
)
from weighbridge.errors import AccessDenied, TargetNotFound, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.ngc import NgcFetcher

TARGET = "ngc://acme/research/model:1.2"
OLD_KEY = "Basic " + base64.b64encode(b"$oauthtoken:old-key").decode()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name in ("NGC_API_KEY", "NGC_CLI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NGC_CLI_HOME", str(tmp_path / "ngc"))
    with running_stub(NgcStub(samples(tmp_path, is_dirty=True))) as running:
        monkeypatch.setenv("NGC_ENDPOINT", running.api.origin)
        yield running


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    def answer(seen: object) -> Status:
        return json_answer({"token": "bought", "expires_in": 600})

    with running_faulty(answer) as server:
        monkeypatch.setenv("NGC_AUTH_ENDPOINT", server.url("/token"))
        yield server


def test_a_dirty_checkpoint_of_8_mib_costs_seven_requests_and_132_kib(hub: Running) -> None:
    report = scanned(TARGET)

    assert COMMAND in found(report)
    assert report.is_complete
    assert hub.requests == (4, 3)
    assert hub.sent_bytes < 135_000
    digests = {file.name: file.sha256 for file in report.files}
    assert digests == {name: sha256(content).hex() for name, content in hub.stub.files.items()}


def test_a_clean_one_is_clean_and_the_newest_version_is_pinned(hub: Running, tmp_path: Path) -> None:
    hub.stub.files = samples(tmp_path)

    report = scanned("ngc://acme/research/model")

    assert found(report) == set()
    assert (report.is_complete, report.origin.revision) == (True, "1.2")
    assert report.origin.location == TARGET


def test_a_personal_key_is_sent_as_it_is_and_only_to_the_registry(hub: Running, tmp_path: Path) -> None:
    hub.stub.authorization = "Bearer nvapi-test"
    (tmp_path / "ngc").mkdir()
    (tmp_path / "ngc" / "config").write_text("[CURRENT]\napikey = nvapi-test\norg = acme\n")

    report = scanned(TARGET)

    assert report.is_complete
    assert hub.api.requests[0].route == "/v2/org/acme/team/research/models/model/versions/1.2/files"
    assert {seen.authorization for seen in hub.storage.requests} == {None}


def test_an_older_key_buys_one_token_and_stays_at_the_sign_in(
    hub: Running, sign_in: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.stub.authorization = "Bearer bought"
    monkeypatch.setenv("NGC_API_KEY", "old-key")

    report = scanned(TARGET)

    assert report.is_complete
    assert [seen.authorization for seen in sign_in.requests] == [OLD_KEY]
    assert sign_in.requests[0].path == (
        "/token?service=ngc&scope=group%2Fngc%3Aacme&scope=group%2Fngc%3Aacme%2Fresearch"
    )
    assert {seen.authorization for seen in hub.api.requests} == {"Bearer bought"}


def test_a_key_that_the_sign_in_refuses_is_said(
    hub: Running, sign_in: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGC_API_KEY", "old-key")
    sign_in.fault("/token", Status(401))

    with pytest.raises(AccessDenied, match=r"refuses the credentials.*NGC_API_KEY"):
        scanned(TARGET)
    assert hub.requests == (0, 0)


def test_what_is_not_there_is_said(hub: Running) -> None:
    with pytest.raises(TargetNotFound, match=r"no acme/research/model:9\.9 at NGC.*NGC_API_KEY"):
        scanned("ngc://acme/research/model:9.9")


@pytest.mark.parametrize("target", ["ngc://model:1", "ngc://a/b/c/d:1", "ngc://a/b:", "ngc://a/../b:1"])
def test_a_target_that_is_spelt_wrong_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match="write ngc://org/name:version"):
        NgcFetcher().fetch(target, FetchSettings())
