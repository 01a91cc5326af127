"""Write every sample into a folder: inert files, one hit for each rule, and benign twins.

    python samples/build.py [FOLDER]        default: samples/out

Each `recipes/*.py` has `samples()`, which yields (relative file name, bytes). The standard library
is all that it takes, and the same version of this folder gives the same bytes everywhere. What a
scan must say of each file stands in expected/*.toml: its verdict, and every rule at low or above
that it must hit (info is left out). `.twin` in a name marks the benign twin; pickles/pko-NN are
tricks on the level of opcodes, pickles/pkc-NN on that of containers.

The samples are made from opcodes and headers, never by dumping an object. Where one would run
something, it would print a marker word.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent


def all_samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes) of every recipe, in the order of the recipes' names.

    Raises:
        ValueError: two recipes use one name, or a name leads out of the folder.
    """
    seen: set[str] = set()
    for recipe in sorted((HERE / "recipes").glob("*.py")):
        module = importlib.import_module(f"samples.recipes.{recipe.stem}")
        # A module without samples of its own is what recipes share.
        for name, content in module.samples() if hasattr(module, "samples") else ():
            if name in seen:
                raise ValueError(f"{recipe.name}: the sample {name!r} is there already")
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{recipe.name}: {name!r} leads out of the folder")
            seen.add(name)
            yield name, content


def build(folder: Path) -> int:
    """Write all samples below `folder` and return how many there are."""
    count = 0
    for name, content in all_samples():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        count += 1
    return count


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "out"
    sys.path.insert(0, str(HERE.parent))
    print(f"{build(folder)} samples in {folder}")


if __name__ == "__main__":
    main()
