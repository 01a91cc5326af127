"""Print the files of the zoo by library and severity, and what stands at medium or above.

weighbridge scan bench/work/callables/zoo/LIBRARY -o LIBRARY.json      (for each)
python bench/callables/severities.py LIBRARY.json ...
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from recall import SEVERITIES, Told, by_severity, read_report


def row(library: str, told: dict[str, Told]) -> tuple[str, ...]:
    """One line of the table: library, files, files by severity, files not read to the end."""
    counts = by_severity(told)
    incomplete = sum(not entry.is_complete for entry in told.values())
    return (library, str(len(told)), *(str(counts[word]) for word in SEVERITIES), str(incomplete))


def remarkable(told: dict[str, Told]) -> Counter[str]:
    """How many files carry each finding of medium or above."""
    grave = ("critical", "high", "medium")
    return Counter(line for entry in told.values() for line in entry.findings if line.startswith(grave))


def main() -> None:
    print("library, files, " + ", ".join(SEVERITIES) + ", not complete")
    for argument in sys.argv[1:]:
        told = read_report(Path(argument))
        print("\t".join(row(Path(argument).stem, told)))
        for line, count in remarkable(told).most_common(60):
            example = next(name for name, entry in told.items() if line in entry.findings)
            print(f"    {count} {line} ({example})")


if __name__ == "__main__":
    main()
