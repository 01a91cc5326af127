"""R objects: promises that run on first use, formulas that call programs, and functions that could."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from weighbridge.analyzers.carried_texts import harmful_programs
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.bytesource.spooled import SpooledStream
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.inflate import Salvage
from weighbridge.formats.kinds import Format
from weighbridge.formats.languages.rds import parse_rds
from weighbridge.formats.languages.rds_code import (
    MappedFile,
    Place,
    RCall,
    RFact,
    Startup,
    Unevaluated,
    deparse,
    find_code,
    literals,
)
from weighbridge.formats.languages.rds_lazyload import read_blocks
from weighbridge.knowledge.language_tables import Meaning, Strength, r_functions

_PROMISE_RUNS, _PROMISE_CALLS, _RUNS_ALONE = "RDS001", "RDS002", "RDS003"
_STARTUP, _FORMULA, _FUNCTION = "RDS004", "RDS005", "RDS006"
_BUILDS_CODE, _MAPPED, _HARMFUL = "RDS007", "RDS008", "RDS009"
_OLD_WORKSPACES = (b"RDX1\n", b"RDA1\n", b"RDB1\n")
_RULE_OF_RUNS = {
    Place.TOP_PROMISE: _PROMISE_RUNS,
    Place.PROMISE: _RUNS_ALONE,
    Place.ACTIVE_BINDING: _RUNS_ALONE,
    Place.STARTUP: _RUNS_ALONE,
    Place.FORMULA: _FORMULA,
    Place.CLOSURE: _FUNCTION,
    Place.LANGUAGE: _FUNCTION,
    Place.EVALUATED: _FUNCTION,
}
_EXAMPLES = 20
_WORDS = 32
_COMMAND_CHARS = 4_096


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Read the object and judge the code in it."""
    if bytes(artifact.source.read_at(0, 5)) in _OLD_WORKSPACES:
        detail = "a workspace of R before 1.4: load it in a sandbox and save it again"
        yield _row(artifact, Outcome.UNSUPPORTED, detail)
        return
    file = parse_rds(artifact.source, context.budget)
    yield from _findings(artifact, find_code(file))
    if file.error is not None:
        raise file.error
    if file.end < artifact.source.size:
        rest = SliceSource(artifact.source, file.end, artifact.source.size - file.end)
        yield artifact.nested("trailing", rest)


def inspect_lazyload(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Hand on each block of an `.rdb` file: R reads them by the offsets of its `.rdx`."""
    for block in read_blocks(artifact.source, context.budget):
        if not block.is_zlib:
            yield _row(artifact, Outcome.UNSUPPORTED, "blocks that are compressed with bzip2 or xz")
            return
        salvage = Salvage(block.chunks())
        stream = SpooledStream(salvage)
        _ = stream.size  # asking for the size decompresses to the end
        yield artifact.nested(f"block at {block.offset}", stream)
        if salvage.error is not None:
            raise salvage.error


def _row(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    return Coverage(path=artifact.path, format=Format.RDS, outcome=outcome, detail=detail)


def _findings(artifact: Artifact, facts: Iterator[RFact]) -> Iterator[Finding]:
    """One finding for each rule and subject; further places of the same are related."""
    merged: dict[tuple[str, str], Finding] = {}
    for fact in facts:
        finding = _finding(artifact, fact)
        if finding is None:
            continue
        key = (finding.rule, finding.subject)
        first = merged.get(key)
        if first is None:
            merged[key] = finding
        elif finding.route not in (first.route, *first.related) and len(first.related) < _EXAMPLES:
            merged[key] = replace(first, related=(*first.related, finding.route))
    yield from merged.values()


def _finding(artifact: Artifact, fact: RFact) -> Finding | None:
    match fact:
        case Unevaluated():
            if fact.place is not Place.TOP_PROMISE:
                return None
            return _made(artifact, _PROMISE_CALLS, "promise", fact.text, fact.route)
        case Startup():
            evidence = f"{fact.name} is bound to a function of the file"
            return _made(artifact, _STARTUP, fact.name, evidence, fact.route)
        case MappedFile():
            evidence = (
                f"{fact.class_name} of {', '.join(quoted(path) for path in fact.paths) or 'a file'}"
            )
            return _made(artifact, _MAPPED, fact.class_name, evidence, fact.route)
        case RCall():
            return _call_finding(artifact, fact)


def _call_finding(artifact: Artifact, call: RCall) -> Finding | None:
    meaning = r_functions().get(call.name)
    if meaning is None:
        return None
    rule = _rule(call, meaning)
    evidence = f"{deparse(call.node)}\n{call.name}: {meaning.what}; in {call.place.value}"
    return _made(artifact, rule, call.name, evidence, call.route)


def _rule(call: RCall, meaning: Meaning) -> str:
    waits = meaning.strength is Strength.STARTS and _RULE_OF_RUNS[call.place] == _FUNCTION
    if waits and (call.place is Place.LANGUAGE or _is_harmful(call)):
        return _HARMFUL
    if meaning.strength in (Strength.RUNS, Strength.STARTS) or call.place is Place.TOP_PROMISE:
        return _RULE_OF_RUNS[call.place]
    return _BUILDS_CODE


def _is_harmful(call: RCall) -> bool:
    """True for a command that downloads and runs, opens a shell to a host, and the like."""
    command = " ".join(islice(literals(call.node), _WORDS))
    return next(harmful_programs(command[:_COMMAND_CHARS]), None) is not None


def _made(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, route=route)
