"""Benign TensorFlow models as their own writers save them: `python write.py FOLDER`."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf
import tf_keras

V1 = tf.compat.v1
FLOATS = tf.TensorSpec([None, 4], tf.float32, name="x")


class Linear(tf.Module):
    """Variables, control flow and a serving signature."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(tf.random.stateless_normal([4, 3], [1, 2]), name="w")
        self.steps = tf.Variable(0, dtype=tf.int64)

    @tf.function(input_signature=[FLOATS])
    def serve(self, x):
        y = tf.matmul(x, self.w)
        for _ in tf.range(3):
            y = tf.nn.relu(y) if tf.reduce_sum(y) > 0 else -y
        self.steps.assign_add(1)
        return {"y": y}


class Words(tf.Module):
    """Lookup tables over an asset, regular expressions, ragged tensors, parsed examples."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        vocabulary = folder / "vocabulary.txt"
        vocabulary.write_text("the\ncat\nsat\n", encoding="utf-8")
        self.asset = tf.saved_model.Asset(str(vocabulary))
        reader = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticVocabularyTable(reader, 2)
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2], tf.string, tf.int32)
        self.small = tf.lookup.StaticHashTable(pairs, 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def ids(self, text):
        words = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(text), "[^a-z ]", ""))
        tf.print("words", tf.shape(words.flat_values), output_stream=sys.stderr)
        return {"ids": self.table.lookup(words).to_tensor(), "one": self.small.lookup(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(self, records):
        features = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.VarLenFeature(tf.int64),
        }
        found = tf.io.parse_example(records, features)
        picture = tf.map_fn(self.picture, found["image"], fn_output_signature=tf.float32)
        return {"picture": picture, "label": tf.sparse.to_dense(found["label"])}

    @staticmethod
    def picture(raw):
        decoded = tf.io.decode_image(raw, channels=3, expand_animations=False)
        tf.debugging.assert_greater(tf.size(decoded), 0)
        return tf.image.resize(tf.cast(decoded, tf.float32), [8, 8])


def saved_models(folder: Path) -> None:
    model = Linear()
    model.serve(tf.zeros([1, 4]))
    tf.saved_model.save(model, str(folder / "linear"), signatures={"serving_default": model.serve})
    words = Words(folder)
    signatures = {"serving_default": words.ids, "parse": words.parse}
    tf.saved_model.save(words, str(folder / "words"), signatures=signatures)
    dataset = tf.Module()
    dataset.f = tf.function(
        lambda n: (
            tf.data.Dataset.range(n)
            .map(lambda v: v * v)
            .batch(2)
            .reduce(tf.constant(0, tf.int64), lambda total, part: total + tf.reduce_sum(part))
        ),
        input_signature=[tf.TensorSpec([], tf.int64)],
    )
    tf.saved_model.save(dataset, str(folder / "dataset"))
    options = tf.saved_model.SaveOptions(save_debug_info=True, experimental_custom_gradients=True)
    tf.saved_model.save(Gradient(), str(folder / "gradient"), options=options)
    tf.saved_model.save(Signal(), str(folder / "signal"))


class Gradient(tf.Module):
    """A custom gradient, einsum, and a compiled function."""

    @tf.function(input_signature=[FLOATS])
    def __call__(self, x):
        return clipped(tf.einsum("ij,kj->ik", x, x))

    @tf.function(input_signature=[FLOATS], jit_compile=True)
    def compiled(self, x):
        return tf.linalg.norm(x, axis=-1)


@tf.custom_gradient
def clipped(x):
    return tf.identity(x), lambda dy: tf.clip_by_value(dy, -1.0, 1.0)


class Signal(tf.Module):
    """Audio, random numbers, string formatting."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, wave):
        noise = tf.random.stateless_uniform(tf.shape(wave), seed=[1, 2])
        spectrum = tf.abs(tf.signal.stft(wave + noise, 64, 32))
        return spectrum, tf.strings.format("{} samples", tf.size(wave))


