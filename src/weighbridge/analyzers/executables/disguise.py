"""What a file is against what its name says, and files that are of two kinds at once.

Asked by the engine for every artifact, once its formats are known: no single analyzer sees them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.kinds import Format

_PROGRAM, _TWO_KINDS, _NAME = "EXE020", "EXE021", "EXE022"

_PROGRAMS: Final = frozenset(
    {Format.ELF, Format.PE, Format.MACHO, Format.DEX, Format.JAVA_CLASS, Format.PYC, Format.LNK}
    | {Format.INSTALLER, Format.WASM, Format.FOREIGN_BYTECODE}
)
_CONTAINERS: Final = frozenset(
    {Format.ZIP, Format.SEVENZIP, Format.RAR, Format.GZIP, Format.BZ2, Format.XZ, Format.ZSTD}
    | {Format.TAR, Format.JOBLIB_ZFILE}
)
"""Pickles under another name are told by their own analyzer."""
_SHOWN: Final = frozenset({Format.IMAGE, Format.AUDIO, Format.VIDEO, Format.PDF, Format.RTF, Format.XML})
"""What is opened to be looked at or listened to."""
_CARRIED: Final = _PROGRAMS | {Format.ZIP, Format.SEVENZIP, Format.RAR, Format.PICKLE, Format.PYTHON}
"""What no such file is at the same time."""

_WEIGHTS: Final = frozenset(
    {
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".pkl",
        ".pickle",
        ".joblib",
        ".npy",
        ".npz",
        ".safetensors",
        ".gguf",
    }
    | {
        ".h5",
        ".hdf5",
        ".keras",
        ".onnx",
        ".tflite",
        ".pb",
        ".weights",
        ".model",
        ".dat",
        ".data",
        ".msgpack",
    }
    | {".parquet", ".arrow", ".feather", ".tfrecord"}
)
_TEXTS: Final = frozenset(
    {".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".csv", ".tsv"}
    | {".html", ".xml", ".log", ".jinja", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".svg"}
    | {".wav", ".mp3", ".flac", ".mp4", ".pdf", ".py"}
)
_BETWEEN: Final = re.compile(r"^(?:hole-\d+|trailing|.*\.trailing)$")
"""How analyzers of weights and archives name bytes that belong to nothing."""
_PACKED_PROGRAMS: Final = frozenset(
    {".zip", ".gz", ".tgz", ".tar", ".7z", ".whl", ".xz", ".bz2", ".zst"}
)


def disguise_findings(artifact: Artifact, formats: tuple[Format, ...]) -> Iterator[Finding]:
    """Yield what is wrong between the name and the kinds of an artifact."""
    name = PurePosixPath(artifact.name.lower().replace("\\", "/"))
    programs = [kind for kind in formats if kind in _PROGRAMS]
    if programs and _is_data(artifact, name):
        yield _finding(artifact, _PROGRAM, f"{programs[0].value} as {_place(artifact, name)}", formats)
    shown = [kind for kind in formats if kind in _SHOWN]
    carried = [kind for kind in formats if kind in _CARRIED]
    if shown and carried:
        yield _finding(artifact, _TWO_KINDS, f"{shown[0].value} and {carried[0].value}", formats)
    containers = [kind for kind in formats if kind in _CONTAINERS]
    if containers and name.suffix in _TEXTS and not (shown and carried):
        yield _finding(artifact, _NAME, f"{containers[0].value} as {name.suffix}", formats)


def _is_data(artifact: Artifact, name: PurePosixPath) -> bool:
    """True for a name of data, and for a place where data has a hole."""
    if _BETWEEN.match(name.name) and artifact.depth:
        holder = PurePosixPath(artifact.path[-2].lower()).suffix
        return holder not in _PACKED_PROGRAMS
    return name.suffix in _WEIGHTS or name.suffix in _TEXTS


def _place(artifact: Artifact, name: PurePosixPath) -> str:
    return name.name if _BETWEEN.match(name.name) else name.suffix


def _finding(artifact: Artifact, rule: str, subject: str, formats: tuple[Format, ...]) -> Finding:
    kinds = " and ".join(kind.value for kind in formats)
    evidence = f"{quoted(artifact.name)} is {kinds}"
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
