"""Write honest ONNX models as their exporters do: `python write.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as oh
import onnx.numpy_helper as onh
import torch
from onnx import TensorProto, external_data_helper

FLOAT = TensorProto.FLOAT


def _small() -> onnx.ModelProto:
    weights = np.arange(64, dtype=np.float32).reshape(8, 8)
    graph = oh.make_graph(
        [oh.make_node("MatMul", ["x", "w"], ["h"]), oh.make_node("Relu", ["h"], ["y"])],
        "small",
        [oh.make_tensor_value_info("x", FLOAT, ["batch", 8])],
        [oh.make_tensor_value_info("y", FLOAT, ["batch", 8])],
        [onh.from_array(weights, "w")],
        doc_string="A layer; see https://example.invalid/card and run `pip install onnx`.",
    )
    model = oh.make_model(
        graph, producer_name="weighbridge-zoo", opset_imports=[oh.make_opsetid("", 17)]
    )
    oh.set_model_props(
        model, {"names": "{0: 'person', 1: 'car (red)'}", "stride": "32", "imgsz": "[640, 640]"}
    )
    return model


def _control_flow() -> onnx.ModelProto:
    then = oh.make_graph(
        [oh.make_node("Identity", ["x"], ["t"])],
        "then",
        [],
        [oh.make_tensor_value_info("t", FLOAT, None)],
    )
    other = oh.make_graph(
        [oh.make_node("Neg", ["x"], ["e"])], "else", [], [oh.make_tensor_value_info("e", FLOAT, None)]
    )
    words = onh.from_array(np.array(["cat", "dog", "PK is a word", "MZ too"], dtype=object), "words")
    graph = oh.make_graph(
        [oh.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
        "flow",
        [
            oh.make_tensor_value_info("x", FLOAT, [1]),
            oh.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [oh.make_tensor_value_info("y", FLOAT, None)],
        [words],
    )
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", 18)])


def _functions() -> onnx.ModelProto:
    twice = oh.make_function(
        "local",
        "Twice",
        ["x"],
        ["y"],
        [oh.make_node("Add", ["x", "x"], ["y"])],
        [oh.make_opsetid("", 17)],
    )
    four = oh.make_function(
        "local",
        "Four",
        ["x"],
        ["y"],
        [
            oh.make_node("Twice", ["x"], ["h"], domain="local"),
            oh.make_node("Twice", ["h"], ["y"], domain="local"),
        ],
        [oh.make_opsetid("", 17), oh.make_opsetid("local", 1)],
    )
    graph = oh.make_graph(
        [oh.make_node("Four", ["x"], ["y"], domain="local")],
        "functions",
        [oh.make_tensor_value_info("x", FLOAT, [4])],
        [oh.make_tensor_value_info("y", FLOAT, [4])],
    )
    return oh.make_model(
        graph,
        functions=[twice, four],
        opset_imports=[oh.make_opsetid("", 17), oh.make_opsetid("local", 1)],
    )


def _types() -> onnx.ModelProto:
    """Every element type, raw and not, and a sparse initializer."""
    made = []
    for kind in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23):
        dtype = oh.tensor_dtype_to_np_dtype(kind)
        values = np.zeros(5, dtype=dtype)
        made.append(onh.from_array(values, f"raw_{kind}"))
    made.append(oh.make_tensor("typed", FLOAT, [3], [1.0, 2.0, 3.0]))
    made.append(oh.make_tensor("scalar", FLOAT, [], [1.0]))
    made.append(oh.make_tensor("empty", FLOAT, [0], []))
    graph = oh.make_graph(
        [oh.make_node("Identity", ["x"], ["y"])],
        "types",
        [oh.make_tensor_value_info("x", FLOAT, [1])],
        [oh.make_tensor_value_info("y", FLOAT, [1])],
        made,
    )
    values = oh.make_tensor("sparse", FLOAT, [2], [1.0, 2.0])
    indices = oh.make_tensor("sparse_indices", TensorProto.INT64, [2], [0, 3])
    graph.sparse_initializer.append(oh.make_sparse_tensor(values, indices, [5]))
    return oh.make_model(graph, opset_imports=[oh.make_opsetid("", 19)])


def _helper(folder: Path) -> None:
    folder.mkdir()
    onnx.save(_small(), folder / "small.onnx")
    onnx.save(_control_flow(), folder / "control-flow.onnx")
    onnx.save(_functions(), folder / "functions.onnx")
    onnx.save(_types(), folder / "types.onnx")
    onnx.save(_small(), folder / "small.onnxjson", format="json")
    onnx.save(_small(), folder / "small.textproto", format="textproto")
    nested = folder / "external"
    (nested / "weights").mkdir(parents=True)
    model = _small()
    external_data_helper.convert_model_to_external_data(
        model, location="weights/data.bin", size_threshold=0
    )
    onnx.save(model, nested / "one-file.onnx")
    many = _small()
    onnx.save(
        many,
        nested / "many.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )


class _Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 16)
        self.attention = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = torch.nn.Linear(16, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(self.embedding(tokens)))


class _Conv(torch.nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            torch.nn.Conv2d(3, 8, 3),
            torch.nn.BatchNorm2d(8),
            torch.nn.SiLU(),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(8, 4),
        )


def _torch(folder: Path) -> None:
    folder.mkdir()
    torch.manual_seed(0)
    tokens, image = torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, 3, 16, 16)
    for name, net, given in (("transformer", _Net(), tokens), ("conv", _Conv(), image)):
        net.eval()
        torch.onnx.export(net, (given,), folder / f"{name}-classic.onnx", dynamo=False, opset_version=17)
        torch.onnx.export(
            net,
            (given,),
            folder / f"{name}-classic-train.onnx",
            dynamo=False,
            training=torch.onnx.TrainingMode.TRAINING,
            do_constant_folding=False,
        )
        torch.onnx.export(net, (given,), folder / f"{name}.onnx", dynamo=True, external_data=False)
        torch.onnx.export(
            net, (given,), folder / f"{name}-raw.onnx", dynamo=True, optimize=False, external_data=False
        )
    big = torch.nn.Sequential(*[torch.nn.Linear(256, 256) for _ in range(4)])
    (folder / "external").mkdir()
    torch.onnx.export(
        big, (torch.zeros(1, 256),), folder / "external" / "big.onnx", dynamo=True, external_data=True
    )
    lstm = torch.nn.LSTM(8, 8, batch_first=True)
    torch.onnx.export(lstm, (torch.zeros(1, 3, 8),), folder / "lstm.onnx", dynamo=False)


def _runtime(folder: Path, torch_folder: Path) -> None:
    import onnxruntime as ort
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader

    folder.mkdir()
    source = torch_folder / "transformer-classic.onnx"
    quantize_dynamic(source, folder / "dynamic-uint8.onnx", weight_type=QuantType.QUInt8)
    quantize_dynamic(source, folder / "dynamic-int8.onnx", weight_type=QuantType.QInt8, per_channel=True)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self._left = iter(
                [{"input": rng.random((1, 3, 16, 16), dtype=np.float32)} for _ in range(4)]
            )

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._left, None)

    conv = torch_folder / "conv-classic.onnx"
    name = onnx.load(conv).graph.input[0].name

    class Named(Reader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            given = super().get_next()
            return None if given is None else {name: given["input"]}

    quantize_static(conv, folder / "static-qdq.onnx", Named(), quant_format=QuantFormat.QDQ)
    quantize_static(conv, folder / "static-qoperator.onnx", Named(), quant_format=QuantFormat.QOperator)
    for level in ("ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"):
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        options.optimized_model_filepath = str(folder / f"optimized-{level.lower()}.onnx")
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        options.optimized_model_filepath = str(folder / f"optimized-{level.lower()}.ort")
        options.add_session_config_entry("session.save_model_format", "ORT")
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        model = onnx.load(torch_folder / "external" / "big.onnx")
        four = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True)
        four.process()
        four.model.save_model_to_file(str(folder / "four-bits.onnx"))
    except ImportError as error:
        print(f"four-bits.onnx: {error}")


def _classical(folder: Path) -> None:
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as MlFloats
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.datasets import load_iris
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    folder.mkdir()
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    kinds = [("initial", FloatTensorType([None, 4]))]
    for name, estimator in {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        "forest": RandomForestClassifier(10, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
        "svc": SVC(probability=True, random_state=0),
        "neighbours": KNeighborsClassifier(),
    }.items():
        model = to_onnx(estimator.fit(x, y), initial_types=kinds, target_opset=17)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    texts = [
        "MZ this is text",
        "a pickle and a zip PK",
        "curl and wget are programs",
        "os.system is a call",
    ]
    vectorizer = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1, 0, 1])
    model = to_onnx(vectorizer, initial_types=[("text", StringTensorType([None, 1]))], target_opset=17)
    (folder / "tfidf.onnx").write_bytes(model.SerializeToString())
    encoder = OneHotEncoder().fit([["red"], ["#!/bin/sh"], ["green"]])
    model = to_onnx(encoder, initial_types=[("c", StringTensorType([None, 1]))], target_opset=17)
    (folder / "onehot.onnx").write_bytes(model.SerializeToString())
    booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(x, y)
    model = onnxmltools.convert_lightgbm(
        booster, initial_types=[("x", MlFloats([None, 4]))], target_opset=15
    )
    onnxmltools.utils.save_model(model, str(folder / "lightgbm.onnx"))
    boosted = xgboost.XGBClassifier(n_estimators=5).fit(x, y)
    model = onnxmltools.convert_xgboost(
        boosted, initial_types=[("x", MlFloats([None, 4]))], target_opset=15
    )
    onnxmltools.utils.save_model(model, str(folder / "xgboost.onnx"))


def main() -> None:
    folder = Path(sys.argv[1])
    skipped: list[str] = []
    for name, write in (
        ("helper", lambda: _helper(folder / "helper")),
        ("torch", lambda: _torch(folder / "torch")),
        ("runtime", lambda: _runtime(folder / "runtime", folder / "torch")),
        ("classical", lambda: _classical(folder / "classical")),
    ):
        try:
            write()
        except Exception as error:  # one writer that breaks must not hide the others
            skipped.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            print(skipped[-1], file=sys.stderr)
    if skipped:
        Path(f"{folder}.skipped").write_text("\n".join(skipped) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