def keras_models(folder: Path) -> None:
    dense = keras.Sequential([keras.Input([4]), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)])
    dense.compile("adam", "mse")
    dense.fit(np.zeros([8, 4]), np.zeros([8, 2]), verbose=0)
    dense.export(str(folder / "keras-dense"), verbose=False)
    image = keras.Input([16, 16, 3])
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.RandomFlip(seed=1)(x)
    x = keras.layers.Conv2D(4, 3, activation="swish")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(image, keras.layers.Dropout(0.5, seed=1)(x)).export(
        str(folder / "keras-image"), verbose=False
    )
    vectorize = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=6)
    vectorize.adapt(["the cat sat", "on the mat"])
    text = keras.Input([], dtype="string")
    x = keras.layers.Embedding(20, 4)(vectorize(text))
    x = keras.layers.Bidirectional(keras.layers.LSTM(3))(x)
    keras.Model(text, x).export(str(folder / "keras-text"), verbose=False)
    attention = keras.Input([5, 8])
    x = keras.layers.MultiHeadAttention(2, 4)(attention, attention)
    keras.Model(attention, keras.layers.LayerNormalization()(x)).export(
        str(folder / "keras-attention"), verbose=False
    )


def old_keras_models(folder: Path) -> None:
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [layers.Input([6]), layers.Reshape([3, 2]), layers.GRU(4), layers.Dense(1, "sigmoid")]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros([4, 6]), np.zeros([4, 1]), verbose=0)
    model.save(str(folder / "tf-keras-gru"), save_format="tf")
    words = layers.StringLookup(vocabulary=["a", "b", "c"])
    inputs = tf_keras.Input([1], dtype="string")
    tf_keras.Model(inputs, layers.CategoryEncoding(5)(words(inputs))).save(
        str(folder / "tf-keras-lookup"), save_format="tf"
    )
    model.save_weights(str(folder / "tf-keras-weights" / "ckpt"))


def graphs_of_version_1(folder: Path) -> None:
    target = folder / "version-1"
    target.mkdir()
    vocabulary = target / "words.txt"
    vocabulary.write_text("a\nb\n", encoding="utf-8")
    with tf.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, [None, 4], name="x")
        w = V1.get_variable("w", [4, 2], initializer=V1.zeros_initializer())
        step = V1.train.get_or_create_global_step()
        y = tf.identity(tf.matmul(x, w), name="y")
        loss = tf.reduce_mean(tf.square(y))
        train = V1.train.AdamOptimizer().minimize(loss, global_step=step)
        V1.summary.scalar("loss", loss)
        V1.summary.merge_all()
        lines = V1.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            V1.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            V1.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = V1.lookup.StaticHashTable(lines, -1)
        ids = table.lookup(V1.placeholder(tf.string, [None], name="words"))
        session.run([V1.global_variables_initializer(), V1.tables_initializer()])
        session.run(train, {x: np.ones([2, 4])})
        V1.train.Saver(sharded=True).save(session, str(target / "sharded"), global_step=step)
        V1.train.Saver().save(session, str(target / "model.ckpt"), global_step=step)
        V1.train.Saver(write_version=1).save(session, str(target / "old"))
        frozen = V1.graph_util.convert_variables_to_constants(session, session.graph_def, ["y"])
        V1.io.write_graph(frozen, str(target), "frozen.pb", as_text=False)
        V1.io.write_graph(session.graph_def, str(target), "graph.pbtxt")
        V1.saved_model.simple_save(
            session,
            str(folder / "simple-save"),
            {"x": x},
            {"y": y, "ids": ids},
            legacy_init_op=V1.tables_initializer(),
        )
        builder = V1.saved_model.Builder(str(folder / "builder-text"))
        info = V1.saved_model.predict_signature_def({"x": x}, {"y": y})
        V1.get_default_graph().clear_collection("saved_model_main_op")
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": info},
            strip_default_attrs=True,
            main_op=V1.tables_initializer(),
        )
        builder.save(as_text=True)


