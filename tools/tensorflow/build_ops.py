"""Write signatures/tensorflow/ops_known.txt: every operation that TensorFlow has, or had, by itself.

Run by maintainers, with the Pythons of environments that have tensorflow-cpu, the oldest and the newest:
    python tools/tensorflow/build_ops.py OLD/bin/python NEW/bin/python
Each asks the registry of its own release; the same releases give the same bytes. The tables beside it
are kept by hand.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "signatures" / "tensorflow" / "ops_known.txt"
LISTER = Path(__file__).with_name("list_ops.py")
LEFT = (
    "TensorForestCreateTreeVariable",
    "TensorForestTreeDeserialize",
    "TensorForestTreeIsInitializedOp",
    "TensorForestTreePredict",
    "TensorForestTreeResourceHandleOp",
    "TensorForestTreeSerialize",
    "TensorForestTreeSize",
)
"""Of TensorFlow 1.14 to 2.x, in no registry since: tensorflow/core/ops/compat/ops_history_v1."""


def build(pythons: list[str]) -> str:
    """Return the list, a name a line."""
    versions: list[str] = []
    names = set(LEFT)
    for python in pythons:
        version, *operations = _ask(python)
        versions.append(version)
        names |= set(operations)
    head = [
        f"# Operations of TensorFlow itself: op_def_registry of tensorflow-cpu {' and '.join(versions)}"
        " (TF_GetAllOpList), which keep",
        "# the deprecated ones of 1.x for old graphs, and those that left with 1.x and 2.x"
        " (tensorflow/core/ops/compat/ops_history_v1).",
    ]
    return "\n".join([*head, *sorted(names)]) + "\n"


def _ask(python: str) -> list[str]:
    """Return the release, then its operations."""
    command = [python, str(LISTER)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        raise SystemExit(__doc__)
    PAGE.write_text(build(sys.argv[1:]), encoding="utf-8")
