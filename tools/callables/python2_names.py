"""Print the renames that unpicklers apply below protocol 3, for signatures/callables/python2.tsv.

Run by a maintainer, with one interpreter of each minor version of Python 3:

    python tools/callables/python2_names.py python3.6 ... python3.13 \
        > signatures/callables/python2.tsv

Only the direction that loaders apply is kept (old name to new); readers invert it themselves.
The table of a scanner must not change with the Python that it runs on, so the union is data.
"""

from __future__ import annotations

import subprocess
import sys

_ASK = """
import _compat_pickle as table
for old, new in table.IMPORT_MAPPING.items():
    print(old, "*", new, "*", sep="\\t")
for old, new in table.NAME_MAPPING.items():
    print(*old, *new, sep="\\t")
"""


def main() -> None:
    """Print the union of the tables, sorted."""
    rows: set[str] = set()
    for interpreter in sys.argv[1:]:
        answer = subprocess.run(
            [interpreter, "-S", "-E", "-c", _ASK], check=True, capture_output=True, text=True
        )
        rows.update(answer.stdout.splitlines())
    print("# Names that CPython's unpickler renames below protocol 3 (fix_imports), facts of")
    print("# Lib/_compat_pickle.py of 3.6 to 3.13. Written by tools/callables/python2_names.py.")
    print("# columns: Python 2 module, name or *, Python 3 module, name or *")
    print("\n".join(sorted(rows)))


if __name__ == "__main__":
    main()
