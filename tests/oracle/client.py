"""Ask the oracle, and compare its answer with the machine's trace."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from weighbridge.formats.pickle.reader import Gap, read_pickles

CHILD = Path(__file__).with_name("child.py")
Name = tuple[str, str]


class Oracle:
    """A child process that unpickles with an inert `find_class`. Restarts when a case kills it."""

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._child: subprocess.Popen[bytes] | None = None

    def imports(self, data: bytes) -> dict[str, list[Name]]:
        """Loader -> the imports that it reached, in order. Empty when the case killed the child."""
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(struct.pack("<I", len(data)) + data)
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            self.close()
            return {}
        answer: dict[str, list[list[str]]] = json.loads(line)
        return {loader: [(module, name) for module, name in found] for loader, found in answer.items()}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            # -I: neither the environment nor the working directory adds code to the child.
            command = [self._python, "-I", str(CHILD)]
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._child

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def traced_imports(data: bytes) -> Iterator[tuple[str | None, str | None]]:
    """Every import of every reading in the machine's trace; None stands for any name."""
    for stream in read_pickles(data, max_events=1_000_000):
        if not isinstance(stream, Gap):
            for found in stream.imports():
                yield found.module, found.name


def missed(data: bytes, answer: dict[str, list[Name]]) -> list[tuple[str, Name]]:
    """Imports that a loader reached and the trace does not have: the law says, none."""
    traced = set(traced_imports(data))
    return [
        (loader, name)
        for loader, names in answer.items()
        for name in names
        if name not in traced and not any(_covers(pattern, name) for pattern in traced)
    ]


def _covers(pattern: tuple[str | None, str | None], name: Name) -> bool:
    return all(part is None or part == actual for part, actual in zip(pattern, name, strict=True))
