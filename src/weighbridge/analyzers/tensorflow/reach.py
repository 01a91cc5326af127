"""When a node of a TensorFlow graph runs: while the model is loaded, when it is called, or never.

TensorFlow runs what the fetched tensors need, and all of every function that is called on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import chain

from weighbridge.formats.tensorflow.graph import Graph, Node
from weighbridge.formats.tensorflow.saved_model import MetaGraph
from weighbridge.formats.tensorflow.values import called_functions, split_tensor

_INIT_SIGNATURE = "__saved_model_init_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op", "table_initializer")


class When(StrEnum):
    """When a node runs, in words for people."""

    LOADED = "runs when the model is loaded"
    CALLED = "runs when the model is called"
    GRAPH = "runs when the graph is run to it"
    UNREACHED = "nothing that the file offers leads to it"


class Reach:
    """Answers when a node runs, for one graph with its entry points."""

    def __init__(self, meta: MetaGraph) -> None:
        self._file = meta.graph
        self._loaded = _Closure(meta, _load_roots(meta), meta.objects.at_load)
        self._called = _Closure(meta, _call_roots(meta), meta.objects.offered)
        self.has_entries = bool(meta.signatures or meta.objects.offered)

    def when(self, graph: Graph, node: Node) -> When:
        """Return the first moment at which the node runs."""
        if self._loaded.holds(graph, node):
            return When.LOADED
        if self._called.holds(graph, node):
            return When.CALLED
        return When.UNREACHED if self.has_entries else When.GRAPH


class _Closure:
    """All that runs when these tensors are fetched and these functions called."""

    def __init__(self, meta: MetaGraph, tensors: Iterable[str], functions: Iterable[str]) -> None:
        self._file = meta.graph
        self._nodes: set[str] = set()
        self._functions: set[str] = set()
        pending = [split_tensor(tensor)[0] for tensor in tensors]
        while pending:
            name = pending.pop()
            node = self._file.main.nodes.get(name)
            if node is None or name in self._nodes:
                continue
            self._nodes.add(name)
            pending += [split_tensor(tensor)[0] for tensor in node.inputs]
            self._enter(called_functions(node, self._file))
        self._enter(functions)

    def holds(self, graph: Graph, node: Node) -> bool:
        return (node.name in self._nodes) if graph.name == "" else (graph.name in self._functions)

    def _enter(self, functions: Iterable[str]) -> None:
        pending = list(functions)
        while pending:
            name = pending.pop()
            if name in self._functions or name not in self._file.functions:
                continue
            self._functions.add(name)
            nodes = self._file.functions[name].nodes.values()
            pending += chain.from_iterable(called_functions(node, self._file) for node in nodes)


def _load_roots(meta: MetaGraph) -> list[str]:
    roots = [meta.saver.restore_op] if meta.saver.restore_op else []
    for key in _INIT_COLLECTIONS:
        roots += meta.collections.get(key, ())
    for signature in meta.signatures:
        if signature.name == _INIT_SIGNATURE:
            roots += signature.outputs
    return roots


def _call_roots(meta: MetaGraph) -> list[str]:
    offered = (one for one in meta.signatures if one.name != _INIT_SIGNATURE)
    return [tensor for signature in offered for tensor in signature.outputs]


def functions_that_call_themselves(meta: MetaGraph) -> list[str]:
    """Return the functions that lead back to themselves, and those that call them."""
    calls = {
        name: list(
            dict.fromkeys(
                chain.from_iterable(called_functions(node, meta.graph) for node in graph.nodes.values())
            )
        )
        for name, graph in meta.graph.functions.items()
    }
    # What is left when every function that calls nothing (any more) is taken away has a cycle in it.
    callers: dict[str, list[str]] = {}
    waiting = {name: len(called) for name, called in calls.items()}
    for name, called in calls.items():
        for one in called:
            callers.setdefault(one, []).append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        del waiting[name]
        for caller in callers.get(name, ()):
            waiting[caller] -= 1
            if waiting[caller] == 0:
                ready.append(caller)
    return sorted(waiting)
