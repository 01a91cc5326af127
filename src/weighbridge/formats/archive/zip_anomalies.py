"""What can be odd about a zip: the words in which the zip reader reports it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ZipAnomalyKind(StrEnum):
    """What is odd about a zip; the value is a phrase for people."""

    NAMES_DIFFER = "the local header names the member differently"
    METHODS_DIFFER = "the local header states another compression method"
    SIZES_DIFFER = "the two headers state different sizes"
    CRCS_DIFFER = "the two headers state different checksums"
    FLAGS_DIFFER = "the two headers differ in their encryption flags"
    UNICODE_NAME_DIFFERS = "the unicode-path field names the member differently"
    NUL_IN_NAME = "the name holds a NUL byte"
    FILE_NAMED_AS_DIRECTORY = "a name that ends in a slash holds data"
    BACKSLASH_IN_NAME = "the name holds a backslash"
    DUPLICATE_NAME = "two members with different content share a name"
    OVERLAP = "two members share bytes"
    OFFSET_OUTSIDE = "the directory points outside of the file"
    NO_LOCAL_HEADER = "the directory points to bytes that are no local header"
    PREFIX = "bytes stand before the first member"
    GAP = "bytes between members belong to no member"
    TRAILING = "bytes follow the end of the archive"
    HIDDEN_MEMBER = "a local header is in no directory"
    SEVERAL_DIRECTORIES = "readers disagree on which directory is the right one"
    COUNT_DIFFERS = "the end record states another count or size of the directory"
    DISK_NUMBER = "the archive claims to be a part of a split one"
    BROKEN_DIRECTORY = "the directory ends in the middle of a record"
    NO_DIRECTORY = "there is no central directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipAnomaly:
    """One oddity. `member` is None when it is about the archive as a whole."""

    kind: ZipAnomalyKind
    offset: int
    length: int = 0
    member: str | None = None
    detail: str = ""
