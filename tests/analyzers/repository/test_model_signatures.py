"""Signatures of models: what one says, what it says of the files beside it, and who signed."""

from __future__ import annotations

import base64
import dataclasses
import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("model_signing")

from model_signing import hashing
from model_signing import signing as signer

from tests.analyzers.config_events import context
from tests.analyzers.config_events import scan as scan_file
from tests.analyzers.repository import signing
from tests.analyzers.repository.whole_targets import judged, repository
from tests.hub.repository import file_on_disk
from tests.hub.server import running_hub
from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.repository import model_signatures
from weighbridge.analyzers.repository.signature_verification import Verdict, verify
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.api import scan
from weighbridge.cli.main import commands
from weighbridge.core.artifact import Origin
from weighbridge.core.report import Coverage, Outcome, Report
from weighbridge.core.repository import WHOLE, RepositoryFile
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.errors import Malformed, UsageError
from weighbridge.formats.documents.model_signature import (
    ModelSignature,
    Proof,
    is_bundle,
    parse_bundle,
)
from weighbridge.formats.documents.x509_certificate import parse_certificate

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_KEYS = st.sampled_from(
    ["mediaType", "dsseEnvelope", "messageSignature", "verificationMaterial", "payload", "payloadType"]
)
WEIGHTS = (2).to_bytes(8, "little") + b"{}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "acme-7b"
    (folder / "unet").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "unet" / "weights.safetensors").write_bytes(WEIGHTS)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return signing.new_key(tmp_path, "publisher")


def told(report: Report) -> list[str]:
    """Rules of signatures and what each is on, without the two that only say what is there."""
    return sorted(
        f"{one.rule} {one.path[0]}"
        for one in report.findings
        if one.rule.startswith("SIG") and one.rule != "SIG001"
    )


def events_of(files: dict[str, bytes], trust: Trust = NOBODY) -> list[Event]:
    target = dataclasses.replace(repository(files), trust=trust)
    return list(model_signatures.judge(RepositoryView(target), context()))


def in_memory(model: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()
    }


def trusting(public: Path) -> Trust:
    return Trust(key=str(public))


def test_an_unverified_signature_names_its_signer_and_passes(
    model: Path, keys: tuple[Path, Path]
) -> None:
    signing.sign(model, keys[0])
    report = scan(str(model), jobs=1)
    assert [one.rule for one in report.findings if one.rule.startswith("SIG")] == ["SIG001"]
    assert report.is_complete


def test_the_right_key_verifies_all_files(model: Path, keys: tuple[Path, Path]) -> None:
    signing.sign(model, keys[0])
    report = scan(str(model), jobs=1, trust=trusting(keys[1]))
    assert told(report) == ["SIG015 model.sig"]
    assert next(one.evidence for one in report.findings if one.rule == "SIG015").endswith(
        "2 files are as they were signed"
    )
    assert report.is_complete


