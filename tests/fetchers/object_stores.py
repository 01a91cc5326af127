"""What the tests of the object stores share: an environment without surprises, and files to put."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.sparse_models import torch_zip
from tests.formats.test_gguf import V3
from weighbridge.core.limits import MIB
from weighbridge.core.report import Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.fetchers.interface import CloudCredentials, FetchSettings

PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"
_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"),
    *("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CONFIG_FILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AZURE_CONFIG_DIR", "AZURE_STORAGE_ACCOUNT"),
    *("AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING"),
    *("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_USE_EMULATOR", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("STORAGE_EMULATOR_HOST", "CLOUDSDK_CONFIG", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)


def clear_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Take away what this machine knows of clouds."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))


def torch_bytes(folder: Path, *, payload: bytes = b"") -> bytes:
    """A checkpoint of 8 MB whose pickle is small."""
    torch_zip(folder / "made.pt", 8 * MIB, payload=payload)
    return (folder / "made.pt").read_bytes()


def gguf_bytes() -> bytes:
    """A GGUF file with 4 MB of zeros for weights."""
    pairs = [V3.pair("general.architecture", 8, V3.string("tiny"))]
    return V3.file(pairs, [V3.tensor("w", [MIB], 0, 0)], bytes(4 * MIB))


def model_files(folder: Path, *, payload: bytes = b"") -> dict[str, bytes]:
    """A repository below `models/`: a checkpoint, a GGUF file, and small files."""
    return {
        "models/config.json": b'{"model_type": "bert"}',
        "models/model.gguf": gguf_bytes(),
        "models/model.pt": torch_bytes(folder, payload=payload),
        "models/notes/readme.txt": b"hello",
        "other/secret.txt": b"not below models",
    }


def scan(target: str, *, cloud: CloudCredentials = CloudCredentials.ENVIRONMENT) -> Report:
    return scan_target(target, ScanSettings(jobs=2, fetch=FetchSettings(cloud=cloud)))


def rules(report: Report) -> set[str]:
    """The rules that a report's findings break."""
    return {found.rule for found in report.findings}


def details(report: Report) -> dict[str, str]:
    """What the report could not look at, and why."""
    return {row.artifact: row.detail for row in report.coverage if not row.outcome.is_complete}
