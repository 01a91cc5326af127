"""Where the tensors of a GGUF file lie, and whether they can.

Tensor offsets count from the data section, which begins at the first multiple of the alignment
after the header. Writers place each tensor at the next multiple after the one before it.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; block sizes from ggml.h and
ggml-common.h of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weighbridge.formats.anomaly import AnomalyLog, quoted

MAX_DIMS = 4
"""Dimensions that ggml has room for. Converted video models have five, for Python readers."""
MOST_DIMS = 8
_MAX_ELEMENTS = 2**63 - 1
_ABSURD_BYTES = 2**42
_ABSURD_TYPE = 1024
_MAX_SLACK = 64 * 1024

GGML_BLOCKS: Final[Mapping[int, tuple[int, int]]] = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    31: (32, 18),  # Q4_0_4_4, withdrawn
    32: (32, 18),  # Q4_0_4_8, withdrawn
    33: (32, 18),  # Q4_0_8_8, withdrawn
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
    41: (128, 18),  # Q1_0
}
"""Elements and bytes of a block. Q8_1 (9) is left out: its size has changed and no file has it."""


class GgufAnomaly(StrEnum):
    """What can be wrong with a GGUF file."""

    ABSURD_COUNT = "absurd-count"
    ABSURD_LENGTH = "absurd-length"
    UNKNOWN_VALUE_TYPE = "unknown-value-type"
    DEEP_ARRAY = "deep-array"
    NESTED_ARRAY = "nested-array"
    BAD_ALIGNMENT = "bad-alignment"
    EMPTY_KEY = "empty-key"
    DUPLICATE_KEY = "duplicate-key"
    DUPLICATE_TENSOR = "duplicate-tensor"
    INVALID_UTF8 = "invalid-utf8"
    MANY_DIMS = "many-dimensions"
    TOO_MANY_DIMS = "too-many-dimensions"
    SIZE_OVERFLOW = "size-overflow"
    ABSURD_TENSOR_TYPE = "absurd-tensor-type"
    UNKNOWN_TENSOR_TYPE = "unknown-tensor-type"
    BROKEN_ROW = "row-not-whole-blocks"
    OFFSET_OUTSIDE = "offset-outside-file"
    UNALIGNED = "unaligned-offset"
    OVERLAP = "overlap"
    GAP = "gap"
    VOCABULARY_SHORT = "vocabulary-array-too-short"
    VOCABULARY_LONG = "vocabulary-array-too-long"
    TRUNCATED = "truncated"
    TRAILING = "trailing-bytes"


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor info. `offset` counts from the data section.

    Attributes:
        dims: fastest-varying first, as in the file; at most eight.
        type_id: of `ggml_type`; ids outside the table have no known size.
        size_bytes: None when the type is unknown or the size overflows.
        info_offset: where its entry begins, in bytes from the start of the file.
    """

    name: str
    dims: tuple[int, ...]
    type_id: int
    offset: int
    size_bytes: int | None
    info_offset: int


@dataclass(frozen=True, slots=True)
class GgufLayout:
    """Where the tensors end and what lies between them.

    Attributes:
        end_offset: end of the last tensor without padding, from the start of the file.
        is_exact: False when a tensor's size is not known, and the end may be further on.
        gaps: half-open ranges of the file between tensors, wider than padding.
    """

    end_offset: int
    is_exact: bool
    gaps: tuple[tuple[int, int], ...]


