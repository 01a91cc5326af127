"""Keras configurations, archives, HDF5 models and metadata: one hit for each rule KER, and benign twins.

The code in Lambdas is of Python 3.8, spelled out instruction by instruction (see `code.py`).
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator

from samples.recipes.assembler import MARKER, call, name, stream, text
from samples.recipes.code import Function
from samples.recipes.hdf5_writer import FLOAT, Dataset, Group, attribute, write

Node = dict[str, object]

_SYSTEM = Function(
    "<lambda>",
    (
        ("LOAD_CONST", 0),
        ("LOAD_CONST", 1),
        ("IMPORT_NAME", 0),
        ("LOAD_METHOD", 1),
        ("LOAD_CONST", 2),
        ("CALL_METHOD", 1),
        ("POP_TOP", 0),
        ("LOAD_FAST", 0),
        ("RETURN_VALUE", 0),
    ),
    (0, None, MARKER),
    ("os", "system"),
)
_SCALE = Function(
    "<lambda>",
    (("LOAD_FAST", 0), ("LOAD_CONST", 1), ("BINARY_TRUE_DIVIDE", 0), ("RETURN_VALUE", 0)),
    (None, 255),
)
_OPENING = (
    ("LOAD_GLOBAL", 0),
    ("LOAD_CONST", 1),
    ("LOAD_CONST", 2),
    ("CALL_FUNCTION", 2),
    ("POP_TOP", 0),
    ("LOAD_FAST", 0),
    ("RETURN_VALUE", 0),
)
_WRITE = Function("<lambda>", _OPENING, (None, "/tmp/weighbridge-marker", "w"), ("open",))
_READ = Function("<lambda>", _OPENING, (None, "labels.txt", "r"), ("open",))
PICKLED_SYSTEM = stream(call(name("posix", "system"), text(MARKER)))
WEIGHTS = write(Group({"layers": Group({"dense": Dataset(FLOAT, (4,), bytes(16))})}))


def encoded(data: bytes) -> str:
    """Base64 in lines, as Keras writes it."""
    return base64.encodebytes(data).decode("ascii")


SYSTEM_TEXT, SCALE_TEXT = encoded(_SYSTEM.marshalled), encoded(_SCALE.marshalled)


def layer(class_name: str, module: str | None = "keras.layers", **config: object) -> Node:
    """A layer as Keras 3 writes it."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def legacy(class_name: str, **config: object) -> Node:
    """A layer as releases before 2.12, and HDF5 models of all releases, have it."""
    return {"class_name": class_name, "config": config}


def function(module: str | None, function_name: str) -> Node:
    """A function by its name."""
    return {
        "module": module,
        "class_name": "function",
        "config": function_name,
        "registered_name": "function",
    }


def model(*layers: object, module: str | None = "keras", **rest: object) -> Node:
    """A sequential model."""
    dense = layer("Dense", name="dense", units=1, activation="linear")
    return {
        **layer("Sequential", module, name="sequential", layers=[*layers, dense]),
        "build_config": {"input_shape": [None, 4]},
        **rest,
    }


def old_model(*layers: object) -> Node:
    return legacy("Sequential", name="sequential", layers=[*layers, legacy("Dense", units=1)])


def coded(code: str) -> Node:
    """A Lambda as Keras 3 writes it."""
    inner = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    return layer("Lambda", name="lambda", function=inner, arguments={})


def torch_wrapper(pickled: bytes) -> Node:
    """A module of torch, as the layer keeps it."""
    module = base64.b64encode(pickled).decode()
    return {**layer("TorchModuleWrapper"), "config": {"name": "wrapper", "module": module}}


