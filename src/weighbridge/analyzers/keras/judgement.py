"""Judge a Keras configuration: layers, functions and objects that a loader would make from it.

The same judgement serves `config.json` of a `.keras` archive, the attributes of an HDF5 model, the
metadata of a SavedModel, and an architecture that was saved on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras.code import CodeJudge, code_texts, hidden_code, is_code
from weighbridge.analyzers.keras.names import (
    Named,
    Naming,
    canonical_module,
    functions_of_lambda,
    judge_name,
)
from weighbridge.analyzers.keras.parts import special_parts
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.keras.config import KerasNode, KerasText, NodeKind, walk_keras
from weighbridge.formats.keras.payloads import decoded_file
from weighbridge.formats.scripts.layers import PeelBudget, peel

_HARMFUL, _FOREIGN, _GADGET, _IMPORTED = "KER002", "KER003", "KER004", "KER013"
_NO_MODULE, _SHADOWS, _CUSTOM, _OLD, _ENCODED = "KER010", "KER011", "KER012", "KER015", "KER016"
_RULES = {
    Naming.HARMFUL: _HARMFUL,
    Naming.FOREIGN: _FOREIGN,
    Naming.GADGET: _GADGET,
    Naming.IMPORTED: _IMPORTED,
}
_GUARDED = frozenset({"Lambda", "TorchModuleWrapper", "TFSMLayer"})
"""Classes that safe mode refuses to rebuild."""
_FIRST_ZIP_RELEASE = (2, 12)
_MOST_NAMES = 2_000
_MOST_ROUTES = 20_000
_MOST_GUARDED = 100
_MOST_ENCODED = 100
_SHOWN = 20


class Container(StrEnum):
    """Where a configuration stands; the value says when code in it would run."""

    ARCHIVE = "runs on load unless safe_mode is on (the default since Keras 2.13)"
    HDF5 = "runs on load; Keras before 3.11.3 ignores safe_mode for HDF5 (CVE-2025-9905)"
    SAVED_MODEL = "runs when Keras 2 or tf_keras loads the SavedModel; it knows no safe_mode there"
    DOCUMENT = "runs when a model is made from this configuration without safe_mode"


def judge_config(
    artifact: Artifact, tree: Json, context: Context, *, container: Container
) -> Iterator[Event]:
    """Yield what a loader would make of a configuration that is dangerous, foreign or encoded."""
    yield from _Judge(artifact, context, container).run(tree)


@dataclass(slots=True)
class _Judge:
    artifact: Artifact
    context: Context
    container: Container
    told: dict[tuple[str, str], None] = field(default_factory=dict)
    custom: dict[str, None] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    """Texts that were judged as code, or are known to be something else."""
    encoded: int = 0
    with_module: set[str] = field(default_factory=set)
    """Routes."""
    without_module: list[KerasNode] = field(default_factory=list)
    peeling: PeelBudget = field(default_factory=PeelBudget)

    def run(self, tree: Json) -> Iterator[Event]:
        code = CodeJudge(self.artifact, self.context, self.container.value)
        yield from self.version(tree)
        for found in walk_keras(tree):
            match found:
                case KerasText():
                    yield from self.text(found, code)
                case KerasNode():
                    yield from self.node(found, code)
        yield from code.rest()
        yield from self.rest()

    def node(self, node: KerasNode, code: CodeJudge) -> Iterator[Event]:
        for key, text in code_texts(node):
            if text not in self.codes:
                self.codes.add(text)
                yield from code.judge(text, f"{_maker(node)} ({key})", node.route)
        if node.kind in (NodeKind.LAMBDA, NodeKind.DATA):
            return
        if node.module is not None and len(self.with_module) < _MOST_ROUTES:
            self.with_module.add(node.route)
        if not node.has_module and node.name in _GUARDED and len(self.without_module) < _MOST_GUARDED:
            self.without_module.append(node)
        if node.name == "TorchModuleWrapper" and isinstance(node.get("module"), str):
            self.codes.add(str(node.get("module")))
        yield from special_parts(self.artifact, node, self.context)
        yield from self.name(node, judge_name(node, self.context.callables))
        for named in functions_of_lambda(node, self.context.callables):
            yield from self.name(node, named)

    def name(self, node: KerasNode, named: Named) -> Iterator[Finding]:
        if named.naming is Naming.KNOWN:
            yield from self.shadow(node)
        elif named.naming is Naming.CUSTOM:
            if len(self.custom) <= _MOST_NAMES:
                self.custom[named.shown] = None
        elif len(self.told) < _MOST_NAMES:
            rule = _RULES[named.naming]
            what = "function" if node.kind is NodeKind.FUNCTION else "class"
            why = f": {named.why}" if named.why else ""
            evidence = f"the loader looks up the {what} {quoted(named.shown)}{why}"
            yield from self.tell(rule, named.shown, evidence, node.route)

    def shadow(self, node: KerasNode) -> Iterator[Finding]:
        """A class of Keras that says it is registered as something else."""
        registered = node.registered_name
        if node.kind is not NodeKind.OBJECT or not registered or node.module is None:
            return
        package, _, last = registered.rpartition(">")
        is_keras_class = canonical_module(node.module).startswith("keras")
        if is_keras_class and (last != node.name or package not in ("", "keras", "Keras")):
            if _is_library(package):
                return
            evidence = f"{node.module}.{node.name} is registered as {quoted(registered)}"
            yield from self.tell(_SHADOWS, f"{node.name} as {registered}", evidence, node.route)

    def text(self, found: KerasText, code: CodeJudge) -> Iterator[Event]:
        if found.text in self.codes:
            return
        if hidden_code(found.text):
            yield from code.judge(found.text, "a text (base64)", found.route)
            return
        for layers, data in self.below(found.text):
            self.encoded += 1
            if self.encoded > _MOST_ENCODED:
                return
            if is_code(data):
                yield from code.judge(found.text, f"a text ({layers})", found.route)
                continue
            evidence = f"{len(data):,} bytes behind {layers}, judged on their own"
            yield from self.tell(_ENCODED, f"encoded data at {found.route}", evidence, found.route)
            yield self.artifact.nested(f"encoded{found.route}", MemorySource(data))

    def below(self, text: str) -> Iterator[tuple[str, bytes]]:
        """Yield the encodings, and the bytes that they hide, when those are plausible."""
        data = decoded_file(text)
        if data is not None:
            yield "base64", data
            return
        for peeled in peel(text, self.peeling):
            if isinstance(peeled.content, bytes):
                yield ", ".join(peeled.layers), peeled.content

    def version(self, tree: Json) -> Iterator[Finding]:
        """`metadata.json`: archives began with Keras 2.12."""
        stated = tree.get("keras_version") if isinstance(tree, Mapping) else None
        if self.container is not Container.ARCHIVE or not isinstance(stated, str):
            return
        parts = stated.split(".")[:2]
        is_number = all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts)
        if is_number and tuple(int(part) for part in parts) < _FIRST_ZIP_RELEASE:
            evidence = f"written by Keras {quoted(stated)}, which writes no such archive"
            yield from self.tell(_OLD, f"keras_version {stated}", evidence, "/keras_version")

    def rest(self) -> Iterator[Event]:
        hiding = [node for node in self.without_module if self.is_beside_modules(node.route)]
        if hiding:
            names = ", ".join(f"{node.name} at {node.route}" for node in hiding[:_SHOWN])
            evidence = f"no module is given where the format and the objects around have one: {names}"
            yield from self.tell(_NO_MODULE, hiding[0].name, evidence, hiding[0].route)
        if self.custom:
            names = ", ".join(quoted(name) for name in list(self.custom)[:_SHOWN])
            more = f" and {len(self.custom) - _SHOWN:,} more" if len(self.custom) > _SHOWN else ""
            evidence = f"to be brought by whoever loads the model: {names}{more}"
            yield from self.tell(_CUSTOM, next(iter(self.custom)), evidence, "")
        if self.encoded > _MOST_ENCODED or self.peeling.is_crossed:
            detail = "encoded data in the configuration was looked at in part"
            yield self.row(Outcome.LIMITED, detail)
        if len(self.told) >= _MOST_NAMES:
            yield self.row(Outcome.LIMITED, f"more than {_MOST_NAMES:,} findings; the first are listed")

    def is_beside_modules(self, route: str) -> bool:
        """True when what holds the object, or is in the same list, has a module, as in all archives."""
        if self.container is Container.ARCHIVE:
            return True
        beside = route.rpartition("/")[0]
        return any(
            (other and route.startswith(f"{other}/")) or other.rpartition("/")[0] == beside
            for other in self.with_module
        )

    def tell(self, rule: str, subject: str, evidence: str, route: str) -> Iterator[Finding]:
        subject = subject[:200]
        if (rule, subject) not in self.told:
            self.told[rule, subject] = None
            yield Finding(
                rule=rule, path=self.artifact.path, subject=subject, evidence=evidence, route=route
            )

    def row(self, outcome: Outcome, detail: str) -> Coverage:
        return Coverage(path=self.artifact.path, format="keras-config", outcome=outcome, detail=detail)


def _maker(node: KerasNode) -> str:
    name = node.get("name")
    return f"Lambda {quoted(name)}" if isinstance(name, str) else "a Lambda layer"


def _is_library(package: str) -> bool:
    return package in ("keras_hub", "keras_nlp", "keras_cv")
