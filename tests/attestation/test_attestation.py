"""Attestations: what is stated, who signed it, and which files it is about."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from weighbridge.api import scan
from weighbridge.attestation.statements import FOUND, PASSED, model_root
from weighbridge.cli.main import commands
from weighbridge.engine.judgement import with_digests
from weighbridge.errors import UsageError
from weighbridge.formats.documents.model_signature import ModelSignature, parse_bundle

CLEAN = b"\x80\x04K\x01."
DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def _keys(folder: Path, private: Any, password: bytes | None = None) -> Path:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)
    (folder / "key.pem").write_bytes(pem)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pub").write_bytes(public)
    return folder / "key.pem"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    _keys(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    (tmp_path / "policy.toml").write_text("[severity]\n", encoding="utf-8")
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.pkl").write_bytes(CLEAN)
    (folder / "sub" / "b.txt").write_bytes(b"hello\n")
    return folder


def _run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(commands, [str(one) for one in arguments], env=environment)


def _attest(model: Path, *options: str, **environment: str) -> Result:
    how = options or ("--key", str(model.parent / "key.pem"))
    policy = ("--policy", str(model.parent / "policy.toml"))
    return _run("attest", model, "-o", model.parent / "a.jsonl", *how, *policy, **environment)


def _verify(model: Path, key: str = "key.pub") -> Result:
    parent = model.parent
    return _run("verify", model, "--attestation", parent / "a.jsonl", "--signing-key", parent / key)


def _statements(model: Path) -> list[Mapping[str, Any]]:
    lines = (model.parent / "a.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in lines]


def test_a_pass_states_what_was_found_and_that_it_passed(model: Path) -> None:
    assert _attest(model).exit_code == 0
    found, passed = _statements(model)
    assert (found["predicateType"], passed["predicateType"]) == (FOUND, PASSED)
    assert [one["name"] for one in passed["subject"]] == ["a.pkl", "sub/b.txt"]
    assert "WEIGHBRIDGE_POLICY_PASSED" in passed["predicate"]["properties"]
    assert passed["predicate"]["verifier"]["policies"][0]["digest"]["sha256"]


def test_a_fail_states_only_what_was_found(model: Path) -> None:
    (model / "a.pkl").write_bytes(DIRTY)
    assert _attest(model).exit_code == 1
    (found,) = _statements(model)
    assert found["predicateType"] == FOUND
    assert "PKL002" in {one["id"] for one in found["predicate"]["scanner"]["result"]}
    assert _verify(model).exit_code == 1


def test_every_statement_is_one_to_the_library_of_in_toto(model: Path) -> None:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    _attest(model)
    messages = [ParseDict(dict(one), Message()) for one in _statements(model)]
    assert len(messages) == 2
    for message in messages:
        Statement.copy_from_pb(message).validate()


@pytest.mark.parametrize(
    "private",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p256", "p384", "ed25519", "rsa"],
)
def test_keys_of_the_usual_kinds_sign_and_verify(model: Path, private: Any) -> None:
    _keys(model.parent, private)
    assert _attest(model).exit_code == 0
    done = _verify(model)
    assert done.exit_code == 0
    assert done.output.startswith("ATTESTED  ")


def test_a_key_behind_a_password_takes_it_from_the_environment(model: Path) -> None:
    key = _keys(model.parent, ec.generate_private_key(ec.SECP256R1()), b"secret")
    wrong = _attest(model, "--key", str(key))
    assert isinstance(wrong.exception, UsageError)
    assert "WEIGHBRIDGE_KEY_PASSWORD" in str(wrong.exception)
    assert _attest(model, "--key", str(key), WEIGHBRIDGE_KEY_PASSWORD="secret").exit_code == 0


def _change(model: Path) -> None:
    (model / "a.pkl").write_bytes(DIRTY)


def _add(model: Path) -> None:
    (model / "new.pkl").write_bytes(DIRTY)


def _remove(model: Path) -> None:
    (model / "sub" / "b.txt").unlink()


def _swap(model: Path) -> None:
    first, second = model / "a.pkl", model / "sub" / "b.txt"
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def _rename(model: Path) -> None:
    (model / "a.pkl").rename(model / "a.py")


@pytest.mark.parametrize("subject", ["files", "model"])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_change, "'a.pkl' is not the file that was attested"),
        (_add, "'new.pkl' was never attested"),
        (_remove, "'sub/b.txt' was attested and is not here"),
        (_swap, "'a.pkl' is not the file that was attested"),
        (_rename, "'a.py' was never attested"),
    ],
)
def test_files_that_are_not_those_that_passed_are_named(
    model: Path, subject: str, harm: Any, said: str
) -> None:
    _attest(model, "--key", str(model.parent / "key.pem"), "--subject", subject)
    assert _verify(model).exit_code == 0
    harm(model)
    done = _verify(model)
    assert done.exit_code == 1
    assert said in done.output


def test_another_key_proves_nothing(model: Path) -> None:
    _attest(model)
    _keys(model.parent, ec.generate_private_key(ec.SECP256R1()))
    done = _verify(model)
    assert done.exit_code == 1
    assert "is not signed with the key that you trust" in done.output


def test_an_unsigned_statement_proves_nothing(model: Path) -> None:
    assert _attest(model, "--unsigned").exit_code == 0
    done = _verify(model)
    assert done.exit_code == 1
    assert "no statement that you trust says that the policy passed" in done.output


def test_a_changed_payload_proves_nothing(model: Path) -> None:
    _attest(model)
    file = model.parent / "a.jsonl"
    envelopes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    _change(model)
    digest = _digest_of(model / "a.pkl")
    for envelope, statement in zip(envelopes, _statements(model), strict=True):
        statement["subject"][0]["digest"]["sha256"] = digest
        envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    file.write_text("\n".join(map(json.dumps, envelopes)), encoding="utf-8")
    assert _verify(model).exit_code == 1


def _digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


STRANGE = (
    *("", "x", "{}", "[]", '{"payload": 1}', "[" * 100_000),
    '{"payload": "e30=", "payloadType": "x", "signatures": []}',
    '{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
    '{"payload": "!", "payloadType": "y", "signatures": [{"keyid": 1, "sig": 2}]}',
)


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_no_attestation_is_not_taken_for_one(model: Path, text: str) -> None:
    (model.parent / "a.jsonl").write_text(text, encoding="utf-8")
    done = _verify(model)
    assert done.exit_code == 1
    assert done.output.startswith("NOT ATTESTED")


def test_who_must_have_signed_has_to_be_said(model: Path) -> None:
    _attest(model)
    done = _run("verify", model, "--attestation", model.parent / "a.jsonl")
    assert "say who must have signed" in str(done.exception)


def test_how_to_sign_has_to_be_said(model: Path) -> None:
    done = _run("attest", model, "-o", model.parent / "a.jsonl")
    assert "sign with --key FILE or --sigstore" in str(done.exception)


def test_a_bundle_of_somebody_else_does_not_pass_for_an_identity(model: Path) -> None:
    _attest(model)
    who = ("--signing-identity", "a@b.example", "--signing-provider", "https://accounts.example")
    done = _run("verify", model, "--attestation", model.parent / "a.jsonl", *who)
    assert done.exit_code == 1
    assert "is no bundle of Sigstore" in done.output


def test_the_root_of_a_model_is_that_of_model_signing(model: Path) -> None:
    from model_signing import signing

    config = signing.Config().use_elliptic_key_signer(private_key=model.parent / "key.pem")
    config.sign(model, model.parent / "model.sig")
    signed = parse_bundle(json.loads((model.parent / "model.sig").read_bytes()))
    assert isinstance(signed, ModelSignature)
    assert signed.root == model_root(with_digests(scan(str(model))).files)


def test_what_has_no_digest_is_not_attested(model: Path) -> None:
    assert _attest(model).exit_code == 0
    (model / "link.pkl").symlink_to("/etc/hostname")
    (model / "gone.pkl").symlink_to("later.pkl")
    os.mkfifo(model / "pipe")
    done = _verify(model)
    assert done.exit_code == 1
    for name in ("link.pkl", "gone.pkl", "pipe"):
        assert f"'{name}' was never attested" in done.output


def test_a_cached_blob_is_held_by_its_bytes_and_not_by_its_name(model: Path) -> None:
    repository = model.parent / "models--acme--model"
    blob = repository / "blobs" / hashlib.sha256(CLEAN).hexdigest()
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    blob.parent.mkdir()
    blob.write_bytes(CLEAN)
    (snapshot / "a.pkl").symlink_to(f"../../blobs/{blob.name}")
    (model.parent / "a.jsonl").unlink(missing_ok=True)
    key = str(model.parent / "key.pem")
    out = model.parent / "a.jsonl"
    assert _run("attest", snapshot, "-o", out, "--key", key).exit_code == 0
    how = ("--attestation", out, "--signing-key", model.parent / "key.pub")
    assert _run("verify", snapshot, *how).exit_code == 0
    blob.write_bytes(DIRTY)
    done = _run("verify", snapshot, *how)
    assert (done.exit_code, "is not the file that was attested" in done.output) == (1, True)


def test_the_files_of_a_pattern_can_be_attested(model: Path) -> None:
    out, pattern = model.parent / "a.jsonl", model / "*.pkl"
    assert _run("attest", pattern, "-o", out, "--key", model.parent / "key.pem").exit_code == 0
    how = ("--attestation", out, "--signing-key", model.parent / "key.pub")
    assert _run("verify", pattern, *how).exit_code == 0
    (model / "a.pkl").write_bytes(DIRTY)
    assert _run("verify", pattern, *how).exit_code == 1


def _rewritten(model: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = model.parent / "a.jsonl"
    envelopes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for envelope in envelopes:
        change(envelope)
    file.write_text("".join(f"{json.dumps(one)}\n" for one in envelopes), encoding="utf-8")


def _other_first(envelope: dict[str, Any]) -> None:
    envelope["signatures"].insert(0, {"keyid": "ours", "sig": "AAAA"})


def _same_ids(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = [{"keyid": "", "sig": "AAAA"}, {**envelope["signatures"][0], "keyid": ""}]


def _no_id(envelope: dict[str, Any]) -> None:
    del envelope["signatures"][0]["keyid"]


@pytest.mark.parametrize("change", [_other_first, _same_ids, _no_id])
def test_one_of_several_signatures_is_enough_whatever_it_calls_its_key(
    model: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    _attest(model)
    _rewritten(model, change)
    assert _verify(model).exit_code == 0


def _signed(model: Path, payload: str) -> None:
    from securesystemslib.dsse import Envelope

    from weighbridge.attestation.signing import PAYLOAD_TYPE, _signer

    envelope = Envelope(payload.encode(), PAYLOAD_TYPE, {})
    envelope.sign(_signer(model.parent / "key.pem", None))
    text = json.dumps(envelope.to_dict())
    (model.parent / "a.jsonl").write_text(f"{text}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"), [('"_type"', '"subject": [], "_type"'), ("", " {}"), ("", " " * 10)]
)
def test_a_payload_that_parsers_read_differently_states_nothing(model: Path, old: str, new: str) -> None:
    _attest(model)
    text = json.dumps(_statements(model)[1])
    _signed(model, text.replace(old, new, 1) if old else text + new)
    assert _verify(model).exit_code == (0 if not new.strip() else 1)


def test_the_day_of_a_pass_is_that_of_these_files(model: Path) -> None:
    _attest(model)
    file = model.parent / "a.jsonl"
    ours, day = file.read_text(encoding="utf-8"), _statements(model)[1]["predicate"]["timeCreated"]
    other = dict(_statements(model)[1])
    other["subject"] = [{"name": "z", "digest": {"sha256": "0" * 64}}]
    other["predicate"] = {**other["predicate"], "timeCreated": "2099-01-01T00:00:00Z"}
    _signed(model, json.dumps(other))
    file.write_text(ours + file.read_text(encoding="utf-8"), encoding="utf-8")
    done = _verify(model)
    assert done.exit_code == 0
    assert day in done.output
    assert "2099" not in done.output


def test_a_pass_with_something_unread_is_told_as_one(model: Path) -> None:
    (model / "pointer.bin").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    )
    key = str(model.parent / "key.pem")
    assert _attest(model, "--key", key, "--allow-incomplete").exit_code == 0
    done = _verify(model)
    assert done.exit_code == 0
    assert "not everything in them could be read" in done.output
