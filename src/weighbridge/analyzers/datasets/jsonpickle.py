"""jsonpickle in JSON: `py/object` names a class that its decoder imports and builds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.inspection import Context
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.callables import Standing

_NAMES: Final = frozenset({"py/object", "py/type", "py/function", "py/class", "py/mod", "py/ref"})
_BUILDS: Final = frozenset({"py/reduce", "py/newargs", "py/newargsex", "py/initargs", "py/newobj"})
_EVALUATES: Final = "py/repr"
_KEPT: Final = 1_000
_HARM, _PRESENT = "DST024", "DST025"


class JsonPickles:
    """The names in one document or in many lines of it, each once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    @property
    def has_names(self) -> bool:
        """True when something of jsonpickle was seen."""
        return bool(self._names)

    def take(self, value: Json, place: str) -> None:
        """Look through one value."""
        pending: list[Json] = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, Mapping):
                for key, inner in item.items():
                    if key[:3] == "py/":
                        self._note(key, inner, place)
                pending.extend(item.values())
            elif isinstance(item, list | tuple):
                pending.extend(item)

    def _note(self, key: str, value: Json, place: str) -> None:
        if len(self._names) >= _KEPT:
            return
        if key == _EVALUATES and isinstance(value, str):
            self._names.setdefault(f"{key} {value[:200]}", place)
        elif key in _NAMES and isinstance(value, str) and value:
            self._names.setdefault(f"{key} {value[:500]}", place)
        elif key in _BUILDS:
            self._names.setdefault(key, place)

    def findings(self, artifact: Artifact, context: Context) -> Iterator[Finding]:
        """Yield one finding for each name that does harm, and one for all others."""
        others: list[str] = []
        for entry, place in self._names.items():
            key, _, name = entry.partition(" ")
            why = _why_harmful(key, name, context)
            if why is None:
                others.append(entry)
                continue
            evidence = f"{place}: {quoted(key)} is {quoted(name)}: {why}"
            yield Finding(rule=_HARM, path=artifact.path, subject=name or key, evidence=evidence)
        if others:
            yield _present(artifact, others)


def _present(artifact: Artifact, entries: Iterable[str]) -> Finding:
    shown = sorted(entries)
    evidence = ", ".join(map(quoted, shown[:5])) + (" ..." if len(shown) > 5 else "")
    return Finding(rule=_PRESENT, path=artifact.path, subject="jsonpickle", evidence=evidence)


def _why_harmful(key: str, name: str, context: Context) -> str | None:
    if key == _EVALUATES:
        return "jsonpickle evaluates this text unless it is told to be safe"
    if not name:
        return None
    judged = judge_target(name, context.callables)
    return judged.why if judged.standing in (Standing.DANGEROUS, Standing.REACHES) else None
