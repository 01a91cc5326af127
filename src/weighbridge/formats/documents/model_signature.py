"""Signatures of models (OMS): which files a signer listed, with their digests, and who signed.

Layout: a Sigstore bundle in JSON. Its `dsseEnvelope` carries an in-toto statement in base64, and
the signature of those bytes; `verificationMaterial` says what to verify it with:

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": ... | "x509CertificateChain": ... | "certificate": ...},
     "dsseEnvelope": {"payload": base64, "payloadType": ..., "signatures": [{"sig": base64}]}}

Nothing is verified here: whoever can write the file can write all of this.

Source: OpenSSF Model Signing 1.0; sigstore_bundle.proto 0.3; DSSE 1.0; in-toto Statement 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from weighbridge.core.limits import MIB
from weighbridge.errors import Malformed
from weighbridge.formats.documents.strict_json import Json, decode_python_json

STATEMENT: Final = "https://model_signing/signature/v1.0"
OLD_STATEMENT: Final = "https://model_signing/Digests/v0.1"
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_IN_TOTO: Final = "application/vnd.in-toto+json"
_MAX_PAYLOAD: Final = 48 * MIB
_MAX_RESOURCES: Final = 500_000
_MAX_CERTIFICATES: Final = 20
_MAX_NAME: Final = 4_096
_MAX_NOTES: Final = 100
_DIGEST_BYTES: Final = {"sha256": 32, "blake2b": 64, "blake3": 32}
_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){1,128}\Z")
_SHARD: Final = re.compile(r"(.+):([0-9]{1,18}):([0-9]{1,18})\Z", re.DOTALL)


class Proof(StrEnum):
    """What a bundle offers to verify its signature with."""

    KEY = "key"
    CHAIN = "certificate chain"
    SIGSTORE = "Sigstore certificate"
    NONE = "nothing"


class SignatureAnomaly(StrEnum):
    """What is wrong with a statement that can be read all the same."""

    ROOT_DIFFERS = "root-differs"
    """The digest of the whole is not that of the listed digests."""
    REPEATED = "repeated"
    """A file or a key stands twice: readers differ on which of the two counts."""
    LEAVES = "leaves-the-model"
    """A listed name is absolute or climbs."""
    BAD_DIGEST = "bad-digest"
    NOTHING_SIGNED = "nothing-signed"
    NO_SIGNATURE = "no-signature"
    MORE_SIGNATURES = "more-signatures"
    """Readers verify the first one only."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One file of the statement, or a part of one.

    Attributes:
        name: relative to the model, parts joined by `/`.
        algorithm: `sha256`, `blake2b`, `blake3`, or what the file says.
        digest: hex.
        part: half-open range of bytes; None for the whole file.
    """

    name: str
    algorithm: str
    digest: str
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One anomaly, and what it is about."""

    kind: SignatureAnomaly
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who says that they signed.

    Attributes:
        hint: digest of the public key, as the bundle states it.
        certificates: DER, the signer's own first.
        is_logged: an entry of a transparency log is in the bundle.
    """

    proof: Proof
    hint: str = ""
    certificates: tuple[bytes, ...] = ()
    is_logged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSignature:
    """A statement about a model.

    Attributes:
        model: the name that the signer gave it; "" in statements of the old kind.
        root: hex digest over the listed ones; None in statements of the old kind.
        method: `files` or `shards`.
        follows_links: symlinks were followed when the files were listed.
        ignored: paths that the signer left out, relative to the model.
    """

    statement: str
    model: str
    root: str | None
    method: str
    hash_type: str
    follows_links: bool
    ignored: tuple[str, ...]
    signed: tuple[Signed, ...]
    signer: Signer
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBundle:
    """A Sigstore bundle about something else: one file, a container image, a build.

    Attributes:
        content: type of what is signed, in the words of the bundle.
    """

    content: str
    signer: Signer


def is_bundle(tree: Json) -> bool:
    """Tell whether a JSON document is a Sigstore bundle, by its shape."""
    if not isinstance(tree, Mapping):
        return False
    kind = tree.get("mediaType")
    has_content = "dsseEnvelope" in tree or "messageSignature" in tree
    return has_content and (
        (isinstance(kind, str) and kind.startswith(_BUNDLE)) or "verificationMaterial" in tree
    )


def parse_bundle(tree: Json) -> ModelSignature | OtherBundle:
    """Read a document that `is_bundle` takes for a bundle.

    Raises:
        Malformed: the envelope or the statement in it can't be read.
        LimitReached: the statement has more than four million values.
    """
    bundle = _mapping(tree, "the bundle")
    signer = _signer(bundle.get("verificationMaterial"))
    if "dsseEnvelope" not in bundle:
        return OtherBundle(content="the digest of one file", signer=signer)
    envelope = _mapping(bundle["dsseEnvelope"], "the envelope")
    kind = envelope.get("payloadType")
    if kind != _IN_TOTO:
        return OtherBundle(content=_shown(kind), signer=signer)
    document = decode_python_json(_payload(envelope))
    statement = _mapping(document.value, "the statement")
    if statement.get("predicateType") not in (STATEMENT, OLD_STATEMENT):
        return OtherBundle(content=_shown(statement.get("predicateType")), signer=signer)
    notes = [*_signature_notes(envelope), *_repeated_keys(document.duplicate_keys)]
    return _statement(statement, signer, notes)


def _payload(envelope: Mapping[str, Json]) -> str:
    payload = envelope.get("payload")
    if not isinstance(payload, str) or len(payload) > 2 * _MAX_PAYLOAD:
        raise Malformed("the envelope has no payload, or one of more than 96 MiB")
    try:
        return base64.b64decode(payload, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Malformed("the payload of the envelope is no text in base64") from None


def _signature_notes(envelope: Mapping[str, Json]) -> Iterator[Note]:
    signatures = envelope.get("signatures")
    count = len(signatures) if isinstance(signatures, list) else 0
    if count == 0:
        yield Note(SignatureAnomaly.NO_SIGNATURE, "the envelope holds no signature")
    elif count > 1:
        yield Note(SignatureAnomaly.MORE_SIGNATURES, f"the envelope holds {count:,} signatures")


def _repeated_keys(keys: Sequence[str]) -> Iterator[Note]:
    for key in keys[:3]:
        yield Note(SignatureAnomaly.REPEATED, f"the key {key[:80]!r} stands twice in one object")


def _statement(statement: Mapping[str, Json], signer: Signer, notes: list[Note]) -> ModelSignature:
    subjects = [_mapping(one, "a subject") for one in _list(statement.get("subject"), "subject")]
    serialization: Mapping[str, Json] = {}
    if statement["predicateType"] == OLD_STATEMENT:
        signed = tuple(_old_signed(one) for one in subjects)
        model, root = "", None
    else:
        predicate = _mapping(statement.get("predicate"), "the predicate")
        serialization = _mapping(predicate.get("serialization"), "the serialization")
        if len(subjects) != 1:
            raise Malformed(f"the statement has {len(subjects):,} subjects, not one")
        model, root = _text(subjects[0], "name"), _digest_of(subjects[0])
        resources = _list(predicate.get("resources"), "resources")
        is_sharded = serialization.get("method") == "shards"
        signed = tuple(_resource(one, is_sharded) for one in resources)
    ignored = serialization.get("ignore_paths", [])
    notes.extend(islice(_notes(signed, root), _MAX_NOTES))
    return ModelSignature(
        statement=str(statement["predicateType"]),
        model=model[:_MAX_NAME],
        root=root,
        method=_word(serialization.get("method"), "files"),
        hash_type=_word(serialization.get("hash_type"), "sha256"),
        follows_links=serialization.get("allow_symlinks") is True,
        ignored=tuple(_path(one) for one in _list(ignored, "ignore_paths")),
        signed=signed,
        signer=signer,
        notes=tuple(notes),
    )


def _old_signed(subject: Mapping[str, Json]) -> Signed:
    return Signed(_path(subject.get("name")), "sha256", _digest_of(subject))


def _resource(value: Json, is_sharded: bool) -> Signed:
    entry = _mapping(value, "a resource")
    name, digest = _path(entry.get("name")), _text(entry, "digest").lower()
    algorithm = _text(entry, "algorithm").partition("-sharded")[0][:40]
    if not is_sharded:
        return Signed(name, algorithm, digest[:256])
    parts = _SHARD.match(name)
    if parts is None:
        raise Malformed(f"{name[:80]!r} is not the name of a shard")
    return Signed(parts[1], algorithm, digest[:256], (int(parts[2]), int(parts[3])))


def _notes(signed: Sequence[Signed], root: str | None) -> Iterator[Note]:
    if not signed:
        yield Note(SignatureAnomaly.NOTHING_SIGNED, "the statement lists no file")
    seen: set[tuple[str, tuple[int, int] | None]] = set()
    all_digests = hashlib.sha256()
    for one in signed:
        if _leaves(one.name):
            yield Note(SignatureAnomaly.LEAVES, f"lists {one.name[:80]!r}")
        if (one.name, one.part) in seen:
            yield Note(SignatureAnomaly.REPEATED, f"lists {one.name[:80]!r} twice")
        seen.add((one.name, one.part))
        wanted = _DIGEST_BYTES.get(one.algorithm)
        if not _HEX.match(one.digest) or (wanted is not None and len(one.digest) != 2 * wanted):
            yield Note(
                SignatureAnomaly.BAD_DIGEST,
                f"{one.digest[:20]!r} is no {one.algorithm} of {one.name[:80]!r}",
            )
            return
        all_digests.update(bytes.fromhex(one.digest))
    if root is not None and all_digests.hexdigest() != root:
        given = all_digests.hexdigest()
        detail = f"states {root[:16]}... for the whole, the listed files give {given[:16]}..."
        yield Note(SignatureAnomaly.ROOT_DIFFERS, detail)


def _leaves(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")


def _signer(value: Json) -> Signer:
    material = value if isinstance(value, Mapping) else {}
    logged = bool(material.get("tlogEntries"))
    key, chain, own = (
        material.get(name) for name in ("publicKey", "x509CertificateChain", "certificate")
    )
    if isinstance(chain, Mapping):
        return Signer(proof=Proof.CHAIN, certificates=_certificates(chain.get("certificates")))
    if isinstance(own, Mapping):
        return Signer(proof=Proof.SIGSTORE, certificates=_certificates([own]), is_logged=logged)
    if isinstance(key, Mapping):
        return Signer(proof=Proof.KEY, hint=_hint(key))
    return Signer(proof=Proof.NONE)


def _hint(key: Mapping[str, Json]) -> str:
    hint = key.get("hint")
    if isinstance(hint, str) and hint:
        return hint[:128]
    raw = key.get("rawBytes")
    try:
        known = base64.b64decode(raw, validate=True) if isinstance(raw, str) and len(raw) < MIB else b""
    except (binascii.Error, ValueError):
        known = b""
    return hashlib.sha256(known).hexdigest() if known else ""


def _certificates(value: Json) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for one in (value if isinstance(value, list) else [])[:_MAX_CERTIFICATES]:
        raw = one.get("rawBytes") if isinstance(one, Mapping) else None
        if isinstance(raw, str) and len(raw) < MIB:
            try:
                found.append(base64.b64decode(raw, validate=True))
            except (binascii.Error, ValueError):
                continue
    return tuple(found)


def _digest_of(subject: Mapping[str, Json]) -> str:
    digests = _mapping(subject.get("digest"), "a digest")
    return _text(digests, "sha256").lower()[:256]


def _path(value: Json) -> str:
    if not isinstance(value, str) or not value or len(value) > _MAX_NAME:
        raise Malformed("a path of the statement is no text of 1 to 4,096 characters")
    return value


def _mapping(value: Json, what: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is no object")
    return value


def _list(value: Json, what: str) -> Sequence[Json]:
    if not isinstance(value, list) or len(value) > _MAX_RESOURCES:
        raise Malformed(f"{what} is no list, or one of more than {_MAX_RESOURCES:,}")
    return value


def _text(mapping: Mapping[str, Json], key: str) -> str:
    value = mapping.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{key!r} is no text")
    return value


def _word(value: Json, default: str) -> str:
    return value[:40] if isinstance(value, str) and value else default


def _shown(value: Json) -> str:
    return value[:120] if isinstance(value, str) else "something without a type"
