"""What a command costs: processor time, wall time, memory, over several runs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCHER = Path(__file__).parent / "launcher.py"
_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of a command.

    Attributes:
        cpu_s: user and system time of the command and of all the processes that it waited for.
        largest_process_bytes: peak resident memory of the largest of these processes, exact.
        all_processes_bytes: the highest sum over all of them, sampled 20 times a second.
    """

    wall_s: float
    cpu_s: float
    largest_process_bytes: int
    all_processes_bytes: int
    exit_code: int
    timed_out: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of a command, and what the last one printed."""

    command: tuple[str, ...]
    samples: tuple[Sample, ...]
    output: str

    @property
    def cpu_s(self) -> float:
        """The fastest run: on a shared machine noise only adds."""
        return min(sample.cpu_s for sample in self.samples)

    @property
    def median_cpu_s(self) -> float:
        return statistics.median(sample.cpu_s for sample in self.samples)

    @property
    def wall_s(self) -> float:
        return min(sample.wall_s for sample in self.samples)

    @property
    def largest_process_bytes(self) -> int:
        return max(sample.largest_process_bytes for sample in self.samples)

    @property
    def all_processes_bytes(self) -> int:
        return max(sample.all_processes_bytes for sample in self.samples)

    @property
    def exit_words(self) -> str:
        if any(sample.timed_out for sample in self.samples):
            return "stopped by us, too slow"
        codes = sorted({sample.exit_code for sample in self.samples})
        return ", ".join(f"killed by signal {-code}" if code < 0 else str(code) for code in codes)


def measure(
    command: Sequence[str],
    *,
    runs: int = 1,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 110.0,
    memory_bytes: int = 0,
) -> Measured:
    """Run a command `runs` times, one after the other; a run that is stopped is the last.

    Args:
        command: program and arguments.
        runs: how often.
        env: added to our environment.
        cwd: where it runs.
        timeout_s: after this long the whole process group is killed.
        memory_bytes: limit on the address space of each process; 0 for none.
    """
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        for _ in range(runs):
            result = Path(folder, "result.json")
            arguments = [str(result), str(timeout_s), str(memory_bytes), str(log), *command]
            subprocess.run(
                [sys.executable, "-S", str(_LAUNCHER), *arguments],
                env={**os.environ, **(env or {})},
                cwd=cwd,
                check=True,
            )
            samples.append(Sample(**json.loads(result.read_text())))
            if samples[-1].timed_out:
                break
        output = log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
    return Measured(tuple(command), tuple(samples), output)
