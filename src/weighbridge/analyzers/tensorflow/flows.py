"""Whether what a graph writes or sends is what it has read from a file."""

from __future__ import annotations

from weighbridge.formats.tensorflow.graph import Graph, GraphFile, Node
from weighbridge.formats.tensorflow.values import StringValues, called_functions, split_tensor
from weighbridge.knowledge.tensorflow_ops import Deed, TensorFlowOps

_MAX_VISITS = 20_000
_SOURCES = frozenset({Deed.READS, Deed.LISTS, Deed.READS_RECORDS})
SINKS = frozenset({Deed.WRITES, Deed.NETWORK, Deed.DEBUG})


def source_of(
    graph: Graph, node: Node, file: GraphFile, values: StringValues, ops: TensorFlowOps
) -> Node | None:
    """Return the operation that reads the file whose content reaches an input of `node`.

    Follows tensors backwards, into functions that are called and out to those that call.
    """
    seen: set[tuple[str, str]] = set()
    pending = [(graph, split_tensor(one)[0]) for one in node.data_inputs]
    while pending and len(seen) < _MAX_VISITS:
        scope, name = pending.pop()
        if (scope.name, name) in seen:
            continue
        seen.add((scope.name, name))
        found = scope.nodes.get(name)
        if found is None:
            pending += _passed(scope, values)
            continue
        row = ops.rows.get(found.op)
        if row is not None and row.deed in _SOURCES:
            return found
        pending += [(scope, split_tensor(one)[0]) for one in found.data_inputs]
        for called in called_functions(found, file):
            function = file.functions[called]
            pending += [(function, split_tensor(one)[0]) for one in function.results.values()]
    return None


def _passed(scope: Graph, values: StringValues) -> list[tuple[Graph, str]]:
    """What the nodes that call a function give it."""
    return [
        (caller, split_tensor(one)[0])
        for caller, node in values.callers(scope.name)
        for one in node.data_inputs
    ]
