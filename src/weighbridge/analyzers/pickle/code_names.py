"""Judge the names that compiled code uses: what each lets it do, and which rule speaks of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weighbridge.formats.scripts.facts import ScriptFacts
from weighbridge.knowledge.callables import CallableKnowledge, Capability, Judgement, Standing
from weighbridge.knowledge.code_names import installed_code_names

_LISTED = 20
RUNS, TOUCHES, REACHES_OUT = "COD001", "COD002", "COD005"
"""Starts programs, runs code or loads native code; touches files or the process; network and pickles."""
_ORDER = (RUNS, REACHES_OUT, TOUCHES)
_RULE_OF: dict[Capability, str] = {
    Capability.TAMPERS_WITH_SCANNER: RUNS,
    Capability.INSTALLS_PACKAGES: RUNS,
    Capability.SPAWNS_PROCESS: RUNS,
    Capability.EXECUTES_CODE: RUNS,
    Capability.LOADS_NATIVE_CODE: RUNS,
    Capability.NETWORK: REACHES_OUT,
    Capability.DESERIALIZES: REACHES_OUT,
    Capability.USES_CREDENTIALS: REACHES_OUT,
    Capability.IMPORTS_BY_NAME: TOUCHES,
    Capability.READS_FILES: TOUCHES,
    Capability.WRITES_FILES: TOUCHES,
    Capability.PROCESS_CONTROL: TOUCHES,
}
"""The first in this order decides. Glue is in every program: what it reaches is judged for itself."""
_JUDGED = frozenset({Standing.DANGEROUS, Standing.REACHES, Standing.CONDITIONAL})
_STARTS = frozenset({Capability.SPAWNS_PROCESS, Capability.EXECUTES_CODE})
_COMMON_METHODS = frozenset({"eval", "query"})
"""Methods of models and tables that have nothing to do with text that is evaluated."""


@dataclass(frozen=True, slots=True)
class Danger:
    """A name that can do harm."""

    rule: str
    judgement: Judgement


def looked_up(facts: ScriptFacts) -> Iterator[str]:
    """Each dotted name that is looked up, without what is done with the results of calls."""
    names = dict.fromkeys(
        name.partition("()")[0]
        for name in (*(call.name for call in facts.calls), *facts.references, *facts.imports)
    )
    starred = [name.removesuffix(".*") for name in facts.imports if name.endswith(".*")]
    for name in names:
        if not name.startswith("<") and not name.endswith(".*"):
            yield name
            if "." not in name:
                yield from (f"{module}.{name}" for module in starred[:_LISTED])


def danger(name: str, knowledge: CallableKnowledge, *, protocol: int = 4) -> Danger | None:
    """What a name can do, under the split into module and name that says most; None for nothing.

    Args:
        name: dotted, as the code spells it.
        knowledge: the tables.
        protocol: 2 for names of Python 2, else 4.
    """
    parts = name.split(".")
    if len(parts) == 1:
        # A bare name is a builtin, or a variable that has the name of a module.
        parts = ["builtins", name]
        if ".".join(parts) not in knowledge.dangerous:
            return None
    splits = range(1, min(len(parts), _LISTED))
    pairs = [(".".join(parts[:split]), ".".join(parts[split:])) for split in splits]
    found = [_in_code(knowledge.judge(*pair, protocol=4)) for pair in pairs]
    if protocol < 4:
        found += [_in_code(knowledge.judge(*pair, protocol=protocol)) for pair in pairs[-1:]]
    known = [each for each in found if each is not None and _is_sure(each, parts, knowledge)]
    dangers = [Danger(rule, each) for each in known if (rule := _rule(each)) is not None]
    return min(dangers, key=lambda each: _ORDER.index(each.rule), default=_by_method(name, knowledge))


def _in_code(judgement: Judgement) -> Judgement | None:
    """What a judgement on an import means for a name in code; None when it means nothing."""
    meaning = installed_code_names().find(judgement.canonical)
    if meaning is not None:
        kinds = () if meaning.capability is None else (meaning.capability,)
        judgement = replace(judgement, capabilities=kinds, why=meaning.why)
    return judgement if _rule(judgement) is not None else None


def _is_sure(judgement: Judgement, parts: list[str], knowledge: CallableKnowledge) -> bool:
    """False where another thing than a module has a module's name: `path.code.index`."""
    canonical = judgement.canonical
    is_spelled = canonical in (".".join(parts), f"subprocess.{parts[-1]}")
    return is_spelled or canonical in knowledge.dangerous or _has_meaning(canonical)


def _has_meaning(canonical: str) -> bool:
    return installed_code_names().find(canonical) is not None


def _by_method(name: str, knowledge: CallableKnowledge) -> Danger | None:
    """`o.system`, where nothing says what the global `o` is."""
    method = name.rpartition(".")[2]
    row = knowledge.dangerous.get(f"*.{method}") if method not in _COMMON_METHODS else None
    if row is None or not set(row.capabilities) & _STARTS:
        return None
    return Danger(TOUCHES, Judgement(Standing.DANGEROUS, name, row.capabilities, row.why))


def _rule(judgement: Judgement) -> str | None:
    if judgement.standing not in _JUDGED:
        return None
    rule = next((rule for kind, rule in _RULE_OF.items() if kind in judgement.capabilities), None)
    # What only a library's source shows depends on arguments that nobody sees here.
    return TOUCHES if rule is not None and judgement.standing is Standing.REACHES else rule