def test_another_key_is_somebody_else(model: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    signing.sign(model, keys[0])
    _, other = signing.new_key(tmp_path, "other")
    assert told(scan(str(model), jobs=1, trust=trusting(other))) == ["SIG014 model.sig"]


def test_somebody_else_may_sign_beside_whom_you_trust(
    model: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, _ = signing.new_key(tmp_path, "other")
    signing.sign(model, private)
    (model / "model.sig").rename(model / "second.sig")
    signing.sign(model, keys[0], ignored=("second.sig",))
    assert told(scan(str(model), jobs=1, trust=trusting(keys[1]))) == ["SIG015 model.sig"]


@pytest.mark.parametrize("trusts", [True, False])
def test_a_signature_of_another_model_proves_nothing(
    model: Path, keys: tuple[Path, Path], tmp_path: Path, trusts: bool
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "weights-of-another.safetensors").write_bytes(WEIGHTS)
    signing.sign(other, keys[0])
    (model / "model.sig").write_bytes((other / "model.sig").read_bytes())
    report = scan(str(model), jobs=1, trust=trusting(keys[1]) if trusts else NOBODY)
    assert "SIG017 model.sig" in told(report)


@pytest.mark.parametrize("change", ["added", "missing", "renamed"])
def test_another_set_of_files_than_was_signed_fails_who_asks(
    model: Path, keys: tuple[Path, Path], change: str
) -> None:
    signing.sign(model, keys[0])
    match change:
        case "added":
            (model / "more.gguf").write_bytes(b"x")
        case "missing":
            (model / "config.json").unlink()
        case _:
            (model / "config.json").rename(model / "configuration.json")
    assert "SIG017 model.sig" in told(scan(str(model), jobs=1, trust=trusting(keys[1])))
    assert "SIG017 model.sig" not in told(scan(str(model), jobs=1))


def test_a_link_that_was_followed_is_not_missing(model: Path, keys: tuple[Path, Path]) -> None:
    (model / "alias.safetensors").symlink_to("unet/weights.safetensors")
    signing.sign(model, keys[0], config=signing.following_links())
    assert told(scan(str(model), jobs=1, trust=trusting(keys[1]))) == ["SIG015 model.sig"]


@pytest.mark.parametrize("content", [b"", b"{}", b"signed"])
def test_a_file_called_as_a_signature_that_is_none(model: Path, content: bytes) -> None:
    (model / "model.sig").write_bytes(content)
    assert told(scan(str(model), jobs=1)) == ["SIG003 model.sig"]


@pytest.mark.parametrize("trusts", [True, False])
def test_a_changed_file_is_found_with_and_without_a_key(
    model: Path, keys: tuple[Path, Path], trusts: bool
) -> None:
    signing.sign(model, keys[0])
    (model / "config.json").write_bytes(b"[]")
    report = scan(str(model), jobs=1, trust=trusting(keys[1]) if trusts else NOBODY)
    assert [one for one in told(report) if one != "SIG015 model.sig"] == ["SIG006 config.json"]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("evil.py", "SIG007 evil.py"),
        ("unet/model.bin", "SIG007 unet/model.bin"),
        ("a.json", "SIG008 model.sig"),
    ],
)
def test_files_that_were_added_are_unsigned(
    model: Path, keys: tuple[Path, Path], added: str, expected: str
) -> None:
    signing.sign(model, keys[0])
    found = [
        f"{one.rule} {one.path[0]}"
        for one in judged(model_signatures.judge, repository({**in_memory(model), added: b"{}"}))
    ]
    assert found == [expected]


def test_what_a_registry_or_git_adds_is_not_an_unsigned_file(
    model: Path, keys: tuple[Path, Path]
) -> None:
    signing.sign(model, keys[0])
    added = dict.fromkeys((".gitattributes", ".cache/huggingface/x.metadata", "model.asc"), b"x")
    assert events_of({**in_memory(model), **added}) == []


def test_missing_files_are_told_once(model: Path, keys: tuple[Path, Path]) -> None:
    signing.sign(model, keys[0])
    files = {"model.sig": (model / "model.sig").read_bytes(), "config.json": b"{}"}
    found = judged(model_signatures.judge, repository(files))
    assert [(one.rule, one.evidence) for one in found] == [("SIG009", "'unet/weights.safetensors'")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("modeling_acme.py", ["SIG010"]), ("extra.gguf", ["SIG011"]), ("notes.md", [])],
)
def test_ignored_paths_that_hide_code_or_weights(
    model: Path, keys: tuple[Path, Path], name: str, expected: list[str]
) -> None:
    (model / name).write_bytes(b"x")
    signing.sign(model, keys[0], ignored=(name,))
    found = judged(model_signatures.judge, repository(in_memory(model)))
    assert [one.rule for one in found] == expected


@pytest.mark.parametrize("algorithm", ["sha256", "blake2", "blake3"])
def test_every_digest_of_the_writer_is_compared(
    model: Path, keys: tuple[Path, Path], algorithm: Any
) -> None:
    config = hashing.Config().use_file_serialization(hashing_algorithm=algorithm)
    signing.sign(model, keys[0], config=config)
    assert events_of(in_memory(model)) == []
    changed = {**in_memory(model), "config.json": b"[]"}
    assert [f"{one.rule}" for one in judged(model_signatures.judge, repository(changed))] == ["SIG006"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"0123456789", []), (b"0123456780", ["SIG006"]), (b"0123456789+", ["SIG012"]), (b"0", ["SIG012"])],
)
def test_signed_parts_must_be_the_whole_file(
    model: Path, keys: tuple[Path, Path], content: bytes, expected: list[str]
) -> None:
    (model / "a.txt").write_bytes(b"0123456789")
    config = hashing.Config().use_shard_serialization(shard_size=4)
    signing.sign(model, keys[0], config=config)
    files = {**in_memory(model), "a.txt": content}
    found = judged(model_signatures.judge, repository(files))
    assert [one.rule for one in found] == expected


