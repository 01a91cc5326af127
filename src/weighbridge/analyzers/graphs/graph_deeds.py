"""Operators of a graph that do more than compute: one finding for each, with where it leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.graphs.graph_findings import GraphFindings
from weighbridge.analyzers.inspection import Event
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.graph_tables import Effect, GraphTables

RULES: Final[Mapping[Effect, str]] = {
    Effect.PYTHON: "GRA006",
    Effect.WRITES_FILES: "GRA007",
    Effect.NETWORK: "GRA007",
    Effect.READS_FILES: "GRA008",
    Effect.NATIVE: "GRA014",
    Effect.CALLBACK: "GRA018",
}
_SHOWN = 6
_PATHS = frozenset({"file_path", "filename"})
"""Attributes that name the file; no operator has both."""


def judge_operator(
    report: GraphFindings,
    tables: GraphTables,
    framework: str,
    operator: str,
    words: Mapping[str, str],
    *,
    at: int | None = None,
    route: str = "",
) -> Iterator[Event]:
    """Yield what an operator does beside computing.

    Args:
        report: of the graph.
        tables: the operators that are known for it.
        framework: as the table has it.
        operator: its name.
        words: its attributes that are text.
        at: where it stands, in bytes.
        route: where it stands, in words.
    """
    deed = tables.deed(framework, operator)
    if deed is None:
        return
    shown = [f"{key} = {quoted(value)}" for key, value in words.items() if value][:_SHOWN]
    lines = [f"operator {quoted(operator)}: {deed.effect.value} ({deed.why})", *shown]
    rule = RULES[deed.effect]
    yield from report.tell(rule, f"operator {operator}", "\n".join(lines), at=at, route=route)
    if deed.effect is Effect.READS_FILES:
        for key in _PATHS & words.keys():
            yield from report.path(words[key], f"operator {quoted(operator)} reads", at=at, route=route)
