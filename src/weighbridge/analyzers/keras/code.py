"""Compiled Python in a Keras configuration: Lambda layers, in each way that releases have written them.

    1.x, 2.0    "function": marshal data as text, one character a byte
    2.x         "function": [base64, defaults, closure], "function_type": "lambda"
    2.12 on     {"class_name": "__lambda__", "config": {"value": [base64, defaults, closure]}}
    3.x         {"class_name": "__lambda__", "config": {"code": base64, ...}}

`output_shape` and `mask` of a Lambda hold code in the same way. The loader decodes base64 leniently
and takes the text as it is when that fails; so do we.
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.pickle.code_judgement import (
    EmbeddedCode,
    JudgedCode,
    code_coverage,
    code_findings,
    judge_code,
    place_of,
    unread_code,
)
from weighbridge.analyzers.pickle.code_names import looked_up
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.bytecode.marshal_reader import MAX_BYTES, read_marshal
from weighbridge.formats.bytecode.values import CodeObject
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.keras.config import KerasNode, NodeKind
from weighbridge.formats.scripts.facts import Unknown
from weighbridge.knowledge.callables import Capability, Judgement, Standing

_CARRIES_CODE, _OUT_OF_PLACE = "KER001", "KER019"
_INNARDS = frozenset({"__subclasses__", "__globals__", "__builtins__", "__bases__", "__mro__"})
_WRITING = frozenset("wax+")
_MAX_CODES = 500
_SHOWN = 6
_LISTED = 20
_LEAST_CODE_CHARS = 24
_CODE_BYTES = (b"\xe3", b"c")
KNOWN_NAMES: Final[Mapping[str, str]] = {
    "tf": "tensorflow",
    "np": "numpy",
    "K": "keras.backend",
    "keras": "keras",
}
"""What programs call the modules that their Lambdas use; the loader has them under these names."""


def code_texts(node: KerasNode) -> Iterator[tuple[str, str]]:
    """Yield (key, text) of each text of a node that its loader takes for code."""
    if node.kind is NodeKind.LAMBDA:
        for key in ("code", "value"):
            yield from ((key, text) for text in _code_text(node.get(key), least=1))
    elif node.name == "Lambda":
        for key in ("function", "output_shape", "mask"):
            stated = node.get(f"{key}_type")
            if stated in (None, "lambda"):
                least = 1 if stated else _LEAST_CODE_CHARS
                yield from ((key, text) for text in _code_text(node.get(key), least=least))


def _code_text(value: Json, *, least: int) -> Iterator[str]:
    """A function's name, and the numbers of a shape, are no code."""
    if isinstance(value, str):
        if len(value) >= least and (least == 1 or not value.isidentifier()):
            yield value
    elif isinstance(value, Sequence) and value and isinstance(value[0], str):
        yield value[0]
    elif isinstance(value, Mapping) and isinstance(value.get("code"), str):
        yield str(value["code"])


