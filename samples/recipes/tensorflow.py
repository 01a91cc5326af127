"""TensorFlow graphs and checkpoints: one hit for each rule of TFG, and benign twins."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence

MARKER = b"weighbridge-marker: nothing here runs\n"
PICKLED_CALL = b"cos\nsystem\n(S'echo weighbridge-marker'\ntR."
DT_FLOAT, DT_INT32, DT_STRING = 1, 3, 7
SSTABLE_MAGIC = 0xDB4775248B80FB57

Attributes = dict[str, bytes]


def varint(number: int) -> bytes:
    """Spell a number; a negative one as int64."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def chunk(field: int, payload: bytes | str) -> bytes:
    """Spell a field of bytes, text or a message."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def whole(field: int, number: int) -> bytes:
    """Spell a field with a number."""
    return varint(field << 3) + varint(number)


def shape(dims: Sequence[int]) -> bytes:
    """Spell a TensorShapeProto."""
    return b"".join(chunk(2, whole(1, size)) for size in dims)


def tensor(
    kind: int, dims: Sequence[int], *, texts: Sequence[str | bytes] = (), raw: bytes = b""
) -> bytes:
    """Spell a TensorProto."""
    parts = whole(1, kind) + chunk(2, shape(dims))
    parts += chunk(4, raw) if raw else b""
    return parts + b"".join(chunk(8, text) for text in texts)


def node(name: str, op: str, inputs: Sequence[str] = (), attributes: Attributes | None = None) -> bytes:
    """Spell a NodeDef; attributes are AttrValue messages."""
    parts = chunk(1, name) + chunk(2, op) + b"".join(chunk(3, one) for one in inputs)
    for key, value in (attributes or {}).items():
        parts += chunk(5, chunk(1, key) + chunk(2, value))
    return parts


def const(name: str, *texts: str | bytes) -> bytes:
    """Spell a constant of strings."""
    dims = [] if len(texts) == 1 else [len(texts)]
    value = chunk(8, tensor(DT_STRING, dims, texts=texts))
    return node(name, "Const", attributes={"dtype": whole(6, DT_STRING), "value": value})


def text_attribute(text: str | bytes) -> bytes:
    """Spell an AttrValue with a text."""
    return chunk(2, text)


def function(name: str, arguments: Sequence[str], nodes: Sequence[bytes], results: Attributes) -> bytes:
    """Spell a FunctionDef; results are names of tensors."""
    signature = chunk(1, name) + b"".join(chunk(2, chunk(1, one)) for one in arguments)
    signature += b"".join(chunk(3, chunk(1, one)) for one in results)
    parts = chunk(1, signature) + b"".join(chunk(3, one) for one in nodes)
    return parts + b"".join(chunk(4, chunk(1, key) + chunk(2, value)) for key, value in results.items())


def graph(nodes: Sequence[bytes], functions: Sequence[bytes] = ()) -> bytes:
    """Spell a GraphDef."""
    library = b"".join(chunk(1, one) for one in functions)
    parts = b"".join(chunk(1, one) for one in nodes) + chunk(4, whole(1, 1882))
    return parts + (chunk(2, library) if library else b"")


def call(name: str, called: str, inputs: Sequence[str] = ()) -> bytes:
    """Spell a node that calls a function."""
    return node(name, "StatefulPartitionedCall", inputs, {"f": chunk(10, chunk(1, called))})


def signature(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Spell a field of MetaGraphDef that offers a signature."""

    def ends(field: int, names: Sequence[str]) -> bytes:
        infos = (chunk(1, f"key{at}") + chunk(2, chunk(1, one)) for at, one in enumerate(names))
        return b"".join(chunk(field, info) for info in infos)

    definition = ends(1, inputs) + ends(2, outputs) + chunk(3, "tensorflow/serving/predict")
    return chunk(5, chunk(1, name) + chunk(2, definition))


def meta_graph(graph_def: bytes, *parts: bytes) -> bytes:
    """Spell a MetaGraphDef."""
    info = chunk(4, "serve") + chunk(5, "2.21.0")
    return chunk(1, info) + chunk(2, graph_def) + b"".join(parts)