def test_a_signature_beside_the_folder_of_its_model(model: Path, keys: tuple[Path, Path]) -> None:
    signing.sign(model, keys[0])
    files = {f"acme-7b/{name}": data for name, data in in_memory(model).items()}
    files["model.sig"] = files.pop("acme-7b/model.sig")
    files["acme-7b/evil.py"] = b"x"
    found = judged(model_signatures.judge, repository(files))
    assert [f"{one.rule} {one.path[0]}" for one in found] == ["SIG007 acme-7b/evil.py"]


@pytest.mark.parametrize(("content", "expected"), [(WEIGHTS, []), (b"other", ["SIG006"])])
def test_a_single_file_that_was_signed(
    model: Path, keys: tuple[Path, Path], content: bytes, expected: list[str]
) -> None:
    file = model / "unet" / "weights.safetensors"
    signature = model / "weights.sig"
    signer.Config().use_elliptic_key_signer(private_key=keys[0]).sign(file, signature)
    files = {
        "model.sig": signature.read_bytes(),
        "weights.safetensors": content,
        "other.py": b"x",
    }
    assert [one.rule for one in judged(model_signatures.judge, repository(files))] == expected


def test_the_digest_of_the_registry_is_compared_without_reading(
    model: Path, keys: tuple[Path, Path]
) -> None:
    signing.sign(model, keys[0])
    reads: dict[str, list[tuple[int, int]]] = {}
    target = repository(in_memory(model), reads=reads)
    name = "unet/weights.safetensors"
    origin = Origin(kind="huggingface", location="hf://acme/acme-7b", sha256="00" * 32)
    files = {**target.files, name: RepositoryFile(name=name, size_bytes=10, origin=origin)}
    found = judged(model_signatures.judge, dataclasses.replace(target, files=files))
    assert [f"{one.rule} {one.path[0]}" for one in found] == [f"SIG006 {name}"]
    assert name not in reads


