"""Judge one template by its facts, or by its text where it can't be parsed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.templates.braces import braced
from weighbridge.analyzers.templates.escapes import escape_findings
from weighbridge.analyzers.templates.instructions import instruction_findings
from weighbridge.analyzers.templates.literal_texts import literal_findings
from weighbridge.analyzers.templates.template_findings import Place, Use, shown
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.kinds import Format
from weighbridge.formats.templates.facts import Emission
from weighbridge.knowledge.chat_templates import (
    ChatTemplates,
    installed_chat_templates,
    template_digest,
)

_REACHES, _CONFIGURED, _UNREADABLE, _KNOWN = "TPL001", "TPL007", "TPL020", "TPL021"
CARRIES: Final = "TPL022"
"""Every chat template; the last word of its subject is `template_digest`."""
_BRACES: Final = {"{{": "}}", "{%": "%}"}
_LITERAL: Final = re.compile(r"'((?:[^'\\]|\\.){1,5000})'|\"((?:[^\"\\]|\\.){1,5000})\"", re.DOTALL)
_SEARCHED_CHARS: Final = 1 << 18
_ORDINARY: Final = frozenset({"__name__", "__doc__", "__class__", "constructor"})
_LONGEST_EXPRESSION: Final = 400
_MOST_REGIONS: Final = 20_000


def judge_template(
    place: Place, text: str, context: Context, tables: ChatTemplates | None = None
) -> Iterator[Event]:
    """Yield what a Jinja template shows, by the installed tables when none are given.

    A chat template that can't be parsed is searched as text, and the coverage says so: a runtime with
    a parser of its own may accept it.
    """
    from weighbridge.formats.templates.walk import read_template  # jinja2 is slow to load

    context.budget.check_time()
    tables = tables or installed_chat_templates()
    if place.use is Use.CHAT:
        yield from _identified(place, text, tables)
    try:
        facts = read_template(text)
    except (Malformed, LimitReached) as error:
        yield from _unread(place, text, tables, error)
        return
    yield from escape_findings(place, facts, tables, context)
    if place.use is Use.CHAT:
        yield from instruction_findings(place, facts, tables)
        yield from literal_findings(place, facts.emissions, tables)
    if facts.is_cut and place.use is not Use.EXPRESSION:
        detail = "loops, macros or texts in it are more than what is followed; read it yourself"
        yield _row(place, detail)


def _identified(place: Place, text: str, tables: ChatTemplates) -> Iterator[Event]:
    """Say which template it is: copies of it, in other files, are compared by that."""
    digest = template_digest(text)
    known = tables.known.get(digest)
    found = [place.finding(CARRIES, digest, f"sha256 {digest}, {len(text):,} characters")]
    if known is not None:
        evidence = f"{known.name} of {known.source}, read {known.day}"
        found.append(place.finding(_KNOWN, known.name, evidence))
    yield from (one for one in found if one is not None)


def _unread(
    place: Place, text: str, tables: ChatTemplates, error: Malformed | LimitReached
) -> Iterator[Event]:
    searched = text[:_SEARCHED_CHARS]
    told = _names_in_code(place, searched, tables)
    if told is not None:
        yield told
    if place.use is not Use.CHAT:
        return
    yield from literal_findings(place, _loose_emissions(searched), tables)
    reason = error.reason if isinstance(error, Malformed) else str(error)
    told = place.finding(_UNREADABLE, "unreadable", f"Jinja does not read it: {reason}")
    if told is not None:
        yield told
    yield _row(place, f"the template can't be parsed ({reason}): only its text was searched")


def _names_in_code(place: Place, text: str, tables: ChatTemplates) -> Event | None:
    """A name that leads out of a template, between its braces, spelled plainly or with escapes."""
    for code in braced(text, _BRACES, most=_MOST_REGIONS):
        if place.use is Use.EXPRESSION and len(code.code) > _LONGEST_EXPRESSION:
            continue  # braces of something else, far apart
        plain = _unescaped(code.code)
        for name in re.findall(r"[A-Za-z_]\w{3,40}", plain):
            if name in tables.internals and name not in _ORDINARY:
                rule = _CONFIGURED if place.use is Use.EXPRESSION else _REACHES
                line = text.count("\n", 0, code.start) + 1
                evidence = f"{shown(plain, plain.find(name))}\n{name}: {tables.internals[name]}"
                return place.finding(rule, name, evidence, line=line)
    return None


def _unescaped(code: str) -> str:
    if "\\" not in code:
        return code
    try:
        return codecs.decode(code.encode("ascii", "backslashreplace"), "unicode-escape")
    except (UnicodeDecodeError, ValueError):
        return code


def _loose_emissions(text: str) -> Iterator[Emission]:
    """What stands outside of the braces, and the literals inside, without the tests around them."""
    at = line = 0
    for code in braced(text, _BRACES, most=_MOST_REGIONS):
        yield _loose(line, text[at : code.start])
        line += text.count("\n", at, code.start)
        for literal in _LITERAL.finditer(code.code):
            yield _loose(line, _unescaped(literal[1] or literal[2] or ""))
        line += text.count("\n", code.start, code.stop)
        at = code.stop
    yield _loose(line, text[at:])


def _loose(line: int, part: str) -> Emission:
    return Emission(part, line + 1, "", (), begins_answer=False)


def _row(place: Place, detail: str) -> Coverage:
    where = f"{place.route}: " if place.route else ""
    return Coverage(
        path=place.artifact.path, format=Format.TEXT, outcome=Outcome.LIMITED, detail=f"{where}{detail}"
    )
