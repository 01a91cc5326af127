"""Decide what bytes are, by content, for every loader that would accept them (design law 7).

The answer is a tuple: a file that is a zip *and* starts with a pickle is both. The name is used
for two things only: to order equal candidates, and as evidence of disguise (an analyzer's job).
"""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What a loader takes the bytes for. The value is the word that coverage shows."""

    PICKLE = "pickle"
    ZIP = "zip"
    TAR = "tar"
    SEVENZIP = "7z"
    GZIP = "gzip"
    BZ2 = "bz2"
    XZ = "xz"
    LZMA = "lzma"
    ZLIB = "zlib"
    LZ4 = "lz4"
    ZSTD = "zstd"
    JOBLIB_ZFILE = "joblib-zfile"
    NPY = "npy"
    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    LFS_POINTER = "git-lfs-pointer"
    # Recognised; a loader can run what is in them and we do not read them yet.
    HDF5 = "hdf5"
    KERAS = "keras"
    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    TFLITE = "tflite"
    RAR = "rar"
    ELF = "elf"
    PE = "pe"
    MACHO = "mach-o"
    JAVA = "java"
    RDS = "rds"
    # No loader runs anything in them.
    TEXT = "text"
    JSON = "json"
    PYTHON = "python"
    IMAGE = "image"
    AUDIO = "audio"
    PDF = "pdf"
    PARQUET = "parquet"
    ARROW = "arrow"
    TENSOR_BYTES = "tensor-bytes"
    EMPTY = "empty"
    UNKNOWN = "unknown"
