"""How much it matters that a configuration makes its loader import and call a name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Judgement, Standing
from weighbridge.knowledge.code_names import installed_code_names
from weighbridge.knowledge.config_names import ConfigNames, Reviewed, installed_config_names

RUNS_WHAT_IT_IS_GIVEN: Final = frozenset(
    {
        Capability.EXECUTES_CODE,
        Capability.SPAWNS_PROCESS,
        Capability.LOADS_NATIVE_CODE,
        Capability.INSTALLS_PACKAGES,
        Capability.IMPORTS_BY_NAME,
        Capability.TAMPERS_WITH_SCANNER,
    }
)
_HARD: Final = RUNS_WHAT_IT_IS_GIVEN - {Capability.IMPORTS_BY_NAME} | {Capability.DESERIALIZES}
_NEVER_EVERYDAY: Final = frozenset(
    {
        Capability.EXECUTES_CODE,
        Capability.IMPORTS_BY_NAME,
        Capability.ATTRIBUTE_ACCESS,
        Capability.GLUE,
        Capability.LOADS_NATIVE_CODE,
        Capability.DESERIALIZES,
    }
)


class Weight(IntEnum):
    """Ordered: the worse, the higher."""

    KNOWN = 0
    """A name of a known library that does what configurations are for."""
    LOADS = 1
    """A known one that loads something further that its arguments name, or talks to a server."""
    UNKNOWN = 2
    """Of a package that no table knows: its code must come from elsewhere."""
    OPENS = 3
    """Of a framework; its source shows that an argument gets to files, imports or the network."""
    REACHES = 4
    """Reads or writes files, loads pickles, uses the network, or gets at other code."""
    RUNS = 5
    """Runs code or programs that its arguments give."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """One name, its weight and the reason."""

    target: str
    weight: Weight
    canonical: str
    why: str


def weigh_target(target: str, knowledge: CallableKnowledge, names: ConfigNames | None = None) -> Weighed:
    """Weigh a dotted name as the target of a call that a configuration asks for."""
    names = names if names is not None else installed_config_names()
    judgement = judge_target(target, knowledge)
    review = names.review(target) if judgement.canonical == target and target.isascii() else None
    if review is not None:
        weight = Weight.KNOWN if review.weight is Reviewed.KNOWN else Weight.LOADS
        return Weighed(target, weight, target, review.why)
    weight, why = _weight(target, judgement, knowledge, names)
    if weight < Weight.UNKNOWN and not target.isascii():
        return Weighed(target, Weight.UNKNOWN, target, "letters of another script: a look-alike")
    return Weighed(target, weight, judgement.canonical, why)


def weigh_import(
    module: str, name: str, knowledge: CallableKnowledge, *, is_rebuilt: bool = False
) -> Weighed:
    """Weigh a name where the file itself says which part of it is the module.

    Args:
        module: as the file spells it.
        name: as the file spells it.
        knowledge: the tables of callables.
        is_rebuilt: the loader makes an instance of it without its constructor.
    """
    target = f"{module}.{name}"
    judgement = knowledge.judge(module, name, protocol=4)
    if judgement.standing is Standing.REACHES and is_rebuilt and judgement.condition is not None:
        judgement = replace(judgement, standing=judgement.otherwise)
    weight, why = _weight(target, judgement, knowledge, installed_config_names())
    return Weighed(target, weight, judgement.canonical, why)


def _weight(
    target: str, judgement: Judgement, knowledge: CallableKnowledge, names: ConfigNames
) -> tuple[Weight, str]:
    match judgement.standing:
        case Standing.DANGEROUS | Standing.CONDITIONAL:
            return _of_capabilities(judgement, knowledge)
        case Standing.REACHES:
            return _of_source(judgement, names), _way(judgement)
        case Standing.ALLOWED | Standing.RECOGNISED | Standing.STDLIB:
            return Weight.KNOWN, judgement.why
        case Standing.UNKNOWN | Standing.MAIN:
            what = names.namespace(target)
            if what is not None:
                return Weight.KNOWN, what
            return Weight.UNKNOWN, judgement.why


def _of_capabilities(judgement: Judgement, knowledge: CallableKnowledge) -> tuple[Weight, str]:
    capabilities: tuple[Capability, ...] = judgement.capabilities
    is_stdlib = judgement.canonical.partition(".")[0] in knowledge.stdlib
    if is_stdlib and not _NEVER_EVERYDAY.intersection(capabilities):
        meaning = installed_code_names().find(judgement.canonical)
        if meaning is not None:
            capabilities = () if meaning.capability is None else (meaning.capability,)
    merely_glue = judgement.standing is Standing.CONDITIONAL and set(capabilities) <= {Capability.GLUE}
    if not capabilities or merely_glue:
        # What it would call is named somewhere else in the file, and judged there.
        return Weight.KNOWN, judgement.why
    runs = not RUNS_WHAT_IT_IS_GIVEN.isdisjoint(capabilities)
    words = " and ".join(dict.fromkeys(one.words for one in capabilities))
    return Weight.RUNS if runs else Weight.REACHES, f"can {words}: {judgement.why}"


def _of_source(judgement: Judgement, names: ConfigNames) -> Weight:
    """A framework's class that opens its own files is what a configuration is for."""
    is_hard = not _HARD.isdisjoint(judgement.capabilities)
    if names.namespace(judgement.canonical) is None or (is_hard and not judgement.is_class):
        return Weight.REACHES
    return Weight.OPENS if is_hard or not judgement.is_class else Weight.KNOWN


def _way(judgement: Judgement) -> str:
    words = " and ".join(one.words for one in judgement.capabilities)
    way = " -> ".join(judgement.witness[-3:])
    return f"can {words} {judgement.why}: {way}"[:400]
