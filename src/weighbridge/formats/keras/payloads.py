"""Tell bytes that begin like a file of their own: a pickle, an archive, a program.

For fields that should hold numbers or words: what begins like this was put there to be taken out.
"""

from __future__ import annotations

import binascii
import re

MOST_BYTES = 64 << 20
_MAGIC = (
    b"PK\x03\x04", b"\x7fELF", b"MZ", b"\x1f\x8b\x08", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ", b"Rar!",
    b"\x93NUMPY", b"\x89HDF\r\n\x1a\n", b"%PDF-", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!/",
    b"\xac\xed\x00\x05", b"\x28\xb5\x2f\xfd", b"GGUF", b"ZF0x",
)  # fmt: skip
_PICKLE_PROTOCOLS = (2, 3, 4, 5)
_IMPORT = re.compile(rb"[(]?[ci][A-Za-z_][\w.]{0,200}\r?\n[A-Za-z_][\w.]{0,200}\r?\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SPACE = re.compile(r"\s+")
_HEAD_CHARS = 1024


def begins_like_a_file(head: bytes) -> bool:
    """True for a pickle of any protocol, and for what some loader runs or unpacks."""
    if len(head) < 3:
        return False
    is_pickle = head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS
    return is_pickle or head.startswith(_MAGIC) or _IMPORT.match(head) is not None


def decoded_file(text: str) -> bytes | None:
    """Return what base64 text holds, when that begins like a file; None for any other text."""
    head = _SPACE.sub("", text[:_HEAD_CHARS]).rstrip("=")
    if not _BASE64.fullmatch(head) or len(text) > 2 * MOST_BYTES:
        return None
    if not begins_like_a_file(binascii.a2b_base64(head[: len(head) // 4 * 4])):
        return None
    try:
        return binascii.a2b_base64(text.encode("ascii", "replace"))
    except binascii.Error:
        return None
