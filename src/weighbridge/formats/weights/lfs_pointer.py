r"""Git LFS pointer files: the few lines that stand for a large file.

    version https://git-lfs.github.com/spec/v1\n
    ext-0-NAME sha256:<64 hex>\n                    any number, optional
    oid sha256:<64 hex>\n
    size <decimal>\n                                the last line

git-lfs reads more than its specification writes: white space before and after, empty lines, a plus
sign, zeros. What it takes for a pointer becomes other content at checkout, so we take it too.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md; tried with git-lfs 3.3
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weighbridge.core.artifact import ByteSource
from weighbridge.errors import Malformed

LONGEST_POINTER_BYTES = 1024
"""By the specification a pointer is shorter than this."""

# White space of Unicode in UTF-8, as Go's `bytes.TrimSpace` has it.
_BLANK = (
    rb"(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f"
    rb"|\xe3\x80\x80)"
)
_BLANKS = re.compile(_BLANK + rb"*")
_VERSION = re.compile(
    rb"version (https://git-lfs\.github\.com/spec/v1|https://hawser\.github\.com/spec/v1"
    rb"|http://git-media\.io/v/2)(?:\r?\n)+"
)
_CLAIM = re.compile(
    rb"version (?:https://(?:git-lfs|hawser)\.github\.com/spec/|http://git-media\.io/v/2\r?\n)"
)
_EXTENSION = re.compile(rb"ext-[0-9]-[^\s]{1,100} sha256:[0-9a-f]{64}(?:\r?\n)+")
_OID = re.compile(rb"oid sha256:([0-9a-f]{64})(?:\r?\n)+")
_SIZE = re.compile(rb"size (\+?0*[0-9]{1,19})(?:\r?\n|(?=" + _BLANK + rb")|\Z)")
_MOST_EXTENSIONS = 10


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What a pointer states.

    Attributes:
        sha256: hex digest of the content.
        content_bytes: size of the content.
        trailing_offset: first byte after the pointer and white space; None when nothing follows.
    """

    sha256: str
    content_bytes: int
    trailing_offset: int | None


def looks_like_pointer(head: bytes) -> bool:
    """Tell from its first bytes whether a file claims to be a pointer."""
    head = head[:LONGEST_POINTER_BYTES]
    return _CLAIM.match(head, _lead(head)) is not None


def parse_lfs_pointer(source: ByteSource) -> LfsPointer:
    """Parse a pointer that nothing but white space stands before, whatever follows it.

    Raises:
        Malformed: the bytes are not a pointer.
        ReadError: see `ByteSource.read_at`.
    """
    head = bytes(source.read_at(0, LONGEST_POINTER_BYTES))
    end = _expect(_VERSION, head, _lead(head), "no Git LFS version line").end()
    for _ in range(_MOST_EXTENSIONS):
        extension = _EXTENSION.match(head, end)
        if extension is None:
            break
        end = extension.end()
    oid = _expect(_OID, head, end, "no oid line with a sha256")
    size = _expect(_SIZE, head, oid.end(), "no size line")
    return LfsPointer(
        sha256=oid[1].decode("ascii"),
        content_bytes=int(size[1]),
        trailing_offset=_trailing(head, size.end(), source.size),
    )


def _lead(head: bytes, start: int = 0) -> int:
    """Return where the white space that begins at `start` ends."""
    found = _BLANKS.match(head, start)
    return start if found is None else found.end()


def _expect(pattern: re.Pattern[bytes], head: bytes, offset: int, reason: str) -> re.Match[bytes]:
    match = pattern.match(head, offset)
    if match is None:
        raise Malformed(reason, offset)
    return match


def _trailing(head: bytes, end: int, size: int) -> int | None:
    """Return where the first byte after the pointer stands that is not white space."""
    found = _lead(head, end)
    return found if found < size else None
