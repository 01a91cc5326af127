"""TorchScript code: operators that touch files or other machines, and names of unknown libraries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.torch.operators import MOST_OF_A_RULE, RULES, class_rule, operator_rule
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format
from weighbridge.formats.torch.torchscript import (
    AS_PYTHON_BYTES,
    Named,
    NameKind,
    is_python_too,
    read_torchscript,
)
from weighbridge.knowledge.torch_names import Sign, TorchNames, installed_names

_HIDDEN = "TOR007"
_LARGEST_BYTES = 16 * MIB
_MOST_PLACES = 5
_CHECK_EVERY = 1 << 14
_SEEN_AS_METHODS = (Sign.FILE, Sign.MEDIA, Sign.NETWORK)


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge every operator and class that one file of TorchScript names."""
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        detail = f"TorchScript code of {size:,} bytes; the first {_LARGEST_BYTES:,} were read"
        yield Coverage(
            path=artifact.path, format=Format.TORCHSCRIPT, outcome=Outcome.LIMITED, detail=detail
        )
    text = bytes(artifact.source.read_at(0, min(size, _LARGEST_BYTES))).decode(
        "utf-8", "backslashreplace"
    )
    if size > AS_PYTHON_BYTES and is_python_too(text):
        detail = "read as TorchScript; it has statements of Python, which were not read"
        yield Coverage(
            path=artifact.path, format=Format.TORCHSCRIPT, outcome=Outcome.LIMITED, detail=detail
        )
    uses = _Uses(installed_names())
    trouble = None
    try:
        for number, one in enumerate(read_torchscript(text)):
            if number % _CHECK_EVERY == 0:
                context.budget.check_time()
            uses.add(one)
    except LimitReached as error:
        trouble = error
    yield from uses.findings(artifact)
    if trouble is not None:
        raise trouble


@dataclass(slots=True)
class _Uses:
    """One finding for each operator or class, with the first places that name it."""

    names: TorchNames
    places: dict[tuple[str, str, str], list[Named]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def add(self, one: Named) -> None:
        found = self._rule(one)
        if found is None:
            return
        key = (found[0], one.name, found[1])
        if key not in self.places:
            self.told[found[0]] += 1
            if self.told[found[0]] > MOST_OF_A_RULE:
                return
            self.places[key] = []
        if len(self.places[key]) < _MOST_PLACES:
            self.places[key].append(one)

    def _rule(self, one: Named) -> tuple[str, str] | None:
        match one.kind:
            case NameKind.OPERATOR:
                return operator_rule(one.name, self.names)
            case NameKind.METHOD:
                operator = self.names.methods.get(one.name, "")
                sign, why = self.names.operators.get(operator, (Sign.KNOWN, ""))
                return (RULES[sign], why) if sign in _SEEN_AS_METHODS else None
            case NameKind.CLASS:
                return class_rule(one.name, self.names)
            case NameKind.MODULE:
                return _HIDDEN, "the table of operators is handled like a value"
            case _ as never:
                assert_never(never)

    def findings(self, artifact: Artifact) -> Iterator[Finding]:
        for (rule, name, why), places in self.places.items():
            yield Finding(
                rule=rule,
                path=artifact.path,
                subject=name,
                evidence="\n".join([why, *_shown(places)]),
                route=places[0].function,
            )


def _shown(places: Sequence[Named]) -> Iterator[str]:
    for one in places:
        arguments = ", ".join(quoted(text) for text in one.arguments[:4])
        within = f" in {one.function}" if one.function else ""
        when = ", which runs on load" if one.function.endswith(".__setstate__") else ""
        call = f"({arguments})" if one.is_called else ""
        yield f"line {one.line:,}{within}: {one.name}{call}{when}"
