"""Who a repository says that it is: names that look alike, names taken anew, odd numbers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.gguf_family import gguf

from tests.analyzers.config_events import scan
from tests.analyzers.repository.whole_targets import judged, repository, told
from tests.hub.repository import file_on_disk
from tests.hub.server import running_hub
from weighbridge.analyzers.repository import identity
from weighbridge.api import scan as scan_target
from weighbridge.core.artifact import Origin
from weighbridge.core.repository import WHOLE, Repository, RepositoryFile
from weighbridge.errors import TargetNotFound
from weighbridge.knowledge.known_names import (
    is_known_organisation,
    is_within,
    known_models,
    model_likeness,
    organisation_likeness,
    owner_words,
    repository_likeness,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOW = datetime.now(UTC)


def at_hub(
    repo_id: str, *, card: str = "", changed: str | None = None, target: str = "", **facts: str
) -> Repository:
    made = repository({"README.md": card.encode()})
    origin = Origin(
        kind="huggingface", location=f"hf://{repo_id}@{COMMIT}", revision=COMMIT, facts=facts
    )
    file_facts = {"last_commit": changed} if changed else {}
    file = RepositoryFile(
        name="README.md", size_bytes=len(card), origin=dataclasses.replace(origin, facts=file_facts)
    )
    target = target or f"hf://{repo_id}@{COMMIT}"
    return dataclasses.replace(made, origin=origin, target=target, files={"README.md": file})


def rules(target: Repository) -> list[str]:
    return [one.rule for one in judged(identity.judge, target)]


@pytest.mark.parametrize(
    ("repo_id", "expected"),
    [
        ("EleutherAI/gpt-j-6b", []),
        ("eleutherai/GPT-J-6B", []),
        ("EleuterAI/gpt-j-6B", ["IDN001"]),
        ("EleuhterAI/gpt-j-6b", ["IDN001"]),
        ("EleutherAl/gpt-j-6b", ["IDN001"]),
        ("meta-Ilama/Llama-2-7b-hf", ["IDN001"]),
        ("rnicrosoft/phi-2", ["IDN001"]),
        ("mіcrosoft/anything", ["IDN001"]),
        ("openai/whіsper-large-v3", ["IDN001"]),
        ("rnicrosoft/assistant", ["IDN001"]),
        ("g00gle/anything", ["IDN001"]),
        ("Qwenn/Qwen2.5-7B-Instruct", ["IDN001"]),
        ("Qwenn/my-own-model", []),
        ("kerasio/anything", ["IDN002"]),
        ("openai-official/gpt-oss-20b", ["IDN001"]),
        ("meta/Llama-3.1-8B", ["IDN003"]),
        ("meta/my-own-model", []),
        ("goggle/assistant", ["IDN002"]),
        ("google-official/gemma", ["IDN003"]),
        ("deepseek/DeepSeek-R1", ["IDN003"]),
        ("someone/bert-base-uncasd", ["IDN004"]),
    ],
)
def test_names_at_the_hub(repo_id: str, expected: list[str]) -> None:
    assert rules(at_hub(repo_id)) == expected


@pytest.mark.parametrize(
    "repo_id",
    [
        "TheBloke/Mistral-7B-Instruct-v0.2-GGUF",
        "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF",
        "someone/Llama-2-7b-hf",
        "someone/llama-3-8b-4bit-awq",
        "someone/distilbert-base-uncased-finetuned-emotion",
        "someone/Qwen3.5-9B",
        "someone/Llama-3.4-8B-Instruct",
        "someone/whisper-large-v4",
        "someone/gemma-2-9b-it-abliterated",
        "unsloth/Qwen2.5-7B-Instruct-bnb-4bit",
        "mlx-community/Mixtral-8x7B-v0.1-4bit",
        "hf-internal-testing/tiny-random-gpt2",
        "sshleifer/tiny-gpt2",
        "gpt2",
    ],
)
def test_honest_quantizers_forks_and_next_versions_are_nobodys_imitation(repo_id: str) -> None:
    assert rules(at_hub(repo_id)) == []


def test_no_listed_name_imitates_another() -> None:
    assert len(owner_words()) > 200
    assert [name for name in owner_words() if organisation_likeness(name) is not None] == []
    assert len(known_models()) > 500
    assert [name for name in known_models() if repository_likeness(name) is not None] == []
    names = [name.partition("/")[2] for name in known_models()]
    assert [name for name in names if model_likeness(name) is not None] == []


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_names_have_an_answer(owner: str, name: str) -> None:
    likeness = repository_likeness(f"{owner}/{name}")
    assert likeness is None or not is_known_organisation(owner) or likeness.is_model


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_the_distance_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert is_within(one, other, 1) == is_within(other, one, 1)
    assert is_within(one, one, 0)
    assert is_within(one, f"{one}x", 1)
    assert not is_within(one, f"{one}xyz", 2)


def test_folders_named_like_repositories_are_judged_by_themselves() -> None:
    files = {
        "EleuterAI/gpt-j-6B/config.json": b"{}",
        "EleutherAI/gpt-j-6b/config.json": b"{}",
        "models--rnicrosoft--phi-2/snapshots/1/config.json": b"{}",
        "goggle/own/config.json": b"{}",
    }
    assert told(identity.judge, files) == [
        "IDN001 EleuterAI/gpt-j-6B/config.json",
        "IDN001 models--rnicrosoft--phi-2/snapshots/1/config.json",
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("config.json", {"_name_or_path": "EleuterAI/gpt-j-6B"}, ["IDN005"]),
        ("config.json", {"_name_or_path": "mіcrosoft/phi-2"}, ["IDN005"]),
        ("config.json", {"text_config": {"_name_or_path": "mistraiai/Mistral-7B-v0.1"}}, ["IDN005"]),
        ("config.json", {"_name_or_path": "/home/EleuterAI/gpt-j-6B"}, []),
        ("config.json", {"_name_or_path": "goggle/mine"}, []),
        ("config.json", {"_name_or_path": "EleutherAI/gpt-j-6B"}, []),
        (
            "README.md",
            "---\nbase_model:\n- https://huggingface.co/EleuterAI/gpt-j-6B\n---\n",
            ["IDN005"],
        ),
        ("README.md", "---\nbase_model: EleutherAI/gpt-j-6B\n---\n", []),
    ],
)
def test_names_that_files_claim(name: str, content: object, expected: list[str]) -> None:
    found, _ = scan(name, content)
    assert [one.rule for one in found if one.rule.startswith("IDN")] == expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"general__base_model__0__repo_url": "https://huggingface.co/EleuterAI/gpt-j-6B"}, ["IDN005"]),
        ({"general__base_model__0__repo_url": "https://huggingface.co/EleutherAI/gpt-j-6B"}, []),
        ({"general__organization": "mіcrosoft", "general__name": "phi-2"}, ["IDN005"]),
        ({"general__organization": "Nous Research", "general__name": "Hermes 2"}, []),
    ],
)
def test_names_that_gguf_claims(metadata: dict[str, str], expected: list[str]) -> None:
    found, _ = scan("model.gguf", gguf(**metadata))
    assert [one.rule for one in found if one.rule.startswith("IDN")] == expected


@pytest.mark.parametrize(
    ("owner", "expected"), [("someone", ["IDN006 README.md"]), ("google", []), ("my-google-fans", [])]
)
def test_a_copied_card_that_says_official(owner: str, expected: list[str]) -> None:
    card = "# Gemma\nThis is the official repository of the model by Google.\n"
    found = judged(identity.judge, at_hub(f"{owner}/some-model", card=card))
    assert [f"{one.rule} {one.path[0]}" for one in found] == expected


@pytest.mark.parametrize(
    ("old", "expected"),
    [("gpt2", ["IDN008"]), ("acme/old", ["IDN008"]), ("gone/model", ["IDN007"]), ("ACME/Model", [])],
)
def test_a_redirect_to_another_owner(old: str, expected: list[str]) -> None:
    assert rules(at_hub("acme/model", renamed_from=old)) == expected


@pytest.mark.parametrize(
    ("created", "expected"),
    [("2022-03-02 23:29:04+00:00", []), ("2023-12-01 00:00:00+00:00", ["IDN009"]), ("soon", [])],
)
def test_a_well_known_name_that_was_created_later(created: str, expected: list[str]) -> None:
    assert rules(at_hub("EleutherAI/gpt-j-6b", created_at=created)) == expected


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2025-06-02 00:00:00+00:00", ["IDN010"]),
        ("2024-01-01 12:00:00+00:00", []),
        ("2022-03-02 23:29:04+00:00", []),
    ],
)
def test_files_that_are_older_than_their_repository(created: str, expected: list[str]) -> None:
    changed = "2020-01-01T00:00:00.000Z" if created.startswith("2022") else "2024-01-01T00:00:00.000Z"
    assert rules(at_hub("acme/model", created_at=created, changed=changed)) == expected


@pytest.mark.parametrize(
    ("days", "downloads", "likes", "expected"),
    [
        (2, 244_000, 600, ["IDN011"]),
        (400, 244_000, 600, []),
        (2, 500, 10, []),
        (2, 3, 700, ["IDN011"]),
        (400, 3, 700, []),
    ],
)
def test_numbers_that_do_not_fit_the_age(
    days: int, downloads: int, likes: int, expected: list[str]
) -> None:
    created = (NOW - timedelta(days=days)).isoformat()
    facts = {"created_at": created, "downloads": str(downloads), "likes": str(likes)}
    assert rules(at_hub("acme/model", **facts)) == expected


def test_a_name_without_a_commit_is_told() -> None:
    assert rules(at_hub("acme/model", target="hf://acme/model")) == ["IDN012"]
    assert rules(at_hub("acme/model", target="hf://acme/model@main")) == ["IDN012"]
    assert rules(at_hub("acme/model", target=f"hf://acme/model@{COMMIT}")) == []


def test_facts_of_a_registry_come_with_the_calls_that_are_made_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        files = {"model.bin": file_on_disk(tmp_path, "model.bin", b"\x80\x02N.")}
        files["model.bin"].verdicts = {"status": "safe", "avScan": {"status": "safe"}}
        made = hub.add("EleuterAI/gpt-j-6B", files)
        made.facts = {"createdAt": "2026-05-01T00:00:00.000Z", "cardData": {"license": "mit"}}
        report = scan_target("hf://EleuterAI/gpt-j-6B", jobs=1)
        calls = [(one.method, one.path.partition("?")[0].split("/")[-2]) for one in hub.seen("^/api/")]
    found = {one.rule for one in report.findings if one.path == (WHOLE,)}
    assert {"IDN001", "IDN010", "IDN012"} <= found
    assert report.origin.facts["license"] == "mit"
    assert report.origin.registry_verdicts == {
        "hub": "safe (1 of 1 files)",
        "ClamAV": "safe (1 of 1 files)",
    }
    # The repository, its listing, the vendors' verdicts, and the small file itself.
    assert len([one for one in calls if one[1] != "resolve-cache"]) == 4


def test_a_path_that_is_not_there_and_reads_like_a_repository_is_told_apart() -> None:
    with pytest.raises(TargetNotFound, match="hf://acme/not-here"):
        scan_target("acme/not-here", jobs=1)
