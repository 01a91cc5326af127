"""PaddlePaddle programs: operators that call Python, touch files or the network, or are not Paddle's."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.graphs.graph_deeds import judge_operator
from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.message_walk import Leaf
from weighbridge.formats.graphs.paddle import Operator, is_pir, walk_pir, walk_program
from weighbridge.formats.graphs.paddle_params import check_params
from weighbridge.knowledge.graph_tables import GraphTables, installed_graph_tables


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the operators of a `.pdmodel`."""
    report = GraphFindings(artifact)
    tables = installed_graph_tables()
    for found in walk_program(artifact.source):
        context.budget.check_time()
        if isinstance(found, Leaf):
            what = f"field {found.number} of an {found.shape}"
            yield from report.carried(found.at, found.length, found.head, what)
        else:
            yield from _judge(report, tables, found)
            if not tables.is_known_to_paddle(found.name):
                yield from _foreign(report, found)


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the operators of a program that was saved as JSON."""
    return _pir(artifact, tree, context) if is_pir(tree) else None


def inspect_params(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge whether the parameters fill their file."""
    report = GraphFindings(artifact)
    for fault in check_params(artifact.source):
        yield from report.tell("GRA011", fault.subject, fault.detail, at=fault.at)


def _pir(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event]:
    report = GraphFindings(artifact)
    tables = installed_graph_tables()
    for found in walk_pir(tree):
        context.budget.check_time()
        yield from _judge(report, tables, found)
        if found.is_custom:
            yield from _foreign(report, found)


def _judge(report: GraphFindings, tables: GraphTables, found: Operator) -> Iterator[Event]:
    # Inplace variants of an operator end in an underscore.
    name = found.name.rstrip("_")
    yield from judge_operator(report, tables, "paddle", name, found.attributes, at=found.at)


def _foreign(report: GraphFindings, found: Operator) -> Iterator[Event]:
    line = f"operator {quoted(found.name)} is none of Paddle's"
    yield from report.tell("GRA009", f"operator {found.name}", line, at=found.at)
