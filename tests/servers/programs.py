"""Find the programs that `build.py` installs, and run them while a test talks to them.

Without WEIGHBRIDGE_SERVERS, a test that needs a program which is not here is skipped and says so.
With it, as in `.ci/run`, it fails: there, all of them must be here.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_SETTING = "WEIGHBRIDGE_SERVERS"
_PLACES = ("venv/bin", "npm/node_modules/.bin")
_PATIENCE_S = 120.0
_SHOWN = 4000


def program(name: str) -> str:
    """Return the path of a program, or skip the test (fail it where all of them must be here)."""
    folder = os.environ.get(_SETTING)
    places = [str(Path(folder, place)) for place in _PLACES] if folder else []
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is not None:
        return found
    if folder:
        pytest.fail(f"{name} is not installed: python tests/servers/build.py {folder}")
    pytest.skip(f"{name} is not installed; python tests/servers/build.py FOLDER, and set {_SETTING}")


def free_port() -> int:
    """Return a port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], *, port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server that listens on a port of loopback until the block ends.

    Its working directory is `folder`, and so is its log, `server.log`. It and its children end.
    """
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(server, port, folder / "server.log")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, 9)
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN:]
    pytest.fail(f"{server.args!r} does not answer on port {port}:\n{said}")
