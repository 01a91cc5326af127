"""Which analyzer reads which format. An explicit table: a test fails on a format that is in none."""

from __future__ import annotations

import importlib
from typing import Final, cast

from weighbridge.analyzers.inspection import Analyzer
from weighbridge.core.report import Outcome
from weighbridge.formats.kinds import Format

_ANALYZERS: Final[dict[Format, str]] = {
    Format.PICKLE: "pickle.pickles:inspect",
    Format.ZIP: "archives.zips:inspect",
    Format.TAR: "archives.tars:inspect",
    Format.SEVENZIP: "archives.sevenzips:inspect",
    Format.GZIP: "archives.compressed:inspect",
    Format.BZ2: "archives.compressed:inspect",
    Format.XZ: "archives.compressed:inspect",
    Format.LZMA: "archives.compressed:inspect",
    Format.ZLIB: "archives.compressed:inspect",
    Format.LZ4: "archives.compressed:inspect",
    Format.ZSTD: "archives.compressed:inspect",
    Format.JOBLIB_ZFILE: "archives.compressed:inspect",
    Format.NPY: "weights.npy:inspect",
    Format.SAFETENSORS: "weights.safetensors:inspect",
    Format.GGUF: "weights.gguf:inspect",
    Format.GGML: "weights.ggml:inspect",
    Format.LLAMAFILE: "weights.llamafile:inspect",
    Format.XGBOOST_UBJSON: "boosters.xgboost:inspect_ubjson",
    Format.XGBOOST_BINARY: "boosters.xgboost:inspect_binary",
    Format.CATBOOST: "boosters.catboost:inspect",
    Format.RDS: "languages.rds:inspect",
    Format.R_LAZYLOAD: "languages.rds:inspect_lazyload",
    Format.JAVA_SERIALIZATION: "languages.java_serialization:inspect",
    Format.DOTNET_SERIALIZATION: "languages.java_serialization:inspect_dotnet",
    Format.LFS_POINTER: "provenance:inspect_pointer",
    Format.HDF5: "keras.hdf5:inspect",
    Format.KERAS_METADATA: "keras.metadata:inspect",
    Format.MSGPACK: "weights.flax_msgpack:inspect",
    Format.MLIR: "graphs.jax_exports:inspect",
    Format.JAX_EXPORT: "graphs.jax_exports:inspect",
    Format.MATLAB: "languages.matlab_files:inspect",
    Format.BSON: "languages.julia:inspect_bson",
    Format.JULIA: "languages.julia:inspect_serialization",
    # Graphs of other frameworks.
    Format.ONNX: "graphs.onnx:inspect",
    Format.ORT: "graphs.onnx:inspect_ort",
    Format.COREML: "graphs.coreml:inspect",
    Format.PADDLE: "graphs.paddle:inspect",
    Format.PADDLE_PARAMETERS: "graphs.paddle:inspect_params",
    Format.MXNET_PARAMETERS: "graphs.mxnet_params:inspect",
    Format.CAFFE_WEIGHTS: "graphs.caffe_weights:inspect",
    Format.TENSORRT: "graphs.tensorrt:inspect",
    Format.CNTK: "graphs.cntk:inspect",
    # The PyTorch family.
    Format.TORCHSCRIPT: "torch.torchscript:inspect",
    Format.TORCH_MOBILE: "torch.mobile:inspect",
    Format.EXECUTORCH: "torch.executorch:inspect",
    Format.EXECUTORCH_DATA: "torch.executorch:inspect",
    Format.TORCH7: "torch.torch7:inspect",
    Format.SAVED_MODEL: "tensorflow.graphs:inspect_saved_model",
    Format.META_GRAPH: "tensorflow.graphs:inspect_meta_graph",
    Format.GRAPH_DEF: "tensorflow.graphs:inspect_graph",
    Format.CHECKPOINT_INDEX: "tensorflow.checkpoints:inspect",
    Format.TFLITE: "tensorflow.tflite:inspect",
    # Datasets.
    Format.PARQUET: "datasets.parquet:inspect",
    Format.ARROW: "datasets.arrow:inspect",
    Format.TFRECORD: "datasets.tfrecord:inspect",
    Format.LANCE: "datasets.lance:inspect",
    Format.SQLITE: "datasets.sqlite:inspect",
    Format.JSON_LINES: "datasets.json_lines:inspect",
    Format.IMAGE: "datasets.images:inspect",
    Format.AUDIO: "datasets.audio:inspect",
    Format.POSTSCRIPT: "documents.drawings:inspect_postscript",
    # Documents: JSON, and text of every kind, go to whoever knows their shape.
    Format.JSON: "documents.json_documents:inspect",
    Format.TEXT: "documents.text_documents:inspect",
    Format.XML: "documents.xml_documents:inspect",
    Format.PDF: "documents.pdfs:inspect",
    Format.RAR: "archives.rars:inspect",
    Format.OLE: "documents.office:inspect_ole",
    Format.RTF: "documents.rich_texts:inspect",
    Format.SENTENCEPIECE: "tokenizers.sentencepiece_models:inspect",
    # Executables and scripts.
    Format.ELF: "executables.native_code:inspect_elf",
    Format.PE: "executables.native_code:inspect_pe",
    Format.MACHO: "executables.native_code:inspect_macho",
    Format.PYTHON: "executables.python_sources:inspect",
    Format.PYTHON_PATH: "executables.script_texts:inspect_path_file",
    Format.PYC: "executables.python_bytecode:inspect",
    Format.WASM: "executables.wasm:inspect",
    Format.JAVA_CLASS: "languages.java_classes:inspect_class",
    Format.DEX: "languages.java_classes:inspect_dex",
    Format.LNK: "executables.windows_shortcuts:inspect",
    Format.AR: "archives.unix_archives:inspect",
    Format.INSTALLER: "executables.installers:inspect_installer",
    Format.DISK_IMAGE: "executables.installers:inspect_disk_image",
    Format.FOREIGN_BYTECODE: "executables.installers:inspect_bytecode",
}
"""Module of `weighbridge.analyzers` and function; imported when the format is first met."""


