"""skops archives: one hit for each SKO rule, and benign twins."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

Node = dict[str, object]


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, content in _nodes():
        yield f"skops/{name}.skops", _archive(content)
    newer = {**_pipeline(_number(1)), "protocol": 9}
    yield "skops/newer.skops", _archive(newer)


def _archive(schema: Node) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        whole = {"protocol": 2, "_skops_version": "0.16.0", **schema}
        archive.writestr(zipfile.ZipInfo("schema.json"), json.dumps(whole, indent=2))
    return stream.getvalue()


def _node(loader: str, module: str, name: str, **fields: object) -> Node:
    return {"__class__": name, "__module__": module, "__loader__": loader, **fields}


def _number(value: int) -> Node:
    return _node("JsonNode", "builtins", "str", content=str(value), is_json=True)


def _pipeline(held: Node) -> Node:
    """An estimator that holds a node in one of its attributes."""
    key_types = _node("ListNode", "builtins", "list", content=[_node("TypeNode", "builtins", "str")])
    state = _node("DictNode", "builtins", "dict", content={"func": held}, key_types=key_types)
    module = "sklearn.preprocessing._function_transformer"
    return _node("ObjectNode", module, "FunctionTransformer", content=state)


def _function(module: str, name: str) -> Node:
    return _node("FunctionNode", module, name)


def _nodes() -> Iterator[tuple[str, Node]]:
    empty = _node("TupleNode", "builtins", "tuple", content=[])
    yield "function.twin", _pipeline(_function("numpy", "log1p"))
    yield "function-system", _pipeline(_function("os", "system"))
    old = _node(
        "FunctionNode", "builtins", "function", content={"module_path": "os", "function": "system"}
    )
    yield "function-system-old", {**_pipeline(old), "protocol": 0}
    args = _node("TupleNode", "builtins", "tuple", content=[_number(1)])
    yield (
        "constructor-popen",
        _pipeline(_node("ConstructorFromReduceNode", "subprocess", "Popen", content=args)),
    )
    yield "operator-module", _pipeline(_node("OperatorFuncNode", "marker_package", "run", attrs=empty))
    yield "operator.twin", _pipeline(_node("OperatorFuncNode", "operator", "itemgetter", attrs=args))
    scaler = _node("ObjectNode", "sklearn.preprocessing._data", "StandardScaler", content=_number(1))
    method = _node("MethodNode", "sklearn.svm._classes", "SVC", content={"func": "fit", "obj": scaler})
    yield "method-of-another-class", _pipeline(method)
    module = "sklearn.preprocessing._data"
    own = _node("MethodNode", module, "StandardScaler", content={"func": "transform", "obj": scaler})
    yield "method.twin", _pipeline(own)
    loss = _node("LossNode", "marker_package", "Loss", __reduce__={"args": empty}, content=empty)
    yield "loss-of-another-module", _pipeline(loss)
    yield "function-load", _pipeline(_function("torch", "load"))
    yield "unknown-type", _pipeline(_node("ObjectNode", "marker_package", "Estimator", content=empty))
    yield (
        "booster.twin",
        _pipeline(_node("ObjectNode", "xgboost.sklearn", "XGBClassifier", content=empty)),
    )
    array = _node("NdArrayNode", "numpy", "ndarray", type="numpy", file="model.pkl")
    yield "array-is-a-pickle", _pipeline(array)
