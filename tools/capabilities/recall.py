"""How many of a list of dangerous names does the computed knowledge alone find?

    python3.13 tools/capabilities/recall.py SOURCES PREFIX LIST

LIST has a dotted name first on each line. Counted are names that are written in Python in the
standard library of PREFIX or in a library below SOURCES; what is written in C, and glue, is the
hand-made table's. Names with `*` are not counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from build import library_files, standard_library
from fetch import libraries
from program import Program

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from weighbridge.knowledge.callable_tables import Capability, read_names  # noqa: E402
from weighbridge.knowledge.capabilities import ComputedCapabilities, Reached  # noqa: E402

_CALLABLES = ROOT / "signatures" / "callables"
_GLUE = frozenset({Capability.GLUE, Capability.ATTRIBUTE_ACCESS})


def main() -> None:
    """Print the counts and what was missed."""
    sources, prefix, names = Path(sys.argv[1]), Path(sys.argv[2]), _names(Path(sys.argv[3]))
    sys.setrecursionlimit(20_000)
    program = _declared(sources, prefix, {name.partition(".")[0] for name in names})
    directory = Path(sys.argv[4]) if len(sys.argv) > 4 else _CALLABLES / "computed"
    computed = ComputedCapabilities(directory, read_names(_CALLABLES / "stdlib.txt"))
    written = [name for name in names if _is_python(program, name)]
    results = {name: computed.find(*name.split(".", 1)) for name in written}
    steered = [name for name, found in results.items() if found and _harms(found)]
    reached = [name for name, found in results.items() if found and (_harms(found) or found.fixed)]
    anything = [name for name, found in results.items() if found]
    total = len(written)
    print(f"{len(names)} names, {total} of them written in Python")
    print(f"harm that an argument steers: {len(steered)} ({len(steered) / total:.1%})")
    print(f"  or that is reached anyway:  {len(reached)} ({len(reached) / total:.1%})")
    print(f"  or glue and attributes:     {len(anything)} ({len(anything) / total:.1%})")
    print("missed:", *(name for name in written if name not in anything), sep="\n  ")
    print("glue only:", *(name for name in anything if name not in reached), sep="\n  ")


def _harms(found: Reached) -> bool:
    return bool(set(found.steered) - _GLUE or set(found.rebuilding) - _GLUE)


def _names(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").split("\n")
    names = [line.partition("\t")[0] for line in lines if line and not line.startswith("#")]
    return sorted({name for name in names if "*" not in name and "." in name})


def _declared(sources: Path, prefix: Path, packages: set[str]) -> Program:
    program = Program()
    program.add_library("python", standard_library(next(prefix.glob("lib/python3*"))))
    for name, tops in (*libraries()[0], *libraries()[1]):
        if packages & set(tops) and (sources / name).is_dir():
            program.add_library(name, library_files(sources / name))
    return program


def _is_python(program: Program, dotted: str) -> bool:
    """True when the name is a function or class that has source."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        if module in program.modules:
            found = program.module_attribute(module, parts[cut])
            for part in parts[cut + 1 :]:
                classes = [name for kind, name in found[0] if kind == "c" and name in program.classes]
                found = program.class_attribute(classes[0], part) if classes else (frozenset(), 0)
            return any(kind in "fc" for kind, _ in found[0])
    return False


if __name__ == "__main__":
    main()
