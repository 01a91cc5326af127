"""The cache that the hub's own client, and transformers, find things in."""

from __future__ import annotations

import os
from pathlib import Path

import huggingface_hub
import pytest

from tests.hub.server import Hub
from tests.pull.repositories import CONFIG, PAYLOAD, clean, contents, publish, publish_again
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed, UsageError
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.pull.hub_cache import HubCacheDestination, default_cache
from weighbridge.pull.pulling import Pulled, PullRequest, pull
from weighbridge.pull.selection import EVERYTHING, Selection


def into_cache(
    cache: Path, target: str = "hf://acme/model", *, selection: Selection = EVERYTHING
) -> Pulled:
    request = PullRequest(
        target=target,
        destination=HubCacheDestination(target, cache),
        policy=Policy(),
        scan=ScanSettings(jobs=1),
        selection=selection,
    )
    return pull(request, Signatures.installed())


def offline(cache: Path, revision: str | None = None) -> Path:
    """What the real client finds without any network."""
    found = huggingface_hub.snapshot_download(
        "acme/model", cache_dir=cache, local_files_only=True, revision=revision
    )
    return Path(found)


def test_the_real_client_finds_the_snapshot_without_network(hub: Hub, tmp_path: Path) -> None:
    repository = publish(hub, tmp_path / "hub", "acme/model", clean())

    pulled = into_cache(tmp_path / "cache")
    asked = len(hub.requests)

    assert offline(tmp_path / "cache") == pulled.folder
    assert offline(tmp_path / "cache", revision=repository.commit) == pulled.folder
    assert contents(pulled.folder) == clean()
    assert len(hub.requests) == asked


def test_the_real_client_finds_nothing_wrong_with_the_cache(hub: Hub, tmp_path: Path) -> None:
    repository = publish(hub, tmp_path / "hub", "acme/model", clean())
    into_cache(tmp_path / "cache")

    seen = huggingface_hub.scan_cache_dir(tmp_path / "cache")

    assert seen.warnings == []
    (found,) = seen.repos
    assert [(one.commit_hash, set(one.refs)) for one in found.revisions] == [
        (repository.commit, {"main"})
    ]


def test_blobs_have_the_names_that_the_client_gives_them(hub: Hub, tmp_path: Path) -> None:
    repository = publish(hub, tmp_path / "hub", "acme/model", clean())

    pulled = into_cache(tmp_path / "cache")

    files = repository.files
    expected = {file.oid if file.is_lfs else file.git_object for file in files.values()}
    assert set(os.listdir(pulled.folder.parent.parent / "blobs")) == expected


def test_a_branch_gets_its_ref(hub: Hub, tmp_path: Path) -> None:
    repository = publish(hub, tmp_path / "hub", "acme/model", clean())
    repository.branches = ("main", "refs/pr/1")

    into_cache(tmp_path / "cache", "hf://acme/model@refs%2Fpr%2F1")

    ref = tmp_path / "cache" / "models--acme--model" / "refs" / "refs" / "pr" / "1"
    assert ref.read_text() == repository.commit


def test_what_is_refused_leaves_no_trace(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", {**clean(), "evil.pkl": PAYLOAD})

    with pytest.raises(GateClosed):
        into_cache(tmp_path / "cache")

    assert not (tmp_path / "cache").exists()


def test_a_blob_that_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    into_cache(tmp_path / "cache")
    changed = {**clean(), "config.json": b'{"model_type": "gpt2"}'}
    publish_again(hub, tmp_path / "hub", "acme/model", changed)

    pulled = into_cache(tmp_path / "cache")

    assert pulled.received_bytes == len(changed["config.json"])
    assert contents(offline(tmp_path / "cache")) == changed


def test_a_blob_with_other_bytes_than_its_name_says_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    repository = publish(hub, tmp_path / "hub", "acme/model", clean())
    folder = into_cache(tmp_path / "cache").folder
    blob = folder.parent.parent / "blobs" / repository.files["model.safetensors"].oid
    blob.write_bytes(b"evil")

    into_cache(tmp_path / "cache")

    assert contents(folder) == clean()


def test_two_selections_of_one_commit_add_up(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    into_cache(tmp_path / "cache", selection=Selection(include=("*.json",)))

    pulled = into_cache(tmp_path / "cache", selection=Selection(include=("*.safetensors",)))

    assert sorted(contents(pulled.folder)) == ["config.json", "model.safetensors"]
    assert [file.name for file in pulled.lock.files] == ["config.json", "model.safetensors"]
    assert pulled.lock.left_out == ("tokenizer/vocab.txt",)


def test_files_that_nobody_judged_leave_the_snapshot(hub: Hub, tmp_path: Path) -> None:
    """They came by another way than ours, and whoever loads the folder would load them."""
    small = clean(10_000)
    publish(hub, tmp_path / "hub", "acme/model", {**small, "evil.pkl": PAYLOAD})
    huggingface_hub.snapshot_download("acme/model", cache_dir=tmp_path / "cache", endpoint=hub.endpoint)

    pulled = into_cache(tmp_path / "cache", selection=Selection(exclude=("*.pkl",)))

    assert contents(pulled.folder) == small


def test_only_repositories_of_the_hub_go_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only repositories of the hub"):
        HubCacheDestination(str(tmp_path), tmp_path / "cache")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_usual_cache_is_the_one_of_the_client(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert default_cache() == Path(expected)


@pytest.mark.slow
def test_transformers_loads_from_the_cache_without_network(hub: Hub, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    publish(hub, tmp_path / "hub", "acme/model", {"config.json": CONFIG})
    into_cache(tmp_path / "cache")
    asked = len(hub.requests)

    config = transformers.AutoConfig.from_pretrained(
        "acme/model", cache_dir=tmp_path / "cache", local_files_only=True
    )

    assert config.model_type == "bert"
    assert len(hub.requests) == asked