@dataclass(slots=True)
class CodeJudge:
    """Judges the code of one configuration, and tells at the end what was harmless."""

    artifact: Artifact
    context: Context
    precondition: str
    """When the code would run, in words."""
    judged: list[JudgedCode] = field(default_factory=list)
    count: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)

    def judge(self, text: str, maker: str, route: str) -> Iterator[Event]:
        """Judge what a loader would make a function of."""
        self.count += 1
        if self.count > _MAX_CODES:
            if self.count == _MAX_CODES + 1:
                detail = f"more than {_MAX_CODES:,} code objects; the first ones were read"
                yield code_coverage(self.artifact, Outcome.LIMITED, detail)
            return
        self.context.budget.check_time()
        code, problem = read_code(text)
        embedded = EmbeddedCode(code, maker, KNOWN_NAMES, None, route, problem)
        if code is None:
            yield from unread_code(self.artifact, embedded)
            return
        judged = _without_graphs(judge_code(embedded, code, self.context.callables))
        self.judged.append(judged)
        if not judged.facts.is_complete:
            detail = f"the instructions of the code at {route} were read in part"
            yield code_coverage(self.artifact, Outcome.LIMITED, detail)
        for finding in code_findings(self.artifact, judged):
            if (finding.rule, finding.subject) not in self.seen:
                self.seen.add((finding.rule, finding.subject))
                yield finding
        yield from self.out_of_place(judged)

    def out_of_place(self, judged: JudgedCode) -> Iterator[Finding]:
        """What reads nothing and computes nothing: files that are written, ways around a name."""
        words = (part for name in judged.facts.references for part in name.split("."))
        subjects = dict.fromkeys(f"reaches for {word}" for word in words if word in _INNARDS)
        subjects |= dict.fromkeys(f"calls {name}" for name in _writers(judged))
        if subjects:
            place = f"{place_of(judged)}, made by {judged.embedded.maker}"
            yield Finding(
                rule=_OUT_OF_PLACE,
                path=self.artifact.path,
                subject=next(iter(subjects))[:200],
                evidence="\n".join([place, *list(subjects)[:_LISTED]]),
                route=judged.embedded.route,
            )

    def rest(self) -> Iterator[Finding]:
        """Yield that there is code at all, and when it runs."""
        if not self.judged:
            return
        names = list(dict.fromkeys(name for one in self.judged for name in looked_up(one.facts)))
        lines = [f"{one.embedded.route}: {place_of(one)}" for one in self.judged[:_SHOWN]]
        if len(self.judged) > _SHOWN:
            lines.append(f"and {len(self.judged) - _SHOWN:,} more")
        if names:
            more = ", ..." if len(names) > _LISTED else ""
            lines.append(f"names {', '.join(names[:_LISTED])}{more}"[:500])
        lines.append(self.precondition)
        yield Finding(
            rule=_CARRIES_CODE,
            path=self.artifact.path,
            subject=", ".join(dict.fromkeys(one.embedded.maker for one in self.judged[:_SHOWN])),
            evidence="\n".join(lines),
            route=self.judged[0].embedded.route,
        )


def _writers(judged: JudgedCode) -> Iterator[str]:
    """Names of calls that write files; `open` does so in a mode that says it."""
    writes = {
        name
        for dangers in judged.dangers.values()
        for name, one in dangers.items()
        if Capability.WRITES_FILES in one.capabilities and one.standing is not Standing.REACHES
    }
    for call in judged.facts.calls:
        if call.name not in writes:
            continue
        if call.name in ("open", "builtins.open", "io.open"):
            mode = dict(call.keywords).get("mode", call.arguments[1] if len(call.arguments) > 1 else "r")
            if isinstance(mode, str) and mode is not Unknown.COMPUTED and not _WRITING & set(mode):
                continue
        yield call.name


def _without_graphs(judged: JudgedCode) -> JudgedCode:
    """Leave out what only the source of a framework shows: its arithmetic reaches everything."""
    kept = {
        rule: {name: one for name, one in dangers.items() if not _is_graph(one)}
        for rule, dangers in judged.dangers.items()
    }
    return replace(judged, dangers={rule: dangers for rule, dangers in kept.items() if dangers})


def _is_graph(judgement: Judgement) -> bool:
    top = judgement.canonical.partition(".")[0]
    return judgement.standing is Standing.REACHES and top in KNOWN_NAMES.values()


def read_code(text: str) -> tuple[CodeObject | None, str]:
    """Return the code object that the loader would make of a text, or why there is none."""
    problem = "it is no marshal data"
    for data in _readings(text):
        if len(data) > MAX_BYTES:
            return None, "it is too large"
        try:
            value = read_marshal(data).value
        except Malformed as error:
            problem = str(error)
            continue
        if isinstance(value, CodeObject):
            return value, ""
    return None, problem


def is_code(data: bytes) -> bool:
    """True for marshal data of a code object."""
    if data[:1] not in _CODE_BYTES or len(data) > MAX_BYTES:
        return False
    try:
        return isinstance(read_marshal(data).value, CodeObject)
    except Malformed:
        return False


def hidden_code(text: str) -> bool:
    """True for base64 of a code object, in a place where no loader looks for one."""
    if text.lstrip()[:1] not in ("Y", "4"):  # what `c` and 0xE3 begin with
        return False
    with contextlib.suppress(UnicodeEncodeError, binascii.Error):
        return is_code(binascii.a2b_base64(text.encode("ascii")))
    return False


def _readings(text: str) -> Iterator[bytes]:
    with contextlib.suppress(UnicodeEncodeError, binascii.Error):
        yield binascii.a2b_base64(text.encode("ascii"))
    yield text.encode("raw_unicode_escape", "replace")
