"""Sign statements: DSSE with a local key, or a Sigstore bundle with an identity.

Source: DSSE 1.0, github.com/secure-systems-lab/dsse; Sigstore bundle 0.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge.errors import UsageError, WeighbridgeError
from weighbridge.reporters.json_text import Json

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

PAYLOAD_TYPE = "application/vnd.in-toto+json"
INSTALL = "pip install 'weighbridge[signing]'"

Sign = Callable[[Mapping[str, Json]], str]
"""Makes one line of JSON of a statement."""


class SigningFailed(WeighbridgeError):
    """A statement could not be signed; the words say why."""


def unsigned(statement: Mapping[str, Json]) -> str:
    """Return the bare statement: worth no more than the place where it is kept."""
    return json.dumps(statement)


def key_signer(file: Path, password: str | None) -> Sign:
    """Return what signs with a private key in PEM: ECDSA, Ed25519 or RSA.

    Raises:
        UsageError: the key can't be read or used, or what signs is not installed.
    """
    signer = _signer(file, password)

    def sign(statement: Mapping[str, Json]) -> str:
        from securesystemslib.dsse import Envelope

        envelope = Envelope(json.dumps(statement).encode(), PAYLOAD_TYPE, {})
        envelope.sign(signer)
        return json.dumps(envelope.to_dict())

    return sign


def _signer(file: Path, password: str | None) -> CryptoSigner:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.exceptions import Error
        from securesystemslib.signer import CryptoSigner
    except ImportError as error:
        raise UsageError(f"to sign attestations, run: {INSTALL} ({error})") from None
    try:
        key: Any = load_pem_private_key(file.read_bytes(), password.encode() if password else None)
        return CryptoSigner(key)
    except OSError as error:
        raise UsageError(f"can't read the key {file}: {error.strerror}") from error
    except TypeError as error:
        raise UsageError(
            f"can't use the key {file}: {error}; its password comes from WEIGHBRIDGE_KEY_PASSWORD"
        ) from error
    except (ValueError, UnsupportedAlgorithm, Error) as error:
        raise UsageError(f"{file} is no private key in PEM that can sign: {error}") from error


def sigstore_signer(identity_token: str | None) -> Sign:
    """Return what signs with an OpenID identity through Sigstore's public service.

    Args:
        identity_token: of the identity; None for the one of the CI job that this runs in.

    Raises:
        UsageError: there is no identity, or what signs is not installed.
    """
    try:
        from sigstore.dsse import Statement
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig
        from sigstore.oidc import IdentityError, IdentityToken, detect_credential
        from sigstore.sign import SigningContext
    except ImportError as error:
        raise UsageError(f"to sign attestations, run: {INSTALL} ({error})") from None
    try:
        raw = identity_token or detect_credential()
        if raw is None:
            raise UsageError("there is no identity to sign with here: give --identity-token, or --key")
        identity = IdentityToken(raw)
    except IdentityError as error:
        raise UsageError(f"the identity can't be used: {error}") from error

    def sign(statement: Mapping[str, Json]) -> str:
        try:
            context = SigningContext.from_trust_config(ClientTrustConfig.production())
            with context.signer(identity) as signer:
                bundle = signer.sign_dsse(Statement(json.dumps(statement).encode()))
        except (Error, OSError) as error:
            raise SigningFailed(f"Sigstore did not sign: {error}") from error
        return str(bundle.to_json())

    return sign
