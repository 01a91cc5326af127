"""Print the release of tensorflow-cpu and the operations of its registry: build_ops.py runs it there."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Any


def operations() -> Iterator[str]:
    """Yield every registered operation: those for old graphs, and the runtime's own, too."""
    session: Any = importlib.import_module("tensorflow.python.client.pywrap_tf_session")
    messages: Any = importlib.import_module("tensorflow.core.framework.op_def_pb2")
    registered = messages.OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    for operation in registered.op:
        yield operation.name


if __name__ == "__main__":
    print(importlib.metadata.version("tensorflow-cpu"), *operations(), sep="\n")
