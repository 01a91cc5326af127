"""What can be wrong with a TensorFlow graph that can be read all the same."""

from __future__ import annotations

from enum import StrEnum

from weighbridge.formats.anomaly import AnomalyLog


class GraphAnomaly(StrEnum):
    """One rule of the format that a graph breaks, or a size that no model has."""

    SHAPE_OVERFLOW = "shape-overflow"
    NEGATIVE_DIMENSION = "negative-dimension"
    CONTENT_MISMATCH = "content-mismatch"
    GIANT_TENSOR = "giant-tensor"
    DUPLICATE_NODE = "duplicate-node"
    DUPLICATE_FUNCTION = "duplicate-function"
    NODE_WITHOUT_OP = "node-without-op"


GraphLog = AnomalyLog[GraphAnomaly]
