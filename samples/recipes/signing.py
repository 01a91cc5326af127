"""Samples of signatures: bundles made by hand, whose signature proper is filler and verifies nowhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_CONFIG = b'{"model_type": "bert"}\n'
_WEIGHTS = (2).to_bytes(8, "little") + b"{}"
_CODE = b"VERSION = 1\n"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_LEFT_OUT = ("model.sig", ".git", ".gitattributes", ".github", ".gitignore")


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    listed = {"config.json": _CONFIG, "weights.safetensors": _WEIGHTS}
    for folder, files, bundle in (
        ("good.twin", listed, _signed(listed)),
        ("good-blake2b.twin", listed, _signed(listed, algorithm="blake2b")),
        ("good-parts.twin", {"config.json": _CONFIG}, _parts([(0, 10), (10, len(_CONFIG))])),
        ("good-old.twin", listed, _old(listed)),
        ("changed", {**listed, "config.json": b"{}\n"}, _signed(listed)),
        ("added", {**listed, "modeling_acme.py": _CODE, "extra.json": b"{}\n"}, _signed(listed)),
        ("missing", {"config.json": _CONFIG}, _signed(listed)),
        ("ignored", {**listed, "modeling_acme.py": _CODE}, _hiding("modeling_acme.py")),
        ("ignored-weights", listed, _hiding("weights.safetensors")),
        ("holes", {"config.json": _CONFIG}, _parts([(0, 10), (12, len(_CONFIG))])),
        ("longer", {"config.json": _CONFIG}, _parts([(0, 10)])),
        ("other-root", listed, _signed(listed, root="11" * 32)),
        ("twice", listed, _twice(listed)),
        ("climbing", {}, _signed({"../../config.json": _CONFIG})),
        ("without-signature", listed, _signed(listed, signatures=[])),
        ("expired", listed, _signed(listed, material=_chain(b"230101000000Z", b"240101000000Z"))),
        ("lasting.twin", listed, _signed(listed, material=_chain(b"230101000000Z", b"490101000000Z"))),
    ):
        yield f"signing/{folder}/model.sig", bundle
        yield from ((f"signing/{folder}/{name}", content) for name, content in files.items())
    yield "signing/image.sigstore.json", _other()


def _signed(
    files: Mapping[str, bytes],
    *,
    algorithm: str = "sha256",
    ignored: Sequence[str] = _LEFT_OUT,
    **changes: Any,
) -> bytes:
    resources = [
        {"name": name, "algorithm": algorithm, "digest": hashlib.new(algorithm, content).hexdigest()}
        for name, content in sorted(files.items())
    ]
    serialization = {"method": "files", "hash_type": algorithm, "allow_symlinks": False}
    return _bundle(resources, {**serialization, "ignore_paths": list(ignored)}, **changes)


def _hiding(name: str) -> bytes:
    """A statement that leaves out one of three files."""
    files = {"config.json": _CONFIG, "weights.safetensors": _WEIGHTS, "modeling_acme.py": _CODE}
    kept = {other: content for other, content in files.items() if other != name}
    if name == "weights.safetensors":
        del kept["modeling_acme.py"]
    return _signed(kept, ignored=(*_LEFT_OUT, name))


def _parts(parts: Sequence[tuple[int, int]]) -> bytes:
    resources = [
        {
            "name": f"config.json:{begin}:{end}",
            "algorithm": "sha256-sharded-10",
            "digest": hashlib.sha256(_CONFIG[begin:end]).hexdigest(),
        }
        for begin, end in parts
    ]
    serialization = {"method": "shards", "hash_type": "sha256", "shard_size": 10}
    return _bundle(resources, {**serialization, "allow_symlinks": False})


def _twice(files: Mapping[str, bytes]) -> bytes:
    resources = [
        {"name": name, "algorithm": "sha256", "digest": hashlib.sha256(content).hexdigest()}
        for name, content in (*sorted(files.items()), ("config.json", _CONFIG))
    ]
    return _bundle(resources, {"method": "files", "hash_type": "sha256", "allow_symlinks": False})


def _bundle(
    resources: Sequence[Mapping[str, str]],
    serialization: Mapping[str, Any],
    *,
    root: str | None = None,
    material: Mapping[str, Any] | None = None,
    signatures: Sequence[Mapping[str, str]] = ({"sig": "MEUCIQ==", "keyid": ""},),
) -> bytes:
    digest = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": "acme-7b", "digest": {"sha256": root or digest}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": serialization, "resources": list(resources)},
    }
    return _wrapped(statement, material or {"publicKey": {"hint": "ab" * 32}}, signatures)


def _old(files: Mapping[str, bytes]) -> bytes:
    statement = {
        "_type": _STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": hashlib.sha256(content).hexdigest()}}
            for name, content in sorted(files.items())
        ],
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {},
    }
    return _wrapped(statement, {"publicKey": {"hint": "ab" * 32}}, [{"sig": "MEUCIQ=="}])


def _other() -> bytes:
    statement = {"_type": _STATEMENT, "subject": [], "predicateType": "https://slsa.dev/provenance/v1"}
    return _wrapped(statement, {"publicKey": {"hint": "ab" * 32}}, [{"sig": "MEUCIQ=="}])


def _wrapped(
    statement: Mapping[str, Any], material: Mapping[str, Any], signatures: Sequence[Mapping[str, str]]
) -> bytes:
    envelope = {
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": list(signatures),
    }
    bundle = {"mediaType": _BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(bundle, indent=2).encode()


def _chain(begin: bytes, end: bytes) -> Mapping[str, Any]:
    """A chain of one certificate, whose key and signature are filler."""
    name = _der(0x30, _der(0x31, _der(0x30, _der(0x06, b"\x55\x04\x03") + _der(0x0C, b"Acme Models"))))
    algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a8648ce3d040302")))
    validity = _der(0x30, _der(0x17, begin) + _der(0x17, end))
    key = _der(0x30, algorithm + _der(0x03, bytes(66)))
    fields = _der(0xA0, _der(0x02, b"\x02")) + _der(0x02, b"\x01") + algorithm + name + validity
    certificate = _der(0x30, _der(0x30, fields + name + key) + algorithm + _der(0x03, bytes(70)))
    raw = base64.b64encode(certificate).decode()
    return {"x509CertificateChain": {"certificates": [{"rawBytes": raw}]}, "tlogEntries": []}


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return bytes([tag]) + size + content
