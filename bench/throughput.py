"""How fast is one pickle judged? The same bytes, in memory, in each tool's own process, in one run."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from peers import FICKLING, MODELSCAN, PICKLESCAN, ROOT, WEIGHBRIDGE, Tool
from report import Section, Target, rate, seconds

_PROBE = ROOT / "bench" / "probe.py"
_TIMEOUT_S = 110
_ROUNDS = 2
_COMPILED_TIMES, _INTERPRETED_TIMES = 50, 2


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the table: which probe, in whose environment, over which file, how often a round."""

    words: str
    probe: str
    tool: Tool
    file: str
    runs: int


_LANES = (
    Lane("weighbridge, compiled", "weighbridge", WEIGHBRIDGE, "dense.pkl", 3),
    Lane("picklescan 1.0.5", "picklescan", PICKLESCAN, "dense.pkl", 3),
    Lane("weighbridge, interpreted", "weighbridge-interpreted", WEIGHBRIDGE, "dense.pkl", 3),
    Lane("modelscan 0.8.8", "modelscan", MODELSCAN, "dense.pkl", 1),
    Lane("fickling 0.1.12", "fickling", FICKLING, "dense-tenth.pkl", 1),
    Lane("`pickletools.genops` alone", "genops", WEIGHBRIDGE, "dense.pkl", 1),
    Lane("`hashlib.sha256` alone", "sha256", WEIGHBRIDGE, "dense.pkl", 1),
)


@dataclass(slots=True)
class Probed:
    size_bytes: int
    best_s: float
    said: str


def throughput(inputs: Path) -> Section:
    """Time every lane, round by round, and compare."""
    results: dict[str, Probed] = {}
    for _ in range(_ROUNDS):
        for lane in _LANES:
            _probe(lane, inputs, results)
    rows = tuple((lane.words, lane.file, *_figures(results.get(lane.probe), results)) for lane in _LANES)
    return Section(
        title="Throughput on one pickle",
        text=(
            "`dense.pkl` is a list of 494,000 dicts: 8.4 million opcodes in 29 MB, protocol 4. The "
            "bytes are in memory already; what is timed is the judgement of one pickle, from bytes to "
            "findings: for weighbridge all that a worker does for an artifact (identify, run the "
            "machine, judge imports and calls, look for damage, for data behind the pickle and for "
            "payloads in its strings), for picklescan and modelscan their `scan_pickle_bytes`, for "
            "fickling `Pickled.load` and `check_safety` (over a tenth of the file). Processor time, "
            "best of six runs for the lines that a target compares, of two for the others."
        ),
        header=("tool", "file", "time", "throughput", "of picklescan", "it says"),
        rows=rows,
        commands=tuple(
            f"bench/work/venvs/{lane.tool.name}/bin/python bench/probe.py {lane.probe} "
            f"bench/work/inputs/{lane.file} {lane.runs}"
            for lane in _LANES
        ),
        targets=_targets(results),
    )


def _probe(lane: Lane, inputs: Path, results: dict[str, Probed]) -> None:
    command = [str(lane.tool.python), str(_PROBE), lane.probe, str(inputs / lane.file), str(lane.runs)]
    print("  " + lane.words, flush=True)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **lane.tool.env},
            stdout=subprocess.PIPE,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"  {lane.words}: {type(error).__name__}", flush=True)
        return
    answer = json.loads(done.stdout.splitlines()[-1])
    before = results.get(lane.probe)
    best = min(answer["seconds"] + ([before.best_s] if before else []))
    results[lane.probe] = Probed(answer["bytes"], best, json.dumps(answer["said"]))


def _figures(probed: Probed | None, results: dict[str, Probed]) -> tuple[str, ...]:
    if probed is None:
        return ("-", "-", "-", f"nothing within {_TIMEOUT_S} s")
    times = _times_picklescan(probed, results)
    said = "" if len(probed.said) > 150 else f"`{probed.said}`"
    speed = rate(probed.size_bytes, probed.best_s)
    return (seconds(probed.best_s), speed, f"{times:.2f}×" if times < 10 else f"{times:.0f}×", said)


def _times_picklescan(probed: Probed | None, results: dict[str, Probed]) -> float:
    base = results.get("picklescan")
    if probed is None or base is None:
        return 0.0
    return (probed.size_bytes / probed.best_s) / (base.size_bytes / base.best_s)


def _targets(results: dict[str, Probed]) -> tuple[Target, ...]:
    asked = (
        ("compiled", "weighbridge", _COMPILED_TIMES),
        ("interpreted", "weighbridge-interpreted", _INTERPRETED_TIMES),
    )
    targets = []
    for words, probe, wanted in asked:
        times = _times_picklescan(results.get(probe), results)
        # A build without a compiler must not pass for a compiled one.
        is_right = (
            probe in results and f'"compiled": {str(words == "compiled").lower()}' in results[probe].said
        )
        targets.append(
            Target(
                f"8.4 million opcodes, {words}: at least {wanted} times picklescan's throughput",
                f"{times:.1f} times" + ("" if is_right else f", but the machine was not {words}"),
                is_right and times >= wanted,
            )
        )
    return tuple(targets)
