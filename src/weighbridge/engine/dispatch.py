"""Which analyzer reads which format. An explicit table: a test fails on a format that is in none."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Analyzer, Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.identify import Format

_STREAMS = (
    Format.GZIP,
    Format.BZ2,
    Format.XZ,
    Format.LZMA,
    Format.ZLIB,
    Format.LZ4,
    Format.ZSTD,
    Format.JOBLIB_ZFILE,
)


def analyzer_of(kind: Format) -> Analyzer | None:
    """The analyzer of a format, imported when it is first needed; None for those without one."""
    if kind in _STREAMS:
        from weighbridge.analyzers import compressed

        return compressed.inspect
    match kind:
        case Format.PICKLE:
            from weighbridge.analyzers import pickles

            return pickles.inspect
        case Format.ZIP:
            from weighbridge.analyzers import zips

            return zips.inspect
        case Format.TAR:
            from weighbridge.analyzers import tars

            return tars.inspect
        case Format.SEVENZIP:
            from weighbridge.analyzers import sevenzips

            return sevenzips.inspect
        case Format.NPY:
            from weighbridge.analyzers import npy

            return npy.inspect
        case Format.SAFETENSORS:
            from weighbridge.analyzers import safetensors

            return safetensors.inspect
        case Format.GGUF:
            from weighbridge.analyzers import gguf

            return gguf.inspect
        case Format.LFS_POINTER:
            from weighbridge.analyzers import provenance

            return provenance.inspect_pointer
        case Format.JSON:
            return inspect_json
        case _:
            return None


def inspect_json(artifact: Artifact, context: Context) -> Iterator[Event]:
    """An index of shards is followed; other configuration is data to this version."""
    if ".index." in artifact.name and artifact.name.endswith(".json"):
        from weighbridge.analyzers import shard_index

        yield from shard_index.inspect(artifact, context)
    else:
        yield Coverage(path=artifact.path, format=Format.JSON, outcome=Outcome.OPAQUE)


_NOT_YET = "a loader can run what is in it, and this version does not read it"

WITHOUT_ANALYZER: dict[Format, tuple[Outcome, str]] = {
    Format.HDF5: (Outcome.UNSUPPORTED, f"HDF5 (Keras weights or model): {_NOT_YET}"),
    Format.KERAS: (Outcome.UNSUPPORTED, f"Keras model: {_NOT_YET}"),
    Format.ONNX: (Outcome.UNSUPPORTED, f"ONNX graph: {_NOT_YET}"),
    Format.TENSORFLOW: (Outcome.UNSUPPORTED, f"TensorFlow graph: {_NOT_YET}"),
    Format.TFLITE: (Outcome.UNSUPPORTED, f"TFLite model: {_NOT_YET}"),
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
    Format.TEXT: (Outcome.OPAQUE, ""),
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
