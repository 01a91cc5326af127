"""A Hugging Face repository scanned end to end: the real client, our ranges, isolated workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.sparse_models import GIB, safetensors, torch_zip
from tests.hub.repository import HubFile, file_on_disk
from tests.hub.server import Hub, running_hub
from weighbridge.core.report import Outcome, Report
from weighbridge.core.repository import WHOLE
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.fetchers.interface import FetchSettings

PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        yield running


def scan(target: str, *, token: str | None = None) -> Report:
    return scan_target(target, ScanSettings(jobs=2, fetch=FetchSettings(token=token)))


def files_in(folder: Path) -> dict[str, HubFile]:
    return {path.name: HubFile(disk=path) for path in sorted(folder.iterdir())}


def requests_for(hub: Hub, name: str, file: HubFile) -> int:
    """Requests at the hub and at the storage behind it that were about one file."""
    paths = [request.path for request in hub.requests if request.method == "GET"]
    return sum(f"/{name}" in path and "/resolve" in path for path in paths) + len(hub.seen(file.oid))


def test_ten_files_of_twenty_gigabytes_cost_two_megabytes_and_three_requests_each(
    hub: Hub, tmp_path: Path
) -> None:
    for number in range(5):
        torch_zip(tmp_path / f"shard-{number}.bin", 2 * GIB)
    for number in range(3):
        safetensors(tmp_path / f"model-{number}.safetensors", 3 * GIB)
    file_on_disk(tmp_path, "config.json", b'{"model_type": "bert"}')
    torch_zip(tmp_path / "last.pt", 1 * GIB, payload=PAYLOAD)
    files = files_in(tmp_path)
    hub.add("acme/big", files)

    report = scan("hf://acme/big")

    assert len(files) == 10
    assert sum(file.size for file in files.values()) >= 20 * GIB - 1_000_000
    artifacts = {found.artifact for found in report.findings if found.path != (WHOLE,)}
    assert artifacts == {"last.pt!/model/data.pkl"}
    assert "PKL002" in [found.rule for found in report.findings]
    assert report.is_complete
    assert hub.sent_bytes < 2_000_000
    assert report.traffic.bytes_received < 2_000_000
    assert {name: requests_for(hub, name, file) for name, file in files.items()} == (
        dict.fromkeys(files, 3) | {name: 2 for name in files if not name.endswith((".bin", ".pt"))}
    )


def test_the_token_never_reaches_the_second_host(hub: Hub, tmp_path: Path) -> None:
    torch_zip(tmp_path / "model.bin", GIB)
    hub.add("acme/private", files_in(tmp_path)).is_private = True

    report = scan("hf://acme/private", token=hub.token)

    assert report.is_complete
    assert {request.authorization for request in hub.by_host(hub.storage)} == {None}
    assert len(hub.by_host(hub.storage)) > 0


def test_a_location_that_expires_in_mid_scan_is_resolved_again(hub: Hub, tmp_path: Path) -> None:
    torch_zip(tmp_path / "model.bin", GIB, payload=PAYLOAD)
    files = files_in(tmp_path)
    hub.add("acme/big", files)
    hub.fail(files["model.bin"].oid, 403)

    report = scan("hf://acme/big")

    assert "PKL002" in [found.rule for found in report.findings]
    assert report.is_complete


def test_a_file_that_the_server_refuses_is_said_and_the_rest_goes_on(hub: Hub, tmp_path: Path) -> None:
    torch_zip(tmp_path / "a.bin", GIB)
    torch_zip(tmp_path / "b.bin", GIB, payload=PAYLOAD)
    files = files_in(tmp_path)
    hub.add("acme/half", files)
    hub.fail(files["a.bin"].oid, 404, times=100)

    report = scan("hf://acme/half")

    rows = {row.artifact: row for row in report.coverage}
    assert rows["a.bin"].outcome is Outcome.FAILED
    assert rows["a.bin"].detail
    assert "PKL002" in [found.rule for found in report.findings]
    assert not report.is_complete
