"""Write the generated sets: dangerous globals in four forms, and pickles like those of real models.

    python bench/callables/generate.py --dangerous dangerous.tsv --reexports reexports.tsv \
        --benign benign.tsv bench/work/callables

The three tables are surveys of public sources and are not part of this repository. Everything written
is inert: the calls carry a marker word, and no file is ever loaded. `index.json` says what each
file is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benign_set import benign_files
from recall_set import read_sources, recall_samples

_SIGNATURES = Path(__file__).resolve().parents[2] / "signatures" / "callables"


def main() -> None:
    arguments = _arguments()
    index = {"recall": write_recall(arguments), "benign": write_benign(arguments)}
    (arguments.out / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    print(f"{len(index['recall'])} dangerous and {len(index['benign'])} benign files in {arguments.out}")


def write_recall(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Write the dangerous ones; return file name -> row and form."""
    sources = read_sources(arguments.dangerous, arguments.reexports, _SIGNATURES)
    index: dict[str, dict[str, str]] = {}
    files: dict[str, bytes] = {}
    for sample in recall_samples(sources):
        name = f"{len(index):04}-{sample.form}.pkl"
        files[name] = sample.data
        index[name] = {"row": sample.row, "form": sample.form}
    _write(arguments.out / "recall", files)
    return index


def write_benign(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Write the benign ones; return file name -> family."""
    lines = arguments.benign.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    files = dict(benign_files({row[0]: int(row[1]) for row in rows}))
    _write(arguments.out / "benign", files)
    return {name: {"family": name.rpartition("-")[0]} for name in files}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold exactly `files`; what is right already is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the generated sets of callables.")
    for table in ("dangerous", "reexports", "benign"):
        parser.add_argument(f"--{table}", type=Path, required=True, metavar=f"{table}.tsv")
    parser.add_argument("out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
