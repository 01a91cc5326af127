"""What the tar reader yields: members, and what is odd about the archive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from weighbridge.formats.archive.tar_headers import TarKind
from weighbridge.formats.archive.tar_sparse import SparseMap


class TarAnomalyKind(StrEnum):
    """What is odd about a tar; the value is a phrase for people."""

    NAMES_DIFFER = "an extended header names the member differently without need"
    SIZES_DIFFER = "the pax header states another size"
    TWO_NEXT_HEADERS = "readers disagree on where the next member starts"
    BAD_HEADER = "a header has a wrong checksum"
    BAD_SIZE = "the size is no number"
    BROKEN_EXTENSION = "an extended header is malformed"
    CUT = "the archive ends in the middle of a member"
    DATA_AFTER_END = "data follows the end of the archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class TarAnomaly:
    """One oddity. `member` is None when it is about no member in particular."""

    kind: TarAnomalyKind
    offset: int
    length: int = 0
    member: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """A member after its extended headers were applied.

    Attributes:
        data_offset: first stored byte, behind headers and sparse maps.
        stored_bytes: as stated; the archive may end before. 0 for what has no data.
        sparse_map: pieces of a sparse member; None for others.
        size: of the extracted file.
    """

    name: str
    kind: TarKind
    link_name: str
    mode: int
    header_offset: int
    data_offset: int
    stored_bytes: int
    size: int
    sparse_map: SparseMap | None = None


TarEvent = TarMember | TarAnomaly
