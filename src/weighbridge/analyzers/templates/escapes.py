"""Ways out of a template into the interpreter, and expressions that never come to an end.

Loaders differ: transformers renders in a sandbox that refuses names with underscores in front, others
have rendered without one (CVE-2024-34359, CVE-2026-5760). The template is the same for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.templates.template_findings import Place, Use, shown
from weighbridge.core.finding import Finding
from weighbridge.formats.templates.facts import (
    Access,
    Call,
    CodeText,
    Cost,
    CostKind,
    How,
    TemplateFacts,
)
from weighbridge.knowledge.callables import HARMFUL, Capability, Standing
from weighbridge.knowledge.chat_templates import ChatTemplates

_REACHES, _RUNS, _GATEWAY, _BUILT, _OTHERS, _ENDLESS, _CONFIGURED = (
    "TPL001", "TPL002", "TPL003", "TPL004", "TPL005", "TPL006", "TPL007"
)  # fmt: skip
_DUNDER: Final = re.compile(r"__[A-Za-z]\w*__\Z")
_DUNDER_WITHIN: Final = re.compile(r"__[a-z_]{2,30}__")
_LONGEST_NAME: Final = 120
_SHALLOW: Final = frozenset({"__class__", "__name__", "__doc__", "__module__", "__qualname__"})
"""Pages and messages of programs write the name of a class; nothing else is reached by these alone."""
_EVERYWHERE: Final = frozenset({"__name__", "__main__", "__doc__", "__init__", "__str__", "__repr__"})
"""Names that texts about Python hold. As the name of a look-up they count all the same."""
_ORDINARY: Final = frozenset(dir(str)) | frozenset(dir(dict)) | frozenset(dir(list))
_HARM: Final = HARMFUL - {Capability.PROCESS_CONTROL}
_BUILTINS: Final = frozenset({"eval", "exec", "execfile", "compile", "__import__", "open", "getattr"})
_DOUBLES: Final = "doubles in each round"


def escape_findings(
    place: Place, facts: TemplateFacts, tables: ChatTemplates, context: Context
) -> Iterator[Finding]:
    """Yield what leads out of the template."""
    for told in (
        *(_access(place, one, tables) for one in facts.accesses),
        *(_text(place, one, tables) for one in facts.texts),
        *(_call(place, one, context) for one in facts.calls),
        *(_cost(place, one) for one in facts.costs),
    ):
        if told is not None:
            yield told
    if place.use is Use.CHAT:
        for directive in facts.directives:
            target = shown(directive.target) if directive.target is not None else "a name that is built"
            evidence = f"{directive.kind} {target}"
            told = place.finding(_OTHERS, evidence, evidence, line=directive.line)
            if told is not None:
                yield told


def _rule(place: Place, rule: str) -> str:
    return _CONFIGURED if place.use is Use.EXPRESSION else rule


def _access(place: Place, access: Access, tables: ChatTemplates) -> Finding | None:
    name = access.name
    if name is None:
        return _computed(place, access, tables)
    if name in tables.internals or _DUNDER.match(name):
        why = tables.internals.get(name, "a special name of Python")
        if name in _SHALLOW and place.use is not Use.CHAT:
            return None
        folds = "" if name in access.expression else f" folds to {shown(name)},"
        evidence = f"{access.expression}{folds}\n{name}: {why}"
        return place.finding(_rule(place, _REACHES), name, evidence, line=access.line)
    is_hidden = name.startswith("_") and access.root == "self"
    is_function = access.root in tables.functions and not access.chain and access.root != "self"
    if is_hidden or (is_function and place.use is not Use.EXPRESSION):
        why = tables.functions.get(access.root, "")
        evidence = f"{access.expression}\n{access.root}: {why}; {name} is looked up in it"
        return place.finding(_GATEWAY, f"{access.root}.{name}", evidence, line=access.line)
    return None


def _computed(place: Place, access: Access, tables: ChatTemplates) -> Finding | None:
    """A name that the text does not show."""
    is_text_inside = access.root == "''" or any(one.startswith("__") for one in access.chain)
    is_special = any("__" in piece or piece.startswith("_") for piece in access.pieces)
    is_gateway = access.root in tables.functions or is_text_inside or is_special
    if access.how is How.FILTER or (access.is_built and is_gateway):
        what = "the name that is looked up is put together when the template is rendered"
        subject = f"{access.how} of {access.root or 'a value'}"
        return place.finding(_GATEWAY, subject, f"{access.expression}\n{what}", line=access.line)
    if place.use is not Use.CHAT:
        return None
    if access.is_built or access.is_from_content or access.how is How.PATH:
        what = (
            "the name that is looked up is what a message says"
            if access.is_from_content
            else "the name that is looked up is put together when the template is rendered"
        )
        subject = f"{access.how} of {access.root or 'a value'}"
        return place.finding(_BUILT, subject, f"{access.expression}\n{what}", line=access.line)
    return None


def _text(place: Place, text: CodeText, tables: ChatTemplates) -> Finding | None:
    """A short text that is, or holds, one of the names: it is there to be used as one."""
    if len(text.text) > _LONGEST_NAME or any(one.isspace() for one in text.text.strip()):
        return None
    found = [
        one
        for one in _DUNDER_WITHIN.findall(text.text)
        if one in tables.internals and one not in _EVERYWHERE
    ]
    if not found:
        return None
    if set(found) <= _SHALLOW and place.use is not Use.CHAT:
        return None
    evidence = f"{text.expression}\nfolds to {shown(text.text)}"
    return place.finding(_rule(place, _REACHES), found[0], evidence, line=text.line)


def _call(place: Place, call: Call, context: Context) -> Finding | None:
    """A call whose name says that it runs something: the same tables as for pickles."""
    name = call.chain[-1]
    if len(call.chain) == 1:
        if name not in _BUILTINS:
            return None
        module = "builtins"
    elif name in _ORDINARY:
        return None
    else:
        module = call.chain[-2]
    judged = context.callables.judge(module, name, protocol=4)
    if judged.standing is not Standing.DANGEROUS and name not in _BUILTINS:
        return None
    harm = [one for one in judged.capabilities if one in _HARM or name == "getattr"]
    if not harm:
        return None
    what = f"{judged.canonical} can {harm[0].words}"
    rule = _rule(place, _RUNS)
    return place.finding(rule, judged.canonical, f"{call.expression}\n{what}", line=call.line)


def _cost(place: Place, cost: Cost) -> Finding | None:
    amount = _DOUBLES if cost.kind is CostKind.DOUBLING else f"{cost.amount:,} steps or characters"
    evidence = f"{cost.expression}\n{cost.kind}: {amount}"
    return place.finding(_ENDLESS, str(cost.kind), evidence, line=cost.line)
