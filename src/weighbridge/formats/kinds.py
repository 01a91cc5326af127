"""The formats that we tell apart. The value is the word that coverage shows."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What a loader takes the bytes for."""

    # Pickles and what they are wrapped in.
    PICKLE = "pickle"
    ZIP = "zip"
    TAR = "tar"
    SEVENZIP = "7z"
    RAR = "rar"
    GZIP = "gzip"
    BZ2 = "bz2"
    XZ = "xz"
    LZMA = "lzma"
    ZLIB = "zlib"
    LZ4 = "lz4"
    ZSTD = "zstd"
    JOBLIB_ZFILE = "joblib-zfile"
    # Weights.
    NPY = "npy"
    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    LFS_POINTER = "git-lfs-pointer"
    TENSOR_BYTES = "tensor-bytes"
    # Keras and HDF5.
    HDF5 = "hdf5"
    KERAS_METADATA = "keras-metadata"
    # TensorFlow.
    SAVED_MODEL = "tensorflow-saved-model"
    GRAPH_DEF = "tensorflow-graph"
    META_GRAPH = "tensorflow-meta-graph"
    CHECKPOINT_INDEX = "tensorflow-checkpoint-index"
    TFLITE = "tflite"
    # Graphs of other frameworks.
    ONNX = "onnx"
    # The PyTorch family.
    EXECUTORCH = "executorch"
    # Boosted trees and scikit-learn.
    # Serialization of other languages, and trees of arrays.
    JAVA = "java"
    RDS = "rds"
    # Executables and scripts.
    ELF = "elf"
    PE = "pe"
    MACHO = "mach-o"
    PYTHON = "python"
    # Documents.
    TEXT = "text"
    JSON = "json"
    PDF = "pdf"
    # Datasets.
    IMAGE = "image"
    AUDIO = "audio"
    PARQUET = "parquet"
    ARROW = "arrow"
    # Neither.
    EMPTY = "empty"
    UNKNOWN = "unknown"
