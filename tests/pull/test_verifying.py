"""What has changed since a folder was let in, each by its name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.hub.server import Hub
from tests.pull.repositories import PLAIN, clean, publish, publish_again
from weighbridge.api import pull, verify
from weighbridge.core.report import Verdict
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed, UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.pull.comparison import DifferenceKind
from weighbridge.pull.lock import encode_lock, policy_name, read_lock
from weighbridge.pull.verifying import Verification, rescan

SETTINGS = ScanSettings(jobs=1)
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "lock.schema.json"


@pytest.fixture
def pulled(hub: Hub, tmp_path: Path) -> Path:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    return pull("hf://acme/model", tmp_path / "out", settings=SETTINGS).folder


def differences(done: Verification) -> list[tuple[str, str]]:
    return [(one.kind.value, one.name) for one in done.differences]


def test_a_folder_is_what_it_was(pulled: Path) -> None:
    done = verify(pulled)

    assert (done.differences, done.unchecked, done.notes, done.exit_code) == ((), (), (), 0)


def test_changed_missing_and_added_files_are_named(pulled: Path) -> None:
    (pulled / "config.json").write_bytes(b'{"model_type": "gpt2"}')
    (pulled / "tokenizer" / "vocab.txt").unlink()
    (pulled / "tokenizer" / "evil.py").write_text("")

    done = verify(pulled)

    assert differences(done) == [
        ("changed", "config.json"),
        ("added", "tokenizer/evil.py"),
        ("missing", "tokenizer/vocab.txt"),
    ]
    assert done.exit_code == 1


def test_other_bytes_of_the_same_size_are_a_change(pulled: Path) -> None:
    with (pulled / "model.safetensors").open("r+b") as file:
        file.seek(300_000)
        file.write(b"x")

    assert differences(verify(pulled)) == [("changed", "model.safetensors")]


def test_links_and_pipes_are_differences_and_are_never_followed(pulled: Path, tmp_path: Path) -> None:
    outside = tmp_path / "same.json"
    outside.write_bytes((pulled / "config.json").read_bytes())
    (pulled / "config.json").unlink()
    (pulled / "config.json").symlink_to(outside)
    (pulled / "folder").symlink_to(tmp_path)
    os.mkfifo(pulled / "pipe")

    done = verify(pulled)

    assert differences(done) == [("changed", "config.json"), ("added", "folder"), ("added", "pipe")]


def test_a_lock_that_is_a_link_is_a_difference(pulled: Path, tmp_path: Path) -> None:
    (pulled / "weighbridge.lock").rename(tmp_path / "elsewhere.lock")
    (pulled / "weighbridge.lock").symlink_to(tmp_path / "elsewhere.lock")

    assert differences(verify(pulled)) == [("added", "weighbridge.lock")]


def test_the_target_is_still_what_was_locked(pulled: Path, hub: Hub) -> None:
    hub.requests.clear()

    assert verify(pulled, remote=True).exit_code == 0
    assert verify("hf://acme/model", lock=pulled / "weighbridge.lock").exit_code == 0
    assert hub.sent_bytes < 800_000


def test_a_branch_that_moved_is_told_with_what_it_changed(
    pulled: Path, hub: Hub, tmp_path: Path
) -> None:
    new = {**clean(), "config.json": b'{"model_type": "gpt2"}', "run.py": b"x = 1\n"}
    publish_again(hub, tmp_path / "hub", "acme/model", new)

    done = verify(pulled, remote=True)

    assert differences(done) == [
        ("moved", "hf://acme/model"),
        ("added", "run.py"),
        ("changed", "config.json"),
    ]


def test_another_digest_under_the_same_commit_is_a_rug_pull(pulled: Path, hub: Hub) -> None:
    disk = hub.repositories["models/acme/model"].files["model.safetensors"].disk
    disk.with_name(f"{disk.name}.lie").write_text("ab" * 32)

    assert differences(verify(pulled, remote=True)) == [("changed", "model.safetensors")]


def test_a_target_without_digests_could_not_be_checked(pulled: Path, hub: Hub) -> None:
    hub.repositories["models/acme/model"].files["config.json"].listed_object = "not an object"

    done = verify(pulled, remote=True)

    assert [one.name for one in done.unchecked] == ["config.json"]
    assert done.exit_code == 3


def test_other_signatures_than_the_locks_are_told(pulled: Path) -> None:
    lock = read_lock(pulled / "weighbridge.lock")
    old = msgspec.structs.replace(lock, signatures="0.0.1")
    (pulled / "weighbridge.lock").write_bytes(encode_lock(old))

    done = verify(pulled)

    assert done.exit_code == 0
    assert "--rescan" in done.notes[0]


def test_a_rescan_decides_by_the_policy_of_now(pulled: Path) -> None:
    lock = read_lock(pulled / "weighbridge.lock")
    signatures = Signatures.installed()

    report, decision = rescan(pulled, lock, policy=Policy(), settings=SETTINGS, signatures=signatures)
    strict = Policy(allowed_sources=("s3://ours/**",))
    with pytest.raises(GateClosed, match="does not pass any more"):
        rescan(pulled, lock, policy=strict, settings=SETTINGS, signatures=signatures)

    assert decision.verdict is Verdict.PASS
    assert report.origin.kind == "huggingface"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no lock"),
        (b"", "not a lock of ours"),
        (b"[1, 2]", "not a lock of ours"),
        (b'{"version": 2}', "of version 2"),
        (b'{"version": 1}', "not a lock of ours"),
        (b"\xff\xfe", "not a lock of ours"),
        (b"[" * 100_000, "not a lock of ours"),
    ],
)
def test_a_lock_that_can_not_be_read_is_told_in_words(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "weighbridge.lock").write_bytes(content)

    with pytest.raises(UsageError, match=words):
        verify(tmp_path)


def test_a_lock_that_names_a_file_twice_is_none(pulled: Path) -> None:
    lock = read_lock(pulled / "weighbridge.lock")
    twice = msgspec.structs.replace(lock, files=(*lock.files, lock.files[0]))
    (pulled / "weighbridge.lock").write_bytes(encode_lock(twice))

    with pytest.raises(UsageError, match="names a file twice"):
        verify(pulled)


def test_the_lock_is_what_the_schema_says(pulled: Path) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    document = json.loads((pulled / "weighbridge.lock").read_bytes())

    Draft202012Validator(schema).validate(document)

    assert schema["required"] == list(document)
    assert set(schema["$defs"]["file"]["properties"]) >= set(document["files"][0])


def test_the_lock_of_the_same_content_is_the_same(pulled: Path) -> None:
    text = (pulled / "weighbridge.lock").read_bytes()

    assert encode_lock(read_lock(pulled / "weighbridge.lock")) == text


def test_policies_that_decide_otherwise_have_other_digests() -> None:
    policies = [Policy(), Policy(allow_incomplete=True), Policy(allowed_sources=("hf://**",))]

    assert len({policy_name(policy) for policy in policies}) == 3
    assert policy_name(Policy(notes=("said",))) == policy_name(Policy())


def test_a_pull_of_a_local_folder_is_verified_against_it(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "plain.pkl").write_bytes(PLAIN)
    pull(str(tmp_path / "from"), tmp_path / "out", settings=SETTINGS)
    same = verify(tmp_path / "out", remote=True)
    (tmp_path / "from" / "plain.pkl").write_bytes(PLAIN[:-1] + b"0")

    done = verify(tmp_path / "out", remote=True)

    assert same.exit_code == 0
    assert [one.kind for one in done.differences] == [DifferenceKind.CHANGED]


def test_a_number_that_no_file_has_is_no_lock(pulled: Path, tmp_path: Path) -> None:
    document = json.loads((pulled / "weighbridge.lock").read_bytes())
    document["files"][0]["size_bytes"] = 10**400
    (tmp_path / "huge.lock").write_text(json.dumps(document))

    with pytest.raises(UsageError, match="not a lock of ours"):
        verify(str(pulled), lock=tmp_path / "huge.lock")
