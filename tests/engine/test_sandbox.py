"""What a worker can no longer do once it is confined (Linux)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and prctl are Linux's")

SCRIPT = """
import resource, socket, sys
from weighbridge.core.limits import Limits
from weighbridge.engine.sandbox import confine, has_landlock
confine(Limits(memory_bytes=256 << 20))
def attempt(action):
    try:
        action()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "allowed"
print(has_landlock())
print(attempt(lambda: open(sys.argv[1], "w")))
print(attempt(lambda: open(sys.argv[1] + ".txt").read()))
print(attempt(lambda: socket.create_connection(("127.0.0.1", 9), timeout=1)))
print(attempt(lambda: bytearray(1 << 30)))
print(resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


@linux
def test_a_confined_process_reads_but_does_not_write_connect_or_grow(tmp_path: Path) -> None:
    # Not below the folder for temporary files: that one stays writable, for spools.
    target = Path(__file__).with_name("never-written")
    readable = Path(f"{target}.txt")
    readable.write_text("x")
    try:
        lines = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(target)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        ).stdout.split()
    finally:
        readable.unlink()
    has_landlock, write, read, connect, memory, core = lines
    assert read == "allowed"
    assert memory == "MemoryError"
    assert core == "0"
    assert not target.exists()
    if has_landlock == "True":
        assert write == "PermissionError"
        assert connect == "PermissionError"
