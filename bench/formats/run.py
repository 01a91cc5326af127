"""weighbridge and modelaudit over the same files, format by format: what they find, and what it costs.

    python bench/formats/run.py --modelaudit EXECUTABLE [--zoo FOLDER] [--family keras ...]

The files are this repository's own samples (those that must fail, and the twins of `.twin` names)
and the models of real frameworks that tests/zoo/build.py wrote. Each tool runs once for each family
and label, in one process over the whole folder, each file in a folder of its own and under its own
name, one tool after the other on the same machine, without a network where `unshare` allows it. The
samples are ours: our recall on them is no measure, the peer's is.

Prints a table, and keeps the figures in bench/work/formats/side-by-side.json.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from measure import measure
from samples.build import all_samples

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "bench" / "work" / "formats"
MUST_FAIL, TWINS, REAL = "attacks", "twins", "real"
_QUIET = {"CI": "true", "NO_ANALYTICS": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1"}
_OLDER = frozenset({"pickles", "zip", "tar", "streams", "callables", "weights", "origin", "payloads"})
"""Families of earlier benches."""
_ARGUMENTS = {
    "weighbridge": ("-m", "weighbridge", "scan", "-f", "json"),
    "modelaudit": ("scan", "--no-cache", "--quiet", "--format", "json"),
}
_LARGEST_REAL = 200
_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Row:
    """One tool, one family, one label: how many of the files it flags at its bars."""

    tool: str
    family: str
    label: str
    files: int
    high: int
    any: int
    seconds: float
    exit: str


def lay_out(zoo: Path | None, families: list[str] | None) -> dict[tuple[str, str], Path]:
    """Write the files into one flat folder for each family and label."""
    shutil.rmtree(WORK / "files", ignore_errors=True)
    verdicts: dict[str, str] = {}
    for page in (ROOT / "samples" / "expected").glob("*.toml"):
        entries = tomllib.loads(page.read_text(encoding="utf-8"))
        verdicts |= {name: entry.get("verdict", "") for name, entry in entries.items()}
    found: dict[tuple[str, str], Path] = {}
    for name, data in all_samples():
        family = name.split("/")[0]
        label = TWINS if ".twin" in name else MUST_FAIL if verdicts[name] == "fail" else ""
        if label and family not in _OLDER and (families is None or family in families):
            folder = found.setdefault((family, label), WORK / "files" / family / label)
            folder.mkdir(parents=True, exist_ok=True)
            _place(folder, name).write_bytes(data)
    for family, files in _real(zoo):
        if families is None or family in families:
            folder = found.setdefault((family, REAL), WORK / "files" / family / REAL)
            folder.mkdir(parents=True, exist_ok=True)
            for path in files:
                shutil.copyfile(path, _place(folder, path.name))
    return found


def _place(folder: Path, name: str) -> Path:
    """A path in a folder of its own: tools go by names, so the name must stay what it was."""
    own = folder / f"{len(list(folder.iterdir())):04}"
    own.mkdir()
    return own / name.rpartition("/")[2]


def _real(zoo: Path | None) -> Iterator[tuple[str, list[Path]]]:
    """Files of each group of the zoo, evenly chosen when there are many."""
    for group in sorted(zoo.iterdir()) if zoo is not None else ():
        if group.is_dir() and not group.name.startswith("."):
            files = sorted(path for path in group.rglob("*") if path.is_file())
            yield group.name, files[:: max(1, len(files) // _LARGEST_REAL)]


def _flagged_by_us(report: Path, severities: set[str]) -> set[str]:
    target = json.loads(report.read_text(encoding="utf-8"))["targets"][0]
    found = (one["path"][0] for one in target["findings"] if one["severity"] in severities)
    return {path.partition("/")[0] for path in found}


def _flagged_by_modelaudit(report: Path, folder: Path, severities: set[str]) -> set[str]:
    """Its issues name the file in one place or another: where it leads to, what it was found in."""
    issues = json.loads(report.read_text(encoding="utf-8"))["issues"]
    grave = (json.dumps(one) for one in issues if one["severity"] in severities)
    place = re.compile(re.escape(f"{folder}/") + r"(\d{4})")
    return {match for issue in grave for match in place.findall(issue)}


def run(tool: str, program: str, family: str, label: str, folder: Path) -> Row:
    """Run one tool over one folder."""
    report = WORK / f"{tool}-{family}-{label}.json"
    report.unlink(missing_ok=True)
    command = [program, *_ARGUMENTS[tool], "-o", str(report), str(folder)]
    log = report.with_suffix(".log")
    logged = ["sh", "-c", 'log=$1; shift; exec "$@" > "$log" 2>&1', "sh", str(log), *command]
    done = measure([*_offline(), *logged], env=_QUIET, timeout_s=60 * _MINUTES)
    files = len(list(folder.iterdir()))
    if not report.exists():
        return Row(tool, family, label, files, 0, 0, done.wall_s, done.exit_words)
    if tool == "weighbridge":
        high = _flagged_by_us(report, {"high", "critical"})
        any_ = _flagged_by_us(report, {"medium", "high", "critical"})
    else:
        high = _flagged_by_modelaudit(report, folder, {"critical"})
        any_ = _flagged_by_modelaudit(report, folder, {"warning", "critical"})
    return Row(tool, family, label, files, len(high), len(any_), done.wall_s, done.exit_words)


def _offline() -> list[str]:
    command = ["unshare", "-rn"]
    probe = subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if probe.returncode == 0 else []


def table(rows: list[Row]) -> str:
    """Return the figures as Markdown: a line for each family and label."""
    by_place: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        by_place[row.family, row.label][row.tool] = row
    lines = [
        "| family | files | n | ours: high | medium | s | modelaudit: critical | warning | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (family, label), tools in sorted(by_place.items()):
        cells = [family, label, str(next(iter(tools.values())).files)]
        for tool in ("weighbridge", "modelaudit"):
            row = tools.get(tool)
            cells += [str(row.high), str(row.any), f"{row.seconds:.1f}"] if row else ["", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modelaudit", help="its program, in an environment with its extras")
    parser.add_argument("--zoo", type=Path, help="a folder that tests/zoo/build.py wrote")
    parser.add_argument("--family", action="append", help="may be repeated; default: all")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    tools = {"weighbridge": sys.executable} | (
        {"modelaudit": options.modelaudit} if options.modelaudit else {}
    )
    rows = []
    for (family, label), folder in sorted(lay_out(options.zoo, options.family).items()):
        for tool, program in tools.items():
            rows.append(run(tool, program, family, label, folder))
            print(rows[-1], flush=True)
    (WORK / "side-by-side.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