def padded(position: int, alignment: int) -> int:
    """Return the first multiple of `alignment` at or after `position`."""
    return -(-position // alignment) * alignment


def tensor_size(
    name: str, dims: Sequence[int], type_id: int, log: AnomalyLog[GgufAnomaly], *, at: int
) -> int | None:
    """Return the bytes a tensor needs, or None; what is wrong with dims and type goes to `log`.

    Source: CVE-2024-21802 (dimensions), CVE-2025-53630 (size overflow).
    """
    elements = 1
    for dim in dims:
        elements *= dim
        if elements > _MAX_ELEMENTS:
            detail = f"{quoted(name)} has more than 2**63 elements"
            log.add(GgufAnomaly.SIZE_OVERFLOW, detail, at=at, subject=name)
            return None
    block = GGML_BLOCKS.get(type_id)
    if block is None:
        kind = GgufAnomaly.UNKNOWN_TENSOR_TYPE
        if type_id >= _ABSURD_TYPE:
            kind = GgufAnomaly.ABSURD_TENSOR_TYPE
        log.add(kind, f"{quoted(name)} has the tensor type {type_id}", at=at, subject=name)
        return None
    return _size_in_blocks(name, dims, elements, block, log, at=at)


def _size_in_blocks(
    name: str,
    dims: Sequence[int],
    elements: int,
    block: tuple[int, int],
    log: AnomalyLog[GgufAnomaly],
    *,
    at: int,
) -> int | None:
    block_elements, block_bytes = block
    row = dims[0] if dims else 1
    if row % block_elements:
        detail = f"{quoted(name)} has rows of {row:,} elements in blocks of {block_elements}"
        log.add(GgufAnomaly.BROKEN_ROW, detail, at=at, subject=name)
        return None
    size = elements // block_elements * block_bytes
    if size > _MAX_ELEMENTS:
        detail = f"{quoted(name)} needs more than 2**63 bytes"
        log.add(GgufAnomaly.SIZE_OVERFLOW, detail, at=at, subject=name)
        return None
    return size


def check_layout(
    tensors: Sequence[GgufTensor],
    log: AnomalyLog[GgufAnomaly],
    *,
    data_offset: int,
    alignment: int,
    file_size: int,
) -> GgufLayout:
    """Compare the tensors' places with each other and with the file.

    A file that is merely cut off has its tensors one after the other beyond the end: that is one
    `TRUNCATED`. An offset that no writer would give is `OFFSET_OUTSIDE`.
    """
    walk = _LayoutWalk(log, data_offset, alignment, file_size)
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        walk.place(tensor)
    return walk.finish()


class _LayoutWalk:
    """The end of what was placed so far, tensor by tensor in order of offset."""

    def __init__(
        self, log: AnomalyLog[GgufAnomaly], data_offset: int, alignment: int, file_size: int
    ) -> None:
        self._log = log
        self._data_offset = data_offset
        self._alignment = alignment
        # Larger alignments are legal and could hide as much as they like.
        self._slack = min(alignment, _MAX_SLACK)
        self._file_size = file_size
        self._end = 0
        self._end_known = True
        self._all_known = True
        self._truncated_at: int | None = None
        self._gaps: list[tuple[int, int]] = []

    def place(self, tensor: GgufTensor) -> None:
        if tensor.offset % self._alignment:
            detail = f"has the offset {tensor.offset:,}, no multiple of {self._alignment}"
            self._note(GgufAnomaly.UNALIGNED, tensor, detail)
        follows = not self._end_known or tensor.offset <= padded(self._end, self._slack)
        if not follows:
            self._note_gap(tensor)
        elif self._end_known and tensor.offset < self._end and tensor.size_bytes != 0:
            self._note(GgufAnomaly.OVERLAP, tensor, "begins inside another tensor")
        self._check_inside(tensor, follows)
        self._end = max(self._end, tensor.offset + (tensor.size_bytes or 0))
        self._end_known = tensor.size_bytes is not None
        self._all_known = self._all_known and self._end_known

    def finish(self) -> GgufLayout:
        if self._truncated_at is not None:
            needed = self._data_offset + self._end
            detail = f"the tensors end at byte {needed:,}, the file at {self._file_size:,}"
            self._log.add(GgufAnomaly.TRUNCATED, detail, at=self._truncated_at)
        return GgufLayout(self._data_offset + self._end, self._all_known, tuple(self._gaps))

    def _note(self, kind: GgufAnomaly, tensor: GgufTensor, what: str) -> None:
        detail = f"{quoted(tensor.name)} {what}"
        self._log.add(kind, detail, at=tensor.info_offset, subject=tensor.name)

    def _note_gap(self, tensor: GgufTensor) -> None:
        begin = self._data_offset + padded(self._end, self._slack)
        end = min(self._data_offset + tensor.offset, self._file_size)
        if begin < end:
            self._note(GgufAnomaly.GAP, tensor, f"is preceded by {end - begin:,} bytes of no tensor")
            self._gaps.append((begin, end))

    def _check_inside(self, tensor: GgufTensor, follows: bool) -> None:
        size = tensor.size_bytes or 0
        if self._data_offset + tensor.offset + size <= self._file_size:
            return
        if follows and size <= _ABSURD_BYTES and tensor.offset <= _ABSURD_BYTES:
            self._truncated_at = self._file_size
            return
        detail = f"claims {size:,} bytes at offset {tensor.offset:,} of a file of {self._file_size:,}"
        self._note(GgufAnomaly.OFFSET_OUTSIDE, tensor, detail)
