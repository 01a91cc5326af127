"""Which analyzer reads which format. An explicit table: a test fails on a format that is in none."""

from __future__ import annotations

import importlib
from typing import Final, cast

from weighbridge.analyzers.inspection import Analyzer
from weighbridge.core.report import Outcome
from weighbridge.formats.kinds import Format

_ANALYZERS: Final[dict[Format, str]] = {
    Format.PICKLE: "pickles:inspect",
    Format.ZIP: "zips:inspect",
    Format.TAR: "tars:inspect",
    Format.SEVENZIP: "sevenzips:inspect",
    Format.GZIP: "compressed:inspect",
    Format.BZ2: "compressed:inspect",
    Format.XZ: "compressed:inspect",
    Format.LZMA: "compressed:inspect",
    Format.ZLIB: "compressed:inspect",
    Format.LZ4: "compressed:inspect",
    Format.ZSTD: "compressed:inspect",
    Format.JOBLIB_ZFILE: "compressed:inspect",
    Format.NPY: "npy:inspect",
    Format.SAFETENSORS: "safetensors:inspect",
    Format.GGUF: "gguf:inspect",
    Format.GGML: "ggml:inspect",
    Format.LLAMAFILE: "llamafile:inspect",
    Format.XGBOOST_UBJSON: "xgboost:inspect_ubjson",
    Format.XGBOOST_BINARY: "xgboost:inspect_binary",
    Format.CATBOOST: "catboost:inspect",
    Format.RDS: "rds:inspect",
    Format.R_LAZYLOAD: "rds:inspect_lazyload",
    Format.JAVA_SERIALIZATION: "java_serialization:inspect",
    Format.DOTNET_SERIALIZATION: "java_serialization:inspect_dotnet",
    Format.LFS_POINTER: "provenance:inspect_pointer",
    Format.HDF5: "hdf5:inspect",
    Format.KERAS_METADATA: "keras_metadata:inspect",
    Format.MSGPACK: "flax_msgpack:inspect",
    Format.MLIR: "jax_exports:inspect",
    Format.JAX_EXPORT: "jax_exports:inspect",
    Format.MATLAB: "matlab_files:inspect",
    Format.BSON: "julia:inspect_bson",
    Format.JULIA: "julia:inspect_serialization",
    # Graphs of other frameworks.
    Format.ONNX: "onnx:inspect",
    Format.ORT: "onnx:inspect_ort",
    Format.COREML: "coreml:inspect",
    Format.PADDLE: "paddle:inspect",
    Format.PADDLE_PARAMETERS: "paddle:inspect_params",
    Format.MXNET_PARAMETERS: "mxnet_params:inspect",
    Format.CAFFE_WEIGHTS: "caffe_weights:inspect",
    Format.TENSORRT: "tensorrt:inspect",
    Format.CNTK: "cntk:inspect",
    # The PyTorch family.
    Format.TORCHSCRIPT: "torchscript:inspect",
    Format.TORCH_MOBILE: "torch_mobile:inspect",
    Format.EXECUTORCH: "executorch:inspect",
    Format.EXECUTORCH_DATA: "executorch:inspect",
    Format.TORCH7: "torch7:inspect",
    Format.SAVED_MODEL: "tensorflow:inspect_saved_model",
    Format.META_GRAPH: "tensorflow:inspect_meta_graph",
    Format.GRAPH_DEF: "tensorflow:inspect_graph",
    Format.CHECKPOINT_INDEX: "tensorflow_checkpoints:inspect",
    Format.TFLITE: "tflite:inspect",
    # Datasets.
    Format.PARQUET: "parquet:inspect",
    Format.ARROW: "arrow:inspect",
    Format.TFRECORD: "tfrecord:inspect",
    Format.LANCE: "lance:inspect",
    Format.SQLITE: "sqlite:inspect",
    Format.JSON_LINES: "json_lines:inspect",
    Format.IMAGE: "images:inspect",
    Format.AUDIO: "audio:inspect",
    Format.POSTSCRIPT: "drawings:inspect_postscript",
    # Documents: JSON, and text of every kind, go to whoever knows their shape.
    Format.JSON: "json_documents:inspect",
    Format.TEXT: "text_documents:inspect",
    Format.XML: "xml_documents:inspect",
    Format.PDF: "pdfs:inspect",
    Format.RAR: "rars:inspect",
    Format.OLE: "office:inspect_ole",
    Format.RTF: "rich_texts:inspect",
    # Executables and scripts.
    Format.ELF: "native_code:inspect_elf",
    Format.PE: "native_code:inspect_pe",
    Format.MACHO: "native_code:inspect_macho",
    Format.PYTHON: "python_sources:inspect",
    Format.PYTHON_PATH: "script_texts:inspect_path_file",
    Format.PYC: "python_bytecode:inspect",
    Format.WASM: "wasm:inspect",
    Format.JAVA_CLASS: "java_classes:inspect_class",
    Format.DEX: "java_classes:inspect_dex",
    Format.LNK: "windows_shortcuts:inspect",
    Format.AR: "unix_archives:inspect",
    Format.INSTALLER: "installers:inspect_installer",
    Format.DISK_IMAGE: "installers:inspect_disk_image",
    Format.FOREIGN_BYTECODE: "installers:inspect_bytecode",
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