def analyzer_of(kind: Format) -> Analyzer | None:
    """The analyzer of a format, imported when it is first needed; None for those without one."""
    place = _ANALYZERS.get(kind)
    if place is None:
        return None
    module, _, function = place.partition(":")
    return cast(Analyzer, getattr(importlib.import_module(f"weighbridge.analyzers.{module}"), function))


_NOT_YET = "a loader can run what is in it, and this version does not read it"

WITHOUT_ANALYZER: Final[dict[Format, tuple[Outcome, str]]] = {
    Format.CNTK_LEGACY: (Outcome.OPAQUE, "CNTK model of version 1: recognised; it holds no code"),
    Format.RKNN: (
        Outcome.OPAQUE,
        "compiled for a Rockchip NPU: recognised, not judged; load only your own",
    ),
    Format.TENSORFLOW_SIDECAR: (Outcome.OPAQUE, "numbers about a SavedModel; nothing in it runs"),
    Format.TENSOR_BYTES: (Outcome.OPAQUE, ""),
    Format.DUCKDB: (
        Outcome.OPAQUE,
        "a DuckDB database: its views and macros are not read; they run only in queries that name them",
    ),
    Format.LMDB: (
        Outcome.OPAQUE,
        "an LMDB store: LMDB runs nothing, but programs that keep pickles in it unpickle them; "
        "export the values to have them scanned",
    ),
    Format.AVRO: (Outcome.OPAQUE, "Avro records: their schema is JSON, and nothing in them runs"),
    Format.ORC: (Outcome.OPAQUE, "ORC columns: nothing in them runs"),
    Format.VIDEO: (Outcome.OPAQUE, "a video: its container was not read"),
    Format.OCDBT: (Outcome.OPAQUE, "a key-value store of tensor chunks (Orbax): nothing in it runs"),
    Format.EMPTY: (Outcome.OPAQUE, "empty"),
    Format.UNKNOWN: (Outcome.OPAQUE, "no loader that we know accepts these bytes"),
}

INERT = frozenset(
    {Format.UNKNOWN, Format.EMPTY, Format.TEXT, Format.JSON, Format.PYTHON, Format.IMAGE, Format.XML}
    | {Format.RTF}
)
"""What a model file can't be, if its name is true."""

PROMISES = frozenset(
    {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz", ".zip"}
    | {".safetensors", ".gguf", ".h5", ".keras", ".7z"}
    | {".onnx", ".ort"}
)
"""Names that promise a loader a model. Inert bytes under one of them are a model that can't be
read: FAILED, where the same bytes under another name would be opaque."""
