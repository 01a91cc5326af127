"""Print the table of README.md: `python -m tests.real.figures`, with the `real` group installed."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

from tests.real.groups import GROUPS, write_and_scan
from tests.real.scanning import Scanned, figures


def main() -> None:
    warnings.simplefilter("ignore")
    everything: list[Scanned] = []
    print("| group | files | critical | high | medium | low | info | not complete |")
    print("|---" * 8 + "|")
    for group in GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            scanned = write_and_scan(group, Path(folder) / "files")
        everything += scanned
        print(f"| {group} | {figures(scanned)} |", flush=True)
    print(f"| **all** | {figures(everything)} |")


if __name__ == "__main__":
    main()
