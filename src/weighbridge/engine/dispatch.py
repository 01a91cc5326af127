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
    Format.LFS_POINTER: "provenance:inspect_pointer",
    # Documents: JSON, and text of every kind, go to whoever knows their shape.
    Format.JSON: "json_documents:inspect",
    Format.TEXT: "text_documents:inspect",
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
    Format.HDF5: (Outcome.UNSUPPORTED, f"HDF5 (Keras weights or model): {_NOT_YET}"),
    Format.KERAS_METADATA: (Outcome.UNSUPPORTED, f"Keras metadata: {_NOT_YET}"),
    Format.SAVED_MODEL: (Outcome.UNSUPPORTED, f"TensorFlow SavedModel: {_NOT_YET}"),
    Format.GRAPH_DEF: (Outcome.UNSUPPORTED, f"TensorFlow graph: {_NOT_YET}"),
    Format.META_GRAPH: (Outcome.UNSUPPORTED, f"TensorFlow graph: {_NOT_YET}"),
    Format.CHECKPOINT_INDEX: (Outcome.UNSUPPORTED, f"TensorFlow checkpoint: {_NOT_YET}"),
    Format.TFLITE: (Outcome.UNSUPPORTED, f"TFLite model: {_NOT_YET}"),
    Format.ONNX: (Outcome.UNSUPPORTED, f"ONNX graph: {_NOT_YET}"),
    Format.EXECUTORCH: (Outcome.UNSUPPORTED, f"ExecuTorch program: {_NOT_YET}"),
    Format.RAR: (Outcome.UNSUPPORTED, "RAR archive: unpack it and scan the folder"),
    Format.ELF: (Outcome.UNSUPPORTED, f"native code (ELF): {_NOT_YET}"),
    Format.PE: (Outcome.UNSUPPORTED, f"native code (PE): {_NOT_YET}"),
    Format.MACHO: (Outcome.UNSUPPORTED, f"native code (Mach-O): {_NOT_YET}"),
    Format.JAVA: (Outcome.UNSUPPORTED, f"Java serialization or class: {_NOT_YET}"),
    Format.RDS: (Outcome.UNSUPPORTED, f"R serialization: {_NOT_YET}"),
    Format.PYTHON: (
        Outcome.OPAQUE,
        "Python source: not judged by this version; read it before you trust it",
    ),
    Format.IMAGE: (Outcome.OPAQUE, ""),
    Format.AUDIO: (Outcome.OPAQUE, ""),
    Format.PDF: (Outcome.OPAQUE, ""),
    Format.PARQUET: (Outcome.OPAQUE, "Parquet: recognised, its content is not judged by this version"),
    Format.ARROW: (Outcome.OPAQUE, "Arrow: recognised, its content is not judged by this version"),
    Format.TENSOR_BYTES: (Outcome.OPAQUE, ""),
    Format.EMPTY: (Outcome.OPAQUE, "empty"),
    Format.UNKNOWN: (Outcome.OPAQUE, "no loader that we know accepts these bytes"),
}

INERT = frozenset({Format.UNKNOWN, Format.EMPTY, Format.TEXT, Format.JSON, Format.PYTHON, Format.IMAGE})
"""What a model file can't be, if its name is true."""

PROMISES = frozenset(
    {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy", ".npz", ".zip"}
    | {".safetensors", ".gguf", ".h5", ".keras", ".7z"}
)
"""Names that promise a loader a model. Inert bytes under one of them are a model that can't be
read: FAILED, where the same bytes under another name would be opaque."""
