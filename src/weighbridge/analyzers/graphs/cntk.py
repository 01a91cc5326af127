"""CNTK 2 models: Python classes that the loader imports by executing text, and native libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.cntk import UserFunction, walk_cntk
from weighbridge.formats.graphs.message_walk import Leaf

_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_CLASS = re.compile(r"[^\W\d]\w*")


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the user functions; arrays are stepped over."""
    report = GraphFindings(artifact)
    for found in walk_cntk(artifact.source):
        context.budget.check_time()
        if isinstance(found, Leaf):
            what = f"field {found.number} of a {found.shape}"
            yield from report.carried(found.at, found.length, found.head, what)
        elif found.is_native:
            yield from _native(report, found)
        else:
            yield from _python(report, found, context)


def _native(report: GraphFindings, found: UserFunction) -> Iterator[Event]:
    line = f"factory {quoted(found.name)} of the library {quoted(found.module)}"
    yield from report.tell("GRA014", f"library {found.module}", line, at=found.at)
    yield from report.path(found.module, "the library of a user function", at=found.at)


def _python(report: GraphFindings, found: UserFunction, context: Context) -> Iterator[Event]:
    if not _MODULE.fullmatch(found.module) or not _CLASS.fullmatch(found.name):
        line = f"executes: from {quoted(found.module)} import {quoted(found.name)}"
        yield from report.tell("GRA017", f"{found.module} {found.name}", line, at=found.at)
        return
    target = f"{found.module}.{found.name}"
    judged = judge_target(target, context.callables)
    line = f"imports {quoted(target)}\n{judged.standing.value}: {judged.why[:200]}"
    yield from report.tell("GRA016", target, line, at=found.at)
