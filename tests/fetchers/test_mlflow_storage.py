"""A real MLflow server that keeps its artifacts in a real S3 server, as most of them do."""

from __future__ import annotations

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.mlflow_server import running_mlflow
from tests.servers.moto import CREDENTIALS, put, running_moto
from weighbridge.engine.scan import ScanSettings, scan_target

MIB = 1 << 20
PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"


def test_artifacts_that_the_server_keeps_in_a_bucket_are_read_by_ranges_from_the_bucket(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("mlflow")
    torch_zip(folder / "m.pth", 16 * MIB, payload=PAYLOAD)
    files = {"MLmodel": b"artifact_path: model\n", "m.pth": (folder / "m.pth").read_bytes()}
    with running_moto(tmp_path_factory.mktemp("s3")) as endpoint:
        put(endpoint, "models", {"made": b""})
        environment = {**CREDENTIALS, "MLFLOW_S3_ENDPOINT_URL": endpoint}
        arguments = ("--artifacts-destination", "s3://models/root")
        with running_mlflow(folder, environment=environment, arguments=arguments) as mlflow:
            mlflow.register_files("churn", files)
            monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.url)
            report = scan_target("models:/churn/1", ScanSettings(jobs=1))

    assert "PKL002" in {finding.rule for finding in report.findings}
    assert report.is_complete
    # Of the server, which has no ranges here: 1 MiB of the file. Of the store: head and tail.
    assert report.traffic.bytes_received < 1_300_000
    assert report.traffic.requests == 8
