"""Write Keras models as users save them, and HDF5 data files: `python write.py FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"

import h5py
import keras
import numpy as np
import pandas as pd
import tables
import tensorflow as tf
import tf_keras

FOLDER = Path(sys.argv[1])
SKIPPED: list[str] = []


def path(name: str) -> Path:
    place = FOLDER / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def attempt(write: object) -> None:
    """Run one writer; what this release can't write is noted."""
    try:
        write()
    except Exception as error:
        SKIPPED.append(f"{write.__name__}: {type(error).__name__}: {str(error)[:300]}")


@keras.saving.register_keras_serializable(package="zoo")
class Scaled(keras.layers.Layer):
    def __init__(self, factor: float = 2.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: object) -> object:
        return x * self.factor

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "factor": self.factor}


class Unregistered(keras.layers.Layer):
    def call(self, x: object) -> object:
        return x + 1


@keras.saving.register_keras_serializable(package="zoo")
class Subclassed(keras.Model):
    def __init__(self, units: int = 4, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inner = keras.layers.Dense(units)

    def call(self, x: object) -> object:
        return self.inner(x)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="zoo")
def clipped(x: object) -> object:
    return keras.ops.clip(x, 0, 1)


def sequential(**compiled: object) -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.SpatialDropout2D(0.1),
            layers.Flatten(),
            layers.Dense(5, activation=keras.activations.softmax, kernel_constraint="max_norm"),
        ]
    )
    settings: dict[str, object] = {
        "optimizer": keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3, 100)),
        "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        "metrics": ["accuracy", keras.metrics.AUC(), keras.metrics.TopKCategoricalAccuracy(3)],
    }
    model.compile(**(settings | compiled))
    model.fit(np.zeros((4, 8, 8, 3)), np.eye(5)[:4], verbose=0)
    return model


def functional() -> keras.Model:
    layers = keras.layers
    first, second = layers.Input((6,), name="first"), layers.Input((6,), name="second")
    x = layers.concatenate([layers.Dense(4)(first), layers.Dense(4, activation="gelu")(second)])
    x = layers.Add()([x, keras.ops.sin(x)]) * 2.0 + keras.ops.mean(x, axis=-1, keepdims=True)
    x = x[:, :4]
    nested = keras.Sequential([layers.Input((4,)), layers.Dense(3), layers.LeakyReLU()], name="nested")
    out = layers.Dense(1, activation="sigmoid", name="out")(nested(x))
    other = layers.Dense(2, name="other")(x)
    model = keras.Model([first, second], {"out": out, "other": other}, name="twins")
    model.compile(
        "rmsprop", loss={"out": "binary_crossentropy", "other": "mse"}, loss_weights={"out": 1.0}
    )
    return model


def recurrent() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(50, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.GRU(4),
            layers.Dense(3),
        ]
    )


def every_save(model: keras.Model, name: str) -> None:
    model.save(path(f"{name}.keras"))
    model.save(path(f"{name}.h5"))
    model.save_weights(path(f"{name}.weights.h5"))
    path(f"{name}.json").write_text(model.to_json(), encoding="utf-8")


def plain() -> None:
    every_save(sequential(), "keras3/sequential")
    every_save(functional(), "keras3/functional")
    every_save(recurrent(), "keras3/recurrent")


def attention() -> None:
    inputs = keras.Input((5, 8))
    x = keras.layers.MultiHeadAttention(2, 4)(inputs, inputs)
    x = keras.layers.LayerNormalization()(x + inputs)
    x = keras.layers.GlobalAveragePooling1D()(x)
    every_save(keras.Model(inputs, keras.layers.Dense(2)(x)), "keras3/attention")


def optimizers() -> None:
    for name in ("SGD", "Adam", "Adagrad", "Lion", "Nadam", "Ftrl", "Lamb", "Adafactor", "Muon"):
        make = getattr(keras.optimizers, name, None)
        if make is not None:
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile(make(learning_rate=0.01), loss="huber", metrics=["mae"])
            model.save(path(f"keras3/optimizer-{name.lower()}.keras"))


