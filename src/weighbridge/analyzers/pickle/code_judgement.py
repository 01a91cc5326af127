"""Judge compiled code by what it names and calls, whatever file carries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weighbridge.analyzers.inspection import Event
from weighbridge.analyzers.pickle.code_names import REACHES_OUT, RUNS, danger, looked_up
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.bytecode.facts import code_facts, likely_versions
from weighbridge.formats.bytecode.values import CodeObject, Layout, Version
from weighbridge.formats.pickle.decompile import cut
from weighbridge.formats.scripts.facts import Argument, ScriptCall, ScriptFacts, Unknown
from weighbridge.knowledge.callables import CallableKnowledge, Judgement

if TYPE_CHECKING:
    from weighbridge.knowledge.payloads import Classified

_SHOWN = 6
_LISTED = 20
_LINE_CHARS = 240
_EMBEDDED, _UNREAD, _PAYLOAD = "COD003", "COD004", "COD006"
_MALICIOUS = frozenset({"reverse-shell", "download-and-run", "persistence"})
"""Classes that no model's own code has a reason to be of. Others are said in the evidence."""
_UNTOLD = frozenset({"unclassified", "demonstration"})


@dataclass(frozen=True, slots=True)
class EmbeddedCode:
    """One code object that loading a file would make, with all that is nested in it.

    Attributes:
        code: None when it can't be read; `problem` says why.
        maker: what makes it: a dotted name, the expression that gives it, or the layer that has it.
        known: what global names of its functions stand for, as the file or its loader sets them.
        offset: of the call that makes it, in the file; None where a place has no offset.
        route: the opcode's name, or the place within a document.
    """

    code: CodeObject | None
    maker: str
    known: Mapping[str, str]
    offset: int | None
    route: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class JudgedCode:
    """One code object, what it does, and what is known of that.

    Attributes:
        dangers: by rule, the names that it uses, as it spells them, and why they matter.
    """

    embedded: EmbeddedCode
    code: CodeObject
    facts: ScriptFacts
    dangers: dict[str, dict[str, Judgement]]
    classes: tuple[Classified, ...]


def judge_code(embedded: EmbeddedCode, code: CodeObject, knowledge: CallableKnowledge) -> JudgedCode:
    """Read a code object and judge every name that it uses."""
    from weighbridge.knowledge.payloads import classify  # slow to load, and most pickles hold no code

    facts = code_facts(code, embedded.known)
    dangers: dict[str, dict[str, Judgement]] = {}
    for name in looked_up(facts):
        found = danger(name, knowledge, protocol=2 if code.layout is Layout.PYTHON2 else 4)
        if found is not None:
            dangers.setdefault(found.rule, {})[name] = found.judgement
    return JudgedCode(embedded, code, facts, dangers, classify(facts))


def code_findings(artifact: Artifact, judged: JudgedCode) -> Iterator[Finding]:
    """Yield one finding for each rule that the code breaks; none where it names nothing dangerous."""
    for rule, dangers in sorted(judged.dangers.items()):
        lines = [place_of(judged), *_lines(judged, dangers), *_classes(judged)]
        subject = f"{next(iter(dangers.values())).canonical} in {title_of(judged)}"
        yield _finding(artifact, rule, judged.embedded, subject, lines)
    malicious = [each for each in judged.classes if each.kind in _MALICIOUS]
    # A text that says `pip install` is no payload when nothing runs it.
    if malicious and judged.dangers.keys() & {RUNS, REACHES_OUT}:
        subject = f"{malicious[0].kind.value} in {title_of(judged)}"
        lines = [place_of(judged), *_classes(judged)]
        yield _finding(artifact, _PAYLOAD, judged.embedded, subject, lines)


def _finding(
    artifact: Artifact, rule: str, embedded: EmbeddedCode, subject: str, lines: list[str]
) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=cut(subject, _LINE_CHARS),
        evidence="\n".join(cut(line, _LINE_CHARS) for line in lines),
        offset=embedded.offset,
        route=embedded.route,
    )


def harmless_code(artifact: Artifact, harmless: list[JudgedCode]) -> Finding:
    """Return the one finding that says which code is there and names nothing dangerous."""
    titles = list(dict.fromkeys(title_of(judged) for judged in harmless))
    names = list(dict.fromkeys(name for judged in harmless for name in looked_up(judged.facts)))
    lines = [place_of(judged) for judged in harmless[:_SHOWN]]
    if len(harmless) > _SHOWN:
        lines.append(f"and {len(harmless) - _SHOWN:,} more")
    if names:
        lines.append(f"they name {', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}")
    subject = ", ".join(titles[:_SHOWN])
    return _finding(artifact, _EMBEDDED, harmless[0].embedded, subject, lines)


def unread_code(artifact: Artifact, embedded: EmbeddedCode) -> Iterator[Event]:
    """Yield what to say of code that can't be read."""
    line = f"{embedded.maker} makes code that can't be read: {embedded.problem}"
    yield _finding(artifact, _UNREAD, embedded, embedded.maker, [line])
    yield code_coverage(artifact, Outcome.FAILED, line)


def code_coverage(artifact: Artifact, outcome: Outcome, detail: str) -> Coverage:
    """Return the row of a code object that was read in part, or not at all."""
    detail = cut(detail, _LINE_CHARS)
    return Coverage(path=artifact.path, format="python-code", outcome=outcome, detail=detail)


def title_of(judged: JudgedCode) -> str:
    """Return the function's name."""
    title = judged.code.title[:80]
    return title if title.isprintable() else repr(title)


def place_of(judged: JudgedCode) -> str:
    """Return a line that says what the code is and where it comes from."""
    code = judged.code
    filename = cut(code.filename, 80)
    where = f"{filename!r}, line {code.first_line}"
    versions = _release(likely_versions(code))
    return f"{title_of(judged)} of {where} ({versions}), made by {judged.embedded.maker}"


def _release(versions: tuple[Version, ...]) -> str:
    if not versions:
        return "no known Python"
    oldest, newest = (f"{major}.{minor}" for major, minor in (min(versions), max(versions)))
    return f"Python {oldest}" if oldest == newest else f"Python {oldest} to {newest}"


def _lines(judged: JudgedCode, dangers: dict[str, Judgement]) -> Iterator[str]:
    calls = [call for call in judged.facts.calls if call.name.partition("()")[0] in dangers]
    yield from (f"calls {_call(call)}" for call in calls[:_SHOWN])
    names = dict.fromkeys(
        f"names {judgement.canonical}: {judgement.why}" for judgement in dangers.values()
    )
    yield from list(names)[:_SHOWN]
    left = len(calls[_SHOWN:]) + len(list(names)[_SHOWN:])
    if left:
        yield f"and {left:,} more"


def _call(call: ScriptCall) -> str:
    given = [_argument(argument) for argument in call.arguments[:_SHOWN]]
    given += [f"{name}={_argument(value)}" for name, value in call.keywords[:_SHOWN]]
    return f"{call.name}({', '.join(given)})"


def _argument(value: Argument) -> str:
    if isinstance(value, Unknown):
        return "..."
    if isinstance(value, tuple):
        return f"[{', '.join(_argument(item) for item in value[:_SHOWN])}]"
    return repr(value[:_LINE_CHARS] if isinstance(value, str | bytes) else value)[:_LINE_CHARS]


def _classes(judged: JudgedCode) -> Iterator[str]:
    for each in judged.classes:
        if each.kind not in _UNTOLD:
            yield f"reads as {each.kind.value} ({each.why}): {each.witness}"
