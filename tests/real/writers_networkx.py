"""Graphs that networkx pickles: every kind, their views, and graphs that the library makes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import joblib
import networkx  # type: ignore[import-untyped]  # it comes without types


def graphs() -> Iterator[tuple[str, object]]:
    """Yield graphs of the four kinds with their views, and what algorithms return."""
    kinds = (networkx.Graph, networkx.DiGraph, networkx.MultiGraph, networkx.MultiDiGraph)
    for kind in kinds:
        graph = kind([(1, 2), (2, 3)])
        graph.add_node("a", weight=1.5, label=None)
        yield kind.__name__, graph
        views = [graph.nodes, graph.edges, graph.adj, graph.degree, graph.nodes(data=True)]
        yield f"{kind.__name__}_views", views
        if not graph.is_directed():  # a view of a directed one holds a local function
            yield f"{kind.__name__}_subgraph", graph.subgraph([1, 2])
        yield f"{kind.__name__}_frozen", networkx.freeze(graph.copy())
    yield "tree", networkx.bfs_tree(networkx.path_graph(4), 0)
    yield "condensation", networkx.condensation(networkx.DiGraph([(1, 2), (2, 1)]))
    yield "union_find", networkx.utils.UnionFind([1, 2, 3])
    yield "random", networkx.erdos_renyi_graph(10, 0.3, seed=1)


def write_graphs(folder: Path) -> None:
    """Pickle protocols 0 to 5 and joblib."""
    for name, value in graphs():
        for protocol in range(6):
            data = pickle.dumps(value, protocol=protocol)
            (folder / f"{name}.p{protocol}.pkl").write_bytes(data)
        joblib.dump(value, folder / f"{name}.joblib")
