"""Python of a repository as its loader meets it: a module, and those that it imports beside itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from weighbridge.analyzers.executables.program_judgement import is_sink, judge_scope
from weighbridge.analyzers.executables.python_behaviour import judge_behaviour
from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.formats.scripts.facts import ScriptCall, Unknown
from weighbridge.formats.scripts.python_calls import Imported, ModuleParts, module_parts
from weighbridge.formats.scripts.python_linking import Linkable
from weighbridge.formats.scripts.python_moments import RunsWhen
from weighbridge.formats.scripts.python_scopes import PythonScope, python_scopes
from weighbridge.formats.scripts.python_source import parse
from weighbridge.knowledge.hub_config_tables import installed_hub_tables
from weighbridge.knowledge.payload_tables import installed_tables

_MOST_MODULES: Final = 200
_KEPT: Final = 300
_NOTABLE: Final = frozenset(
    {"runs_program", "runs_code", "downloads", "sends", "connects", "listens", "receives"}
    | {"takes_credentials", "deletes_tree", "installs_itself", "reads_whole_env"}
)
"""What code of a model seldom does while it is loaded, and sometimes with a reason."""
_IMPORTERS: Final = ("__import__", "importlib.import_module", "importlib.__import__")
_ORDINARY: Final = (
    "torch.load",
    "compile",
    "subprocess.CalledProcessError",
    "subprocess.PIPE",
    "sh.",
)
"""Calls with such a sign that models make all day: weights are judged by their own format."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a part of a file does."""

    words: str
    is_harm: bool


@dataclass(frozen=True, slots=True)
class CodeModule:
    """One file that was read.

    Attributes:
        file: its name in the manifest.
        parts: its functions and classes; the modules that it imports are names of the manifest.
        imported: what its import does.
        functions: what each function does, by qualified name, where there is anything to tell.
        troubles: why it, or what it imports, could not be read.
    """

    file: str
    parts: ModuleParts
    imported: tuple[Seen, ...]
    functions: Mapping[str, tuple[Seen, ...]]
    troubles: tuple[str, ...]


