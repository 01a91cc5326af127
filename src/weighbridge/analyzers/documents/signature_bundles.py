"""Signatures of models and other Sigstore bundles: what one says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.model_signature import (
    ModelSignature,
    OtherBundle,
    Proof,
    SignatureAnomaly,
    Signer,
    is_bundle,
    parse_bundle,
)
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.x509_certificate import Certificate, parse_certificate

_SIGNED, _CONTRADICTS, _EMPTY, _OTHER, _EXPIRED = "SIG001", "SIG002", "SIG003", "SIG004", "SIG005"
_RULES: Final = {
    SignatureAnomaly.ROOT_DIFFERS: _CONTRADICTS,
    SignatureAnomaly.REPEATED: _CONTRADICTS,
    SignatureAnomaly.LEAVES: _CONTRADICTS,
    SignatureAnomaly.BAD_DIGEST: _EMPTY,
    SignatureAnomaly.NOTHING_SIGNED: _EMPTY,
    SignatureAnomaly.NO_SIGNATURE: _EMPTY,
    SignatureAnomaly.MORE_SIGNATURES: _EMPTY,
}
_SHOWN: Final = 5
_ARMOURS: Final = (
    (re.compile(r"\s*-----BEGIN PGP SIGNATURE-----\s"), "OpenPGP"),
    (re.compile(r"\s*-----BEGIN SSH SIGNATURE-----\s"), "SSH"),
    (re.compile(r"\s*-----BEGIN (?:PKCS7|CMS)-----\s"), "CMS"),
    (re.compile(r"untrusted comment: [^\n]*\n[A-Za-z0-9+/=]{80,}\s"), "minisign"),
)


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is a Sigstore bundle."""
    return _judged(artifact, tree) if is_bundle(tree) else None


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is a signature of another kind, in the armour of the tool that made it."""
    kind = next((kind for form, kind in _ARMOURS if form.match(head)), None)
    if kind is None:
        return None
    return iter((_finding(artifact, _OTHER, kind, f"a signature of {kind}"),))


def _judged(artifact: Artifact, tree: Json) -> Iterator[Event]:
    bundle = parse_bundle(tree)
    match bundle:
        case OtherBundle():
            evidence = f"signs {quoted(bundle.content)}, by {signer_words(bundle.signer)}"
            yield _finding(artifact, _OTHER, "Sigstore bundle", evidence)
        case ModelSignature():
            yield _finding(artifact, _SIGNED, bundle.root or "statement", "\n".join(_words(bundle)))
            for note in islice(bundle.notes, _SHOWN):
                yield _finding(artifact, _RULES[note.kind], note.kind, note.detail)
            yield from _expired(artifact, bundle.signer)


def _words(signature: ModelSignature) -> Iterator[str]:
    names = len({one.name for one in signature.signed})
    model = quoted(signature.model or "a model")
    yield f"by {signer_words(signature.signer)}: {names:,} files of {model}"
    if signature.root is not None:
        yield f"sha256 of the whole: {signature.root}"
    if signature.ignored:
        left_out = ", ".join(quoted(path) for path in signature.ignored[:_SHOWN])
        yield f"leaves out {left_out}" + (", ..." if len(signature.ignored) > _SHOWN else "")
    if signature.follows_links:
        yield "symlinks were followed when it was made"


def signer_words(signer: Signer) -> str:
    """Say who claims to have signed. Names come from the file."""
    match signer.proof:
        case Proof.KEY:
            return f"the key with the digest {signer.hint[:16]}..." if signer.hint else "an unnamed key"
        case Proof.NONE:
            return "nobody named"
        case _:
            own = own_certificate(signer)
            if own is None:
                return "a certificate that can't be read"
            issuer = own.provider or own.issuer
            return quoted(own.owner) + (f" (vouched for by {quoted(issuer)})" if issuer else "")


def own_certificate(signer: Signer) -> Certificate | None:
    """Return the signer's own certificate; None when there is none that can be read."""
    try:
        return parse_certificate(signer.certificates[0]) if signer.certificates else None
    except Malformed:
        return None


def _expired(artifact: Artifact, signer: Signer) -> Iterator[Finding]:
    """Sigstore's certificates live for minutes, and a log proves when they were used."""
    own = own_certificate(signer) if signer.proof is Proof.CHAIN else None
    if own is not None and own.not_after < datetime.now(UTC):
        evidence = f"{quoted(own.owner)}: valid until {own.not_after:%Y-%m-%d}"
        yield _finding(artifact, _EXPIRED, own.owner[:200], evidence)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