def saved_model(graph_def: bytes, *parts: bytes) -> bytes:
    """Spell a SavedModel with one MetaGraphDef."""
    return whole(1, 1) + chunk(2, meta_graph(graph_def, *parts))


SERVED = signature("serving_default", ["x:0"], ["call:0"])
INPUT = node("x", "Placeholder", attributes={"dtype": whole(6, DT_STRING)})
SAVER_DEF = chunk(
    3, chunk(1, "saver_filename:0") + chunk(2, "save:0") + chunk(3, "restore") + whole(7, 2)
)


def saver() -> tuple[list[bytes], list[bytes]]:
    """Nodes and functions of the saver that is in every SavedModel of TensorFlow 2."""
    save = function(
        "__inference__traced_save_1",
        ["file_prefix"],
        [
            const("part", "_temp/part"),
            node("StringJoin", "StringJoin", ["file_prefix", "part:output:0"], {"N": whole(3, 2)}),
            const("num", "1"),
            node("ShardedFilename", "ShardedFilename", ["StringJoin:output:0", "num", "num"]),
            const("names", "w"),
            const("slices", ""),
            node("SaveV2", "SaveV2", ["ShardedFilename:filename:0", "names", "slices", "part"]),
            node(
                "MergeV2Checkpoints", "MergeV2Checkpoints", ["ShardedFilename:filename:0", "file_prefix"]
            ),
            node("Identity", "Identity", ["file_prefix", "^MergeV2Checkpoints"]),
        ],
        {"identity": b"Identity:output:0"},
    )
    restore = function(
        "__inference__traced_restore_2",
        ["file_prefix"],
        [
            const("names", "w"),
            const("slices", ""),
            node("RestoreV2", "RestoreV2", ["file_prefix", "names", "slices"]),
            node("Identity", "Identity", ["file_prefix", "^RestoreV2"]),
        ],
        {"identity": b"Identity:output:0"},
    )
    nodes = [
        node("saver_filename", "Placeholder", attributes={"dtype": whole(6, DT_STRING)}),
        call("save", "__inference__traced_save_1", ["saver_filename"]),
        call("restore", "__inference__traced_restore_2", ["saver_filename"]),
    ]
    return nodes, [save, restore]


def served(body: Sequence[bytes], *, extra: Sequence[bytes] = (), parts: Sequence[bytes] = ()) -> bytes:
    """Spell a SavedModel whose serving function has these nodes, beside an ordinary saver."""
    nodes, functions = saver()
    last = node("done", "Identity", ["x", "^deed"])
    serve = function("__inference_serve_3", ["x"], [*body, last], {"y": b"done:output:0"})
    main = [INPUT, *nodes, *extra, call("call", "__inference_serve_3", ["x"])]
    return saved_model(graph(main, [*functions, serve]), SAVER_DEF, SERVED, *parts)


def reading(path: str) -> list[bytes]:
    """Nodes that read a file."""
    return [const("path", path), node("deed", "ReadFile", ["path:output:0"])]


def writing(path: str) -> list[bytes]:
    """Nodes that write the marker to a file."""
    return [
        const("path", path),
        const("content", MARKER),
        node("deed", "WriteFile", ["path:output:0", "content:output:0"]),
    ]


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _deeds()
    yield from _paths()
    yield from _benign()
    yield from _layouts()
    yield from _carried()
    yield from _texts()
    yield from _checkpoints()


