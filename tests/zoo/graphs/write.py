"""Write honest models of PaddlePaddle, Core ML, OpenVINO and Caffe: `python write.py FOLDER`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

CAFFE = """name: "LeNet"
layer {
  name: "mnist"
  type: "Data"
  top: "data"
  top: "label"
  include { phase: TRAIN }
  transform_param { scale: 0.00390625 }
  data_param { source: "examples/mnist/mnist_train_lmdb" batch_size: 64 backend: LMDB }
}
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  param { lr_mult: 1 }
  param { lr_mult: 2 }
  convolution_param {
    num_output: 20 kernel_size: 5 stride: 1
    weight_filler { type: "xavier" } bias_filler { type: "constant" }
  }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv1" bottom: "label" top: "loss" }
"""
SOLVER = """# The train/test net protocol buffer definition
net: "examples/mnist/lenet_train_test.prototxt"
test_iter: 100
base_lr: 0.01
momentum: 0.9
lr_policy: "inv"
gamma: 0.0001
max_iter: 10000
snapshot_prefix: "examples/mnist/lenet"
solver_mode: GPU
"""
DARKNET = """[net]
# Testing
batch=1
width=416
height=416
channels=3
learning_rate=0.001
policy=steps

[convolutional]
batch_normalize=1
filters=16
size=3
stride=1
pad=1
activation=leaky

[yolo]
mask = 0,1,2
anchors = 10,14, 23,27, 37,58
classes=80
"""
NCNN = """7767517
3 3
Input            data             0 1 data 0=227 1=227 2=3
Convolution      conv1            1 1 data conv1 0=64 1=3 3=2 5=1 6=1728
Softmax          prob             1 1 conv1 prob 0=0
"""
PADDLE = """
import sys
import paddle

folder, name = sys.argv[1:]

class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = paddle.nn.Conv2D(3, 8, 3)
        self.norm = paddle.nn.BatchNorm2D(8)
        # The exporter of before, whose programs are .pdmodel, can't do attention any more.
        self.attention = paddle.nn.MultiHeadAttention(8, 2) if name == "pir" else None
        self.head = paddle.nn.Linear(8, 4)
        self.drop = paddle.nn.Dropout(0.1)

    def forward(self, x):
        h = paddle.nn.functional.relu(self.norm(self.conv(x))).flatten(2).transpose([0, 2, 1])
        if self.attention is not None:
            h = self.attention(h, h, h)
        return paddle.nn.functional.softmax(self.head(self.drop(h.mean(1))))

paddle.seed(0)
net = Net()
net.eval()
given = [paddle.static.InputSpec([None, 3, 16, 16], "float32")]
paddle.jit.save(net, f"{folder}/{name}", input_spec=given)
optimizer = paddle.optimizer.Adam(parameters=net.parameters())
paddle.save(net.state_dict(), f"{folder}/{name}.pdparams")
paddle.save(optimizer.state_dict(), f"{folder}/{name}.pdopt")
"""


def _texts(folder: Path) -> None:
    (folder / "train_test.prototxt").write_text(CAFFE, encoding="utf-8")
    (folder / "solver.prototxt").write_text(SOLVER, encoding="utf-8")
    (folder / "yolov3-tiny.cfg").write_text(DARKNET, encoding="utf-8")
    (folder / "net.param").write_text(NCNN, encoding="utf-8")


def _paddle(folder: Path) -> None:
    for name, flag in (("pir", "1"), ("program", "0")):
        environment = {**os.environ, "FLAGS_enable_pir_api": flag}
        # Paddle reads the source of the class, so it must be in a file.
        with tempfile.TemporaryDirectory() as place:
            script = Path(place) / "net.py"
            script.write_text(PADDLE, encoding="utf-8")
            subprocess.run([sys.executable, str(script), str(folder), name], check=True, env=environment)


def _coreml_classical(folder: Path) -> None:
    import coremltools as ct
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    x, y = load_iris(return_X_y=True)
    for name, estimator in {
        "linear": LinearRegression(),
        "logistic": LogisticRegression(max_iter=500, multi_class="ovr"),
        "forest": RandomForestClassifier(5, random_state=0),
        "svc": SVC(random_state=0),
        "pipeline": Pipeline([("scale", StandardScaler()), ("fit", LinearRegression())]),
    }.items():
        made = ct.converters.sklearn.convert(estimator.fit(x, y), ["a", "b", "c", "d"], "kind")
        made.short_description = "A model of irises"
        made.author = "weighbridge"
        made.save(str(folder / f"{name}.mlmodel"))


def _coreml_program(folder: Path) -> None:
    import coremltools as ct
    from coremltools.converters.mil import Builder

    weights = np.arange(4096, dtype=np.float32).reshape(64, 64)

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 64))])
    def program(x: object) -> object:
        hidden = Builder.linear(x=x, weight=weights)
        return Builder.softmax(x=Builder.relu(x=hidden), axis=-1)

    for name, target in (("program", "mlprogram"), ("network", "neuralnetwork")):
        made = ct.convert(program, convert_to=target)
        made.save(str(folder / (f"{name}.mlpackage" if target == "mlprogram" else f"{name}.mlmodel")))


def _coreml_torch(folder: Path) -> None:
    import coremltools as ct
    import torch

    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, 4)
    ).eval()
    traced = torch.jit.trace(net, torch.zeros(1, 3, 16, 16))
    made = ct.convert(traced, inputs=[ct.TensorType(shape=(1, 3, 16, 16))], convert_to="mlprogram")
    made.save(str(folder / "torch.mlpackage"))


def _openvino(folder: Path) -> None:
    import openvino as ov
    import openvino.opset13 as ops
    import torch

    x = ops.parameter([1, 4], np.float32, name="x")
    weights = ops.constant(np.arange(16, dtype=np.float32).reshape(4, 4))
    hand = ov.Model([ops.relu(ops.matmul(x, weights, False, False))], [x], "hand")
    ov.save_model(hand, folder / "hand.xml", compress_to_fp16=False)
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.SiLU(), torch.nn.Flatten(), torch.nn.Linear(784, 4)
    )
    made = ov.convert_model(net.eval(), example_input=torch.zeros(1, 3, 16, 16))
    ov.save_model(made, folder / "torch.xml")
    recurrent = ov.convert_model(
        torch.nn.LSTM(8, 8, batch_first=True), example_input=torch.zeros(1, 3, 8)
    )
    ov.save_model(recurrent, folder / "lstm.xml")


WRITERS: dict[str, Callable[[Path], None]] = {
    "texts": _texts,
    "paddle": _paddle,
    "coreml-classical": _coreml_classical,
    "coreml-program": _coreml_program,
    "coreml-torch": _coreml_torch,
    "openvino": _openvino,
}


def main() -> None:
    folder = Path(sys.argv[1])
    skipped: list[str] = []
    for name, write in WRITERS.items():
        (folder / name).mkdir(parents=True)
        try:
            write(folder / name)
        except Exception as error:  # one writer that breaks must not hide the others
            skipped.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            print(skipped[-1], file=sys.stderr)
    if skipped:
        Path(f"{folder}.skipped").write_text("\n".join(skipped) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
