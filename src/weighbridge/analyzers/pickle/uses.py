"""How one callable is used in one artifact, and which rule that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.analyzers.pickle.conditions import KEEPERS
from weighbridge.formats.pickle.decompile import decompile_call
from weighbridge.formats.pickle.trace import Call, Import, Stream
from weighbridge.knowledge.callables import Capability, Condition, Judgement, Standing

_SHOWN_CALLS = 3

RULE_OF: dict[Capability, str] = {
    Capability.TAMPERS_WITH_SCANNER: "PKL011",
    Capability.INSTALLS_PACKAGES: "PKL010",
    Capability.USES_CREDENTIALS: "PKL012",
    Capability.SPAWNS_PROCESS: "PKL002",
    Capability.EXECUTES_CODE: "PKL001",
    Capability.LOADS_NATIVE_CODE: "PKL003",
    Capability.IMPORTS_BY_NAME: "PKL006",
    Capability.ATTRIBUTE_ACCESS: "PKL008",
    Capability.DESERIALIZES: "PKL007",
    Capability.NETWORK: "PKL004",
    Capability.WRITES_FILES: "PKL005",
    Capability.READS_FILES: "PKL005",
    Capability.PROCESS_CONTROL: "PKL009",
    Capability.GLUE: "PKL013",
}
"""The first capability in this order names the finding."""


_NEVER_LEFT = frozenset(
    {
        Condition.ALLOWED_CLASS_ATTRIBUTE,
        Condition.CELL_OF_FUNCTION,
        Condition.EMBEDDED_CODE,
        Condition.FUNCTION_OF_CODE,
        Condition.KNOWN_MODULE,
        Condition.NESTED_PICKLE,
        Condition.OWN_FUNCTION_OR_CLASS,
        Condition.PLAIN_METACLASS,
        Condition.REBUILDS_FIRST_ARGUMENT,
        Condition.STORED_RESULT,
        Condition.TYPE_BY_NAME,
        Condition.WRAPS_FIRST_ARGUMENT,
    }
)
"""Whoever writes these calls them: they are what a reduction names, and no part of a model."""
_REDUCE = frozenset({"_functools.reduce", "functools.reduce"})
"""The same, for `int | None`; other functions of that condition are kept by honest files."""


@dataclass(slots=True)
class Use:
    """How one callable is used in one artifact."""

    judgement: Judgement
    first: Import
    stream: Stream
    calls: list[tuple[Stream, Call]] = field(default_factory=list)
    """The first few, each with the reading that it is part of: offsets mean nothing elsewhere."""
    call_count: int = 0
    objections: dict[int, str] = field(default_factory=dict)
    """Offset of a call -> why its arguments are not harmless."""
    harmless_calls: int = 0
    """Calls of a dangerous callable that were looked into and told by another rule."""
    may_be_global: bool = False
    """The file makes functions: it may be a global name that their code uses."""

    @property
    def makes_functions(self) -> bool:
        """True where it is called to make a function of code in the file."""
        return self.judgement.condition is Condition.FUNCTION_OF_CODE and self.call_count > 0

    def show(self, stream: Stream, call: Call) -> None:
        """Keep a call as evidence."""
        if len(self.calls) < _SHOWN_CALLS:
            self.calls.append((stream, call))


def rule_of(use: Use) -> str | None:
    """The rule that a use hits, if it hits one."""
    called = bool(use.calls)
    match use.judgement.standing:
        case Standing.ALLOWED:
            return None
        case Standing.RECOGNISED:
            return "PKL022" if use.objections else None
        case Standing.CONDITIONAL:
            if use.objections:
                return _capability_rule(use.judgement)
            return "PKL020" if _is_left(use) else None
        case Standing.DANGEROUS:
            if called or not use.harmless_calls:
                return _capability_rule(use.judgement) if called else "PKL020"
            return None
        case Standing.REACHES:
            return _reaching_rule(use)
        case Standing.STDLIB:
            return "PKL021"
        case Standing.UNKNOWN:
            return "PKL022" if use.call_count else "PKL023"
        case Standing.MAIN:
            return "PKL024"


def _is_left(use: Use) -> bool:
    """True for what honest files call, where it is named and not called."""
    judgement = use.judgement
    if use.call_count or use.harmless_calls or use.may_be_global or judgement.canonical in KEEPERS:
        return False
    return judgement.condition in _NEVER_LEFT or judgement.canonical in _REDUCE


def _reaching_rule(use: Use) -> str:
    """A class does what its source says when its constructor is called, a function when it is called."""
    judgement = use.judgement
    if use.objections or (use.calls and judgement.condition is None):
        return "PKL014"
    if judgement.otherwise is Standing.STDLIB:
        return "PKL021"
    if not use.call_count and not judgement.is_class:
        return "PKL020"
    return "PKL022" if use.call_count else "PKL023"


def _capability_rule(judgement: Judgement) -> str:
    return next(
        (rule for capability, rule in RULE_OF.items() if capability in judgement.capabilities), "PKL022"
    )


def evidence(use: Use) -> Iterator[str]:
    """Yield what a person should see of a use, line by line."""
    for stream, call in use.calls:
        yield decompile_call(stream, call)
    if not use.calls:
        yield f"imports {use.judgement.canonical}"
    elif use.call_count > len(use.calls):
        yield f"and {use.call_count - len(use.calls):,} more calls of it"
    yield from list(dict.fromkeys(use.objections.values()))[:_SHOWN_CALLS]
    yield _abilities(use.judgement)
    if use.judgement.witness:
        yield f"its source: {' -> '.join(use.judgement.witness)}"


def _abilities(judgement: Judgement) -> str:
    """What the callable can do, or what we know of it, in words."""
    words = [capability.words for capability in judgement.capabilities]
    if not words:
        return f"{judgement.canonical}: {judgement.why}"
    return f"{judgement.canonical} can {', '.join(words)}"