def _deeds() -> Iterator[tuple[str, bytes]]:
    token = {"token": text_attribute("pyfunc_0")}
    yield "tensorflow/python-call/saved_model.pb", served([node("deed", "PyFunc", ["x"], token)])
    yield "tensorflow/write-bashrc/saved_model.pb", served(writing("/home/user/.bashrc"))
    yield "tensorflow/write-fixed/saved_model.pb", served(writing("/tmp/weighbridge-marker"))
    given = [const("content", MARKER), node("deed", "WriteFile", ["x", "content:output:0"])]
    yield "tensorflow/write-given/saved_model.pb", served(given)
    saved = node("deed", "SaveV2", ["x", "content:output:0", "content:output:0", "content:output:0"])
    yield "tensorflow/save-given/saved_model.pb", served([given[0], saved])
    yield "tensorflow/read-passwd/saved_model.pb", served(reading("/etc/passwd"))
    yield "tensorflow/read-fixed/saved_model.pb", served(reading("/home/user/notes.txt"))
    yield "tensorflow/read-given/saved_model.pb", served([node("deed", "ReadFile", ["x"])])
    copied = [
        *reading("/home/user/notes.txt")[:1],
        node("read", "ReadFile", ["path:output:0"]),
        const("to", "/tmp/weighbridge-marker"),
        node("deed", "WriteFile", ["to:output:0", "read:contents:0"]),
    ]
    yield "tensorflow/copy-file/saved_model.pb", served(copied)
    urls = {"debug_urls": chunk(1, chunk(2, "grpc://example.invalid:6064"))}
    yield "tensorflow/debug-url/saved_model.pb", served([node("deed", "DebugIdentityV3", ["x"], urls)])
    kafka = [node("deed", "IO>KafkaReadableInit", ["x"])]
    yield "tensorflow/kafka/saved_model.pb", served(kafka)
    yield "tensorflow/cluster/saved_model.pb", served([node("deed", "CollectiveBcastRecv")])
    engine = {"serialized_segment": text_attribute(MARKER)}
    yield "tensorflow/engine/saved_model.pb", served([node("deed", "TRTEngineOp", ["x"], engine)])
    yield "tensorflow/abort/saved_model.pb", served([node("deed", "Abort")])
    yield "tensorflow/unknown-op/saved_model.pb", served([node("deed", "WeighbridgeMarkerOp", ["x"])])
    yield "tensorflow/text-op.twin/saved_model.pb", served([node("deed", "SentencepieceOp", ["x"])])
    stream = {"output_stream": text_attribute("file:///home/user/run.sh")}
    yield "tensorflow/print-file/saved_model.pb", served([node("deed", "PrintV2", ["x"], stream)])


def _paths() -> Iterator[tuple[str, bytes]]:
    """The same deeds, with the path put together on the way."""
    joined = [
        const("a", "/ho"),
        const("b", "me/user/.ss"),
        const("c", "h/authorized_keys"),
        node("path", "StringJoin", ["a:output:0", "b:output:0", "c:output:0"]),
        const("content", MARKER),
        node("deed", "WriteFile", ["path:output:0", "content:output:0"]),
    ]
    yield "tensorflow/write-joined/saved_model.pb", served(joined)
    encoded = base64.urlsafe_b64encode(b"/etc/shadow").decode().rstrip("=")
    decoded = [
        const("text", encoded),
        node("path", "DecodeBase64", ["text:output:0"]),
        node("again", "Identity", ["path:output:0"]),
        node("deed", "ReadFile", ["again:output:0"]),
    ]
    yield "tensorflow/read-base64/saved_model.pb", served(decoded)
    main_nodes = [
        node("variable", "VarHandleOp"),
        const("secret", "/etc/shadow"),
        node("assign", "AssignVariableOp", ["variable", "secret"]),
        node("value", "ReadVariableOp", ["variable"]),
        node("call", "ReadFile", ["value"]),
    ]
    yield "tensorflow/read-variable/saved_model.pb", saved_model(graph([INPUT, *main_nodes]), SERVED)
    hidden = [
        const("text", "/xetc/xpasswd"),
        node("path", "StringNGrams", ["text:output:0"]),
        node("deed", "ReadFile", ["path:output:0"]),
    ]
    yield "tensorflow/read-hidden/saved_model.pb", served(hidden)
    cut = [node("words", "StringSplitV2", ["x"]), node("deed", "ReadFile", ["words:values:0"])]
    yield "tensorflow/read-cut.twin/saved_model.pb", served(cut)
    inner = function(
        "__inference_inner_9",
        ["where"],
        [node("read", "ReadFile", ["where"])],
        {"content": b"read:contents:0"},
    )
    nodes, functions = saver()
    main = [
        INPUT,
        *nodes,
        const("path", "/root/.aws/credentials"),
        call("call", "__inference_inner_9", ["path"]),
    ]
    passed = saved_model(graph(main, [*functions, inner]), SAVER_DEF, SERVED)
    yield "tensorflow/read-argument/saved_model.pb", passed
    stolen = [
        const("path", "/etc/cron.d/marker"),
        const("names", "w"),
        node("deed", "SaveV2", ["path:output:0", "names", "names", "x"]),
    ]
    yield "tensorflow/save-cron/saved_model.pb", served(stolen)
    on_load = [INPUT, *writing("/tmp/weighbridge-marker"), node("call", "Identity", ["x"])]
    main_op = chunk(4, chunk(1, "saved_model_main_op") + chunk(2, chunk(1, chunk(1, "deed"))))
    yield "tensorflow/write-on-load/saved_model.pb", saved_model(graph(on_load), main_op, SERVED)
    pipeline = [
        const("files", "/data/train-1.tfrecord", "/data/train-2.tfrecord"),
        const("none", ""),
        node("records", "TFRecordDatasetV2", ["files", "none"]),
        const("logs", "/tmp/logs"),
        node("writer", "SummaryWriter"),
        node("log", "CreateSummaryFileWriter", ["writer", "logs", "none", "none", "none"]),
        const("words", "vocabulary.txt"),
        node("table", "HashTableV2"),
        node("fill", "InitializeTableFromTextFileV2", ["table", "words"]),
    ]
    yield "tensorflow/pipeline.meta", meta_graph(graph(pipeline))