@dataclass(slots=True)
class CodeReader:
    """Reads the modules of one target, each once as long as it is remembered.

    Attributes:
        view: the target.
        context: as for analyzers.
        harmful: ids of the rules that say that a program does harm.
        notable: those, and ids of the rules that say that it does what is seldom needed.
    """

    view: RepositoryView
    context: Context
    harmful: frozenset[str]
    notable: frozenset[str]
    _kept: dict[str, CodeModule] = field(default_factory=dict)

    def closure(self, file: str) -> dict[str, CodeModule]:
        """Return a module and those that it leads to, itself first."""
        found: dict[str, CodeModule] = {}
        pending = [file]
        while pending and len(found) < _MOST_MODULES:
            name = pending.pop(0)
            if name not in found:
                found[name] = self.module(name)
                pending += [one for one in found[name].parts.modules if one in self.view.files]
        return found

    def module(self, file: str) -> CodeModule:
        """Read one file of the manifest."""
        if file not in self._kept:
            self.context.budget.check_time()
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[file] = self._read(file)
        return self._kept[file]

    def linkable(self, file: str) -> Linkable | None:
        """Parse one file and find what it imports; None when that can't be done."""
        text = self.view.text(file)
        tree = parse(text) if text is not None else None
        if tree is None:
            return None
        parts, _ = self._resolved(file, module_parts(tree))
        return Linkable(file, tree, parts.imports)

    def _read(self, file: str) -> CodeModule:
        text = self.view.text(file)
        if text is None:
            return _unread(file, f"{file} could not be read, or is larger than what is read")
        tree = parse(text)
        if tree is None:
            return _unread(file, f"{file} does not parse as Python")
        read = python_scopes(tree, is_sink)
        parts, missing = self._resolved(file, module_parts(tree))
        troubles = [f"{file} imports {one}, which is not there" for one in missing]
        if not read.is_read:
            troubles.append(f"{file} is larger than what is read of it")
        early = {scope.name for scope in read.scopes if scope.runs is RunsWhen.IMPORTED}
        imported: list[Seen] = []
        functions: dict[str, tuple[Seen, ...]] = {}
        for name, seen in self._seen(read.scopes):
            functions[name] = (*functions.get(name, ()), seen)
            if name in early:
                imported.append(seen)
        return CodeModule(file, parts, tuple(imported), functions, tuple(troubles))

    def _resolved(self, file: str, parts: ModuleParts) -> tuple[ModuleParts, list[str]]:
        """Turn paths of imported modules into names of the manifest; tell those that are not there."""
        found: dict[str, str | None] = {path: self._file(file, path) for path in parts.modules}
        needed = {one.module for one in parts.imports.values() if one.name is not None}
        missing = [path for path, name in found.items() if name is None and path in needed]
        missing += sorted(
            {
                one.name
                for one in parts.imports.values()
                if one.module is None and (one.name or "").startswith("..") and one.name is not None
            }
        )
        parts.imports = {
            local: replace(one, module=found.get(one.module)) if one.module is not None else one
            for local, one in parts.imports.items()
        }
        parts.imports = {
            local: self._absolute(file, one) if one.module is None else one
            for local, one in parts.imports.items()
        }
        modules = {name: parts.modules[path] for path, name in found.items() if name is not None}
        modules |= {one.module: 0 for one in parts.imports.values() if one.module is not None}
        parts.modules = modules
        return parts, missing[:20]

    def _absolute(self, file: str, imported: Imported) -> Imported:
        """`import helper` finds `helper.py` beside the file where its folder is on the path."""
        dotted = imported.name or ""
        module, _, name = dotted.rpartition(".")
        for path, given in ((dotted, None), (module, name)):
            found = self._file(file, path.replace(".", "/")) if path and path[0] != "." else None
            if found is not None and found != file:
                return Imported(found, given)
        return imported

    def _file(self, file: str, path: str) -> str | None:
        folder = posixpath.dirname(file)
        for candidate in (f"{path}.py", f"{path}/__init__.py"):
            name = posixpath.normpath(posixpath.join(folder, candidate))
            if name in self.view.files:
                return name
        return None

    def _seen(self, scopes: Sequence[PythonScope]) -> Iterator[tuple[str, Seen]]:
        """Yield the name of a part, and something that it does."""
        told = [(scope.name, one) for scope in scopes for one in judge_scope(scope)]
        told += [(_part_at(one.line, scopes), one) for one in judge_behaviour(tuple(scopes))]
        for name, one in told:
            if one.rule in self.notable:
                yield name, Seen(one.evidence.rpartition(" (")[0], one.rule in self.harmful)
        lines = {one.line for _, one in told if one.rule in self.notable}
        for scope in scopes:
            imports = frozenset(scope.facts.imports)
            for call in scope.facts.calls:
                words = _notable(call, imports) if call.place not in lines else None
                if words is not None:
                    lines.add(call.place)
                    shown = f"line {call.place}: {call.name[:100]}{words}"
                    yield scope.name, Seen(shown, is_harm=False)


def _part_at(line: int, scopes: Sequence[PythonScope]) -> str:
    """The innermost function that a line belongs to, or the module level."""
    around = [one for one in scopes if one.is_function and one.line <= line <= one.last_line]
    innermost = min(around, key=lambda one: one.last_line - one.line, default=scopes[0])
    return innermost.name


def _unread(file: str, trouble: str) -> CodeModule:
    return CodeModule(file, ModuleParts(), (), {}, (trouble,))


def _notable(call: ScriptCall, imports: frozenset[str]) -> str | None:
    """What there is to say of a call, "" when its name says enough; None for an ordinary one."""
    if ("trust_remote_code", True) in call.keywords:
        return " with trust_remote_code=True runs code of another repository"
    if call.name in installed_hub_tables().loading_calls:
        return f" {installed_hub_tables().loading_calls[call.name]}"
    if call.name in _IMPORTERS and call.arguments[:1] == (Unknown.COMPUTED,):
        return " imports a module whose name is computed"
    if call.name.startswith(_ORDINARY):
        return None
    words = " ".join(str(one) for one in call.arguments if isinstance(one, str))[:4_096]
    has_sign = any(
        one.sign in _NOTABLE and one.holds(words, imports, piped=False)
        for one in installed_tables().calls.find(call.name)
    )
    return "" if has_sign else None
