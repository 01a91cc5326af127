"""fickling: a decompiler of pickles with analyses of its own.

It reads symbolically: `Pickled.load` decodes opcodes and `check_safety` walks the syntax tree that
it made of them. Neither imports, calls or unpickles what the pickle names. (Its `load`, hooks and
import hook do; they are never used here.)

It rates almost every pickle that holds a class as unsafe, so it is asked only where something is
not allow-listed, and alone it never makes more than a finding of medium severity.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from weighbridge.core.limits import MIB, Budget
from weighbridge.formats.kinds import Format
from weighbridge.opinions.carving import carve
from weighbridge.opinions.installed import missing, version_of
from weighbridge.opinions.interface import (
    EngineName,
    Objection,
    OpinionResult,
    Stance,
    Subject,
    failed,
    limited,
    skipped,
    stated,
)

if TYPE_CHECKING:
    from fickling.analysis import AnalysisResult, AnalysisResults
    from fickling.fickle import Pickled

MAX_BYTES = 4 * MIB
MAX_OPCODES = 100_000
"""Its time and memory per opcode are a hundred times ours."""
_SOURCE_CHARS = 4000
_OBJECTIONS = 20
_INCONCLUSIVE = frozenset({"ResourceExhaustion", "InterpretationError"})


class FicklingOpinion:
    """Asks the fickling library about each pickle of an artifact."""

    name = EngineName.FICKLING

    def is_available(self) -> str | None:
        return missing("fickling", "pip install 'fickling>=0.1.12,<0.2' typing_extensions")

    def version(self) -> str | None:
        return version_of("fickling")

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        if Format.PICKLE not in subject.formats:
            return skipped("fickling reads pickles only")
        if not subject.is_suspect:
            return skipped(
                "all that this pickle names is allow-listed; fickling would object to most of it"
            )
        carved = carve(
            subject.artifact.source, budget.limits, max_bytes=MAX_BYTES, max_opcodes=MAX_OPCODES
        )
        if carved.beyond is not None:
            return limited(f"not shown to fickling: {carved.beyond}")
        results = []
        for offset, data in carved.pickles:
            budget.check_time()
            results.append(_judge(data, offset))
        return _merged(results)


def _judge(data: bytes, offset: int) -> OpinionResult:
    from fickling.analysis import check_safety
    from fickling.fickle import Pickled

    try:
        pickled = Pickled.load(data, fail_on_decode_error=True)
        results = check_safety(pickled)
    except NotImplementedError as error:  # opcodes that fickling leaves out: FLOAT, PERSID, BYTEARRAY8
        return failed(f"fickling can't read this pickle ({error})")
    objections = _objections(results, offset)
    source = _source(pickled)
    if objections:
        return stated(objections, source)
    unsure = _inconclusive(pickled, results)
    return failed(f"fickling came to no conclusion: {unsure}", source) if unsure else stated((), source)


def _objections(results: AnalysisResults, offset: int) -> tuple[Objection, ...]:
    """One for each thing that it rates overtly malicious; else one for all that it rates unsafe."""
    from fickling.analysis import Severity

    real = [result for result in results.results if result.analysis_name not in _INCONCLUSIVE]
    overt = [result for result in real if result.severity >= Severity.LIKELY_OVERTLY_MALICIOUS]
    if overt:
        return tuple(_objection("OPN001", result, offset) for result in overt[:_OBJECTIONS])
    unsafe = [r for r in real if r.severity >= Severity.LIKELY_UNSAFE and r.analysis_name is not None]
    return tuple(_objection("OPN002", result, offset) for result in unsafe[:1])


def _objection(rule: str, result: AnalysisResult, offset: int) -> Objection:
    subject = result.trigger or result.analysis_name or "pickle"
    evidence = f"fickling, {result.severity.name}: {result}"[:_SOURCE_CHARS]
    return Objection(rule=rule, subject=subject, evidence=evidence, offset=offset)


def _inconclusive(pickled: Pickled, results: AnalysisResults) -> str | None:
    if pickled.has_resource_exhaustion:
        return "it ran into its own limits"
    if pickled.has_interpretation_error:
        return "it could not follow the opcodes"
    names = {result.analysis_name for result in results.results}
    return "one of its analyses broke off" if names & _INCONCLUSIVE else None


def _source(pickled: Pickled) -> str:
    """What it decompiles the pickle to, cut: Python for people, never run."""
    lines = []
    length = 0
    for statement in pickled.ast.body:
        lines.append(ast.unparse(statement))
        length += len(lines[-1])
        if length > _SOURCE_CHARS:
            break
    return "\n".join(lines)[:_SOURCE_CHARS]


def _merged(results: list[OpinionResult]) -> OpinionResult:
    """Objections of any pickle count; a pickle that it could not read leaves no clean whole."""
    if not results:
        return failed("there is no pickle in it that could be shown to fickling")
    objections = tuple(objection for result in results for objection in result.objections)
    evidence = "\n".join(result.evidence for result in results if result.evidence)[:_SOURCE_CHARS]
    broken = next((result for result in results if result.stance is Stance.FAILED), None)
    if broken is not None and not objections:
        return failed(broken.reason, evidence)
    return stated(objections[:_OBJECTIONS], evidence)