def _benign() -> Iterator[tuple[str, bytes]]:
    plain = [node("deed", "Identity", ["x"])]
    yield "tensorflow/plain.twin/saved_model.pb", served(plain)
    words = chunk(6, chunk(1, chunk(1, "words:0")) + chunk(2, "words.txt"))
    table = [
        const("words", "/home/author/words.txt"),
        node("table", "HashTableV2"),
        node("fill", "InitializeTableFromTextFileV2", ["table", "words"]),
    ]
    yield "tensorflow/asset.twin/saved_model.pb", served(plain, extra=table, parts=[words])
    escaped = chunk(6, chunk(1, chunk(1, "words:0")) + chunk(2, "../../../../etc/passwd"))
    yield "tensorflow/asset-escapes/saved_model.pb", served(plain, extra=table, parts=[escaped])
    harmless = [
        node("image", "DecodeJpeg", ["x"]),
        node("check", "Assert", ["x", "x"]),
        node("print", "PrintV2", ["x"], {"output_stream": text_attribute("stderr")}),
        node("parse", "ParseExampleV2", ["x"]),
        node("deed", "DebugIdentityV3", ["x"], {"debug_urls": chunk(1, b"")}),
    ]
    yield "tensorflow/harmless.twin/saved_model.pb", served(harmless)
    old = [
        const("save/filename/input", "model"),
        node("save/filename", "PlaceholderWithDefault", ["save/filename/input"]),
        node("save/Const", "PlaceholderWithDefault", ["save/filename"]),
        const("save/names", "w"),
        node("save/SaveV2", "SaveV2", ["save/Const", "save/names", "save/names"]),
        node("save/RestoreV2", "RestoreV2", ["save/Const", "save/names", "save/names"]),
    ]
    yield "tensorflow/saver-of-version-1.twin.meta", meta_graph(graph(old), SAVER_DEF)
    frozen = [node("x", "Placeholder"), node("y", "Relu", ["x"])]
    yield "tensorflow/frozen.twin.pb", graph(frozen)


def _layouts() -> Iterator[tuple[str, bytes]]:
    def constant(kind: int, dims: Sequence[int], raw: bytes = b"") -> bytes:
        value = {"value": chunk(8, tensor(kind, dims, raw=raw))}
        return graph([node("c", "Const", attributes=value)])

    yield "tensorflow/shape-overflow.pb", constant(DT_FLOAT, [2**32, 2**32])
    yield "tensorflow/shape-short.pb", constant(DT_FLOAT, [4, 4], bytes(12))
    yield "tensorflow/shape-right.twin.pb", constant(DT_FLOAT, [4, 4], bytes(64))
    yield "tensorflow/giant.pb", constant(DT_FLOAT, [1_000_000, 1_000_000])
    yield "tensorflow/name-twice.pb", graph([node("x", "Placeholder"), node("x", "Placeholder")])
    first = function("f", ["a"], [call("c", "g", ["a"])], {"r": b"c:output:0"})
    second = function("g", ["a"], [call("c", "f", ["a"])], {"r": b"c:output:0"})
    yield (
        "tensorflow/recursion.pb",
        graph([node("x", "Placeholder"), call("y", "f", ["x"])], [first, second]),
    )
    good = graph([node("x", "Placeholder"), node("y", "Relu", ["x"])])
    yield "tensorflow/cut-off.pb", good + chunk(1, node("z", "Relu", ["y"]))[:-4]


