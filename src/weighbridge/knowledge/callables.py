"""Judge one callable by what it can do: exact allow-list first, capabilities second, else unknown.

Laws: the verdict is a function of the tables alone, never of what is installed here; a name that
is not on the exact list is never `ALLOWED` or `RECOGNISED`, whatever is before or after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.knowledge.callable_tables import (
    AllowList,
    Capability,
    Condition,
    Danger,
    Entry,
    Standing,
    read_dangerous,
    read_names,
)
from weighbridge.knowledge.capabilities import ComputedCapabilities, Reached
from weighbridge.knowledge.resolution import MAX_COMPONENTS, Renames, is_dunder, oddity

__all__ = ["CallableKnowledge", "Capability", "Condition", "Judgement", "Standing"]

_MAIN = frozenset({"__main__", "__mp_main__"})
_MAIN_ITSELF = frozenset(
    {("__main__", "__dict__"), ("__builtin__", "__main__"), ("builtins", "__main__")}
)
"""How dill names the globals of a function of the main program; no attribute of that name exists."""
_TORCHSCRIPT = "__torch__"
_MOST_REMEMBERED = 10_000
_WITH_SOURCE = (Standing.STDLIB, Standing.UNKNOWN)
HARMFUL = frozenset(Capability) - {Capability.ATTRIBUTE_ACCESS, Capability.GLUE}
"""Capabilities that do harm by themselves; the others need a second callable, which is judged too."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the tables say of one (module, name).

    Attributes:
        canonical: the dotted name that the judgement is about, after renames and re-exports.
        capabilities: what calling it can do; for `CONDITIONAL`, when its condition is not met.
        why: a phrase for people.
        condition: what must hold of the use, for `CONDITIONAL` and some `RECOGNISED` classes.
    """

    standing: Standing
    canonical: str
    capabilities: tuple[Capability, ...]
    why: str
    condition: Condition | None = None
    witness: tuple[str, ...] = ()
    """For `REACHES`: the way through the library's source to the call that has the first capability."""
    otherwise: Standing = Standing.UNKNOWN
    """For `REACHES`: what it would be if its source were not known."""
    is_class: bool = False


