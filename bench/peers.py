"""The scanners that we compare with, each in an environment of its own under bench/work/venvs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / "work"
VENVS = WORK / "venvs"
TREE = WORK / "tree"
"""A copy of this working tree, made when a run starts: an edit in mid-run must not mix versions."""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """One scanner, and how it is asked to scan a path.

    Attributes:
        name: of the tool, and of its environment.
        version: what is installed; "source" for this working tree.
        requirements: for pip.
        arguments: behind the environment's Python or program; PATH stands for the target.
        env: settings, like the way out of telemetry.
    """

    name: str
    version: str
    requirements: tuple[str, ...]
    arguments: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def python(self) -> Path:
        return VENVS / self.name / "bin" / "python"

    def command(self, target: Path | str) -> list[str]:
        program, *rest = self.arguments
        return [str(VENVS / self.name / "bin" / program)] + [
            str(target) if argument == "PATH" else argument for argument in rest
        ]

    def install(self) -> None:
        """Create the environment and install the tool, unless it is there."""
        stamp = VENVS / self.name / "installed.txt"
        wanted = "\n".join(self.requirements)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"installing {self.title} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENVS / self.name)], check=True)
        pip = [str(self.python), "-m", "pip", "install", "--quiet", *self.requirements]
        subprocess.run(pip, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        stamp.write_text(wanted)


def _our_dependencies() -> tuple[str, ...]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tuple(tomllib.load(file)["project"]["dependencies"])


WEIGHBRIDGE = Tool(
    "weighbridge",
    "(this tree)",
    _our_dependencies(),
    ("python", "-m", "weighbridge", "scan", "PATH"),
    {"PYTHONPATH": str(TREE / "src")},
)
PICKLESCAN = Tool("picklescan", "1.0.5", ("picklescan==1.0.5",), ("picklescan", "-p", "PATH"))
MODELSCAN = Tool("modelscan", "0.8.8", ("modelscan==0.8.8",), ("modelscan", "-p", "PATH"))
FICKLING = Tool(
    "fickling",
    "0.1.12",
    ("fickling==0.1.12", "typing_extensions"),
    ("fickling", "--check-safety", "--json-output", str(WORK / "fickling.json"), "PATH"),
)
MODELAUDIT = Tool(
    "modelaudit",
    "0.2.54",
    ("modelaudit==0.2.54",),
    ("modelaudit", "scan", "--no-cache", "PATH"),
    {"CI": "true", "NO_ANALYTICS": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1"},
)
WRITERS = Tool("writers", "", ("torch==2.13.0", "numpy>=2", "safetensors>=0.4"), ("python",))
"""Not a scanner: what makes the benign inputs."""
