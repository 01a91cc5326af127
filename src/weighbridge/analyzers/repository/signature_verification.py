"""Verify a model's signature with OpenSSF's own library, by the key or identity that the user trusts.

The library reads files by path and hashes a folder. Here it gets the bundle alone, and in place of
the folder what we have read in the statement: so it checks the signature, and that both of us read
the same list of files. The files themselves are compared by whoever can read them, near or far.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files as resources
from pathlib import Path, PurePosixPath
from typing import Any, Final

from weighbridge.core.trust import Trust
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.model_signature import ModelSignature, Proof
from weighbridge.formats.documents.x509_certificate import parse_certificate

_INSTALL: Final = "pip install 'weighbridge[signing]'"
_STORE: Final = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
_TRUST_CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


class Verdict(Enum):
    """What became of a verification."""

    VALID = "valid"
    INVALID = "invalid"
    """The signature is not one of these bytes, or the statement is not what it says."""
    SOMEBODY_ELSE = "somebody else"
    """It may be a good signature, but not of whom the user trusts."""
    IMPOSSIBLE = "impossible"
    """Nothing was verified: something is missing on this machine."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict and a sentence on it."""

    verdict: Verdict
    words: str


class _Impossible(Exception):
    """Something is missing on this machine; the text says what."""


def verify(bundle: bytes, signature: ModelSignature, trust: Trust) -> Verification:
    """Verify the signature of a bundle whose statement was read as `signature`."""
    wanted = Proof.KEY if trust.key else Proof.CHAIN if trust.certificates else Proof.SIGSTORE
    proof = signature.signer.proof
    if proof is not wanted:
        words = f"the bundle offers a {proof}, and you trust a {wanted}"
        return Verification(Verdict.SOMEBODY_ELSE, words)
    try:
        with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
            return _verified(bundle, signature, trust, Path(folder))
    except _Impossible as error:
        return Verification(Verdict.IMPOSSIBLE, str(error))


def _verified(bundle: bytes, signature: ModelSignature, trust: Trust, folder: Path) -> Verification:
    config = _config(trust, folder)
    stranger = _stranger(signature, trust)
    if stranger is not None:
        return Verification(Verdict.SOMEBODY_ELSE, stranger)
    file = folder / "model.sig"
    file.write_bytes(bundle)
    config.set_hashing_config(_AsWeRead(signature))
    chain_error, refusals = _refusals()
    try:
        config.verify(folder, file)
    except chain_error as error:
        words = f"its certificate does not descend from one that you trust ({_said(error)})"
        return Verification(Verdict.SOMEBODY_ELSE, words)
    except refusals as error:
        return Verification(Verdict.INVALID, f"the signature does not verify ({_said(error)})")
    return Verification(Verdict.VALID, "the signature is valid")


def _config(trust: Trust, folder: Path) -> Any:
    """Return the library's configuration.

    Raises:
        _Impossible: the library, the key or the trust root can't be had.
    """
    try:
        from model_signing import verifying
    except ImportError as error:
        raise _Impossible(f"to verify signatures, run: {_INSTALL} ({error})") from None
    config: Any = verifying.Config()
    try:
        if trust.key is not None:
            return config.use_elliptic_key_verifier(public_key=Path(trust.key))
        if trust.certificates:
            chain = [Path(one) for one in trust.certificates]
            return config.use_certificate_verifier(certificate_chain=chain)
        root = _trust_config(trust.trust_root, folder)
        return config.use_sigstore_verifier(
            identity=trust.identity, oidc_issuer=trust.provider, trust_config=root
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _Impossible(f"can't use what you trust: {_said(error)}") from None


def _trust_config(given: str | None, folder: Path) -> Path:
    """Return Sigstore's trust configuration as a file: the user's, or the library's own.

    A trust root alone is completed by the addresses that the library has, which verifying never uses.
    """
    store = resources("sigstore") / "_store" / _STORE
    text = Path(given).read_text("utf-8") if given else (store / "trusted_root.json").read_text("utf-8")
    root = json.loads(text)
    if "trustedRoot" in root:
        return Path(str(given))
    addresses = json.loads((store / "signing_config.v0.2.json").read_text("utf-8"))
    config = {"mediaType": _TRUST_CONFIG, "trustedRoot": root, "signingConfig": addresses}
    file = folder / "trust.json"
    file.write_text(json.dumps(config), "utf-8")
    return file


def _refusals() -> tuple[type[Exception], tuple[type[Exception], ...]]:
    """Return the library's ways to say no: on the chain of certificates, and on all else."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from OpenSSL.crypto import X509StoreContextError
    from sigstore.errors import Error

    broken = (ValueError, TypeError, LookupError, AttributeError)
    return X509StoreContextError, (InvalidSignature, UnsupportedAlgorithm, Error, *broken)


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _stranger(signature: ModelSignature, trust: Trust) -> str | None:
    """Say who signed, when the bundle itself names somebody else than the user."""
    if trust.key is not None:
        return _other_key(signature.signer.hint, Path(trust.key))
    if trust.identity is None:
        return None
    try:
        own = parse_certificate(signature.signer.certificates[0])
    except (Malformed, IndexError):
        return "its certificate can't be read"
    if trust.identity not in own.names or trust.provider != own.provider:
        return f"signed by {quoted(own.owner)}, vouched for by {quoted(own.provider or 'nobody')}"
    return None


def _other_key(hint: str, key: Path) -> str | None:
    """The hint is a digest of the key in PEM, as the signer's library writes it."""
    from cryptography.hazmat.primitives import serialization as forms

    public = forms.load_pem_public_key(key.read_bytes())
    pem = public.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    ours = hashlib.sha256(pem).hexdigest()
    if hint and hint != ours:
        return f"signed with the key {quoted(hint[:16])}..., yours is {ours[:16]}..."
    return None


@dataclass(frozen=True, slots=True)
class _AsWeRead:
    """Stands where the library expects to hash the model: gives the statement as we have read it."""

    signature: ModelSignature

    def add_ignored_paths(self, *, model_path: object, paths: object) -> None:
        """Do nothing: whoever compares the files knows them."""

    def hash(self, model_path: object, *, files_to_hash: object = None) -> _Statement:
        """Return what the library compares with the signed statement."""
        return _Statement(self.signature)


class _Statement:
    """A list of files that equals the library's own when both were read alike."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, signature: ModelSignature) -> None:
        self.model_name = signature.model
        self._listed = sorted(_lines(signature))

    def __eq__(self, other: object) -> bool:
        theirs: Any = other
        listed = ((one.identifier, one.digest.digest_hex) for one in theirs.resource_descriptors())
        return sorted(listed) == self._listed

    def resource_descriptors(self) -> Iterator[object]:
        """Yield nothing: asked for only to say how two lists differ."""
        return iter(())


def _lines(signature: ModelSignature) -> Iterator[tuple[str, str]]:
    for one in signature.signed:
        name = str(PurePosixPath(one.name))
        if one.part is not None:
            name = f"{name}:{one.part[0]}:{one.part[1]}"
        yield name, one.digest
