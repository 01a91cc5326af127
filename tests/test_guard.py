"""`weighbridge.guard`: the same call as before, and no path to what does not pass."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from tests.hub.server import Hub, running_hub
from tests.pull.repositories import PAYLOAD, PLAIN, clean, contents, publish, publish_again, safetensors
from weighbridge import guard
from weighbridge.core.finding import Severity
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import GateClosed, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.policy import Policy

SETTINGS = ScanSettings(jobs=1)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
        yield running


def test_a_snapshot_is_where_the_real_client_looks(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())

    folder = guard.snapshot_download("acme/model", settings=SETTINGS)

    cache = str(tmp_path / "cache")
    assert folder == huggingface_hub.snapshot_download(
        "acme/model", cache_dir=cache, local_files_only=True
    )
    assert contents(Path(folder)) == clean()


def test_a_dirty_repository_gives_an_error_and_no_path(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/evil", {**clean(), "evil.pkl": PAYLOAD})

    with pytest.raises(GateClosed) as closed:
        guard.snapshot_download("acme/evil", settings=SETTINGS)

    assert closed.value.report is not None
    assert closed.value.decision is not None
    assert Severity.CRITICAL in [judged.severity for judged in closed.value.decision.active]
    assert not (tmp_path / "cache").exists()


def test_a_closed_gate_comes_whole_out_of_another_process(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/evil", {"evil.pkl": PAYLOAD})
    with pytest.raises(GateClosed) as closed:
        guard.snapshot_download("acme/evil", settings=SETTINGS)

    copied = pickle.loads(pickle.dumps(closed.value))

    assert (str(copied), copied.exit_code) == (str(closed.value), closed.value.exit_code)
    assert copied.report == closed.value.report
    assert copied.decision == closed.value.decision


def test_a_token_is_in_no_text_of_the_settings() -> None:
    assert "hf_secret" not in repr(ScanSettings(fetch=FetchSettings(token="hf_secret")))


def test_a_second_call_asks_for_the_commit_only(hub: Hub, tmp_path: Path) -> None:
    commit = publish(hub, tmp_path / "hub", "acme/model", clean()).commit
    first = guard.snapshot_download("acme/model", settings=SETTINGS)
    hub.requests.clear()

    assert guard.snapshot_download("acme/model", settings=SETTINGS) == first
    assert [request.path for request in hub.requests] == ["/api/models/acme/model"]
    assert guard.snapshot_download("acme/model", revision=commit, settings=SETTINGS) == first
    assert guard.snapshot_download("acme/model", local_files_only=True, settings=SETTINGS) == first
    assert len(hub.requests) == 1


def test_a_moved_branch_is_scanned_before_it_is_handed_over(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    guard.snapshot_download("acme/model", settings=SETTINGS)
    publish_again(hub, tmp_path / "hub", "acme/model", {**clean(), "evil.pkl": PAYLOAD})

    with pytest.raises(GateClosed):
        guard.snapshot_download("acme/model", settings=SETTINGS)


def test_a_file_that_somebody_puts_into_the_snapshot_is_not_handed_over(
    hub: Hub, tmp_path: Path
) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    folder = Path(guard.snapshot_download("acme/model", settings=SETTINGS))
    (folder / "evil.pkl").write_bytes(PAYLOAD)

    with pytest.raises(TargetUnavailable, match="without a lock that covers it"):
        guard.snapshot_download("acme/model", local_files_only=True, settings=SETTINGS)
    again = Path(guard.snapshot_download("acme/model", settings=SETTINGS))

    assert contents(again) == clean()


def test_another_policy_is_decided_anew_without_network(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", {"unknown.pkl": b"cacme.layers\nMagic\n)R."})
    guard.snapshot_download("acme/model", settings=SETTINGS)
    hub.requests.clear()
    strict = Policy(fail_on=Severity.MEDIUM)

    with pytest.raises(GateClosed):
        guard.snapshot_download("acme/model", local_files_only=True, policy=strict, settings=SETTINGS)

    assert hub.requests == []


def test_what_was_never_pulled_is_not_handed_over_offline(hub: Hub) -> None:
    with pytest.raises(TargetUnavailable, match="not in the cache"):
        guard.snapshot_download("acme/model", local_files_only=True)


def test_one_file_is_scanned_with_the_code_beside_it(hub: Hub, tmp_path: Path) -> None:
    files = {**clean(), "modeling.py": b"x = 1\n", "other.safetensors": safetensors(600_000, 1)}
    publish(hub, tmp_path / "hub", "acme/model", files)

    path = guard.hf_hub_download("acme/model", "model.safetensors", settings=SETTINGS)

    assert Path(path).read_bytes() == files["model.safetensors"]
    assert contents(Path(path).parent).keys() == {"model.safetensors"}
    assert len(hub.seen(r"modeling\.py")) > 0
    assert hub.seen(r"other\.safetensors") == []


def test_a_file_in_a_subfolder_has_its_path(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())

    path = guard.hf_hub_download("acme/model", "vocab.txt", subfolder="tokenizer", settings=SETTINGS)

    assert Path(path).parts[-2:] == ("tokenizer", "vocab.txt")
    assert Path(path).read_bytes() == b"a\nb\n"


@pytest.mark.parametrize("name", ["evil.pkl", "code[1].json"])
def test_a_dirty_file_has_no_path(hub: Hub, tmp_path: Path, name: str) -> None:
    publish(hub, tmp_path / "hub", "acme/evil", {"plain.pkl": PLAIN, name: PAYLOAD})

    with pytest.raises(GateClosed):
        guard.hf_hub_download("acme/evil", name, settings=SETTINGS)


def test_a_local_dir_is_a_pulled_folder(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())

    folder = guard.snapshot_download("acme/model", local_dir=tmp_path / "here", settings=SETTINGS)

    assert (Path(folder), contents(Path(folder))) == (tmp_path / "here", clean())
    assert (tmp_path / "here" / "weighbridge.lock").is_file()


def test_a_local_dir_is_handed_over_offline_only_as_it_was_locked(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())
    here = tmp_path / "here"
    guard.snapshot_download("acme/model", local_dir=here, settings=SETTINGS)
    hub.requests.clear()

    again = guard.snapshot_download(
        "acme/model", local_dir=here, local_files_only=True, settings=SETTINGS
    )
    (here / "evil.pkl").write_bytes(PAYLOAD)
    with pytest.raises(GateClosed, match=r"evil\.pkl"):
        guard.snapshot_download("acme/model", local_dir=here, local_files_only=True, settings=SETTINGS)

    assert (Path(again), hub.requests) == (here, [])


def test_arguments_of_the_client_that_change_no_result_are_taken(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())

    folder = guard.snapshot_download(
        "acme/model", library_name="t", max_workers=4, etag_timeout=3, settings=SETTINGS
    )

    assert Path(folder).is_dir()


def test_an_argument_that_is_not_known_is_an_error_in_words() -> None:
    with pytest.raises(TypeError, match="takes no argument 'dry_run'"):
        guard.snapshot_download("acme/model", dry_run=True)


def test_another_endpoint_than_the_one_of_the_environment_is_refused() -> None:
    with pytest.raises(UsageError, match="set HF_ENDPOINT"):
        guard.snapshot_download("acme/model", endpoint="https://mirror.example.invalid")


def test_a_file_that_is_not_there_is_an_error_in_words(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", clean())

    with pytest.raises((TargetNotFound, UsageError), match="no file"):
        guard.hf_hub_download("acme/model", "nowhere.bin", settings=SETTINGS)


def test_the_examples_of_the_page_run(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(hub, tmp_path / "hub", "acme/sentiment", clean())
    publish(hub, tmp_path / "hub", "acme/evil", {"model.pkl": PAYLOAD})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pkl").write_bytes(PAYLOAD)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    names: dict[str, object] = {}
    for number, example in enumerate(examples):
        exec(compile(example, f"{PAGE.name}, example {number + 1}", "exec"), names)

    assert len(examples) >= 6
    assert names["verdict"] == "fail"
    assert isinstance(names["path"], str)
    assert Path(names["path"]).read_bytes() == clean()["model.safetensors"]
