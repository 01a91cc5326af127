"""Words and digests about the origin of files, beside the files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from samples.recipes.gguf_family import gguf

from tests.analyzers.repository.whole_targets import judged, repository, told
from tests.hub.repository import file_on_disk
from tests.hub.server import running_hub
from weighbridge.analyzers.provenance import check_content, git_object
from weighbridge.analyzers.repository import provenance_files
from weighbridge.analyzers.repository.licences import family, licence_of_text
from weighbridge.api import scan
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.repository import Repository

JUDGE = provenance_files.judge
APACHE = b"Apache License\n   Version 2.0, January 2004\n"
ETAG = git_object(b"{}")


def card(*lines: str) -> bytes:
    return "\n".join(("---", *lines, "---", "# A model", "")).encode()


def from_hub(
    files: Mapping[str, bytes], location: str = "hf://acme/model@1", **facts: str
) -> Repository:
    origin = Origin(kind="huggingface", location=location, facts=facts)
    return dataclasses.replace(repository(files), origin=origin)


@pytest.mark.parametrize(
    ("stated", "content", "expected"),
    [
        (ETAG, b"{}", []),
        (ETAG, b"[]", ["ORG009 a/config.json"]),
        (hashlib.sha256(b"{}").hexdigest(), b"{}", []),
        (f'"{hashlib.sha256(b"{}").hexdigest()}"', b"[]", ["ORG009 a/config.json"]),
        ("W/anything", b"[]", []),
    ],
)
def test_what_the_client_noted_when_it_fetched(stated: str, content: bytes, expected: list[str]) -> None:
    note = f"{'0' * 40}\n{stated}\n1.0\n".encode()
    files = {"a/.cache/huggingface/download/config.json.metadata": note, "a/config.json": content}
    assert told(JUDGE, files) == [one.replace('"', "") for one in expected]


def test_a_note_about_a_file_that_is_not_here_says_nothing() -> None:
    assert (
        told(JUDGE, {".cache/huggingface/download/gone.bin.metadata": b"0\n" + b"1" * 64 + b"\n2"}) == []
    )


@pytest.mark.parametrize(
    ("word", "name", "text", "expected"),
    [
        ("mit", "LICENSE", APACHE, ["ORG010 LICENSE"]),
        ("apache-2.0", "LICENSE", APACHE, []),
        ("other", "LICENSE", APACHE, []),
        ("mit", "LICENSE.txt", b"All rights reserved", []),
        ("mit", "licenses.json", APACHE, []),
        ("llama3.1", "LICENSE", b"LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", []),
        ("mit", "LICENSE", b"LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", ["ORG010 LICENSE"]),
    ],
)
def test_card_and_licence_file(word: str, name: str, text: bytes, expected: list[str]) -> None:
    assert told(JUDGE, {"README.md": card(f"license: {word}"), name: text}) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("apache-2.0", []), ("mit", ["ORG010 model.gguf"]), ("other", [])]
)
def test_card_and_weights(word: str, expected: list[str]) -> None:
    files = {"README.md": card(f"license: {word}"), "model.gguf": gguf(general__license="apache-2.0")}
    assert told(JUDGE, files) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [("mit", "llama2", ["ORG010 README.md"]), ("llama2", "llama2", []), ("llama2", "mit", [])],
)
def test_card_and_card_of_the_base(ours: str, theirs: str, expected: list[str]) -> None:
    base = repository({"README.md": card(f"license: {theirs}")})
    assert told(JUDGE, {"README.md": card(f"license: {ours}")}, base=base) == expected


def test_licences_of_one_folder_say_nothing_of_another() -> None:
    assert told(JUDGE, {"a/README.md": card("license: mit"), "b/LICENSE": APACHE}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Apache License, Version 2.0", "apache-2.0"),
        ("MIT License\n\nCopyright", "mit"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3", "agpl-3.0"),
        ("something", None),
    ],
)
def test_a_licence_is_known_by_its_title(text: str, expected: str | None) -> None:
    assert licence_of_text(text) == expected


def test_words_of_the_hub_that_mean_one_licence() -> None:
    words = ("bigscience-openrail-m", "openrail++", "CC-BY-NC-4.0", "bsd-3-clause", "other")
    assert [family(word) for word in words] == ["openrail", "openrail", "cc-by-nc", "bsd", None]


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ("meta-llama/Llama-2-7b-hf", []),
        ("NousResearch/Llama-2-7b-hf", []),
        ("other/llama", ["ORG013 adapter_config.json"]),
        ("/home/me/llama", []),
    ],
)
def test_an_adapter_and_its_card(used: str, expected: list[str]) -> None:
    config = json.dumps({"peft_type": "LORA", "base_model_name_or_path": used}).encode()
    files = {"README.md": card("base_model: meta-llama/Llama-2-7b-hf"), "adapter_config.json": config}
    assert told(JUDGE, files) == expected


@pytest.mark.parametrize(
    ("files", "facts", "expected"),
    [
        ({}, {}, ["ORG011", "ORG012"]),
        ({"README.md": b"# A model"}, {}, ["ORG011"]),
        ({"README.md": b"# A model", "LICENSE": b"x"}, {}, []),
        ({"README.md": b"# A model"}, {"license": "mit"}, []),
    ],
)
def test_what_a_whole_repository_lacks(
    files: dict[str, bytes], facts: dict[str, str], expected: list[str]
) -> None:
    target = from_hub({".gitattributes": b"", **files}, **facts)
    assert sorted(one.rule for one in judged(JUDGE, target)) == expected
    assert judged(JUDGE, repository(files)) == []


@pytest.mark.parametrize(
    ("text", "location", "content", "expected"),
    [
        (b"# Tuned", "hf://acme/model@1", b"2", ["ORG015"]),
        (b"An unmodified copy of the original.", "hf://acme/model@1", b"2", ["ORG016"]),
        (b"A mirror of the weights", "hf://acme/model@1", b"2", ["ORG016"]),
        (b"# GPT-J", "hf://EleuterAI/gpt-j-6B@1", b"2", ["ORG016"]),
        (b"An unmodified copy of the original.", "hf://acme/model@1", b"1", []),
        (b"An unmodified copy of the original.", "hf://acme/model@1", b"22", []),
    ],
)
def test_weights_beside_those_of_the_base(
    text: bytes, location: str, content: bytes, expected: list[str]
) -> None:
    base = repository({"model.safetensors": b"1", "config.json": b"{}"})
    files = {"model.safetensors": content, "README.md": text, "config.json": b"[]"}
    target = dataclasses.replace(from_hub(files, location), base=base)
    assert [one.rule for one in judged(JUDGE, target)] == expected


@pytest.mark.parametrize(("layers", "expected"), [(32, []), (40, ["ORG014 config.json"])])
def test_another_shape_than_the_base(layers: int, expected: list[str]) -> None:
    base = repository(
        {"config.json": json.dumps({"model_type": "llama", "num_hidden_layers": 32}).encode()}
    )
    files = {"config.json": json.dumps({"num_hidden_layers": layers, "vocab_size": 9}).encode()}
    assert told(JUDGE, files, base=base) == expected


@pytest.mark.parametrize("content", [b"{}", b"[]"])
@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_content_is_compared_with_the_digest_of_the_registry(content: bytes, kind: str) -> None:
    origin = (
        Origin(kind="local", location="/a", sha256=hashlib.sha256(b"{}").hexdigest())
        if kind == "sha256"
        else Origin(kind="local", location="/a", facts={"git_object": ETAG})
    )
    found = check_content(Artifact(("config.json",), MemorySource(content), origin))
    assert [one.rule for one in found] == ([] if content == b"{}" else ["ORG008"])


def test_blobs_of_the_cache_are_named_by_their_digest(tmp_path: Path) -> None:
    folder = tmp_path / "models--acme--tiny" / "blobs"
    folder.mkdir(parents=True)
    (folder / hashlib.sha256(b"{}").hexdigest()).write_bytes(b"{}")
    (folder / git_object(b"[]")).write_bytes(b"[1]")
    report = scan(str(tmp_path), jobs=1)
    changed = [one.path[0] for one in report.findings if one.rule == "ORG008"]
    assert changed == [f"models--acme--tiny/blobs/{git_object(b'[]')}"]


@pytest.mark.parametrize(("served", "expected"), [(b'{"a": 1}', []), (b'{"a": 2}', ["config.json"])])
def test_small_files_of_a_hub_are_compared_with_what_git_calls_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bytes, expected: list[str]
) -> None:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        file = file_on_disk(tmp_path, "config.json", served)
        file.listed_object = git_object(b'{"a": 1}')
        hub.add("acme/model", {"config.json": file})
        report = scan("hf://acme/model", jobs=1)
        assert len(hub.seen("/resolve/")) == 1
    assert [one.path[0] for one in report.findings if one.rule == "ORG008"] == expected