CHANGES: dict[str, Any] = {
    "another digest": lambda one: one["predicate"]["resources"][0].update(digest="11" * 32),
    "a file less": lambda one: one["predicate"]["resources"].pop(),
    "a file twice": lambda one: one["predicate"]["resources"].append(one["predicate"]["resources"][0]),
    "another root": lambda one: one["subject"][0]["digest"].update(sha256="11" * 32),
    "another name": lambda one: one["subject"][0].update(name="other"),
    "ignored": lambda one: one["predicate"]["serialization"].update(ignore_paths=["x.py"]),
    "links": lambda one: one["predicate"]["serialization"].update(allow_symlinks=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_statement_makes_the_signature_invalid(
    model: Path, keys: tuple[Path, Path], change: str
) -> None:
    bundle = signing.sign(model, keys[0])
    changed = signing.with_statement(bundle, CHANGES[change])
    signature = parse_bundle(json.loads(changed))
    assert isinstance(signature, ModelSignature)
    assert verify(changed, signature, trusting(keys[1])).verdict is Verdict.INVALID


@pytest.mark.parametrize("at", [0, 20, 40, 60])
def test_every_change_of_the_signature_makes_it_invalid(
    model: Path, keys: tuple[Path, Path], at: int
) -> None:
    bundle = signing.sign(model, keys[0])
    signature = parse_bundle(bundle)
    assert isinstance(signature, ModelSignature)
    own = bundle["dsseEnvelope"]["signatures"][0]
    own["sig"] = own["sig"][:at] + ("A" if own["sig"][at] != "A" else "B") + own["sig"][at + 1 :]
    data = json.dumps(bundle).encode()
    assert verify(data, signature, trusting(keys[1])).verdict is Verdict.INVALID


def test_a_folder_whose_signature_was_changed_fails(model: Path, keys: tuple[Path, Path]) -> None:
    bundle = signing.sign(model, keys[0])
    own = bundle["dsseEnvelope"]["signatures"][0]
    own["sig"] = ("A" if own["sig"][0] != "A" else "B") + own["sig"][1:]
    (model / "model.sig").write_text(json.dumps(bundle))
    assert "SIG013 model.sig" in told(scan(str(model), jobs=1, trust=trusting(keys[1])))


def test_a_statement_that_two_readers_read_differently_is_invalid(
    model: Path, keys: tuple[Path, Path]
) -> None:
    bundle = signing.sign(model, keys[0])
    signature = parse_bundle(bundle)
    assert isinstance(signature, ModelSignature)
    fewer = dataclasses.replace(signature, signed=signature.signed[:1])
    data = json.dumps(bundle).encode()
    assert verify(data, signature, trusting(keys[1])).verdict is Verdict.VALID
    assert verify(data, fewer, trusting(keys[1])).verdict is Verdict.INVALID


@pytest.mark.parametrize(("days", "expected"), [(4000, []), (100, ["SIG005 model.sig"])])
def test_a_chain_that_ends_in_a_trusted_certificate(
    model: Path, tmp_path: Path, days: int, expected: list[str]
) -> None:
    root, root_key, root_file = signing.new_certificate(tmp_path, "root", days=4000)
    _, key, certificate = signing.new_certificate(tmp_path, "acme", issuer=(root, root_key), days=days)
    private, _ = signing.write_key(tmp_path, "acme", key)
    signing.sign_by_certificate(model, private, certificate, [root_file])
    report = scan(str(model), jobs=1, trust=Trust(certificates=(str(root_file),)))
    assert told(report) == [*expected, "SIG015 model.sig"]
    _, _, stranger = signing.new_certificate(tmp_path, "stranger", days=4000)
    report = scan(str(model), jobs=1, trust=Trust(certificates=(str(stranger),)))
    assert told(report) == [*expected, "SIG014 model.sig"]


def test_a_signature_of_another_kind_than_trusted_is_somebody_else(
    model: Path, keys: tuple[Path, Path]
) -> None:
    signing.sign(model, keys[0])
    trust = Trust(identity="release@example.invalid", provider="https://accounts.example.invalid")
    assert told(scan(str(model), jobs=1, trust=trust)) == ["SIG014 model.sig"]


def test_no_signature_where_one_was_asked_for(model: Path, keys: tuple[Path, Path]) -> None:
    report = scan(str(model), jobs=1, trust=trusting(keys[1]))
    assert told(report) == [f"SIG016 {WHOLE}"]
    assert told(scan(str(model / "config.json"), jobs=1, trust=trusting(keys[1]))) == [f"SIG016 {WHOLE}"]


@pytest.mark.parametrize("what", ["library", "key"])
def test_what_is_missing_on_this_machine_makes_the_scan_incomplete(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    signing.sign(model, keys[0])
    trust = trusting(keys[1])
    if what == "library":
        monkeypatch.setitem(__import__("sys").modules, "model_signing", None)
    else:
        keys[1].write_text("no key")
    rows = [one for one in events_of(in_memory(model), trust) if isinstance(one, Coverage)]
    assert [(row.path, row.outcome) for row in rows] == [(("model.sig",), Outcome.UNSUPPORTED)]
    assert ("weighbridge[signing]" in rows[0].detail) == (what == "library")


def test_signed_files_that_can_not_be_compared_make_the_scan_incomplete(
    model: Path, keys: tuple[Path, Path]
) -> None:
    bundle = signing.sign(model, keys[0])

    def unknown(one: dict[str, Any]) -> None:
        one["predicate"]["resources"][0]["algorithm"] = "md6"

    files = {**in_memory(model), "model.sig": signing.with_statement(bundle, unknown)}
    assert [one for one in events_of(files) if isinstance(one, Coverage)] == []
    rows = [one for one in events_of(files, trusting(keys[1])) if isinstance(one, Coverage)]
    assert [(row.outcome, "config.json" in row.detail) for row in rows] == [(Outcome.LIMITED, True)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "a", "certificates": ("b",)},
        {"identity": "a"},
        {"provider": "a"},
        {"key": "a", "trust_root": "b"},
    ],
)
def test_trust_in_two_ways_or_in_half_a_one_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Trust(**wrong)


def test_sigstores_trust_root_is_taken_from_a_file_or_from_its_library(tmp_path: Path) -> None:
    from weighbridge.analyzers.repository import signature_verification as verification

    own = resources.files("sigstore") / "_store" / verification._STORE / "trusted_root.json"
    given = tmp_path / "root.json"
    given.write_text(own.read_text("utf-8"), "utf-8")
    for trust_root in (None, str(given)):
        trust = Trust(identity="a@example.invalid", provider="https://b", trust_root=trust_root)
        assert verification._config(trust, tmp_path) is not None


def test_a_sigstore_certificate_that_sigstore_never_issued_is_invalid(
    model: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    bundle = signing.sign(model, keys[0])
    certificate, _, _ = signing.new_certificate(tmp_path, "acme", provider="https://id.example.invalid")
    raw = signing.der_in_base64(certificate)
    material = {"certificate": {"rawBytes": raw}, "tlogEntries": []}
    data = json.dumps({**bundle, "verificationMaterial": material}).encode()
    signature = parse_bundle(json.loads(data))
    assert isinstance(signature, ModelSignature)
    own = Trust(identity="acme@example.invalid", provider="https://id.example.invalid")
    assert verify(data, signature, own).verdict is Verdict.INVALID
    other = dataclasses.replace(own, identity="other@example.invalid")
    assert verify(data, signature, other).verdict is Verdict.SOMEBODY_ELSE


def _valid() -> dict[str, Any]:
    from samples.recipes import signing as recipe

    found: dict[str, Any] = json.loads(next(recipe.samples())[1])
    return found


@given(st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner)))
def test_any_json_is_a_bundle_or_malformed(tree: Any) -> None:
    if is_bundle(tree):
        with suppress(Malformed):
            parse_bundle(tree)


