"""Measure the judgement of callables: generated sets, the zoo, and peers side by side.

    python bench/callables/run.py --tables FOLDER               weighbridge; peers as measured before
    python bench/callables/run.py --tables FOLDER --peers       peers too (modelaudit: an hour)
    python bench/callables/run.py --tables FOLDER --zoo PYTHON  the zoo anew, by that Python

FOLDER holds dangerous.tsv, reexports.tsv and benign.tsv, surveys of public sources that are no part of
this repository. Writes `bench/callables.md` and puts it into `bench/RESULTS.md`. Environments are those
of `bench/run.py`, below bench/work/venvs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

import peers
from recall import SEVERITIES, Recall, Told, by_severity, read_report, recall_by_form
from report import Section, Target, render_part
from severities import remarkable

_HERE = Path(__file__).resolve().parent
_BENCH = _HERE.parent
_ROOT = _BENCH.parent
_WORK = _BENCH / "work"
_SETS = _WORK / "callables"
_TREE = _SETS / "tree"
_VENVS = _WORK / "venvs"
_PAGE = _BENCH / "callables.md"
_RESULTS = _BENCH / "RESULTS.md"
_TITLE = "## Callables"
_NEXT = "## Fuzzing"
_RECALL, _HIGH_BENIGN = 0.99, 0.005
_LISTED = 12
_PATIENCE_S = 5400
"""For modelaudit, which takes two seconds for a torch zip."""


def main() -> None:
    arguments = _arguments()
    _prepare(arguments)
    told = {name: _scan(name) for name in ("recall", "benign")}
    zoo = {folder.name: _scan(f"zoo/{folder.name}") for folder in sorted((_SETS / "zoo").iterdir())}
    index = json.loads((_SETS / "index.json").read_text(encoding="utf-8"))["recall"]
    _side_by_side(with_peers=arguments.peers)
    sections = [
        _recall_section(recall_by_form(index, told["recall"])),
        _benign_section(told["benign"]),
        _zoo_section(zoo),
        _peers_section(json.loads((_SETS / "side-by-side.json").read_text(encoding="utf-8"))),
    ]
    _PAGE.write_text(f"{_TITLE}\n\n{_INTRODUCTION}\n\n{render_part(sections)}\n", encoding="utf-8")
    _splice()


_INTRODUCTION = (
    "Written by `python bench/callables/run.py --tables FOLDER`; do not edit. The dangerous set is made "
    "of 557 publicly named globals, the benign set of a survey of popular models on Hugging Face. Both "
    "are made anew from those tables (`bench/callables/generate.py`), and every call in them is inert."
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the judgement of callables.")
    parser.add_argument("--tables", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--peers", action="store_true", help="run the peers too")
    parser.add_argument("--zoo", metavar="PYTHON", help="make the zoo with this Python")
    return parser.parse_args()


def _prepare(arguments: argparse.Namespace) -> None:
    """A copy of the tree to measure, the generated sets, and the zoo where it is asked for."""
    for name in ("src", "signatures"):
        shutil.rmtree(_TREE / name, ignore_errors=True)
        shutil.copytree(_ROOT / name, _TREE / name)
    tables = [f"--{name}={arguments.tables / name}.tsv" for name in ("dangerous", "reexports", "benign")]
    subprocess.run([sys.executable, str(_HERE / "generate.py"), *tables, str(_SETS)], check=True)
    if arguments.zoo:
        command = [arguments.zoo, str(_HERE / "zoo.py"), str(_SETS / "zoo")]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(_ROOT)})


def _scan(name: str) -> dict[str, Told]:
    report = _SETS / f"{name.replace('/', '-')}.json"
    report.unlink(missing_ok=True)
    python = str(_VENVS / "weighbridge" / "bin" / "python")
    command = [python, "-m", "weighbridge", "scan", str(_SETS / name), "-o", str(report)]
    environment = {**os.environ, "PYTHONPATH": str(_TREE / "src")}
    subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
    return read_report(report)


def _side_by_side(*, with_peers: bool) -> None:
    os.environ["PYTHONPATH"] = str(_TREE / "src")
    peers.side_by_side(
        _SETS, {"weighbridge": str(_VENVS / "weighbridge/bin/python")}, timeout_s=_PATIENCE_S
    )
    del os.environ["PYTHONPATH"]
    if with_peers:
        programs = {
            "picklescan": "picklescan/bin/picklescan",
            "picklescan-strict": "picklescan/bin/picklescan",
            "modelscan": "modelscan/bin/modelscan",
            "fickling": "fickling/bin/python",
            "modelaudit": "modelaudit/bin/modelaudit",
        }
        found = {tool: str(_VENVS / path) for tool, path in programs.items()}
        peers.side_by_side(_SETS, found, timeout_s=_PATIENCE_S)


def _recall_section(outcomes: list[Recall]) -> Section:
    return Section(
        title="Recall on publicly named dangerous globals",
        text=(
            "Each global as a pickle that only imports it, calls it, calls it by another name (its "
            "Python 2 name, a C twin, `six.moves`: where there is one), and calls it through an "
            "attribute of another module. Caught: high or critical."
        ),
        header=("form", "files", "caught", "recall", "missed"),
        rows=tuple(
            (
                outcome.form,
                str(outcome.total),
                str(outcome.caught),
                f"{outcome.share:.2%}",
                "; ".join(outcome.misses[:_LISTED]),
            )
            for outcome in outcomes
        ),
        targets=tuple(
            Target(
                f"recall at high or above, {outcome.form}: at least {_RECALL:.0%}",
                f"{outcome.share:.2%}",
                outcome.share >= _RECALL,
            )
            for outcome in outcomes
        ),
    )


def _benign_section(told: dict[str, Told]) -> Section:
    counts = by_severity(told)
    high = counts["high"] / max(1, len(told))
    return Section(
        title="Files that import what real models import",
        text=(
            "Each global in as many files as the survey counts, used as its writer uses it, in a torch "
            "zip (`bench/callables/benign_set.py` says how). Files go by their gravest finding."
        ),
        header=("files", *SEVERITIES, "not complete"),
        rows=(
            (
                str(len(told)),
                *(str(counts[word]) for word in SEVERITIES),
                str(sum(not entry.is_complete for entry in told.values())),
            ),
        ),
        notes=tuple(f"{count} files: {line}" for line, count in remarkable(told).most_common(_LISTED)),
        targets=(
            Target("benign files: none critical", str(counts["critical"]), not counts["critical"]),
            Target(
                f"benign files: high on less than {_HIGH_BENIGN:.1%}", f"{high:.2%}", high < _HIGH_BENIGN
            ),
        ),
    )


def _zoo_section(zoo: dict[str, dict[str, Told]]) -> Section:
    rows = []
    grave: Counter[str] = Counter()
    for library, told in zoo.items():
        counts = by_severity(told)
        incomplete = sum(not entry.is_complete for entry in told.values())
        numbers = (str(counts[word]) for word in SEVERITIES)
        rows.append((library, str(len(told)), *numbers, str(incomplete)))
        grave.update({f"{library}: {line}": n for line, n in remarkable(told).items()})
    return Section(
        title="A zoo of honest objects",
        text=(
            "Objects of many libraries, by pickle (protocols 0 to 5), joblib plain and compressed, "
            "cloudpickle and dill, torch also by `torch.save` (`bench/callables/zoo.py`). `user` holds "
            "functions and classes of a program of one's own: by cloudpickle and dill these files carry "
            "code. One file of each is by joblib with dill imported, which changes what joblib writes."
        ),
        header=("library", "files", *SEVERITIES, "not complete"),
        rows=tuple(rows),
        notes=tuple(f"{count} files: {line}" for line, count in grave.most_common(_LISTED * 2)),
    )


def _peers_section(rows: list[dict[str, object]]) -> Section:
    table: dict[tuple[str, str], dict[str, dict[str, object]]] = {}
    for row in rows:
        table.setdefault((str(row["tool"]), str(row["bar"])), {})[str(row["set"])] = row
    order = list(peers.PEERS)
    return Section(
        title="Side by side on the same files",
        text=(
            "One process for each set; the zoo is every twentieth file of it, users' own code left out. "
            "CPU and wall time are the sum of the three runs, memory is that of the largest process."
        ),
        header=(
            "tool",
            "flagged means",
            "imported",
            "called",
            "aliased",
            "dotted",
            "benign flagged",
            "zoo flagged",
            "CPU",
            "wall",
            "memory",
        ),
        rows=tuple(
            _peer_row(tool, bar, table[tool, bar])
            for tool, bar in sorted(table, key=lambda key: order.index(key[0]))
        ),
        notes=(
            "fickling's command line takes one file and no torch zip; here its own functions are asked, "
            "and handed the pickle of a zip (`bench/callables/fickling_folder.py`).",
        ),
    )


def _peer_row(tool: str, bar: str, sets: dict[str, dict[str, object]]) -> tuple[str, ...]:
    def total(key: str) -> float:
        return sum(float(str(row[key])) for row in sets.values())

    forms = sets["recall"]["by_form"]
    assert isinstance(forms, dict)
    shares = [f"{hit / max(1, of):.1%}" for hit, of in forms.values()]
    honest = [_share(sets.get(name)) for name in ("benign", "zoo-sample")]
    peak = max(float(str(row["largest_process_bytes"])) for row in sets.values())
    return (
        tool, bar, *shares, *honest, f"{total('cpu_s'):.1f} s", f"{total('wall_s'):.1f} s",
        f"{peak / 1e6:,.0f} MB",
    )  # fmt: skip


def _share(row: dict[str, object] | None) -> str:
    return f"{row['flagged']} of {row['files']}" if row is not None else "not measured"


def _splice() -> None:
    """Put the page into RESULTS.md, in place of what stood there."""
    results = _RESULTS.read_text(encoding="utf-8")
    head = results.partition(_TITLE)[0].partition(_NEXT)[0].rstrip()
    closing = results[results.index(_NEXT) :] if _NEXT in results else ""
    page = _PAGE.read_text(encoding="utf-8").rstrip()
    _RESULTS.write_text("\n\n".join([head, page, closing]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
