"""Measure the judgement of Python in repositories: honest source by the thousand, and our own attacks.

    python bench/repository/run.py --sources FOLDER [FOLDER ...] [--attacks FOLDER] [--processes 2]

A folder of sources holds unpacked packages; each folder below it is a row. Attacks are the folder
`repository_code` of the samples (`python samples/build.py`). Only rules of code (SCR) count. Writes
`bench/repository.md` and puts it into `bench/RESULTS.md`. Nothing that is read is run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).resolve().parent.parent))

from report import Section, Target, render_part

from weighbridge.analyzers.executables.python_sources import judge_source
from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

_BENCH: Final = Path(__file__).resolve().parent.parent
_PAGE: Final = _BENCH / "repository.md"
_RESULTS: Final = _BENCH / "RESULTS.md"
_TITLE: Final = "## Repository code"
_NAMED: Final = ("transformers", "diffusers", "sentence_transformers", "datasets")
_GRAVE: Final = ("critical", "high")
_ORDER: Final = ("critical", "high", "medium", "low", "info")
_LISTED: Final = 40


@dataclass(slots=True)
class Measured:
    """One package: files by their gravest finding, and what is high."""

    files: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    by_severity: Counter[str] = field(default_factory=Counter)
    grave: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)


def main() -> None:
    arguments = _arguments()
    packages = [one for folder in arguments.sources for one in sorted(folder.iterdir()) if one.is_dir()]
    jobs = [one for one in packages if any(one.rglob("*.py"))]
    measured: dict[str, Measured] = {}
    with multiprocessing.Pool(arguments.processes) as pool:
        for job, one in zip(jobs, pool.imap(_measure, jobs, chunksize=1), strict=True):
            measured[job.name] = one
            print(job.name, one.files, *one.grave, sep="\n  ", flush=True)
    sections = [_honest(measured)]
    if arguments.attacks is not None:
        sections.append(_attacks(arguments.attacks))
    _PAGE.write_text(f"{_TITLE}\n\n{_INTRODUCTION}\n\n{render_part(sections)}\n", encoding="utf-8")
    _splice()


_INTRODUCTION: Final = (
    "Written by `python bench/repository/run.py --sources FOLDER --attacks FOLDER`; do not edit. "
    "Python of published packages, each file judged alone as the engine does it, by the rules SCR."
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the judgement of Python in repositories.")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--attacks", type=Path, metavar="FOLDER")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _measure(folder: Path) -> Measured:
    measured = Measured()
    severities = _severities()
    for path in sorted(folder.rglob("*.py")):
        began = time.process_time()
        found = list(_findings(path))
        took = time.process_time() - began
        measured.files += 1
        measured.seconds += took
        measured.slowest_s = max(measured.slowest_s, took)
        told = [severities[one.rule] for one in found]
        measured.by_severity[min(told, key=_ORDER.index, default="nothing")] += 1
        measured.rules.update({one.rule for one in found})
        measured.grave += [
            f"{folder.name}: {path.relative_to(folder)}: {one.rule} {one.subject}"
            for one in found
            if severities[one.rule] in _GRAVE
        ]
    return measured


def _findings(path: Path) -> Iterator[Finding]:
    data = path.read_bytes()
    artifact = Artifact((path.name,), MemorySource(data))
    context = Context(Budget(Limits()), _knowledge())
    for event in judge_source(artifact, data, context):
        if isinstance(event, Finding):
            yield event


@lru_cache(maxsize=1)
def _knowledge() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def _severities() -> dict[str, str]:
    rules = tomllib.loads((signatures_dir() / "rules" / "scripts.toml").read_text(encoding="utf-8"))
    return {rule["id"]: rule["severity"] for rule in rules["rule"]}


def _honest(measured: dict[str, Measured]) -> Section:
    named = [measured[name] for name in _NAMED if name in measured]
    alarms = sum(one.by_severity[severity] for one in named for severity in _GRAVE)
    every = [line for one in measured.values() for line in one.grave]
    shown = [name for name in measured if name in _NAMED or measured[name].grave]
    others = [one for name, one in measured.items() if name not in shown]
    rows = [
        _row(name, measured[name]) for name in sorted(shown, key=lambda name: (name not in _NAMED, name))
    ]
    rows += [_row(f"{len(others)} others", _sum(others)), _row("**all**", _sum(list(measured.values())))]
    return Section(
        title="Honest source",
        text="Files by their gravest finding, with the CPU time that judging them took.",
        header=("package", "files", *_ORDER[:4], "nothing", "CPU", "slowest file"),
        rows=tuple(rows),
        targets=(
            Target(
                f"no high finding on {', '.join(_NAMED)}", f"{alarms} files", alarms == 0 and bool(named)
            ),
        ),
        notes=tuple(every[:_LISTED]),
    )


def _sum(several: list[Measured]) -> Measured:
    total = Measured()
    for one in several:
        total.files += one.files
        total.seconds += one.seconds
        total.slowest_s = max(total.slowest_s, one.slowest_s)
        total.by_severity += one.by_severity
    return total


def _row(name: str, one: Measured) -> tuple[str, ...]:
    counts = [f"{one.by_severity[key]:,}" for key in (*_ORDER[:4], "nothing")]
    return (name, f"{one.files:,}", *counts, f"{one.seconds:.0f} s", f"{one.slowest_s:.2f} s")


def _attacks(folder: Path) -> Section:
    rows = []
    missed: list[str] = []
    for kind in sorted(one for one in folder.iterdir() if one.is_dir()):
        one = _measure(kind)
        rows.append(_row(kind.name, one))
        if kind.name in ("deeds", "hidden", "moments"):
            caught = sum(one.by_severity[key] for key in _GRAVE)
            missed += [kind.name] * (one.files - caught)
    return Section(
        title="Attacks of our own",
        text="`samples/recipes/repository_code.py`: the same harm at different moments, in different "
        "disguises, and different deeds; `powers` and `twins` are honest and must stay below high.",
        header=("samples", "files", *_ORDER[:4], "nothing", "CPU", "slowest file"),
        rows=tuple(rows),
        targets=(Target("every attack at high or above", f"{len(missed)} missed", not missed),),
    )


def _splice() -> None:
    """Put the page at the end of RESULTS.md, in place of what stood there."""
    head, _, behind = _RESULTS.read_text(encoding="utf-8").partition(_TITLE)
    rest = behind[behind.index("\n## ") :].strip() if "\n## " in behind else ""
    page = _PAGE.read_text(encoding="utf-8").rstrip()
    parts = [part for part in (head.rstrip(), page, rest) if part]
    _RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
