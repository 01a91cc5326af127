"""MXNet symbols: operators that need code from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.graphs.graph_deeds import judge_operator
from weighbridge.analyzers.graphs.graph_findings import GraphFindings, judge_name
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.mxnet import is_symbol, walk_symbol
from weighbridge.knowledge.graph_tables import installed_graph_tables

_LONGEST_NAME = 4_096
_LIBRARY = (".so", ".dll", ".dylib")


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is one of these."""
    return _judge(artifact, tree, context) if is_symbol(tree) else None


def _judge(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event]:
    report = GraphFindings(artifact)
    tables = installed_graph_tables()
    for node in walk_symbol(tree):
        context.budget.check_time()
        route = f"/nodes/{node.index}"
        yield from judge_operator(report, tables, "mxnet", node.operator, node.attributes, route=route)
        if max(len(node.operator), len(node.name)) > _LONGEST_NAME:
            line = f"a name of {max(len(node.operator), len(node.name)):,} characters"
            yield from report.tell("GRA011", "length of a name", line, route=route)
        yield from judge_name(report, node.name, route=route)
        for key, value in node.attributes.items():
            if value.lower().endswith(_LIBRARY):
                line = f"attribute {quoted(key)} of {quoted(node.name)} is {quoted(value)}"
                yield from report.tell("GRA014", f"library {value}", line, route=route)