@dataclass(frozen=True, slots=True)
class CallableKnowledge:
    """Frozen tables of callables, loaded from signatures/callables/."""

    allow: AllowList
    dangerous: dict[str, Danger]
    """By dotted path; a path covers what lies below it."""
    stdlib: frozenset[str]
    renames: Renames
    computed: ComputedCapabilities
    _judged: dict[tuple[str, str, int], Judgement] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> CallableKnowledge:
        """Read the tables of `directory` (`signatures_dir() / "callables"`).

        Raises:
            WeighbridgeError: a table is missing or breaks its format.
        """
        stdlib = read_names(directory / "stdlib.txt")
        return cls(
            AllowList.load(directory / "allow"),
            read_dangerous(directory / "dangerous.tsv"),
            stdlib,
            Renames.load(directory),
            ComputedCapabilities(directory / "computed", stdlib),
        )

    def judge(self, module: str, name: str, *, protocol: int) -> Judgement:
        """Judge what GLOBAL, STACK_GLOBAL or INST would import.

        Args:
            module: as the pickle spells it.
            name: as the pickle spells it; may be dotted.
            protocol: the protocol in force at that opcode: below 3 names of Python 2 are renamed,
                from 4 on dots are walked.
        """
        if (module, name) in _MAIN_ITSELF:
            return Judgement(Standing.MAIN, "__main__.__dict__", (), "the names of the loading program")
        key = (module, name, protocol)
        if key not in self._judged:
            if len(self._judged) >= _MOST_REMEMBERED:
                self._judged.clear()
            self._judged[key] = self._judge(module, name, protocol)
        return self._judged[key]

    def _judge(self, module: str, name: str, protocol: int) -> Judgement:
        reached = self.renames.reached(module, name, protocol=protocol)
        entry = self.allow.find(*reached)
        if entry is not None and (protocol >= 4 or "." not in name):
            return self._allowed(entry, f"{reached[0]}.{reached[1]}")
        return (
            self._too_long(module, name)
            or self._dangerous(module, name)
            or self._walk(module, name)
            or self._reaching(self._unlisted(*reached, protocol=protocol), *reached, protocol=protocol)
        )

    def reached(self, module: str, name: str) -> Reached | None:
        """Return what the source of a callable reaches, under any of the names that it goes by."""
        for spelling in self.renames.spellings(module, name):
            if len(spelling) > 1:
                found = self.computed.find(spelling[0], ".".join(spelling[1:]))
                if found is not None:
                    return found
        return None

    def _reaching(self, unlisted: Judgement, module: str, name: str, *, protocol: int) -> Judgement:
        """Return the judgement of a name on no list, with what its source shows, where there is any."""
        is_walked = protocol >= 4 or "." not in name
        found = self.reached(module, name) if is_walked and unlisted.standing in _WITH_SOURCE else None
        if found is None:
            return unlisted
        harmful = tuple(c for c in (*found.steered, *found.rebuilding) if c in HARMFUL)
        if not harmful:
            return unlisted
        # A class that is harmless to rebuild harms only whoever calls its constructor.
        rebuilds = any(c in HARMFUL for c in found.rebuilding)
        condition = Condition.REBUILT if found.is_class and not rebuilds else None
        return Judgement(
            Standing.REACHES,
            f"{module}.{name}",
            tuple(dict.fromkeys(harmful)),
            f"as its source says ({found.origin.partition(' (')[0]})",
            condition,
            witness=self.computed.witness(found, harmful[0]),
            otherwise=unlisted.standing,
            is_class=found.is_class,
        )

    def _allowed(self, entry: Entry, canonical: str) -> Judgement:
        danger = self._danger(canonical.split(".")) if entry.standing is Standing.CONDITIONAL else None
        capabilities = danger[1].capabilities if danger else ()
        return Judgement(entry.standing, canonical, capabilities, entry.why, entry.condition)

    def _too_long(self, module: str, name: str) -> Judgement | None:
        parts = module.count(".") + name.count(".") + 2
        if parts <= MAX_COMPONENTS:
            return None
        return _reaches(
            f"{module}.{name}"[:120], f"a name of {parts:,} parts walks from object to object"
        )

    def _dangerous(self, module: str, name: str) -> Judgement | None:
        return (
            self._first_danger(self.renames.walks(name))
            or self._first_danger(self.renames.spellings(module, name))
            or self._method(module, name)
            or self._module_object(module, name)
        )

    def _method(self, module: str, name: str) -> Judgement | None:
        owner, dot, method = name.rpartition(".")
        danger = self.dangerous.get(f"*.{method}") if dot and self.allow.find(module, owner) else None
        if danger is None:
            return None
        return Judgement(Standing.DANGEROUS, f"{module}.{name}", danger.capabilities, danger.why)

    def _module_object(self, module: str, name: str) -> Judgement | None:
        last = name.rpartition(".")[2].lstrip("_")
        if self.renames.components.get(last) != last:
            return None
        return _reaches(f"{module}.{name}", f"the module {last} itself, through another module")

    def _first_danger(self, paths: Iterable[list[str]]) -> Judgement | None:
        for path in paths:
            found = self._danger(path)
            if found is not None:
                canonical, danger = found
                return Judgement(Standing.DANGEROUS, canonical, danger.capabilities, danger.why)
        return None

    def _danger(self, path: list[str]) -> tuple[str, Danger] | None:
        for cut in range(len(path), 0, -1):
            danger = self.dangerous.get(".".join(path[:cut]))
            if danger is not None:
                return ".".join(path), danger
        return None

    def _walk(self, module: str, name: str) -> Judgement | None:
        """Judge dunder components, modules that run when imported, and walks through modules."""
        dotted = f"{module}.{name}"
        parts = name.split(".")
        if name == "__dict__" and module.partition(".")[0] not in self.stdlib:
            why = "the names of a module, as dill writes the globals of its functions"
            reach = (Capability.ATTRIBUTE_ACCESS,)
            return Judgement(Standing.CONDITIONAL, dotted, reach, why, Condition.NAMED_ONLY)
        if any(is_dunder(part) for part in parts):
            return _reaches(dotted, "an attribute of Python's own machinery")
        if "__main__" in module.split(".")[1:]:
            why = "importing a package's __main__ runs its program"
            return Judgement(Standing.DANGEROUS, dotted, (Capability.EXECUTES_CODE,), why)
        if len(parts) == 1 or self.allow.find(module, parts[0]):
            return None
        first = parts[0].lstrip("_")[:1]
        if module.partition(".")[0] in self.allow.libraries - self.stdlib and not first.isupper():
            return _reaches(dotted, "a dotted name that walks through a module of the library")
        return None

    def _unlisted(self, module: str, name: str, *, protocol: int) -> Judgement:
        canonical = f"{module}.{name}"
        top = module.partition(".")[0]
        odd = oddity(module, name)
        if odd is not None:
            return Judgement(Standing.UNKNOWN, canonical, (), odd)
        if module in _MAIN:
            why = "defined in whatever program loads the file"
            return Judgement(Standing.MAIN, canonical, (), why)
        if top in self.stdlib or any(part.lstrip("_") in self.stdlib for part in name.split(".")[:-1]):
            why = "of the standard library; no known writer of models emits it"
            return Judgement(Standing.STDLIB, canonical, (), why)
        if top == _TORCHSCRIPT:
            why = "a type that a TorchScript archive defines"
            return Judgement(Standing.CONDITIONAL, canonical, (), why, Condition.TORCHSCRIPT_TYPE)
        return Judgement(Standing.UNKNOWN, canonical, (), self._unknown_why(module, name, protocol))

    def _unknown_why(self, module: str, name: str, protocol: int) -> str:
        first, dot, _ = name.partition(".")
        if dot and protocol < 4:
            return "a dotted name, which this protocol does not walk"
        if dot and self.allow.find(module, first):
            return "an attribute of a recognised class; no known writer emits it"
        return "on no list: its code must come from elsewhere"


def _reaches(canonical: str, why: str) -> Judgement:
    return Judgement(Standing.DANGEROUS, canonical, (Capability.ATTRIBUTE_ACCESS,), why)
