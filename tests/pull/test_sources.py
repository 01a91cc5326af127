"""What can be scanned by range can be pulled: here, from a real object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pull.repositories import PAYLOAD, clean, contents
from tests.servers import moto
from weighbridge.api import pull, verify
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed

SETTINGS = ScanSettings(jobs=1)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto.running_moto(tmp_path_factory.mktemp("moto")) as endpoint:
        files = {f"acme/{name}": content for name, content in clean(3_000_000).items()}
        moto.put(endpoint, "models", {**files, "evil/evil.pkl": PAYLOAD})
        yield endpoint


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for name, value in moto.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return endpoint


def test_an_object_store_is_pulled_and_verified_by_its_etags(store: str, tmp_path: Path) -> None:
    pulled = pull("s3://models/acme", tmp_path / "out", settings=SETTINGS)

    assert contents(tmp_path / "out") == clean(3_000_000)
    assert {file.etag is not None for file in pulled.lock.files} == {True}
    assert verify(tmp_path / "out", remote=True).exit_code == 0


def test_an_object_that_was_replaced_is_told(store: str, tmp_path: Path) -> None:
    moto.put(store, "moving", {"m/config.json": b'{"a": 1}'})
    pull("s3://moving/m", tmp_path / "out", settings=SETTINGS)
    moto.put(store, "moving", {"m/config.json": b'{"a": 2}'})

    done = verify(tmp_path / "out", remote=True)

    assert [one.name for one in done.differences] == ["config.json"]


def test_a_dirty_object_is_not_downloaded(store: str, tmp_path: Path) -> None:
    with pytest.raises(GateClosed, match="Nothing was downloaded"):
        pull("s3://models/evil", tmp_path / "dest" / "out", settings=SETTINGS)

    assert not (tmp_path / "dest").exists()