def archive(config: object, *, version: str = "3.8.0", **more: bytes) -> bytes:
    """A `.keras` archive; the names of further members have __ for a slash and _ for a dot."""
    members = {
        "metadata.json": json.dumps(
            {"keras_version": version, "date_saved": "2025-01-01@00:00:00"}
        ).encode(),
        "config.json": config if isinstance(config, bytes) else json.dumps(config).encode(),
        "model.weights.h5": WEIGHTS,
    }
    members |= {key.replace("__", "/").replace("_", "."): data for key, data in more.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for member, data in members.items():
            made.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def hdf5_model(config: object) -> bytes:
    """A model as Keras writes it into HDF5."""
    attributes = [
        attribute("keras_version", b"2.11.0"),
        attribute("backend", b"tensorflow"),
        attribute("model_config", json.dumps(config).encode()),
    ]
    weights = Group({"dense": Group({"kernel:0": Dataset(FLOAT, (4,), bytes(16))})})
    return write(Group({"model_weights": weights}, attributes))


def metadata(*trees: object) -> bytes:
    """`keras_metadata.pb`: identifiers and documents."""
    found = b""
    for number, tree in enumerate(trees):
        node = (
            b"\x10" + bytes([number]) + _field(3, b"root" if number == 0 else b"root.layer-%d" % number)
        )
        found += _field(1, node + _field(4, b"_tf_keras_layer") + _field(5, json.dumps(tree).encode()))
    return found


def _field(number: int, data: bytes) -> bytes:
    length, size = b"", len(data)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for title, config in {**_lambdas(), **_names(), **_parts()}.items():
        yield f"keras/{title}.keras", archive(config)
    yield from _hdf5_models()
    yield from _documents()
    yield from _archives()


def _lambdas() -> dict[str, Node]:
    hidden = {**legacy("Lambda", function=[SCALE_TEXT, None, None], function_type="lambda")}
    return {
        "ker-01-lambda-system": model(coded(SYSTEM_TEXT)),
        "ker-01-lambda.twin": model(coded(SCALE_TEXT)),
        "ker-01-lambda-writes": model(coded(encoded(_WRITE.marshalled))),
        "ker-01-lambda-reads.twin": model(coded(encoded(_READ.marshalled))),
        "ker-01-lambda-unreadable": model(coded(encoded(_SYSTEM.marshalled[:-9]))),
        "ker-01-nested-lambda": model(layer("TimeDistributed", layer=coded(SYSTEM_TEXT))),
        "ker-01-value": model(
            layer(
                "Activation",
                activation={"class_name": "__lambda__", "config": {"value": [SYSTEM_TEXT, None, None]}},
            )
        ),
        "ker-10-no-module": model(hidden),
        "ker-10-no-modules-at-all": old_model(hidden),
        "ker-10-module-null.twin": model({**hidden, "module": "keras.layers"}),
    }


def _names() -> dict[str, Node]:
    activation = layer("Activation", name="activation")
    return {
        "ker-02-os-system": model({**activation, "config": {"activation": function("os", "system")}}),
        "ker-02-class": model(layer("Popen", "subprocess", args=["echo", "weighbridge-marker"])),
        "ker-02-builtin": model({**activation, "config": {"activation": function("builtins", "exec")}}),
        "ker-02-compile": model(
            compile_config={"optimizer": "adam", "loss": function("shutil", "rmtree")}
        ),
        "ker-02-package.twin": model(layer("Scale", "my_package.layers", factor=2.0)),
        "ker-02-stdlib": model(layer("JSONDecoder", "json.decoder")),
        "ker-03-get-file": model(
            {**function("keras.utils", "get_file"), "origin": "https://host.example.invalid/marker"}
        ),
        "ker-03-unsafe": model(function("keras.config", "enable_unsafe_deserialization")),
        "ker-03-load-model": model(function("tf_keras.models", "load_model")),
        "ker-03-functions.twin": model(
            {**activation, "config": {"activation": function("keras.activations", "relu")}},
            {**activation, "config": {"activation": function("builtins", "gelu")}},
            compile_config={
                "optimizer": layer("Adam", "keras.optimizers"),
                "loss": function("keras.losses", "mse"),
            },
        ),
        "ker-11-registered": model({**layer("Dense", units=1), "registered_name": "other>Thing"}),
        "ker-11-registered.twin": model({**layer("Dense", units=1), "registered_name": "Dense"}),
        "ker-12-custom.twin": model(
            {**layer("Scaled", None, factor=2.0), "registered_name": "zoo>Scaled"}
        ),
        "ker-18-operation": old_model(legacy("TFOpLambda", function="io.write_file")),
        "ker-18-operation.twin": old_model(legacy("TFOpLambda", function="math.reduce_mean")),
        "ker-18-node": old_model(legacy("TensorFlowOpLayer", node_def=json.dumps({"op": "WriteFile"}))),
    }


def _parts() -> dict[str, Node]:
    return {
        "ker-04-torch-system": model(torch_wrapper(PICKLED_SYSTEM)),
        "ker-04-torch.twin": model(torch_wrapper(stream(text("data")))),
        "ker-05-tfsm": model(layer("TFSMLayer", filepath="saved_model", call_endpoint="serve")),
        "ker-05-tfsm-outside": model(layer("TFSMLayer", filepath="gs://bucket.example.invalid/model")),
        "ker-05-hub": old_model(legacy("KerasLayer", handle="https://hub.example.invalid/model/1")),
        "ker-06-vocabulary": model(layer("StringLookup", vocabulary="/etc/passwd")),
        "ker-06-vocabulary-url": model(
            layer("TextVectorization", vocabulary="s3://bucket.example.invalid/words")
        ),
        "ker-06-vocabulary-file.twin": model(layer("StringLookup", vocabulary="data/words.txt")),
        "ker-06-vocabulary-list.twin": model(layer("StringLookup", vocabulary=["a", "b"])),
        "ker-16-encoded": model(layer("Scaled", None, blob=base64.b64encode(PICKLED_SYSTEM).decode())),
        "ker-16-encoded.twin": model(layer("Scaled", None, blob="dense_layer_of_the_second_tower_" * 4)),
    }


def _hdf5_models() -> Iterator[tuple[str, bytes]]:
    dumped = {"function_type": "lambda", "module": "__main__"}
    system = legacy("Lambda", function=[SYSTEM_TEXT, None, None], **dumped)
    scale = legacy("Lambda", function=[SCALE_TEXT, None, None], **dumped)
    shape = legacy(
        "Lambda", function="identity", output_shape=[SYSTEM_TEXT, None, None], output_shape_type="lambda"
    )
    raw = legacy("Lambda", function=_SYSTEM.marshalled.decode("latin-1"), function_type="lambda")
    yield "keras/ker-09-system.h5", hdf5_model(old_model(system))
    yield "keras/ker-09-scale.twin.h5", hdf5_model(old_model(scale))
    yield "keras/ker-01-output-shape.h5", hdf5_model(old_model(shape))
    yield "keras/ker-01-keras-1.h5", hdf5_model(old_model(raw))
    yield "keras/ker-02-function.h5", hdf5_model(old_model(function("os", "system")))
    yield "keras/plain.twin.h5", hdf5_model(old_model(legacy("Dropout", rate=0.5)))
    yield "keras/weights.twin.weights.h5", WEIGHTS
    yield "keras/ker-15-hdf5.keras", hdf5_model(old_model())


def _documents() -> Iterator[tuple[str, bytes]]:
    system = legacy("Lambda", function=[SYSTEM_TEXT, None, None], function_type="lambda")
    yield "keras/architecture-system.json", json.dumps(old_model(system)).encode()
    yield "keras/architecture.twin.json", json.dumps({**old_model(), "keras_version": "2.4.0"}).encode()
    for title, file in (
        ("shards-outside", "../../other.weights.h5"),
        ("shards.twin", "model_00000.weights.h5"),
    ):
        index = {"metadata": {"total_size": 16}, "weight_map": {"/layers/dense/vars": [file]}}
        yield f"keras/{title}/model.weights.json", json.dumps(index).encode()
    yield "keras/tf-06/keras_metadata.pb", metadata(old_model(), system)
    yield "keras/tf-06.twin/keras_metadata.pb", metadata(old_model(), legacy("Dense", units=1))


def _archives() -> Iterator[tuple[str, bytes]]:
    vocabulary = b"the\ncat\nsat\n"
    yield "keras/ker-14-program.keras", archive(model(), assets__run_sh=b"echo weighbridge-marker\n")
    yield "keras/ker-14-member.keras", archive(model(), setup_py=b"print('weighbridge-marker')\n")
    yield "keras/ker-14-pickle.keras", archive(model(), assets__data_pkl=PICKLED_SYSTEM)
    yield (
        "keras/ker-14-assets.twin.keras",
        archive(model(), assets__layers__words__vocabulary_txt=vocabulary),
    )
    yield "keras/ker-15-version.keras", archive(model(), version="2.2.4")
    deep = b'{"class_name": "Sequential", "config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "keras/ker-13-deep.keras", archive(deep)
