"""Stores with certificates of the user's own organisation, through our client and through obstore."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.bytesource.test_http_environment import certificate
from tests.fetchers.object_stores import clear_environment
from tests.servers.gcs_stub import StubStore, running_stub_store
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import TargetUnavailable, UsageError
from weighbridge.fetchers.interface import Entry, FetchSettings
from weighbridge.fetchers.registry import fetch

HASTY = FetchSettings(http=HttpSettings(attempts=1))
BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and beside it `server.pem`: the key and certificate of localhost."""
    place = tmp_path_factory.mktemp("authority")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("weighbridge test authority", ca_key, None)
    leaf = certificate("localhost", key, (ca, ca_key))
    pem = serialization.Encoding.PEM
    (place / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    return place / "ca.pem"


@pytest.fixture
def store(bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubStore]:
    clear_environment(monkeypatch, tmp_path)
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle.with_name("server.pem"))
    with running_stub_store(tls=context) as running:
        running.put("bucket", {"m/a.txt": b"0123456789"})
        endpoint = running.endpoint.replace("127.0.0.1", "localhost")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        yield running


def content(target: str, settings: FetchSettings = HASTY) -> bytes:
    item = next(iter(fetch(target, settings).items))
    assert isinstance(item, Entry)
    return bytes(item.open().read_at(0, 100))


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_certificates_of_the_environment_are_believed(
    store: StubStore,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, str(bundle))

    assert content("s3://bucket/m") == b"0123456789"


def test_others_are_not(store: StubStore) -> None:
    with pytest.raises(TargetUnavailable, match=r"the certificate of .* is not believed"):
        fetch("s3://bucket/m", HASTY)


@pytest.fixture
def _account(store: StubStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "a@b.invalid", "private_key_id": "1"}
    (tmp_path / "account.json").write_text(
        json.dumps({**account, "private_key": key.decode()}), encoding="utf-8"
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))


@pytest.mark.usefixtures("_account")
def test_obstore_believes_the_same_certificates(
    store: StubStore,
    bundle: Path,
) -> None:
    settings = FetchSettings(http=HttpSettings(attempts=1, ca_bundle=bundle))

    assert content("gs://bucket/m", settings) == b"0123456789"
    with pytest.raises(TargetUnavailable, match="no whole answer"):
        fetch("gs://bucket/m", HASTY)


@pytest.mark.usefixtures("_account")
def test_a_bundle_that_is_not_there_is_said(store: StubStore, tmp_path: Path) -> None:
    settings = FetchSettings(http=HttpSettings(attempts=1, ca_bundle=tmp_path / "none.pem"))

    with pytest.raises(UsageError, match=r"--ca-bundle names .*none.pem"):
        fetch("gs://bucket/m", settings)
