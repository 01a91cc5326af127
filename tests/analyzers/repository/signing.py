"""Sign folders as publishers do, with OpenSSF's own library, and change what it has written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("model_signing")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from model_signing import hashing
from model_signing import signing as library

Key = Any
_PROVIDER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
"""Where Sigstore writes who vouched for the identity."""


def new_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a private key and its public half; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    return write_key(folder, name, key)


def write_key(folder: Path, name: str, key: Key) -> tuple[Path, Path]:
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def new_certificate(
    folder: Path,
    name: str,
    *,
    issuer: tuple[Any, Key] | None = None,
    days: int = 100,
    provider: str | None = None,
) -> tuple[Any, Key, Path]:
    """Write a certificate that is valid from a year ago, for some days; return it, its key, its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC) - timedelta(days=365)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(f"{name}@example.invalid")]), False)
        .add_extension(_usage(is_root=issuer is None), critical=True)
    )
    if provider is not None:
        text = b"\x0c" + bytes([len(provider)]) + provider.encode()
        made = made.add_extension(x509.UnrecognizedExtension(_PROVIDER, text), critical=False)
    certificate = made.sign(issuer[1] if issuer else key, hashes.SHA256())
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key, path


def der_in_base64(certificate: Any) -> str:
    """Return a certificate as bundles hold it."""
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_root,
        crl_sign=is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def sign(
    model: Path, private: Path, *, ignored: tuple[str, ...] = (), config: Any = None
) -> dict[str, Any]:
    """Sign a folder with a key; return what was written to its model.sig."""
    how = config or hashing.Config()
    how = how.set_ignored_paths(paths=[model / path for path in (*ignored, "model.sig")])
    file = model / "model.sig"
    library.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(how).sign(
        model, file
    )
    return _read(file)


def following_links() -> Any:
    """Return how a folder is hashed with what its links lead to."""
    return hashing.Config().set_allow_symlinks(True)


def sign_by_certificate(
    model: Path, private: Path, certificate: Path, chain: list[Path]
) -> dict[str, Any]:
    """Sign a folder with a certificate; return what was written to its model.sig."""
    file = model / "model.sig"
    how = hashing.Config().set_ignored_paths(paths=[file])
    library.Config().use_certificate_signer(
        private_key=private, signing_certificate=certificate, certificate_chain=chain
    ).set_hashing_config(how).sign(model, file)
    return _read(file)


def statement(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return the statement of a bundle."""
    found: dict[str, Any] = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return found


def with_statement(bundle: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a bundle whose statement was changed, and its signature not."""
    changed = statement(bundle)
    change(changed)
    payload = base64.b64encode(json.dumps(changed).encode()).decode()
    envelope = {**bundle["dsseEnvelope"], "payload": payload}
    return json.dumps({**bundle, "dsseEnvelope": envelope}).encode()


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found
