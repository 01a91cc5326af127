"""Caffe networks as text: the layers, and the Python classes that some of them are.

    layer { name: "data" type: "Python" python_param { module: "m" layer: "L" param_str: "..." } }

Caffe imports `module` and makes an instance of `layer` when the network is built. Source:
https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.formats.documents.prototext import TextMessage

_SOLVER = frozenset({"net", "train_net", "test_net", "net_param", "train_net_param"})
_SOLVER_WORDS = frozenset({"base_lr", "lr_policy", "max_iter", "solver_mode", "snapshot_prefix"})


@dataclass(frozen=True, slots=True)
class PythonLayer:
    """A layer that is a Python class.

    Attributes:
        at: where the layer begins, in characters.
    """

    name: str
    module: str
    layer: str
    param_str: str
    at: int


def is_caffe(message: TextMessage) -> bool:
    """True for a network or a solver: layers that have a type, or a solver's words."""
    layers = (one.message for name in ("layer", "layers") for one in message.all(name))
    if any(layer is not None and _has_type(layer) for layer in layers):
        return True
    names = {one.name for one in message.fields}
    return bool(names & _SOLVER) and bool(names & _SOLVER_WORDS)


def _has_type(layer: TextMessage) -> bool:
    names = {one.name for one in layer.fields}
    return "type" in names and bool(names & {"name", "bottom", "top", "python_param"})


def python_layers(message: TextMessage) -> Iterator[PythonLayer]:
    """Yield them from a network, or from those inside of a solver."""
    networks = [message]
    for name in ("net_param", "train_net_param", "test_net_param"):
        networks += message.messages(name)
    for network in networks:
        for name in ("layer", "layers"):
            for one in network.all(name):
                if one.message is not None:
                    yield from _python(one.message, one.at)


def _python(layer: TextMessage, at: int) -> Iterator[PythonLayer]:
    inner = list(layer.messages("layer"))  # V0 networks nest the parameters once more
    for found in (layer, *inner):
        parameters = list(found.messages("python_param"))
        if found.text("type").strip('"').lower() != "python" and not parameters:
            continue
        merged = TextMessage([one for each in parameters for one in each.fields])
        yield PythonLayer(
            found.text("name"),
            merged.text("module"),
            merged.text("layer"),
            merged.text("param_str"),
            at,
        )