def lambdas() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Lambda(lambda x: x / 255, name="scale"),
            layers.Lambda(lambda x, k: x * k, arguments={"k": 3.0}, name="times"),
            layers.Lambda(
                lambda x: tf.cast(tf.reduce_sum(x, axis=-1), tf.float32), output_shape=lambda s: s[:1]
            ),
        ]
    )
    every_save(model, "keras3/lambdas")


def named_functions() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Lambda(clipped, output_shape=(4,)),
            layers.Dense(3, activation=clipped),
            layers.Activation(keras.ops.tanh),
            layers.Dense(3, activation=tf.nn.relu6),
            layers.Dense(3, activation=tf.math.sin),
        ]
    )
    every_save(model, "keras3/functions")


def custom() -> None:
    model = keras.Sequential([keras.Input((4,)), Scaled(3.0), Unregistered(), keras.layers.Dense(1)])
    every_save(model, "keras3/custom")
    subclassed = Subclassed(3)
    subclassed.compile("adam", "mse")
    subclassed.fit(np.zeros((2, 4)), np.zeros((2, 3)), verbose=0)
    subclassed.save(path("keras3/subclassed.keras"))
    subclassed.save_weights(path("keras3/subclassed.weights.h5"))


def preprocessing() -> None:
    layers = keras.layers
    text = layers.TextVectorization(max_tokens=20, output_sequence_length=6)
    text.adapt(["the cat sat", "on the mat", "it's 100% O'Brien's naïve café"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), text, layers.Embedding(20, 4)])
    model.save(path("keras3/text-vectorization.keras"))
    lookup = layers.StringLookup(vocabulary=["a", "b", "c"])
    keras.Sequential([keras.Input((1,), dtype="string"), lookup]).save(path("keras3/lookup.keras"))
    words = FOLDER / "vocabulary.txt"
    words.write_text("a\nb\nc\n", encoding="utf-8")
    lookup = layers.StringLookup(vocabulary=str(words))
    keras.Sequential([keras.Input((1,), dtype="string"), lookup]).save(path("keras3/lookup-file.keras"))
    table = layers.IntegerLookup(vocabulary=[10, 20, 30])
    scaled = layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 4.0])
    bins = layers.Discretization(bin_boundaries=[0.0, 1.0])
    first, second = keras.Input((1,), dtype="int64"), keras.Input((2,))
    crossed = layers.HashedCrossing(10)((layers.Hashing(5)(first), first))
    model = keras.Model([first, second], [table(first), bins(scaled(second)), crossed])
    model.save(path("keras3/preprocessing.keras"))
    features = keras.utils.FeatureSpace(
        features={"age": "float_normalized", "kind": "string_categorical"}, output_mode="concat"
    )
    data = tf.data.Dataset.from_tensor_slices({"age": [1.0, 2.0], "kind": ["a", "b"]})
    features.adapt(data)
    features.save(path("keras3/feature-space.keras"))


def applications() -> None:
    make = keras.applications
    make.MobileNetV3Small(weights=None, input_shape=(32, 32, 3), classes=4).save(
        path("keras3/mobilenet.keras")
    )
    make.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=4).save(
        path("keras3/efficientnet.h5")
    )


def sizes() -> None:
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(128), keras.layers.Dense(128)])
    model.save_weights(path("keras3/sharded/model.weights.json"), max_shard_size=0.0001)
    model.quantize("int8")
    model.save(path("keras3/quantized.keras"))
    lora = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    lora.layers[0].enable_lora(2)
    lora.save(path("keras3/lora.keras"))
    lora.save_weights(path("keras3/lora.weights.h5"))
    keras.config.set_dtype_policy("mixed_float16")
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]).save(path("keras3/mixed.keras"))
    keras.config.set_dtype_policy("float32")


def gan() -> None:
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="generator")
    critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="critic")
    keras.Sequential([keras.Input((2,)), generator, critic], name="gan").save(path("keras3/gan.keras"))
    keras.Sequential([keras.Input((2,)), generator, critic], name="gan").save(path("keras3/gan.h5"))


