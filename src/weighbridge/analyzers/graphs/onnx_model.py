"""Judge the parts of an ONNX model as they come, and what only the whole of it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from weighbridge.analyzers.graphs.onnx_operators import Operators
from weighbridge.analyzers.graphs.onnx_tensors import Tensors
from weighbridge.analyzers.graphs.onnx_words import Words
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.any_text import look_at_metadata
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.graphs.onnx_parts import (
    Attribute,
    Function,
    IrVersion,
    Node,
    Opset,
    Part,
    Scope,
    Stray,
    Tensor,
    Text,
    TooDeep,
)
from weighbridge.knowledge.onnx_tables import installed_onnx_tables

_CHECKED_EVERY = 1_000
_MOST_TEXTS = 1_000


def judge_parts(artifact: Artifact, parts: Iterable[Part], context: Context) -> Iterator[Event]:
    """Yield findings and nested files; what was found in sum comes also when the tail is broken.

    Args:
        artifact: whose source the places in `parts` are in.
        parts: of one model.
        context: as for analyzers.
    """
    model = _Model(artifact, context)
    try:
        for number, part in enumerate(parts):
            if number % _CHECKED_EVERY == 0:
                context.budget.check_time()
            yield from model.judge(part)
    except (Malformed, LimitReached, ReadError):
        yield from model.summary()
        raise
    yield from model.summary()


class _Model:
    def __init__(self, artifact: Artifact, context: Context) -> None:
        self._artifact = artifact
        self._operators = Operators(artifact, context, installed_onnx_tables())
        self._tensors = Tensors(artifact)
        self._words = Words(artifact)
        self._texts: dict[str, str] = {}

    def judge(self, part: Part) -> Iterator[Event]:
        match part:
            case Node():
                yield from self._operators.judge(part)
                yield from self._attributes(part.attributes, part.op_type, part.scope)
            case Tensor():
                yield from self._tensors.judge(part)
            case Text():
                yield from self._words.judge(part)
                if len(self._texts) < _MOST_TEXTS:
                    self._texts.setdefault(part.value, part.key)
            case Function():
                self._operators.function(part)
                yield from self._attributes(part.attributes, part.name, part.scope)
            case Opset():
                yield from self._operators.opset(part)
            case IrVersion():
                yield from self._operators.ir_version(part)
            case Stray():
                yield from self._tensors.stray(part)
            case TooDeep():
                yield self._too_deep(part)
            case _:
                assert_never(part)

    def summary(self) -> Iterator[Event]:
        yield from self._tensors.summary()
        yield from self._operators.summary()
        yield from look_at_metadata(self._artifact, ((key, text) for text, key in self._texts.items()))

    def _attributes(self, attributes: Iterable[Attribute], owner: str, scope: Scope) -> Iterator[Event]:
        for attribute in attributes:
            if owner == "EPContext" and attribute.name == "ep_cache_context":
                continue  # handed on as a whole
            for content in attribute.strings:
                what = f"attribute {attribute.name[:80]!r} of {owner[:80]!r}"
                yield from self._tensors.carried(content, what, scope)

    def _too_deep(self, part: TooDeep) -> Finding:
        line = "messages nest deeper than the 100 levels that protobuf libraries read"
        return Finding(
            rule="ONX019",
            path=self._artifact.path,
            subject="nesting",
            evidence=line,
            offset=part.at,
        )
