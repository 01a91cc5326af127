"""The text of `weighbridge capability`: what we know of a callable, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.knowledge.callables import CallableKnowledge, Capability, Judgement, Standing
from weighbridge.knowledge.capabilities import Reached
from weighbridge.reporters.page import BOLD, Page
from weighbridge.reporters.words import printable

_LABEL = 12
_WITHIN_PROTOCOL = 4
_INFORMATIVE = (
    Standing.DANGEROUS,
    Standing.CONDITIONAL,
    Standing.ALLOWED,
    Standing.RECOGNISED,
    Standing.REACHES,
    Standing.MAIN,
    Standing.STDLIB,
    Standing.UNKNOWN,
)
_MEANING = {
    Standing.ALLOWED: "allowed: known writers emit it, and it is harmless whatever it is given",
    Standing.RECOGNISED: "recognised: a class of a known library",
    Standing.CONDITIONAL: "conditional: harmless only in the way that known writers use it",
    Standing.DANGEROUS: "dangerous: on the hand-written list",
    Standing.REACHES: "on no list: computed from its source",
    Standing.STDLIB: "standard library: no known writer of models emits it",
    Standing.UNKNOWN: "unknown: on no list, and no source that was read reaches harm from it",
    Standing.MAIN: "of the program that loads the file: nobody can know it beforehand",
}


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that the tables say of one name.

    Attributes:
        asked: as the user wrote it.
        ways: for each capability that its source shows, the way to the call that has it.
    """

    asked: str
    judgement: Judgement
    reached: Reached | None
    ways: tuple[tuple[Capability, tuple[str, ...]], ...]


def look_up(asked: str, knowledge: CallableKnowledge) -> Known:
    """Judge a name as a pickle could spell it: `module.name`, or `module:name` to say where to split."""
    module, colon, name = asked.partition(":")
    pairs = [(module, name)] if colon else list(_splits(asked))
    judged = [(knowledge.judge(*pair, protocol=_WITHIN_PROTOCOL), pair) for pair in pairs]
    judgement, pair = next(
        (found for found in judged if _is_there(found, knowledge)),
        min(judged, key=lambda found: _INFORMATIVE.index(found[0].standing)),
    )
    reached = knowledge.reached(*pair)
    ways: list[tuple[Capability, tuple[str, ...]]] = []
    if reached is not None:
        found = dict.fromkeys((*reached.steered, *reached.rebuilding, *reached.fixed))
        ways = [(capability, knowledge.computed.witness(reached, capability)) for capability in found]
    return Known(asked, judgement, reached, tuple(ways))


def render_capability(known: Known, *, width: int, colour: bool) -> str:
    """Return the page of one name."""
    page = Page(width=width, colour=colour)
    judgement = known.judgement
    page.prose(printable(known.asked), style=BOLD)
    page.hanging("  Is", _standing(known), hang=_LABEL)
    if judgement.canonical != known.asked.replace(":", "."):
        page.hanging("  Means", printable(judgement.canonical), hang=_LABEL)
    if judgement.condition is not None:
        page.hanging("  If", judgement.condition.replace("-", " "), hang=_LABEL)
    if judgement.capabilities:
        page.flow("  Can", [capability.words for capability in judgement.capabilities], hang=_LABEL)
    for number, (capability, way) in enumerate(known.ways):
        page.hanging("  Reaches" if number == 0 else "", _way(known, capability, way), hang=_LABEL)
    if known.reached is not None:
        page.hanging("  Source", known.reached.origin, hang=_LABEL)
    return page.render()


def capability_document(known: Known) -> dict[str, object]:
    """Return the same as plain data for JSON."""
    judgement, reached = known.judgement, known.reached
    return {
        "name": known.asked,
        "canonical": judgement.canonical,
        "standing": judgement.standing,
        "condition": judgement.condition,
        "why": judgement.why,
        "capabilities": list(judgement.capabilities),
        "source": None
        if reached is None
        else {
            "origin": reached.origin,
            "defined_as": reached.canonical,
            "steered": list(reached.steered),
            "fixed": list(reached.fixed),
            "rebuilding": list(reached.rebuilding),
            "ways": {capability: list(way) for capability, way in known.ways},
        },
    }


def _splits(dotted: str) -> list[tuple[str, str]]:
    """Every way to read a dotted path as module and name, the longest module first."""
    parts = dotted.split(".")
    cuts = [(".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(len(parts) - 1, 0, -1)]
    return cuts or [("builtins", dotted)]


def _is_there(found: tuple[Judgement, tuple[str, str]], knowledge: CallableKnowledge) -> bool:
    """True where the module is one that something is known of, not a class or a name in one."""
    judgement, (module, name) = found
    if "." in name or judgement.standing in (Standing.ALLOWED, Standing.RECOGNISED):
        return judgement.standing not in (Standing.STDLIB, Standing.UNKNOWN)
    return knowledge.computed.has_module(module) or judgement.standing is Standing.DANGEROUS


def _standing(known: Known) -> str:
    meaning, why = _MEANING[known.judgement.standing], known.judgement.why
    said = known.judgement.standing in (Standing.REACHES, Standing.STDLIB, Standing.UNKNOWN)
    return meaning if said or not why else f"{meaning} ({why})"


def _way(known: Known, capability: Capability, way: tuple[str, ...]) -> str:
    reached = known.reached
    assert reached is not None
    word = capability.words
    if capability in reached.steered:
        return f"{word}: {' -> '.join(way)}"
    if capability in reached.rebuilding:
        return f"{word}, when an object is rebuilt: {' -> '.join(way)}"
    return f"{word}, whatever it is given: {' -> '.join(way)}"
