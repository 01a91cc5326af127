"""What whole commands cost: start-up, a dense pickle, a 2 GB checkpoint, 2,000 small files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from measure import Measured, measure
from peers import ROOT, WEIGHBRIDGE, WORK, Tool
from report import Section, Target, megabytes, seconds

HEADER = ("tool", "exit", "CPU, best", "CPU, median", "wall, best", "largest process", "all processes")
_HELP_S, _SMALL_S, _CHECKPOINT_S = 0.150, 0.400, 1.0
_CHECKPOINT_READ_BYTES = 5_000_000
_TIMES_THE_FILE = 4


def startup(inputs: Path, tools: Sequence[Tool]) -> Section:
    """`--help`, and the scan of a pickle of 62 bytes."""
    program = [str(WEIGHBRIDGE.python), "-m", "weighbridge"]
    help_run = measure([*program, "--help"], runs=15, env=WEIGHBRIDGE.env, cwd=WORK)
    runs = {WEIGHBRIDGE: measure_tool(WEIGHBRIDGE, inputs / "small.pkl", runs=15)}
    runs |= {tool: measure_tool(tool, inputs / "small.pkl", runs=5) for tool in tools}
    small = runs[WEIGHBRIDGE]
    return Section(
        title="Start-up",
        text="A pickle of 62 bytes. Weighbridge's figure includes its isolated worker process.",
        header=HEADER,
        rows=(
            row("weighbridge `--help`", help_run),
            *(row(tool.title, run) for tool, run in runs.items()),
        ),
        commands=(shown(help_run), *(shown(run) for run in runs.values())),
        targets=(
            Target(
                f"`weighbridge --help`: under {seconds(_HELP_S)} CPU",
                seconds(help_run.cpu_s),
                help_run.cpu_s < _HELP_S,
            ),
            Target(
                f"`weighbridge scan small.pkl`: under {seconds(_SMALL_S)} CPU, worker included",
                f"{seconds(small.cpu_s)} (median {seconds(small.median_cpu_s)})",
                small.cpu_s < _SMALL_S and small.exit_words == "0",
            ),
        ),
    )


def dense(inputs: Path, tools: Sequence[Tool]) -> Section:
    """The pickle of 8.4 million opcodes, as a command."""
    size = (inputs / "dense.pkl").stat().st_size
    runs = {WEIGHBRIDGE: measure_tool(WEIGHBRIDGE, inputs / "dense.pkl", runs=3)}
    runs |= {tool: measure_tool(tool, inputs / "dense.pkl", runs=1) for tool in tools}
    ours = runs[WEIGHBRIDGE]
    return Section(
        title="The opcode-dense pickle as a command",
        text=f"`dense.pkl`, {megabytes(size)}, start-up and report included.",
        header=HEADER,
        rows=tuple(row(tool.title, run) for tool, run in runs.items()),
        commands=tuple(shown(run) for run in runs.values()),
        targets=(
            Target(
                f"peak memory below {_TIMES_THE_FILE} times the file",
                f"{ours.largest_process_bytes / size:.1f} times in the worker, "
                f"{ours.all_processes_bytes / size:.1f} times in all processes together",
                ours.all_processes_bytes < _TIMES_THE_FILE * size,
            ),
        ),
    )


def checkpoint(inputs: Path, tools: Sequence[Tool]) -> Section:
    """A state dict of 2 GB, by torch.save, on the disk."""
    runs = {WEIGHBRIDGE: measure_tool(WEIGHBRIDGE, inputs / "checkpoint.pt", runs=5)}
    runs |= {tool: measure_tool(tool, inputs / "checkpoint.pt", runs=2) for tool in tools}
    ours, read = runs[WEIGHBRIDGE], _bytes_read(inputs / "checkpoint.pt")
    return Section(
        title="A 2 GB torch checkpoint",
        text=(
            "32 tensors of 64 MiB, written by `torch.save` of torch 2.13.0, no holes on the disk. "
            f"Weighbridge read {megabytes(read)} of it."
        ),
        header=HEADER,
        rows=tuple(row(tool.title, run) for tool, run in runs.items()),
        commands=tuple(shown(run) for run in runs.values()),
        targets=(
            Target(
                "a 2 GB torch zip: verdict in under a second of CPU",
                seconds(ours.cpu_s),
                ours.cpu_s < _CHECKPOINT_S and ours.exit_words == "0",
            ),
            Target(
                "a 2 GB torch zip: a few MB read",
                megabytes(read),
                0 < read < _CHECKPOINT_READ_BYTES,
            ),
        ),
    )


def small_files(inputs: Path, tools: Sequence[Tool]) -> Section:
    """A folder of 2,000 small files of five kinds."""
    runs = {WEIGHBRIDGE: measure_tool(WEIGHBRIDGE, inputs / "small-files", runs=3)}
    runs |= {tool: measure_tool(tool, inputs / "small-files", runs=2) for tool in tools}
    return Section(
        title="2,000 small files",
        text="400 each of pickle, JSON, safetensors, `.npy` and text in 20 folders, 1.5 MB in all.",
        header=HEADER,
        rows=tuple(row(tool.title, run) for tool, run in runs.items()),
        commands=tuple(shown(run) for run in runs.values()),
        notes=(
            "Not the same work: weighbridge opens all 2,000 files and decides by content; picklescan "
            "and modelscan choose by extension and leave out JSON, text and safetensors; fickling takes "
            "no folder.",
        ),
    )


def measure_tool(tool: Tool, target: Path, *, runs: int, timeout_s: float = 110.0) -> Measured:
    """Measure one tool on one target, and say so on the terminal."""
    measured = measure(tool.command(target), runs=runs, env=tool.env, cwd=WORK, timeout_s=timeout_s)
    print(f"  {tool.title}, {target.name}: {seconds(measured.cpu_s)} CPU", flush=True)
    return measured


def row(title: str, run: Measured) -> tuple[str, ...]:
    return (
        title,
        run.exit_words,
        seconds(run.cpu_s),
        seconds(run.median_cpu_s),
        seconds(run.wall_s),
        megabytes(run.largest_process_bytes),
        megabytes(run.all_processes_bytes),
    )


def shown(run: Measured) -> str:
    """The command as it is typed at the top of the repository."""
    program, *rest = run.command
    words = [program.removeprefix(f"{ROOT}/"), *(word.removeprefix(f"{ROOT}/") for word in rest)]
    return ("PYTHONPATH=src " if "weighbridge" in rest else "") + " ".join(words)


def _bytes_read(target: Path) -> int:
    report = WORK / "report.json"
    command = [*WEIGHBRIDGE.command(target), "-o", str(report)]
    measure(command, env=WEIGHBRIDGE.env, cwd=WORK)
    rows = json.loads(report.read_text())["targets"][0]["coverage"]
    return max(int(entry["bytes_read"]) for entry in rows)