def tensorflow_formats() -> None:
    functional().export(path("keras3/exported"))
    loaded = keras.layers.Dense(2)
    loaded(np.zeros((1, 2)))


def legacy() -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.InputLayer((4,)),
            layers.Lambda(lambda x: x / 255),
            layers.Dense(3, activation="relu", kernel_initializer="he_normal"),
            layers.Dropout(0.5),
            layers.Dense(1, activation=tf.nn.sigmoid),
        ]
    )
    model.compile(tf_keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2, 4)), np.zeros((2, 1)), verbose=0)
    model.save(path("keras2/sequential.h5"))
    model.save(path("keras2/sequential.keras"))
    model.save(str(path("keras2/saved_model")), save_format="tf")
    model.save_weights(path("keras2/sequential.weights.h5"))
    path("keras2/sequential.json").write_text(model.to_json(), encoding="utf-8")


def legacy_operations() -> None:
    layers = tf_keras.layers
    inputs = tf_keras.Input((4, 4))
    x = tf.reduce_mean(inputs * 2.0 + tf.math.sin(inputs), axis=1)[:, 1:]
    x = tf.concat([x, tf.nn.relu(x)], axis=-1)
    x = layers.Dense(2)(tf.expand_dims(x, 1))
    model = tf_keras.Model(inputs, tf.squeeze(x, 1))
    model.save(path("keras2/operations.h5"))
    model.save(path("keras2/operations.keras"))
    words = layers.TextVectorization(max_tokens=10)
    words.adapt(["a b c"])
    text = tf_keras.Sequential([tf_keras.Input((1,), dtype=tf.string), words])
    text.save(path("keras2/text.keras"))
    text.save(str(path("keras2/text_saved_model")), save_format="tf")
    tf_keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), classes=3).save(
        path("keras2/mobilenet.h5")
    )
    ragged = tf_keras.Input((None,), ragged=True)
    pooled = layers.Lambda(lambda x: tf.reduce_mean(x, axis=1, keepdims=True))(ragged)
    tf_keras.Model(ragged, layers.Dense(1)(pooled)).save(path("keras2/ragged.keras"))


def legacy_tokenizer() -> None:
    tokenizer = tf_keras.preprocessing.text.Tokenizer(num_words=10)
    tokenizer.fit_on_texts(["the cat sat on the mat"])
    path("keras2/tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")


def frames() -> None:
    numbers = pd.DataFrame({"a": np.arange(5), "b": np.linspace(0, 1, 5)})
    mixed = pd.DataFrame({"name": ["x", "y", None], "value": [1, "two", 3.0]})
    kinds = pd.DataFrame(
        {"when": pd.date_range("2020", periods=3), "sort": pd.Categorical(["a", "b", "a"])}
    )
    numbers.to_hdf(path("data/table.h5"), key="df", format="table")
    numbers.to_hdf(path("data/fixed.h5"), key="df", format="fixed")
    mixed.to_hdf(path("data/objects.h5"), key="df", format="fixed")
    kinds.to_hdf(path("data/kinds.h5"), key="df", format="table")
    numbers.to_hdf(path("data/blosc.h5"), key="df", format="table", complib="blosc", complevel=5)
    pd.Series(["p", "q"]).to_hdf(path("data/series.h5"), key="s")
    with pd.HDFStore(path("data/store.h5"), "w") as store:
        store.put("one/two", numbers)
        store.append("rows", numbers)
        store.get_storer("rows").attrs.note = {"made by": "zoo", "list": [1, 2, 3]}


class Particle(tables.IsDescription):
    name = tables.StringCol(16)
    energy = tables.Float64Col(shape=(2,))


