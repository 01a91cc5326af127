"""Walk the model files that came before GGUF, whose loaders believe every number in them.

    "lmgg"                     7 numbers, words                 the first llama.cpp
    "lmgg"                     11 numbers, mel filters, words   whisper.cpp, to this day
    "fmgg" u32 version         7 numbers, words with scores
    "tjgg" u32 version         the same, tensors at multiples of 32
    "algg" u32 version         rank, alpha                      LoRA adapters
    then tensors to the end:   u32 dimensions  u32 bytes of the name  u32 type  dimensions  name  data

Little-endian throughout. "lmgg" has further layouts, one for each program that used the library.

Source: examples/common-ggml.h, llama.cpp and whisper.cpp of 2023; convert-lora-to-ggml.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import Budget
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import Anomaly, AnomalyLog, quoted
from weighbridge.formats.forward import ForwardReader
from weighbridge.formats.weights.gguf_layout import MAX_DIMS, GgufAnomaly, padded, tensor_size

PLAIN, SCORED, ALIGNED, LORA, SESSION = b"lmgg", b"fmgg", b"tjgg", b"algg", b"nsgg"
MAGICS: Final = frozenset({PLAIN, SCORED, ALIGNED, LORA, SESSION})
_NEWEST_VERSION = 16
_U32 = struct.Struct("<I")
_ALIGNMENT = 32
_MAX_WORDS = 2_000_000
_LONGEST_WORD = 1 << 20
_LONGEST_NAME = 4096
_MAX_TENSORS = 200_000


@dataclass(frozen=True, slots=True)
class GgmlFile:
    """What the walk gave.

    Attributes:
        kind: the magic as people write it: `ggml`, `ggmf`, `ggjt`, `ggla` or `ggsn`.
        layout: whose layout fits; None when none does.
        tensors: how many were walked.
    """

    kind: str
    layout: str | None
    tensors: int
    anomalies: tuple[Anomaly[GgufAnomaly], ...]


def is_ggml(head: bytes, size: int) -> bool:
    """Tell by the magic, and by the version of those that have one."""
    magic = head[:4]
    if magic not in MAGICS or size < 16:
        return False
    return magic == PLAIN or 0 < int.from_bytes(head[4:8], "little") <= _NEWEST_VERSION


def parse_ggml(source: ByteSource, budget: Budget) -> GgmlFile:
    """Walk the header and the tensors' infos; their bytes are not read.

    Raises:
        Malformed: none of these files.
        LimitReached: out of time.
    """
    magic = bytes(source.read_at(0, 4))
    if magic not in MAGICS:
        raise Malformed("no magic of GGML")
    kind = magic[::-1].decode("ascii")
    if magic == SESSION:
        return GgmlFile(kind, None, 0, ())
    if magic != PLAIN:
        walk = _Walk(source, budget, 8, is_aligned=magic != SCORED)
        return walk.run(kind, _LAYOUTS[magic])
    walked = [
        _Walk(source, budget, 4, is_aligned=False).run(kind, layout)
        for layout in ("whisper.cpp", "llama.cpp")
    ]
    fits = [one for one in walked if not one.anomalies] or [one for one in walked if one.tensors > 1]
    return fits[0] if fits else GgmlFile(kind, None, 0, ())


_LAYOUTS: Final = {SCORED: "llama.cpp with scores", ALIGNED: "llama.cpp with scores", LORA: "adapter"}


class _BrokenOff(Exception):
    """The rest of the file can't be found. Never leaves `parse_ggml`."""


class _Walk:
    def __init__(self, source: ByteSource, budget: Budget, start: int, *, is_aligned: bool) -> None:
        self._reader = ForwardReader(source, start)
        self._budget = budget
        self._is_aligned = is_aligned
        self._log: AnomalyLog[GgufAnomaly] = AnomalyLog()
        self._tensors = 0

    def run(self, kind: str, layout: str) -> GgmlFile:
        try:
            self._header(layout)
            while self._reader.remaining:
                self._tensor()
        except _BrokenOff:
            pass
        except Malformed as error:
            self._log.add(GgufAnomaly.TRUNCATED, error.reason, at=error.offset)
        return GgmlFile(kind, layout, self._tensors, self._log.all())

    def _break(self, kind: GgufAnomaly, detail: str, subject: str = "") -> _BrokenOff:
        self._log.add(kind, detail, at=self._reader.offset, subject=subject)
        return _BrokenOff()

    def _unsigned(self) -> int:
        return self._reader.number(_U32)

    def _header(self, layout: str) -> None:
        match layout:
            case "adapter":
                self._reader.skip(8)
            case "whisper.cpp":
                self._reader.skip(44)
                mels, transform = self._unsigned(), self._unsigned()
                self._skip(mels * transform * 4, "mel filters")
                self._words(self._unsigned(), has_scores=False)
            case _:
                words = self._unsigned()
                self._reader.skip(24)
                self._words(words, has_scores=layout == "llama.cpp with scores")

    def _skip(self, length: int, what: str) -> None:
        if length > self._reader.remaining:
            detail = f"{what} of {length:,} bytes, and {self._reader.remaining:,} are left"
            raise self._break(GgufAnomaly.ABSURD_LENGTH, detail)
        self._reader.skip(length)

    def _words(self, count: int, *, has_scores: bool) -> None:
        if count > _MAX_WORDS or count * 4 > self._reader.remaining:
            raise self._break(GgufAnomaly.ABSURD_COUNT, f"a vocabulary of {count:,} words")
        for index in range(count):
            length = self._unsigned()
            if length > _LONGEST_WORD:
                detail = f"word {index:,} of the vocabulary has {length:,} bytes"
                raise self._break(GgufAnomaly.ABSURD_LENGTH, detail)
            self._reader.skip(length + (4 if has_scores else 0))

    def _tensor(self) -> None:
        self._tensors += 1
        if self._tensors > _MAX_TENSORS:
            raise self._break(GgufAnomaly.ABSURD_COUNT, f"more than {_MAX_TENSORS:,} tensors")
        if self._tensors % 256 == 0:
            self._budget.check_time()
        at = self._reader.offset
        count, length, kind = self._unsigned(), self._unsigned(), self._unsigned()
        if not count or not length:
            raise self._break(GgufAnomaly.TRUNCATED, "no tensor where one must be")
        if count > MAX_DIMS:
            raise self._break(GgufAnomaly.TOO_MANY_DIMS, f"a tensor of {count:,} dimensions")
        if length > _LONGEST_NAME:
            raise self._break(GgufAnomaly.ABSURD_LENGTH, f"a name of {length:,} bytes")
        dims = [self._unsigned() for _ in range(count)]
        name = self._reader.take(length).decode("utf-8", "backslashreplace")
        size = tensor_size(name, dims, kind, self._log, at=at)
        if size is None:
            raise _BrokenOff
        if self._is_aligned:
            self._reader.skip(padded(self._reader.offset, _ALIGNMENT) - self._reader.offset)
        if size > self._reader.remaining:
            detail = f"{quoted(name)} has {size:,} bytes, and {self._reader.remaining:,} are left"
            is_cut = size <= _ABSURD_SIZE
            raise self._break(
                GgufAnomaly.TRUNCATED if is_cut else GgufAnomaly.OFFSET_OUTSIDE, detail, name
            )
        self._reader.skip(size)


_ABSURD_SIZE = 2**42
