"""Kill a pull at twenty moments: the folder is not there, or it is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.hub.server import Hub
from tests.pull.repositories import contents, publish, safetensors
from weighbridge.pull.quarantine import PREFIX

pytestmark = pytest.mark.slow

KILLS = 20
FILES = {f"part-{number}.safetensors": safetensors(400_000, number) for number in range(3)}


STARTER = """
import os, sys
from pathlib import Path
from weighbridge.api import pull
from weighbridge.engine.scan import ScanSettings
import weighbridge.fetchers.huggingface_session, weighbridge.bytesource.http_range, huggingface_hub
import weighbridge.pull.pulling, weighbridge.pull.folder
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            pull("hf://acme/model", line.strip(), settings=ScanSettings(jobs=1))
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
"""Imports once, then forks a pull for each line: the kills cost seconds, not minutes."""


class Starter:
    """Starts pulls in processes of their own."""

    def __init__(self, hub: Hub) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._hub = hub
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def killed(self, folder: Path, *, after_bytes: int, after_s: float) -> None:
        """Pull into a folder, and kill the pull and its workers at that moment."""
        enough = self._hub.sent_bytes + after_bytes
        child = int(self._told(f"{folder}\n"))
        deadline = time.monotonic() + 20
        while self._hub.sent_bytes < enough and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(after_s)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        self._told()

    def whole(self, folder: Path) -> None:
        """Pull to the end."""
        self._told(f"{folder}\n")
        self._told()

    def _told(self, line: str = "") -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture
def starter(hub: Hub, tmp_path: Path) -> Iterator[Starter]:
    publish(hub, tmp_path / "hub", "acme/model", FILES)
    hub.latency_s = 0.02
    with closing(Starter(hub)) as running:
        yield running


def state(folder: Path) -> str:
    if not folder.exists():
        return "nothing"
    is_whole = contents(folder) == FILES and (folder / "weighbridge.lock").is_file()
    return "whole" if is_whole else f"half: {sorted(contents(folder))}"


def test_twenty_kills_leave_nothing_or_the_whole_folder(starter: Starter, tmp_path: Path) -> None:
    """Half of them while files come; half in the second scan, the lock and the move."""
    moments = random.Random(6)
    whole = sum(map(len, FILES.values()))
    states = []
    for number in range(KILLS):
        folder = tmp_path / "out" / str(number)
        sent, wait_s = (whole, number * 0.06) if number % 2 else (moments.randrange(whole), 0.0)
        starter.killed(folder, after_bytes=sent, after_s=wait_s)
        states.append(state(folder))

    assert set(states) <= {"nothing", "whole"}
    assert states.count("nothing") >= KILLS // 4
    others = [path.name for path in (tmp_path / "out").iterdir() if not path.name.isdigit()]
    assert [name for name in others if not name.startswith(PREFIX)] == []


def test_the_next_pull_needs_fewer_bytes_and_clears_up(
    hub: Hub, starter: Starter, tmp_path: Path
) -> None:
    whole = sum(map(len, FILES.values()))
    starter.killed(tmp_path / "out" / "model", after_bytes=whole, after_s=0)
    assert state(tmp_path / "out" / "model") == "nothing"
    before = hub.sent_bytes

    starter.whole(tmp_path / "out" / "model")

    assert state(tmp_path / "out" / "model") == "whole"
    assert hub.sent_bytes - before < whole
    assert os.listdir(tmp_path / "out") == ["model"]