def pytables() -> None:
    with tables.open_file(path("data/pytables.h5"), "w", title="A file of tests.") as file:
        group = file.create_group("/", "detector", "Detector information.")
        table = file.create_table(group, "readout", Particle, "Readout example.")
        table.row["name"] = b"Particle. 1"
        table.row.append()
        table.flush()
        table.cols.name.create_index()
        file.create_array(group, "bytes", np.arange(200, dtype="u1"))
        file.create_carray(
            group, "carray", obj=np.zeros((10, 10), "u1"), filters=tables.Filters(5, "zlib")
        )
        file.create_carray(group, "bz", obj=np.zeros((10, 10)), filters=tables.Filters(5, "bzip2"))
        objects = file.create_vlarray(group, "objects", tables.ObjectAtom())
        objects.append({"a": [1, 2, 3], "b": "text"})
        objects.append(np.arange(3))
        texts = file.create_vlarray(group, "texts", tables.VLUnicodeAtom())
        texts.append("some text.")
        group._v_attrs.settings = {"rate": 3, "names": ("a", "b")}
        group._v_attrs.comment = "This ends in a period."
        file.create_soft_link(group, "soft", "/detector/bytes")


def science() -> None:
    with h5py.File(path("data/science.h5"), "w", userblock_size=1024) as file:
        file.attrs["title"] = "All sorts of data."
        file["hard"] = file.create_group("group")
        file["group/loop"] = file["group"]
        file["soft"] = h5py.SoftLink("/group")
        file.create_dataset("compressed", data=np.zeros((100, 100)), compression="gzip", shuffle=True)
        file.create_dataset("lzf", data=np.zeros((100, 100)), compression="lzf", fletcher32=True)
        file.create_dataset("records", data=np.zeros(3, dtype=[("x", "f4"), ("name", "S8")]))
        file.create_dataset("words", data=["α", "beta", "PK is a word"], dtype=h5py.string_dtype())
        file.create_dataset("word", data="one word.")
        file.create_dataset("opaque", data=np.void(b"\x00\x01\x02\x03 opaque"))
        file.create_dataset(
            "flags", data=np.array([1, 0], dtype=h5py.enum_dtype({"no": 0, "yes": 1}, "u1"))
        )
        file.create_dataset("empty", data=h5py.Empty("f4"))
        file.create_dataset("growing", shape=(0, 3), maxshape=(None, 3), chunks=(10, 3))
        file.create_dataset("sparse", shape=(20_000, 20_000), chunks=(100, 100), dtype="f4")
        rows = file.create_dataset("rows", (3,), dtype=h5py.vlen_dtype("u1"))
        rows[0] = np.arange(4, dtype="u1")
        scale = file.create_dataset("scale", data=np.arange(100))
        scale.make_scale("x")
        file["compressed"].dims[0].attach_scale(scale)
        file.create_dataset("reference", data=scale.ref, dtype=h5py.ref_dtype)
        file["type"] = np.dtype("f8")
        inner = h5py.VirtualLayout(shape=(100,), dtype="i8")
        inner[:] = h5py.VirtualSource(".", "scale", shape=(100,))
        file.create_virtual_dataset("virtual", inner)
    with h5py.File(path("data/latest.h5"), "w", libver="latest", track_order=True) as file:
        for number in range(50):
            file.create_group(f"g{number}").attrs["big"] = "x" * 70_000 if number == 0 else number
        file.create_dataset("images", data=np.zeros((20, 8, 8, 3), "u1"), chunks=(1, 8, 8, 3))


def split() -> None:
    with h5py.File(path("data/part-1.h5"), "w") as file:
        file["x"] = np.arange(5)
    with h5py.File(path("data/master.h5"), "w") as file:
        file["part"] = h5py.ExternalLink("part-1.h5", "/x")
        layout = h5py.VirtualLayout(shape=(5,), dtype="i8")
        layout[:] = h5py.VirtualSource("part-1.h5", "x", shape=(5,))
        file.create_virtual_dataset("all", layout)


WRITERS = (
    plain,
    attention,
    optimizers,
    lambdas,
    named_functions,
    custom,
    preprocessing,
    applications,
    sizes,
    gan,
    tensorflow_formats,
    legacy,
    legacy_operations,
    legacy_tokenizer,
    frames,
    pytables,
    science,
    split,
)


def main() -> None:
    keras.utils.set_random_seed(1)
    for write in WRITERS:
        attempt(write)
    if SKIPPED:
        FOLDER.with_suffix(".skipped").write_text("\n".join(SKIPPED) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
