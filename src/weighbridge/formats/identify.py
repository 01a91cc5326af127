"""Decide what bytes are, by content, for every loader that would accept them (design law 7).

The answer is a tuple: a file that is a zip *and* starts with a pickle is both. The name is used
for two things only: to order equal candidates, and as evidence of disguise (an analyzer's job).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.pickle.opcodes import OPCODES, Argument
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Halt, Stream


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


_HEAD_BYTES = 4096
_TAIL_BYTES = 65536 + 22
_PICKLE_PROBE_BYTES = (1 << 12, 1 << 16, 1 << 20)

_MAGIC: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"PK\x03\x04", Format.ZIP),
    (0, b"PK\x05\x06", Format.ZIP),
    (0, b"\x93NUMPY", Format.NPY),
    (0, b"GGUF", Format.GGUF),
    (0, b"\x1f\x8b", Format.GZIP),
    (0, b"\xfd7zXZ\x00", Format.XZ),
    (0, b"\x04\x22\x4d\x18", Format.LZ4),
    (0, b"\x28\xb5\x2f\xfd", Format.ZSTD),
    (0, b"7z\xbc\xaf\x27\x1c", Format.SEVENZIP),
    (0, b"ZF0x", Format.JOBLIB_ZFILE),
    (0, b"version https://git-lfs.github.com/spec/", Format.LFS_POINTER),
    (0, b"\x89HDF\r\n\x1a\n", Format.HDF5),
    (512, b"\x89HDF\r\n\x1a\n", Format.HDF5),
    (1024, b"\x89HDF\r\n\x1a\n", Format.HDF5),
    (2048, b"\x89HDF\r\n\x1a\n", Format.HDF5),
    (4, b"TFL3", Format.TFLITE),
    (0, b"Rar!\x1a\x07", Format.RAR),
    (0, b"\x7fELF", Format.ELF),
    (0, b"\xcf\xfa\xed\xfe", Format.MACHO),
    (0, b"\xce\xfa\xed\xfe", Format.MACHO),
    (0, b"\xfe\xed\xfa\xcf", Format.MACHO),
    (0, b"\xfe\xed\xfa\xce", Format.MACHO),
    (0, b"\xac\xed\x00\x05", Format.JAVA),
    (0, b"RDX2\n", Format.RDS),
    (0, b"RDX3\n", Format.RDS),
    (0, b"X\n\x00\x00\x00", Format.RDS),
    (0, b"PAR1", Format.PARQUET),
    (0, b"ARROW1", Format.ARROW),
    (0, b"%PDF-", Format.PDF),
    (0, b"\x89PNG\r\n\x1a\n", Format.IMAGE),
    (0, b"\xff\xd8\xff", Format.IMAGE),
    (0, b"GIF8", Format.IMAGE),
    (0, b"fLaC", Format.AUDIO),
    (0, b"OggS", Format.AUDIO),
    (0, b"ID3", Format.AUDIO),
)
_TEXT_BYTES = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)) - {0x7F})
_PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".p", ".pk", ".dill", ".sav")
_NEVER_FIRST = frozenset(
    {
        "POP",
        "POP_MARK",
        "DUP",
        "REDUCE",
        "BUILD",
        "APPEND",
        "APPENDS",
        "SETITEM",
        "SETITEMS",
        "BINPUT",
        "PUT",
    }
)
_RUNNABLE_NAMES = {".onnx": Format.ONNX, ".pb": Format.TENSORFLOW, ".meta": Format.TENSORFLOW}


def identify(source: ByteSource, name: str) -> tuple[Format, ...]:
    """Return every format that some loader would take these bytes for, likeliest first.

    Reads the first 4 KiB, the last 64 KiB (an archive is found by its end) and, when the start
    could be a pickle without a header, as much as it takes to tell.

    Raises:
        ReadError, LimitReached: from the source.
    """
    if source.size == 0:
        return (Format.EMPTY,)
    suffix = PurePosixPath(name.lower()).suffix
    head = bytes(source.read_at(0, _HEAD_BYTES))
    found = [kind for offset, magic, kind in _MAGIC if head.startswith(magic, offset)]
    found += _by_structure(head, source.size, suffix)
    if not found and _is_headless_pickle(source, head, suffix):
        found.append(Format.PICKLE)
    if Format.ZIP not in found and _may_end_as_zip(source, found) and _has_zip_end(source):
        found.append(Format.ZIP)
    if not found:
        found.append(_RUNNABLE_NAMES.get(suffix) or _plain(head, suffix))
    return tuple(dict.fromkeys(found))


def _by_structure(head: bytes, size: int, suffix: str) -> Iterator[Format]:
    """Formats whose start is a rule, not a constant."""
    # 80 02 00 00 00 00 00 00 { is the length of a safetensors header.
    is_length = _is_safetensors(head, size) and not _reads_past_length(head)
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5 and not is_length:
        yield Format.PICKLE
    if _is_safetensors(head, size) or (suffix == ".safetensors" and head[8:9] == b"{"):
        yield Format.SAFETENSORS
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
        yield Format.BZ2
    if _is_zlib(head):
        yield Format.ZLIB
    if _is_lzma_alone(head):
        yield Format.LZMA
    if _is_tar(head):
        yield Format.TAR
    if head[:2] == b"MZ" and _is_pe(head):
        yield Format.PE
    if head[:4] == b"\xca\xfe\xba\xbe":
        yield Format.MACHO if head[4:7] == b"\0\0\0" and head[7:8] < b"\x20" else Format.JAVA
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x1a") and b"onnx" in head[:512].lower():
        yield Format.ONNX
    if head[:4] == b"RIFF":
        yield Format.IMAGE if head[8:12] == b"WEBP" else Format.AUDIO


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return len(head) > 8 and 2 <= length <= size - 8 and head[8:9] == b"{"


def _reads_past_length(head: bytes) -> bool:
    """True when the first eight bytes are opcodes, and so not just a number."""
    return head[:1] == b"\x80" and read_one(as_indexable(head), 0, max_events=10_000).stop > 8


def _is_zlib(head: bytes) -> bool:
    if len(head) < 6 or head[0] != 0x78 or (head[0] * 256 + head[1]) % 31 or head[1] & 0x20:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, 16))
    except zlib.error:
        return False


def _is_lzma_alone(head: bytes) -> bool:
    # Properties byte of lc=3 lp=0 pb=2, a power-of-two dictionary, a size that is sane or unknown.
    if len(head) < 18 or head[0] != 0x5D or head[1:3] != b"\0\0" or head[13] != 0:
        return False
    size = int.from_bytes(head[5:13], "little")
    return size == 2**64 - 1 or size < 1 << 40


def _is_tar(head: bytes) -> bool:
    """A header block that its own checksum confirms (signed sums are an old, tolerated bug)."""
    block = head[:512]
    if len(block) < 512 or not block[0]:
        return False
    try:
        stated = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    fields = block[:148] + b" " * 8 + block[156:]
    return stated in (sum(fields), sum(byte - 256 if byte > 127 else byte for byte in fields))


def _is_pe(head: bytes) -> bool:
    offset = int.from_bytes(head[60:64], "little")
    return offset + 4 > len(head) or head[offset : offset + 4] == b"PE\0\0"


def _is_headless_pickle(source: ByteSource, head: bytes, suffix: str) -> bool:
    """Protocols 0 and 1 have no magic: believe the machine, not the first byte.

    Text may start with bytes that are opcodes. It does not go on to import something by a proper
    name and call it, and it does not end in a balanced stack.
    """
    opcode = OPCODES.get(head[0])
    if opcode is None or opcode.name in _NEVER_FIRST:
        return False
    for length in (*_PICKLE_PROBE_BYTES, *([] if source.is_remote else [source.size])):
        length = min(length, source.size)
        stream = read_one(as_indexable(source.read_at(0, length)), 0, max_events=10_000)
        # A list of words may read as an import; it does not go on to call what it names.
        if is_plausible(stream) and any(True for _ in stream.calls()):
            return True
        if stream.halt is Halt.STOP:
            return stream.stop >= 3 or suffix in _PICKLE_NAMES
        if (
            stream.halt is not Halt.TRUNCATED
            or length == source.size
            or _ends_beyond(stream, source.size)
        ):
            return False
    return suffix in _PICKLE_NAMES


def _ends_beyond(stream: Stream, size: int) -> bool:
    """True when the argument that was cut off claims to end behind the end of the file."""
    at = stream.halted_at
    opcode = OPCODES[stream.data[at]]
    if opcode.argument is not Argument.COUNTED:
        return False
    length = int.from_bytes(stream.data[at + 1 : at + 1 + opcode.size], "little")
    return at + 1 + opcode.size + length > size


def _may_end_as_zip(source: ByteSource, found: list[Format]) -> bool:
    # Those two know their own end: what lies behind it is looked at as a nested artifact.
    return not {Format.SAFETENSORS, Format.GGUF} & set(found)


def _has_zip_end(source: ByteSource) -> bool:
    tail = bytes(source.read_at(max(0, source.size - _TAIL_BYTES), _TAIL_BYTES))
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        record = tail[at : at + 22]
        if len(record) == 22 and at + 22 + int.from_bytes(record[20:22], "little") <= len(tail):
            entries, size = (
                int.from_bytes(record[10:12], "little"),
                int.from_bytes(record[12:16], "little"),
            )
            if entries == 0xFFFF or size == 0xFFFFFFFF or (size >= 46 * entries and size <= source.size):
                return entries > 0
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return False


def _plain(head: bytes, suffix: str) -> Format:
    if head.translate(None, _TEXT_BYTES):
        if head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            return Format.UNKNOWN
        return Format.TEXT
    if suffix in (".py", ".pyw"):
        return Format.PYTHON
    if suffix in (".json", ".ipynb") or (head.lstrip()[:1] in (b"{", b"[") and b'"' in head):
        return Format.JSON
    return Format.TEXT