def input_pipelines_of_version_1(folder: Path) -> None:
    with tf.Graph().as_default():
        queue = V1.train.string_input_producer(["/data/train-1.tfrecord", "/data/train-2.tfrecord"])
        _, record = V1.TFRecordReader().read(queue)
        V1.train.batch([record], 2)
        rows = V1.data.TextLineDataset(["train.csv"]).repeat().shuffle(10)
        rows = rows.map(lambda line: tf.io.decode_csv(line, [[0.0], [0.0]])).prefetch(1)
        V1.data.make_one_shot_iterator(rows).get_next()
        listed = V1.data.Dataset.list_files("images/*.png").map(
            lambda path: tf.io.decode_png(tf.io.read_file(path))
        )
        V1.data.make_initializable_iterator(listed).get_next()
        v = V1.get_variable("v", [2])
        V1.train.Saver([v])
        V1.train.export_meta_graph(str(folder / "pipeline.meta"))
    with tf.Graph().as_default():
        x = V1.placeholder(tf.float32, [None, 3, 4])
        y = tf.scan(lambda total, row: total + row, tf.transpose(x, [1, 0, 2]))
        tf.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)])
        V1.cond(tf.reduce_sum(y) > 0, lambda: y, lambda: -y)
        V1.train.export_meta_graph(str(folder / "loops.meta"), clear_devices=True)


def checkpoints(folder: Path) -> None:
    target = folder / "checkpoints"
    model = Linear()
    optimizer = keras.optimizers.Adam()
    optimizer.build([model.w])
    found = tf.train.Checkpoint(model=model, step=tf.Variable(1), optimizer=optimizer)
    manager = tf.train.CheckpointManager(found, str(target), max_to_keep=2)
    for _ in range(3):
        manager.save()
    found.write(str(target / "written"), tf.train.CheckpointOptions())


def lite_models(folder: Path) -> None:
    target = folder / "lite"
    target.mkdir()
    for name, write in lite_writers().items():
        (target / f"{name}.tflite").write_bytes(write())
    with_labels = target / "labels.tflite"
    with_labels.write_bytes((target / "float.tflite").read_bytes())
    # What tflite-support does with associated files.
    with zipfile.ZipFile(with_labels, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")


def lite_writers() -> dict[str, Callable[[], bytes]]:
    image = keras.Input([8, 8, 3], batch_size=1)
    x = keras.layers.Conv2D(4, 3)(image)
    x = keras.layers.DepthwiseConv2D(3)(x)
    network = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(x)))

    def converter() -> tf.lite.TFLiteConverter:
        return tf.lite.TFLiteConverter.from_keras_model(network)

    def samples():
        for number in range(4):
            yield [np.full([1, 8, 8, 3], number, np.float32)]

    def dynamic() -> bytes:
        one = converter()
        one.optimizations = [tf.lite.Optimize.DEFAULT]
        return one.convert()

    def integer() -> bytes:
        one = converter()
        one.optimizations = [tf.lite.Optimize.DEFAULT]
        one.representative_dataset = samples
        one.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return one.convert()

    def half() -> bytes:
        one = converter()
        one.optimizations = [tf.lite.Optimize.DEFAULT]
        one.target_spec.supported_types = [tf.float16]
        return one.convert()

    def selected() -> bytes:
        function = tf.function(
            lambda x: tf.signal.fft(tf.cast(tf.linalg.inv(x), tf.complex64)),
            input_signature=[tf.TensorSpec([2, 2], tf.float32)],
        )
        one = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        one.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        return one.convert()

    def custom() -> bytes:
        function = tf.function(
            lambda x: tf.linalg.inv(x), input_signature=[tf.TensorSpec([2, 2], tf.float32)]
        )
        one = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        one.allow_custom_ops = True
        return one.convert()

    def signatures() -> bytes:
        model = Linear()
        one = tf.lite.TFLiteConverter.from_concrete_functions(
            [model.serve.get_concrete_function()], model
        )
        one.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        one.experimental_enable_resource_variables = True
        return one.convert()

    return {
        "float": lambda: converter().convert(),
        "dynamic": dynamic,
        "integer": integer,
        "half": half,
        "select-tf": selected,
        "custom": custom,
        "signatures": signatures,
    }


FOLDER = Path(sys.argv[1])


def main() -> None:
    tf.random.set_seed(1)
    keras.utils.set_random_seed(1)
    parts = (
        saved_models,
        keras_models,
        old_keras_models,
        graphs_of_version_1,
        input_pipelines_of_version_1,
        checkpoints,
        lite_models,
    )
    for part in parts:
        print(part.__name__, flush=True)
        part(FOLDER)


if __name__ == "__main__":
    main()
