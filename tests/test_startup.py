"""What starts fast, by what it imports: exact, where a stopwatch would not be."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

HEAVY = {
    "defusedxml",
    "fickling",
    "gguf",
    "httpcore",
    "httpx",
    "huggingface_hub",
    "jinja2",
    "jsonschema",
    "lief",
    "modelscan",
    "numpy",
    "py7zr",
    "requests",
    "safetensors",
    "sklearn",
    "torch",
    "transformers",
    "yaml",
    "yara_x",
}
COMMAND_LINE = """
import json, sys
sys.argv = ["weighbridge", *json.loads(sys.argv[1])]
from weighbridge.cli.main import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""
WORKER = """
import json, sys
from pathlib import Path
from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import Budget, Limits
from weighbridge.engine import worker
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
path = Path(json.loads(sys.argv[1])[0])
context = Context(Budget(Limits()), CallableKnowledge.load(signatures_dir() / "callables"))
inspect_tree(Artifact((path.name,), LocalFile(path)), context, print)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def _imported(program: str, *arguments: str) -> set[str]:
    """The top-level modules that a run of `program` has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.pkl"
    path.write_bytes(pickle.dumps({"weights": [1.0, 2.0], "name": "small"}))
    return path


def test_help_imports_nothing_heavy() -> None:
    imported = _imported(COMMAND_LINE, "--help")
    assert "weighbridge" in imported
    assert imported & {*HEAVY, "rich", "msgspec"} == set()


def test_the_supervisor_of_a_small_scan_imports_nothing_heavy(small: Path) -> None:
    imported = _imported(COMMAND_LINE, "scan", str(small))
    assert "click" in imported
    assert imported & HEAVY == set()


def test_a_worker_imports_nothing_heavy(small: Path) -> None:
    imported = _imported(WORKER, str(small))
    assert "mmap" in imported
    assert imported & {*HEAVY, "click", "rich"} == set()
