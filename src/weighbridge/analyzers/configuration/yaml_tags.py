"""Tags of YAML that make a loader import, call or build what they name.

`!!python/...` is PyYAML's, for loaders other than the safe one; `!ruby/object` that of Ruby, `!!a.b.C`
that of SnakeYAML in Java, `!!js/function` that of js-yaml. `!new:`, `!name:` and `!apply:` are those of
HyperPyYAML, which every SpeechBrain model is loaded with, and `!function` that of evaluation harnesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.configuration.target_weights import Weighed, Weight, weigh_target
from weighbridge.analyzers.inspection import Context
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.yaml_tree import YamlTag

_CALLS_DANGEROUS, _BUILDS, _NAMES_KNOWN, _FOREIGN = "CFG010", "CFG011", "CFG012", "CFG013"
_BY_WEIGHT: Final = {
    Weight.RUNS: "CFG001",
    Weight.REACHES: "CFG002",
    Weight.UNKNOWN: "CFG003",
    Weight.KNOWN: "CFG004",
    Weight.LOADS: "CFG005",
    Weight.OPENS: "CFG006",
}
"""HyperPyYAML's tags mean what Hydra's `_target_` means."""

_PYTHON = re.compile(r"python/(object/apply|object/new|object|name|module):(.*)\Z", re.DOTALL)
_HYPER = re.compile(r"!(new|name|apply|applyref|module|obj):(.+)\Z", re.DOTALL)
_RUBY = re.compile(
    r"!?ruby/(?:object|class|module|struct|exception|hash-with-ivars|hash:|array:|string:)"
)
_OTHER = re.compile(r"!?(?:js/function|php/(?:object|function|closure)|perl/(?:code|hash:|obj)|perl:)")
_JAVA = re.compile(r"(?:[a-z]\w*\.)+[A-Z$]\w*(?:\$\w+)*(?:\[\])?\Z")
_CALLING = frozenset({"object/apply", "object/new", "module"})
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Told:
    rule: str
    subject: str
    why: str


def tag_findings(artifact: Artifact, tags: tuple[YamlTag, ...], context: Context) -> Iterator[Finding]:
    """Yield one finding for each thing that tags name, however often they do."""
    groups: dict[tuple[str, str], list[tuple[YamlTag, _Told]]] = {}
    for tag in tags:
        told = _judge(tag, context)
        if told is not None:
            groups.setdefault((told.rule, told.subject), []).append((tag, told))
    for (rule, subject), members in list(groups.items())[:_MOST]:
        tag, told = members[0]
        lines = [f"line {tag.line}: {_spelled(tag)}", told.why]
        names = dict.fromkeys(_spelled(other) for other, _ in members[1:])
        if names:
            lines.append(f"and {len(names):,} more: " + ", ".join(list(names)[:5]))
        yield Finding(
            rule=rule,
            path=artifact.path,
            subject=subject[:200],
            evidence="\n".join(filter(None, lines)),
            route=tag.place,
        )


def _spelled(tag: YamlTag) -> str:
    text = f" {tag.scalar}" if tag.scalar else ""
    return quoted(("!!" if tag.is_core else "") + tag.tag + text)


def _judge(tag: YamlTag, context: Context) -> _Told | None:
    python = _PYTHON.match(tag.tag) if tag.is_core else None
    if python is not None:
        return _python(python[1], python[2] or tag.scalar or "", context)
    if not tag.is_core:
        hyper = _HYPER.match(tag.tag)
        if hyper is not None:
            return _hyper(hyper[2], context)
        if tag.tag == "!function" and tag.scalar:
            return _hyper(tag.scalar, context)
    if _RUBY.match(tag.tag) or _OTHER.match(tag.tag) or (tag.is_core and _JAVA.match(tag.tag)):
        return _Told(_FOREIGN, tag.tag, "an object of another language, built when the file is loaded")
    return None


def _python(kind: str, name: str, context: Context) -> _Told:
    weighed = _weigh(name, context)
    if weighed.weight is Weight.RUNS:
        rule = _CALLS_DANGEROUS
    elif weighed.weight is Weight.REACHES or (weighed.weight is Weight.UNKNOWN and kind in _CALLING):
        rule = _BUILDS
    else:
        rule = _NAMES_KNOWN
    subject = weighed.canonical if rule != _NAMES_KNOWN else weighed.canonical.partition(".")[0]
    return _Told(rule, subject, f"{weighed.canonical[:200]}: {weighed.why}")


def _hyper(name: str, context: Context) -> _Told:
    weighed = _weigh(name, context)
    subject = weighed.canonical
    if weighed.weight is Weight.KNOWN:
        subject = "tags"
    elif weighed.weight is Weight.UNKNOWN:
        subject = weighed.target.partition(".")[0]
    return _Told(_BY_WEIGHT[weighed.weight], subject, f"{weighed.canonical[:200]}: {weighed.why}")


def _weigh(name: str, context: Context) -> Weighed:
    return weigh_target(name.strip()[:500].replace(":", "."), context.callables)
