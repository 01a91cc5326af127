"""Files that an import finds before the library of that name.

Python looks beside the script first: `torch.py` next to `inference.py` is what `import torch` gives, in
every script of that folder, and it runs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from weighbridge.analyzers.repository.finding_weight import has_high
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.listed import listed

_ACTS, _SHADOWS = "NAM010", "NAM011"
_SCRIPTS: Final = (".py", ".ipynb")
_SOURCES: Final = ("py", "pyc")
_NATIVE: Final = ("so", "pyd")
_MOST_SCRIPTS: Final = 64
_LARGEST_SCRIPT: Final = 2 * MIB
_INSTALLED: Final = (".dist-info", ".egg-info")
_PACKAGING: Final = frozenset({"setup.py", "pyproject.toml", "setup.cfg", "PKG-INFO"})


def judge_imports(view: RepositoryView) -> Iterator[Finding]:
    """Judge each folder from which scripts are run: one that is no package itself."""
    modules = listed("names/imported.tsv")
    packages = _packages(view)
    installed = {posixpath.dirname(name) for name in view.folders if name.endswith(_INSTALLED)}
    for folder, names in view.folders.items():
        if _is_package(view, folder):
            continue
        candidates = [(name, _module(name)) for name in names if _module(name) in modules]
        candidates += [(name, module) for module, name in packages.get(folder, ()) if module in modules]
        is_project = folder in installed or any(posixpath.basename(name) in _PACKAGING for name in names)
        for name, module in candidates:
            yield from _judge(view, name, module, names, is_project=is_project)


def _is_package(view: RepositoryView, folder: str) -> bool:
    """True inside of a package or of a folder of installed ones: no scripts are run from there."""
    if "site-packages" in folder.split("/"):
        return True
    while folder:
        if posixpath.join(folder, "__init__.py") in view.files:
            return True
        folder = posixpath.dirname(folder)
    return "__init__.py" in view.files


def _module(name: str) -> str:
    """The module that a file is; native ones may name the interpreter behind it."""
    stem, dot, suffix = posixpath.basename(name).partition(".")
    is_native = suffix.endswith(_NATIVE)
    return stem if dot and (suffix in _SOURCES or is_native) else ""


def _packages(view: RepositoryView) -> dict[str, list[tuple[str, str]]]:
    """Packages right in each folder: their name, and the file that runs when they are imported."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in view.named("__init__.py"):
        package = posixpath.dirname(name)
        if package:
            found.setdefault(posixpath.dirname(package), []).append((posixpath.basename(package), name))
    return found


def _judge(
    view: RepositoryView, name: str, module: str, names: Sequence[str], *, is_project: bool
) -> Iterator[Finding]:
    script = _importer(view, name, module, names)
    if script is None:
        return
    whose = listed("names/imported.tsv")[module]
    evidence = f"{quoted(posixpath.basename(script))} imports {module} ({whose}) and gets this file"
    if has_high(view.findings(name), Severity.MEDIUM):
        yield Finding(rule=_ACTS, path=(name,), subject=module, evidence=evidence)
    elif not is_project:  # the library's own source
        yield Finding(rule=_SHADOWS, path=(name,), subject=module, evidence=evidence)


def _importer(view: RepositoryView, name: str, module: str, names: Sequence[str]) -> str | None:
    """A script of the folder that imports the module by its name alone."""
    pattern = re.compile(
        rf"""(?m)(?:^|["';])[ \t]*(?:import|from)[ \t]+(?:[\w., \t]+,[ \t]*)?{module}\b"""
    )
    scripts = [one for one in names if one != name and one.lower().endswith(_SCRIPTS)]
    for script in scripts[:_MOST_SCRIPTS]:
        if pattern.search(view.text(script, _LARGEST_SCRIPT) or ""):
            return script
    return None
