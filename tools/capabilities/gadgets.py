"""Which callables run code and stand on nobody's list?

    python3.13 tools/capabilities/gadgets.py LIST [PACKAGE ...]

LIST has a dotted name first on each line, `package.module.*` for a whole module: what scanners and
advisories name. Counted are functions, methods and constructors that an argument steers to running
code, starting a program or loading native code. With packages, prints their shortest ways.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from weighbridge.knowledge.callable_tables import Capability, read_names  # noqa: E402
from weighbridge.knowledge.capabilities import ComputedCapabilities  # noqa: E402

_CALLABLES = ROOT / "signatures" / "callables"
_RUNS = (Capability.EXECUTES_CODE, Capability.SPAWNS_PROCESS, Capability.LOADS_NATIVE_CODE)


def main() -> None:
    """Print the counts for each package, and the ways for those named."""
    listed = _listed(Path(sys.argv[1]))
    directory = _CALLABLES / "computed"
    computed = ComputedCapabilities(directory, read_names(_CALLABLES / "stdlib.txt"))
    total = fresh = 0
    for package in computed.libraries():
        found = list(_callables(directory / f"{package}.txt"))
        unlisted = [name for name in found if not _is_listed(".".join(name), listed)]
        total, fresh = total + len(found), fresh + len(unlisted)
        print(f"{package}\t{len(found)}\t{len(unlisted)}")
        if package in sys.argv[2:]:
            _ways(computed, unlisted)
    print(f"all\t{total}\t{fresh}")


def _callables(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each row that runs something."""
    module = ""
    for line in file.read_text(encoding="utf-8").split("\n"):
        name, tab, words = line.partition("\t")
        if line.startswith("["):
            module = line[1:-1]
        elif tab and words[0] not in "=:":
            hops = [
                word.partition(">")[0] for word in words.split(" ") if ">" in word and word[0] != "!"
            ]
            if set("".join(hops)) & set("XPN"):
                yield module, name


def _listed(file: Path) -> frozenset[str]:
    lines = file.read_text(encoding="utf-8").split("\n")
    return frozenset(line.partition("\t")[0] for line in lines if line and not line.startswith("#"))


def _is_listed(dotted: str, listed: frozenset[str]) -> bool:
    parts = dotted.split(".")
    return dotted in listed or any(
        ".".join([*parts[:cut], "*"]) in listed for cut in range(1, len(parts))
    )


def _ways(computed: ComputedCapabilities, names: list[tuple[str, str]]) -> None:
    ways = []
    for module, name in names:
        reached = computed.find(module, name)
        capability = next((c for c in _RUNS if reached and c in reached.steered), None)
        if reached is not None and capability is not None:
            ways.append((capability, computed.witness(reached, capability)))
    for capability, way in sorted(ways, key=lambda found: len(found[1])):
        print(f"    {capability}: {' -> '.join(way)}")


if __name__ == "__main__":
    main()
