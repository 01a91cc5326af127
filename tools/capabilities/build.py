"""Compute the capabilities of libraries from their source.

    python3.13 tools/capabilities/build.py SOURCES PREFIX[,PREFIX...] OUT [LIBRARY ...]

SOURCES is what fetch.py wrote; each PREFIX is an installed Python (`lib/python3.x` is read; the last
one is what the libraries are read against). It must run under a Python that can parse them all.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from fetch import libraries
from program import Program
from sinks import read_sinks
from solve import Solver
from table import ALL, HARMFUL, Kept, render, rows

TOOL = "2"
_TESTS = frozenset(
    {"tests", "test", "idle_test", "site-packages", "__pycache__", "_vendor_tests", "conftest.py"}
)
_KEPT_TESTS = ("support", "__init__.py", "libregrtest")
_JOBS = os.cpu_count() or 1
_INHERITED: list = []
Rows = dict[str, dict[str, str]]
Files = Iterator[tuple[str, bool, Path]]


def standard_library(root: Path) -> Files:
    """Yield the modules of `lib/python3.x`, tests left out but not `test.support`."""
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).parts
        inside = (
            parts[1:] if parts[0] == "test" and len(parts) > 1 and parts[1] in _KEPT_TESTS else parts
        )
        if not _TESTS & set(inside):
            yield _module(parts, file)


def library_files(root: Path) -> Files:
    """Yield the modules of a library, tests left out."""
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).parts
        if not _TESTS & set(parts) and ".dist-info" not in parts[0] and ".data" not in parts[0]:
            yield _module(parts, file)


def _module(parts: tuple[str, ...], file: Path) -> tuple[str, bool, Path]:
    is_package = parts[-1] == "__init__.py"
    names = [*parts[:-1], *([] if is_package else [parts[-1].removesuffix(".py")])]
    return ".".join(names), is_package, file


class Builder:
    """One program that grows library by library."""

    def __init__(self, out: Path) -> None:
        self.program = Program(frozenset(read_sinks()))
        self._solver = Solver(self.program)
        self._out = out

    def add(self, library: str, files: Files, *, kept: Kept) -> dict[str, dict[str, str]]:
        """Read and evaluate a library; return the rows of its modules."""
        started = time.monotonic()
        before = set(self.program.modules)
        names = self.program.add_library(library, files)
        modules = [name for name in self.program.modules if name not in before]
        count = self._solver.solve(names)
        table = rows(self.program, modules, self._solver.sink_names, kept=kept)
        self.unresolved = sum(self.program.units[name].unresolved for name in names)
        self.units = len(names)
        self.program.forget_trees()
        gc.collect()
        lines = sum(len(part) for part in table.values())
        print(
            f"{library}: {len(modules)} modules, {len(names)} functions, {count} evaluations, "
            f"{lines} rows, {time.monotonic() - started:.0f} s",
            flush=True,
        )
        return table

    def write(self, origin: list[str], table: dict[str, dict[str, str]]) -> None:
        """Write one file for each top-level package of the table."""
        packages: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
        for module, lines in table.items():
            packages[module.partition(".")[0]][module] = lines
        for package, part in packages.items():
            self.write_file(package, origin, part)

    def write_file(self, name: str, origin: list[str], table: dict[str, dict[str, str]]) -> None:
        header = [
            f"Written by tools/capabilities/build.py {TOOL} from source; do not edit.",
            *origin,
            f"{self.units} functions read, {self.unresolved} calls in them of something unknown",
        ]
        (self._out / f"{name}.txt").write_text(render(header, table), encoding="utf-8")


def tree_digest(root: Path) -> str:
    """Return a SHA-256 over the Python files of an installed Python, by path and content."""
    digest = hashlib.sha256()
    for _, _, file in standard_library(root):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Build all libraries, or those named and what comes with Python."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets are walked in the order of hashes: the same sources must give the same bytes.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    sources, prefixes, out = Path(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3])
    wanted = set(sys.argv[4:])
    sys.setrecursionlimit(20_000)
    gc.disable()
    out.mkdir(parents=True, exist_ok=True)
    roots = [next(Path(prefix).glob("lib/python3*")) for prefix in prefixes]
    with multiprocessing.get_context("fork").Pool(_JOBS) as pool:
        versions = pool.map(_standard_library_rows, roots[:-1], chunksize=1)
    builder = Builder(out)
    _add_python(builder, roots, versions)
    shared, alone = libraries()
    for library in shared:
        if library[0] in wanted or not wanted:
            _add_library(builder, sources, library)
    chosen = [library for library in alone if library[0] in wanted or not wanted]
    # The children see what has been read so far, and share its memory.
    _INHERITED[:] = [builder, sources]
    with multiprocessing.get_context("fork").Pool(_JOBS, maxtasksperchild=1) as pool:
        pool.map(_add_alone, chosen, chunksize=1)


def _standard_library_rows(root: Path) -> Rows:
    gc.disable()
    return Builder(root).add(root.name, standard_library(root), kept=ALL)


def _add_python(builder: Builder, roots: list[Path], versions: list[Rows]) -> None:
    """The standard libraries of several Pythons make one file; of several rows the last one counts."""
    versions = [*versions, builder.add(roots[-1].name, standard_library(roots[-1]), kept=ALL)]
    together: Rows = defaultdict(dict)
    for version in versions:
        for module, lines in version.items():
            together[module] |= lines
    names = ", ".join(root.name.removeprefix("python") for root in roots)
    origins = [f"{root.name}, sha256 of its source {tree_digest(root)}" for root in roots]
    builder.write_file("python", [f"the standard libraries of Python {names}", *origins], together)


def _add_alone(library: tuple[str, tuple[str, ...]]) -> None:
    builder, sources = _INHERITED
    _add_library(builder, sources, library)


def _add_library(builder: Builder, sources: Path, library: tuple[str, tuple[str, ...]]) -> None:
    name, packages = library
    root = sources / name
    if not root.is_dir():
        print(f"{name}: no source; run fetch.py", file=sys.stderr)
        return
    version, archive, digest = (sources / f"{name}.origin").read_text(encoding="utf-8").split()
    table = builder.add(name, library_files(root), kept=HARMFUL)
    tops = {package.partition(".")[0] for package in packages}
    kept = {module: part for module, part in table.items() if module.partition(".")[0] in tops}
    builder.write([f"{name} {version}", f"{archive}, sha256 {digest}"], kept)


if __name__ == "__main__":
    main()
