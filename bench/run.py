"""Run the benchmark: inputs, peers, measurements, bench/RESULTS.md.

    python bench/run.py                        everything but modelaudit
    python bench/run.py --with-modelaudit      it is a download of 419 MB
    python bench/run.py --only throughput      one section, printed and not written

The first run installs and makes inputs (10 minutes, 5 GB under bench/work); the next take about 12.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import commands
from hostile_runs import hostile
from peers import (
    FICKLING,
    MODELAUDIT,
    MODELSCAN,
    PICKLESCAN,
    ROOT,
    TREE,
    WEIGHBRIDGE,
    WORK,
    WRITERS,
    Tool,
)
from remote import remote
from report import Section, render
from throughput import throughput

_INPUTS, _HOSTILE = WORK / "inputs", WORK / "hostile"
_RESULTS = ROOT / "bench" / "RESULTS.md"
_APART = tuple(
    ROOT / "bench" / name
    for name in (
        "capabilities.md",
        "callables.md",
        "formats.md",
        "fuzzed.md",
        "small_files.md",
        "repository.md",
        "sources.md",
        "audit.md",
    )
)
"""Measured by themselves: they need sources of libraries, generated sets, and hours of fuzzing."""


def main() -> None:
    arguments = _arguments()
    tools: list[Tool] = [PICKLESCAN, MODELSCAN, FICKLING]
    if arguments.with_modelaudit:
        tools.append(MODELAUDIT)
    _prepare(tools)
    sections = []
    for name, measure in _sections(tools).items():
        if arguments.only in (None, name):
            print(f"{name} ...", flush=True)
            sections.append(measure())
    text = render(_introduction(tools), sections, _closing())
    if arguments.only is None:
        _RESULTS.write_text(text, encoding="utf-8")
    else:
        print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the benchmark and write bench/RESULTS.md.")
    parser.add_argument("--with-modelaudit", action="store_true", help="compare with modelaudit too")
    parser.add_argument("--only", choices=tuple(_sections([])), help="one section, printed")
    return parser.parse_args()


def _sections(tools: Sequence[Tool]) -> dict[str, Callable[[], Section]]:
    no_folders = [tool for tool in tools if tool is not FICKLING]
    return {
        "throughput": lambda: throughput(_INPUTS),
        "startup": lambda: commands.startup(_INPUTS, tools),
        "dense": lambda: commands.dense(_INPUTS, no_folders),
        "checkpoint": lambda: commands.checkpoint(_INPUTS, tools),
        "small-files": lambda: commands.small_files(_INPUTS, no_folders),
        "remote": remote,
        "hostile": lambda: hostile(_HOSTILE, tools),
    }


def _prepare(tools: Sequence[Tool]) -> None:
    for name in ("src", "signatures"):
        shutil.rmtree(TREE / name, ignore_errors=True)
        shutil.copytree(ROOT / name, TREE / name)
    for tool in (WEIGHBRIDGE, WRITERS, *tools):
        tool.install()
    scripts = Path(__file__).parent
    subprocess.run([str(WRITERS.python), str(scripts / "inputs.py"), str(_INPUTS)], check=True)
    subprocess.run([sys.executable, str(scripts / "hostile.py"), str(_HOSTILE)], check=True)


def _introduction(tools: Sequence[Tool]) -> str:
    compared = ", ".join(tool.title for tool in tools)
    return (
        "# Results\n\n"
        "Written by `make bench` (`python bench/run.py`); do not edit. "
        f"Compared with {compared}, each in its own environment, all in one run.\n\n"
        f"Machine: {os.cpu_count()} processors, {_memory_words()}, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}.\n\n"
        "CPU is user and system time of the command and of the child processes that it waited for. The "
        "machine is shared: the best of several runs is the figure to compare, and ratios within one "
        "run say more than seconds. Memory is resident memory, mapped files included; in `all "
        "processes`, pages that several processes share count once for each."
    )


def _memory_words() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.0f} GiB of memory"


def _closing() -> str:
    return "\n\n".join(page.read_text(encoding="utf-8").rstrip() for page in _APART if page.exists())


if __name__ == "__main__":
    main()
