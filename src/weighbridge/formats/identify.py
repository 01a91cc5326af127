"""Decide what bytes are, by content, for every loader that would accept them (design law 7).

The answer is a tuple: a file that is a zip *and* starts with a pickle is both. The name is used
for two things only: to order equal candidates, and as evidence of disguise (an analyzer's job).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.core.artifact import ByteSource
from weighbridge.formats.documents.strict_json import text_encoding
from weighbridge.formats.kinds import Format
from weighbridge.formats.pickle.opcodes import OPCODES, Argument
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Halt, Stream
from weighbridge.formats.recognise import (
    arrays,
    boosters,
    datasets,
    executables,
    graphs,
    hdf5_keras,
    languages,
    tensorflow,
    torch,
)
from weighbridge.formats.recognise.probe import Probe
from weighbridge.formats.weights.lfs_pointer import looks_like_pointer

_FAMILIES = (hdf5_keras, tensorflow, graphs, torch, boosters, languages, arrays, executables, datasets)

_HEAD_BYTES = 4096
_TAIL_BYTES = 65536 + 22
_PICKLE_PROBE_BYTES = (1 << 12, 1 << 16, 1 << 20)

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"PK\x03\x04", Format.ZIP),
    (b"PK\x05\x06", Format.ZIP),
    (b"\x93NUMPY", Format.NPY),
    (b"GGUF", Format.GGUF),
    (b"\x1f\x8b", Format.GZIP),
    (b"\xfd7zXZ\x00", Format.XZ),
    (b"\x04\x22\x4d\x18", Format.LZ4),
    (b"\x28\xb5\x2f\xfd", Format.ZSTD),
    (b"7z\xbc\xaf\x27\x1c", Format.SEVENZIP),
    (b"ZF0x", Format.JOBLIB_ZFILE),
)
_JSON = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(?:\{\s*(?:["}]|\Z)|\[\s*(?:["\[\]{]|-?\d|true\b|false\b|null\b|\Z))"""
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
    found = [kind for magic, kind in _MAGIC if head.startswith(magic)]
    found += _by_structure(head, source.size, suffix)
    may_be_headless = not found
    probe = Probe(head, source, name)
    for family in _FAMILIES:
        found += family.recognise(probe)
    if may_be_headless and _is_headless_pickle(source, head, suffix):
        found.append(Format.PICKLE)
    if Format.ZIP not in found and _may_end_as_zip(source, found) and _has_zip_end(source):
        found.append(Format.ZIP)
    if not found:
        found.append(_plain(head, suffix))
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
    if looks_like_pointer(head):
        yield Format.LFS_POINTER


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
        # `json.loads` takes bytes of UTF-16 and UTF-32 as well; Keras hands it what the archive holds.
        if suffix == ".json" and text_encoding(head) not in ("utf-8", "utf-8-sig"):
            return Format.JSON
        if head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            return Format.UNKNOWN
        return Format.TEXT
    if suffix in (".py", ".pyw"):
        return Format.PYTHON
    if suffix in (".json", ".ipynb"):
        return Format.JSON
    # A section of INI begins like a list, a template or a mapping of YAML like an object.
    if suffix == ".toml" and head.lstrip()[:1] == b"[":
        return Format.TEXT
    if suffix not in (".yaml", ".yml") and _JSON.match(head) and b'"' in head:
        return Format.JSON
    return Format.TEXT
