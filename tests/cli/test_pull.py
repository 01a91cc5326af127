"""`weighbridge pull` as its users start it: words, exit codes, and what is in place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.server import Hub, running_hub
from tests.pull.repositories import PAYLOAD, PLAIN, clean, contents, publish


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub() as running:
        folder = tmp_path_factory.mktemp("hub")
        publish(running, folder, "acme/model", clean())
        publish(running, folder, "acme/evil", {"config.json": b"{}", "evil.pkl": PAYLOAD})
        publish(running, folder, "acme/cut", {"cut.pkl": PLAIN[:-4]})
        yield running


def weighbridge(hub: Hub, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "HF_ENDPOINT": hub.endpoint}
    environment |= {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_HUB_CACHE": str(cwd / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join(
        str(Path(entry).resolve()) for entry in sys.path if entry
    )
    return subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def test_what_passes_is_in_place_and_told(hub: Hub, tmp_path: Path) -> None:
    done = weighbridge(hub, tmp_path, "pull", "hf://acme/model", "here", "--exclude", "tokenizer/")

    assert (done.returncode, done.stderr) == (0, "")
    verdict, told = done.stdout.split("\n\n", 1)
    assert verdict.startswith("PASS  hf://acme/model @ ")
    here = tmp_path / "here"
    assert told.splitlines() == [
        "PULLED  2 files, 600 kB",
        "Scanned again as it arrived. The registry's digest holds for 2 of 2.",
        "Left out: tokenizer/vocab.txt",
        f"Into      {here}",
        f"Lock      {here}/weighbridge.lock",
        f"Check     weighbridge verify {here}",
    ]
    assert sorted(contents(here)) == ["config.json", "model.safetensors"]


def test_what_fails_is_reported_as_a_scan_is_and_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    done = weighbridge(hub, tmp_path, "pull", "hf://acme/evil", "here")

    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  hf://acme/evil @ ")
    assert "posix.system('echo weighbridge-marker')" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "weighbridge: acme/evil was not pulled: it has findings up to critical. Nothing was downloaded"
    )
    assert os.listdir(tmp_path) == []


def test_what_is_incomplete_ends_in_3(hub: Hub, tmp_path: Path) -> None:
    done = weighbridge(hub, tmp_path, "pull", "hf://acme/cut", "here")

    assert done.returncode == 3
    assert "not everything in it could be read. Nothing was downloaded" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hf://acme/model"], "say where to put it"),
        (["hf://acme/model", "here", "--hf-cache"], "take the place of DIR"),
        (["hf://acme/nowhere", "here"], "There is no model acme/nowhere"),
        (["hf://acme/model", "here", "--include", "*.gguf"], "no file that is asked for"),
    ],
)
def test_what_can_not_be_done_ends_in_2(
    hub: Hub, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = weighbridge(hub, tmp_path, "pull", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert os.listdir(tmp_path) == []


def test_the_cache_takes_the_place_of_a_folder(hub: Hub, tmp_path: Path) -> None:
    done = weighbridge(hub, tmp_path, "pull", "hf://acme/model", "--hf-cache")

    snapshots = tmp_path / "cache" / "models--acme--model" / "snapshots"
    assert done.returncode == 0
    assert [contents(path) for path in snapshots.iterdir()] == [clean()]


def test_a_json_report_stands_alone_on_standard_output(hub: Hub, tmp_path: Path) -> None:
    done = weighbridge(hub, tmp_path, "pull", "hf://acme/model", "here", "-f", "json")

    assert json.loads(done.stdout)["verdict"] == "pass"
    assert "PULLED" in done.stderr
