"""Run weighbridge and its peers over the generated sets, and write the table.

    python bench/callables/peers.py bench/work/callables TOOL=EXECUTABLE ...

TOOL is weighbridge, picklescan, picklescan-strict, modelscan, fickling or modelaudit; EXECUTABLE its
program, for weighbridge and fickling the Python of its environment. Each runs once for each set, in one
process, without a network where `unshare` allows it, and prints how it did; `side-by-side.json`
keeps the figures for the report.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import flagged
from measure import Measured, measure

_HERE = Path(__file__).resolve().parent
SETS = ("recall", "benign", "zoo-sample")
_EVERY = 20
_QUIET = {"CI": "true", "NO_ANALYTICS": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True, slots=True)
class Peer:
    """How a tool is run, and how its output is read.

    Attributes:
        arguments: behind the executable; FOLDER and OUT are replaced.
        bars: name of a bar -> which files it flags.
    """

    arguments: tuple[str, ...]
    bars: dict[str, Callable[[Path, Path, str], flagged.Flagged]]


PEERS = {
    "weighbridge": Peer(
        ("-m", "weighbridge", "scan", "FOLDER", "-o", "OUT"), {"high or above": flagged.weighbridge}
    ),
    "picklescan": Peer(("-p", "FOLDER"), {"dangerous": flagged.picklescan}),
    "picklescan-strict": Peer(("--strict", "-p", "FOLDER"), {"dangerous": flagged.picklescan}),
    "modelscan": Peer(
        ("scan", "-p", "FOLDER", "-r", "json", "-o", "OUT"), {"any issue": flagged.modelscan}
    ),
    "fickling": Peer(
        (str(_HERE / "fickling_folder.py"), "FOLDER", "OUT"),
        {"not likely safe": flagged.fickling, "likely unsafe": flagged.fickling_unsafe},
    ),
    "modelaudit": Peer(
        ("scan", "--no-cache", "--quiet", "--format", "json", "-o", "OUT", "FOLDER"),
        {"warning": flagged.modelaudit, "critical": flagged.modelaudit_critical},
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One tool, one bar, one set: `flagged` of `files`, by form where the set has forms."""

    tool: str
    bar: str
    set: str
    files: int
    flagged: int
    by_form: dict[str, tuple[int, int]]
    cpu_s: float
    wall_s: float
    largest_process_bytes: int
    exit: str


def side_by_side(
    root: Path, programs: dict[str, str], *, timeout_s: float, sets: Sequence[str] = SETS
) -> list[Result]:
    """Run every tool over every set of `root`."""
    sample_zoo(root)
    forms = {
        name: row["form"]
        for name, row in json.loads((root / "index.json").read_text(encoding="utf-8"))["recall"].items()
    }
    results = []
    for tool, program in programs.items():
        for name in sets:
            for result in _run(tool, program, (root / name).resolve(), forms, timeout_s):
                print(_line(result), flush=True)
                results.append(result)
            _keep(root / "side-by-side.json", results)
    return results


def _keep(file: Path, results: list[Result]) -> None:
    """Write the figures; what did not run now stays as it stands."""
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    new = [asdict(result) for result in results]
    measured = {(row["tool"], row["set"]) for row in new}
    kept = [row for row in rows if (row["tool"], row["set"]) not in measured]
    file.write_text(json.dumps([*kept, *new], indent=1), encoding="utf-8")


def sample_zoo(root: Path) -> None:
    """Copy every twentieth file of the zoo, the users' own code left out, into one flat folder."""
    out = root / "zoo-sample"
    out.mkdir(exist_ok=True)
    files = sorted(path for path in (root / "zoo").rglob("*") if path.is_file())
    chosen = [path for path in files if path.parent.name != "user"][::_EVERY]
    wanted = {f"{path.parent.name}--{path.name}": path for path in chosen}
    for path in out.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, path in wanted.items():
        if not (out / name).exists() or (out / name).read_bytes() != path.read_bytes():
            shutil.copyfile(path, out / name)


def _run(tool: str, program: str, folder: Path, forms: dict[str, str], timeout_s: float) -> list[Result]:
    peer, report = PEERS[tool], folder.parent / f"{tool}-{folder.name}.json"
    report.unlink(missing_ok=True)
    words = {"FOLDER": str(folder), "OUT": str(report)}
    command = [program, *(words.get(word, word) for word in peer.arguments)]
    log = folder.parent / f"{tool}-{folder.name}.log"
    run = measure([*_offline(), *_logged(command, log)], env=_QUIET, timeout_s=timeout_s)
    text = log.read_text(encoding="utf-8", errors="replace")
    return [
        _result(tool, bar, run, folder, _flagged(find, folder, report, text), forms)
        for bar, find in peer.bars.items()
    ]


def _offline() -> list[str]:
    command = ["unshare", "-rn"]
    probe = subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if probe.returncode == 0 else []


def _logged(command: list[str], log: Path) -> list[str]:
    return ["sh", "-c", 'log=$1; shift; exec "$@" > "$log" 2>&1', "sh", str(log), *command]


def _flagged(
    find: Callable[[Path, Path, str], flagged.Flagged], folder: Path, report: Path, log: str
) -> flagged.Flagged:
    try:
        return find(folder, report, log)
    except FileNotFoundError:
        return frozenset()  # it was stopped, or it broke: the exit says so


def _result(
    tool: str, bar: str, run: Measured, folder: Path, found: flagged.Flagged, forms: dict[str, str]
) -> Result:
    names = {path.name for path in folder.iterdir()}
    by_form: dict[str, tuple[int, int]] = {}
    for form in dict.fromkeys(forms.values()) if folder.name == "recall" else ():
        of_form = {name for name, word in forms.items() if word == form}
        by_form[form] = (len(of_form & found), len(of_form))
    return Result(
        tool, bar, folder.name, len(names), len(names & found), by_form, run.cpu_s, run.wall_s,
        run.largest_process_bytes, run.exit_words,
    )  # fmt: skip


def _line(result: Result) -> str:
    forms = ", ".join(f"{form} {hit}/{of}" for form, (hit, of) in result.by_form.items())
    return (
        f"{result.tool} ({result.bar}) {result.set}: {result.flagged} of {result.files} flagged, "
        f"{result.cpu_s:.1f} s CPU, {result.wall_s:.1f} s, "
        f"{result.largest_process_bytes / 1e6:.0f} MB, exit {result.exit} {forms}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Run peers over the generated sets.")
    parser.add_argument("root", type=Path)
    parser.add_argument("tools", nargs="+", metavar="TOOL=EXECUTABLE")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one run")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    arguments = parser.parse_args()
    programs = dict(tool.partition("=")[::2] for tool in arguments.tools)
    side_by_side(arguments.root, programs, timeout_s=arguments.timeout, sets=arguments.sets)


if __name__ == "__main__":
    main()