@given(st.sampled_from(["payload", "payloadType", "signatures"]), _SCALARS | st.lists(_SCALARS))
def test_any_envelope_is_read_or_malformed(key: str, value: Any) -> None:
    bundle = _valid()
    bundle["dsseEnvelope"][key] = value
    with suppress(Malformed):
        assert parse_bundle(bundle).signer.proof is Proof.KEY


@given(st.data())
def test_any_statement_is_read_or_malformed(data: st.DataObject) -> None:
    def change(statement: dict[str, Any]) -> None:
        place = data.draw(st.sampled_from([statement, statement["predicate"], statement["subject"][0]]))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_SCALARS | st.lists(_SCALARS))

    with suppress(Malformed):
        parse_bundle(json.loads(signing.with_statement(_valid(), change)))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_certificate_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        parse_certificate(data)


def test_a_certificate_cut_anywhere_is_malformed(tmp_path: Path) -> None:
    certificate, _, _ = signing.new_certificate(tmp_path, "acme", provider="https://id.example.invalid")
    data = base64.b64decode(signing.der_in_base64(certificate))
    read = parse_certificate(data)
    assert (read.names, read.subject) == (("acme@example.invalid",), "acme")
    assert read.provider == "https://id.example.invalid"
    assert read.not_after == certificate.not_valid_after_utc
    cut = [size for size in range(len(data)) if _is_certificate(data[:size])]
    assert cut == []


def _is_certificate(data: bytes) -> bool:
    try:
        parse_certificate(data)
    except Malformed:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n",
        f"untrusted comment: signature from minisign secret key\n{'A' * 100}\n",
    ],
)
def test_signatures_of_other_kinds_are_told_and_pass(text: str) -> None:
    found, rows = scan_file("model.asc", text)
    assert [one.rule for one in found] == ["SIG004"]
    assert [row.outcome for row in rows] == [Outcome.ANALYZED]


def test_a_signed_repository_of_a_hub_is_verified_as_far_as_its_digests_are_known(
    model: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "unknown.bin").write_bytes(bytes(9 << 20))
    config = hashing.Config().use_file_serialization(hashing_algorithm="blake2")
    signing.sign(model, keys[0], config=config)
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        files = {name: file_on_disk(tmp_path, name, data) for name, data in in_memory(model).items()}
        hub.add("acme/acme-7b", files)
        report = scan("hf://acme/acme-7b", jobs=1, trust=trusting(keys[1]))
    assert told(report) == ["SIG015 model.sig"]
    left = [row for row in report.coverage if row.path == ("model.sig",) and row.detail]
    assert [(row.outcome, "unknown.bin" in row.detail) for row in left] == [(Outcome.LIMITED, True)]


def test_what_to_trust_is_given_on_the_command_line(model: Path, keys: tuple[Path, Path]) -> None:
    signing.sign(model, keys[0])
    program = CliRunner()
    done = program.invoke(commands, ["scan", str(model), "--signing-key", str(keys[1]), "-f", "json"])
    assert done.exit_code == 0
    assert "SIG015" in done.output
    half = program.invoke(commands, ["scan", str(model), "--signing-identity", "a@example.invalid"])
    assert isinstance(half.exception, UsageError)
