"""What is written and scanned: one group for each writer function, imported when it is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.real.scanning import Scanned, scan_folder

GROUPS = (
    "python.write",
    "torch.write_objects",
    "torch.write_layouts",
    "torch.write_programs",
    "numpy.write_numpy",
    "numpy.write_joblib",
    "sklearn.write",
    "pandas.write_pandas",
    "pandas.write_scipy",
    "boosting.write_boosters",
    "boosting.write_transformers",
    "networkx.write_graphs",
    "weights.write_safetensors",
    "weights.write_gguf",
    "containers.write_containers",
    "containers.write_torch_tar",
)
"""`MODULE.FUNCTION` of `writers_MODULE.py`. Everything in them is benign."""


def write_group(group: str, folder: Path) -> None:
    module, _, function = group.partition(".")
    folder.mkdir(parents=True)
    getattr(importlib.import_module(f"tests.real.writers_{module}"), function)(folder)


def write_and_scan(group: str, folder: Path) -> list[Scanned]:
    write_group(group, folder)
    return scan_folder(folder)
