"""Write the lists of classes that libraries rebuild by the ordinary protocol.

Run by a maintainer, with the site-packages directory that holds the libraries:

    python tools/callables/classes.py /path/to/site-packages signatures/callables/allow

Each row of `PLANS` (plans.py) becomes one file. Source is read as syntax trees (see audit.py for what is
refused); nothing is imported. The output depends on the sources alone, so a run on the same
releases writes the same bytes. What was refused, and why, goes to the standard error stream.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import moved
from plans import PLANS, Plan
from source_index import Module, SourceIndex

from audit import Auditor

# Classes whose instances run threads, files or other processes by their nature.
_REFUSED_NAMES = re.compile(
    r"(Thread|Process|Popen|Server|Client|Socket|Downloader|Writer|Reader|File)$"
)


def write(plan: Plan, index: SourceIndex, out: Path) -> None:
    """Write one list."""
    auditor = Auditor(index)
    rebuilt: dict[str, list[str]] = defaultdict(list)
    enums: dict[str, list[str]] = defaultdict(list)
    for package in plan.packages:
        for module in index.walk(package):
            if not re.match(plan.include, module.name) or re.search(plan.exclude, module.name):
                continue
            for qualname in module.classes:
                reason = _refusal(auditor, module, qualname)
                if reason:
                    print(f"{module.name} {qualname}: {reason}", file=sys.stderr)
                    continue
                shelf = enums if auditor.is_enum(module, qualname) else rebuilt
                for place in _pickled_as(module, qualname):
                    shelf[place].append(qualname)
    if plan.file == "sklearn.classes.txt":
        for place, names in moved.SKLEARN_GONE.items():
            rebuilt[place] += names
    (out / plan.file).write_text(_render(plan, rebuilt, enums), encoding="utf-8")


def _refusal(auditor: Auditor, module: Module, qualname: str) -> str | None:
    if _REFUSED_NAMES.search(qualname):
        return "its name says thread, file or network"
    bases = [base for base in auditor.ancestry(module, qualname) if isinstance(base, str)]
    if any(base in ("Exception", "Warning") or base.endswith("Error") for base in bases):
        return "an exception"
    return auditor.refusal(module, qualname)


def _pickled_as(module: Module, qualname: str) -> list[str]:
    """Return the modules that pickles name: `set_module("pandas")` moves a class, older ones did not."""
    places = [module.name]
    places += [moves[module.name] for moves in (moved.SKLEARN, moved.SCIPY) if module.name in moves]
    for decorator in module.classes[qualname].decorator_list:
        match decorator:
            case ast.Call(func=ast.Name(id="set_module"), args=[ast.Constant(value=str(name))]):
                places.append(name)
    return places


def _render(plan: Plan, rebuilt: dict[str, list[str]], enums: dict[str, list[str]]) -> str:
    names = " and ".join(plan.packages)
    lines = [
        f"# Classes of {names}. Written by tools/callables/classes.py from the source; do not edit.",
        f"@ recognised rebuilt | a class of {names}, rebuilt without its constructor",
        *_lines(rebuilt),
    ]
    if enums:
        lines += [f"@ recognised | an enumeration of {names}, called with a value", *_lines(enums)]
    return "\n".join(lines) + "\n"


def _lines(shelf: dict[str, list[str]]) -> list[str]:
    return sorted({f"{module} {name}" for module, names in shelf.items() for name in names})


def main() -> None:
    """Write the lists named after the two directories, or all."""
    site_packages, out = Path(sys.argv[1]), Path(sys.argv[2])
    index = SourceIndex(site_packages)
    for plan in PLANS:
        if len(sys.argv) == 3 or plan.file in sys.argv[3:]:
            write(plan, index, out)


if __name__ == "__main__":
    main()
