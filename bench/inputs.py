"""Make the benign inputs with the libraries that make such files: pickle, torch, numpy, safetensors.

Run by the Python of the environment `writers`: `writers/bin/python bench/inputs.py FOLDER`. What is
there already is kept. `facts.json` says what each input holds.
"""

from __future__ import annotations

import json
import pickle
import pickletools
import random
import sys
from collections.abc import Callable
from pathlib import Path

DENSE_ROWS = 494_000
SMALL_FILES = 2000
TORCH_BYTES = 2 << 30


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    facts_file = folder / "facts.json"
    facts = json.loads(facts_file.read_text()) if facts_file.exists() else {}
    makers: dict[str, Callable[[Path], dict[str, int]]] = {
        "small.pkl": small,
        "dense.pkl": dense,
        "dense-tenth.pkl": dense_tenth,
        "checkpoint.pt": checkpoint,
        "small-files": small_files,
    }
    for name, make in makers.items():
        if name not in facts:
            print(f"making {name} ...", flush=True)
            facts[name] = make(folder / name)
            facts_file.write_text(json.dumps(facts, indent=2))


def small(path: Path) -> dict[str, int]:
    path.write_bytes(pickle.dumps({"labels": ["cat", "dog"], "threshold": 0.5}, protocol=4))
    return {"bytes": path.stat().st_size}


def dense(path: Path) -> dict[str, int]:
    return _write_rows(path, DENSE_ROWS)


def dense_tenth(path: Path) -> dict[str, int]:
    return _write_rows(path, DENSE_ROWS // 10)


def _write_rows(path: Path, rows: int) -> dict[str, int]:
    """A list of dicts as a tokenizer cache or an annotation file holds it: nothing but small opcodes."""
    rng = random.Random(7)
    table = [
        {
            "id": number,
            "label": number % 7,
            "length": 300 + number % 9000,
            "score": rng.random(),
            "weight": rng.random(),
            "text": f"token {number:06}",
        }
        for number in range(rows)
    ]
    data = pickle.dumps(table, protocol=4)
    path.write_bytes(data)
    return {"bytes": len(data), "opcodes": sum(1 for _ in pickletools.genops(data))}


def checkpoint(path: Path) -> dict[str, int]:
    """A state dict of zeros, with real bytes on the disk, as torch.save writes it."""
    import torch

    layers, width = 32, 4096
    state = {
        f"model.layers.{layer}.weight": torch.zeros(TORCH_BYTES // layers // 4 // width, width)
        for layer in range(layers)
    }
    torch.save(state, path)
    return {"bytes": path.stat().st_size, "tensors": layers}


def small_files(folder: Path) -> dict[str, int]:
    """What a repository of many small models holds: five kinds, 400 of each, in 20 folders."""
    import numpy
    import safetensors.numpy

    for number in range(SMALL_FILES // 5):
        below = folder / f"model-{number % 20:02}"
        below.mkdir(parents=True, exist_ok=True)
        array = numpy.ones(64 + number, dtype="float32")
        state = {"coef_": array, "classes_": numpy.array(["a", "b"]), "n_iter": number}
        (below / f"{number}.pkl").write_bytes(pickle.dumps(state, protocol=4))
        (below / f"{number}.json").write_text(json.dumps({"hidden_size": number, "layers": [1, 2]}))
        safetensors.numpy.save_file({"weight": array}, below / f"{number}.safetensors")
        numpy.save(below / f"{number}.npy", array)
        (below / f"{number}.txt").write_text(f"Model number {number}.\nTrained on nothing.\n")
    return {
        "files": SMALL_FILES,
        "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
    }


if __name__ == "__main__":
    main()