def _carried() -> Iterator[tuple[str, bytes]]:
    plain = [node("x", "Placeholder"), node("y", "Relu", ["x"])]
    yield "tensorflow/hidden-field.pb", graph(plain) + chunk(999, PICKLED_CALL)
    padded = PICKLED_CALL + bytes(64)
    yield "tensorflow/pickle-in-string.pb", graph([*plain, const("s", padded)])
    inner = graph([const("path", "/etc/passwd"), node("read", "ReadFile", ["path"])])
    outer = [const("s", inner), node("d", "DatasetFromGraph", ["s"])]
    yield "tensorflow/graph-in-string.pb", graph(outer)
    bag = chunk(4, chunk(1, "extra") + chunk(2, chunk(2, chunk(1, PICKLED_CALL))))
    yield "tensorflow/pickle-in-collection.meta", meta_graph(graph(plain), bag)


def _texts() -> Iterator[tuple[str, bytes]]:
    yield (
        "tensorflow/read.pbtxt",
        b"""# a graph as text
node { name: "path" op: "Const" attr { key: "value" value { tensor { dtype: DT_STRING
  tensor_shape { } string_val: "/etc/" "pass\\167d" } } } }
node < name: 'deed', op: 'ReadFile', input: ['path'] >
versions { producer: 1882 }
""",
    )
    yield (
        "tensorflow/plain.twin.pbtxt",
        b'node {\n  name: "x"\n  op: "Placeholder"\n}\nnode {\n  name: "y"\n  op: "Relu"\n}\n',
    )
    yield "tensorflow/state/checkpoint", b'model_checkpoint_path: "../../other/model-1"\n'
    yield (
        "tensorflow/state.twin/checkpoint",
        b'model_checkpoint_path: "/home/user/run/model-1"\nall_model_checkpoint_paths: "model-1"\n',
    )


def table_block(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Spell a block of a sorted table, with its trailer."""
    body = b"".join(
        b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in entries
    )
    return body + struct.pack("<II", 0, 1) + b"\0" + struct.pack("<I", 0)


def checkpoint_index(entries: Sequence[tuple[bytes, bytes]], shards: int = 1) -> bytes:
    """Spell the index of a checkpoint."""
    header = whole(1, shards) + chunk(3, whole(1, 1))
    data = table_block([(b"", header), *entries])
    index = table_block([(b"~", varint(0) + varint(len(data) - 5))])
    handles = varint(len(data)) + varint(0) + varint(len(data)) + varint(len(index) - 5)
    return data + index + handles.ljust(40, b"\0") + struct.pack("<Q", SSTABLE_MAGIC)


def bundle_entry(dims: Sequence[int], offset: int, size: int, shard: int = 0) -> bytes:
    """Spell where a tensor of floats lies."""
    place = whole(3, shard) + whole(4, offset) + whole(5, size)
    return whole(1, DT_FLOAT) + chunk(2, shape(dims)) + place


def _checkpoints() -> Iterator[tuple[str, bytes]]:
    good = [(b"a", bundle_entry([4], 0, 16)), (b"b", bundle_entry([2], 16, 8))]
    yield "tensorflow/good.twin.index", checkpoint_index(good)
    yield "tensorflow/no-such-shard.index", checkpoint_index([(b"a", bundle_entry([4], 0, 16, 7))])
    overlap = [(b"a", bundle_entry([4], 0, 16)), (b"b", bundle_entry([4], 8, 16))]
    yield "tensorflow/overlap.index", checkpoint_index(overlap)
