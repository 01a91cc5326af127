"""Take off what hides a program: base64, hex, zlib and their like, one layer after the other.

Law: words, numbers and random bytes don't decode. A layer counts only when what is below it is
plausible: text that reads like text, or bytes with a signature that is known.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MIB = 1 << 20
_DEPTH = 5
_TOTAL_BYTES = 8 * MIB
_LAYER_BYTES = 4 * MIB
_RATIO = 200
_SHORTEST = 16
_SPACE = re.compile(r"\s+")
_HEX = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2})+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_URLSAFE = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]+={0,6}")
_ESCAPED = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
_CODE = re.compile(
    r"""\bimport[ \t]+\w | \b(?:exec|eval|compile|system|popen|__import__|getattr|print)\s*\(
      | \bexec[ \t]+["'\w] | \blambda\b[^:\n]{0,60}: | \bdef[ \t]+\w+\( | https?://
      | /bin/(?:ba|z|da)?sh\b | /dev/(?:tcp|udp)/
      | \b(?:curl|wget|chmod|powershell|bash|python3?|nc|echo|rm)[ \t]+\S""",
    re.VERBOSE | re.IGNORECASE,
)
_SIGNATURES = (
    b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x7fELF", b"MZ\x90\0",
    b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95", b"\xe3\0\0\0\0", b"c\0\0\0\0",
)  # fmt: skip
_PYC_TAIL = b"\r\n"
_ZLIB_HEADS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")

Content = str | bytes


@dataclass(frozen=True, slots=True)
class Peeled:
    """What is below one or more layers.

    Attributes:
        layers: names of the encodings, outermost first; never empty.
        content: text where the bytes read like text, else bytes.
    """

    layers: tuple[str, ...]
    content: Content


@dataclass(slots=True)
class PeelBudget:
    """Bytes that may still be produced, shared by all that is peeled for one artifact."""

    left: int = _TOTAL_BYTES
    is_crossed: bool = field(default=False, init=False)

    def take(self, count: int) -> bool:
        """Account for `count` bytes; False once they are more than what is left."""
        self.left -= count
        self.is_crossed = self.is_crossed or self.left < 0
        return not self.is_crossed


def peel(content: Content, budget: PeelBudget | None = None) -> Iterator[Peeled]:
    """Yield what lies below `content`, outermost first, until nothing more comes off.

    At most 5 layers; the budget's `is_crossed` says that bytes were left unread.
    """
    budget = budget if budget is not None else PeelBudget()
    layers: tuple[str, ...] = ()
    for _ in range(_DEPTH):
        found = _peel_once(content, budget)
        if found is None:
            return
        name, content = found
        layers = (*layers, name)
        yield Peeled(layers, content)
    budget.is_crossed = budget.is_crossed or _peel_once(content, budget) is not None


def looks_like_code(text: str) -> bool:
    """True for text with a mark of a program in it: an import, a call that runs, a command."""
    return _CODE.search(text[: 64 << 10]) is not None


def as_text(data: bytes) -> str | None:
    """The text that bytes are, in UTF-8 or UTF-16; None when they don't read like text."""
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _reads_like_text(text):
            return text
    return None


def inflate(data: bytes, budget: PeelBudget, *, name: str) -> bytes | None:
    """Decompress `zlib`, `deflate`, `gzip`, `bz2` or `lzma` within the budget; None when it is none."""
    limit = max(64 << 10, min(_LAYER_BYTES, len(data) * _RATIO, budget.left))
    try:
        made = _inflate(name, data, limit)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        return None
    if len(made) > limit or not budget.take(len(made)):
        budget.is_crossed = True
        return None
    return made


def _inflate(name: str, data: bytes, limit: int) -> bytes:
    if name == "bz2":
        return bz2.BZ2Decompressor().decompress(data, limit + 1)
    if name == "lzma":
        return lzma.LZMADecompressor(memlimit=64 * MIB).decompress(data, limit + 1)
    window = {"zlib": 15, "deflate": -15, "gzip": 31}[name]
    return zlib.decompressobj(window).decompress(data, limit + 1)


def _peel_once(content: Content, budget: PeelBudget) -> tuple[str, Content] | None:
    if len(content) > _LAYER_BYTES:
        budget.is_crossed = True
        return None
    if isinstance(content, bytes):
        return _peel_bytes(content, budget)
    return _peel_text(content, budget)


def _peel_bytes(data: bytes, budget: PeelBudget) -> tuple[str, Content] | None:
    name = _compression(data)
    if name is not None:
        made = inflate(data, budget, name=name)
        return None if not made else (name, as_text(made) or made)
    text = as_text(data)
    return _peel_text(text, budget) if text is not None else None


def _compression(data: bytes) -> str | None:
    if data.startswith(_ZLIB_HEADS):
        return "zlib"
    heads = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma", b"]\0\0": "lzma"}
    return next((name for head, name in heads.items() if data.startswith(head)), None)


def _peel_text(text: str, budget: PeelBudget) -> tuple[str, Content] | None:
    packed = _SPACE.sub("", text)
    if len(packed) < _SHORTEST or not packed.isascii():
        return None
    for name, shape, decode in _ALPHABETS:
        if shape.fullmatch(packed):
            made = _decoded(decode, packed, budget)
            if made is not None:
                return name, made
    return _turned(text, packed, budget)


def _decoded(decode: Callable[[str], bytes], packed: str, budget: PeelBudget) -> Content | None:
    try:
        data = decode(packed)
    except ValueError:
        return None
    if not budget.take(len(data)):
        return None
    if data.startswith(_SIGNATURES) or data[2:4] == _PYC_TAIL or _is_compressed(data, budget):
        return data
    text = as_text(data)
    return text if text is not None and len(text) >= 3 else None


def _is_compressed(data: bytes, budget: PeelBudget) -> bool:
    name = _compression(data)
    return name is not None and bool(inflate(data, budget, name=name))


def _turned(text: str, packed: str, budget: PeelBudget) -> tuple[str, Content] | None:
    """Reversed or rotated text: only where that makes code of what is none."""
    if _CODE.search(text[: 64 << 10]):
        return None
    for name, turned in (("reversed", text[::-1]), ("rot13", codecs.encode(text, "rot13"))):
        if looks_like_code(turned) and _reads_like_text(turned) and budget.take(len(turned)):
            return name, turned
    backwards = packed[::-1]
    if packed.startswith("=") and _BASE64.fullmatch(backwards):
        made = _decoded(_base64, backwards, budget)
        if made is not None:
            return "reversed", backwards
    return None


def _reads_like_text(text: str) -> bool:
    """Printable, of few scripts, and not just a run of letters by accident."""
    sample = text[: 64 << 10]
    if not sample:
        return False
    good = sum(char.isprintable() or char in "\t\r\n" for char in sample)
    plain = sum(char.isascii() for char in sample)
    return good * 50 >= len(sample) * 49 and plain * 10 >= len(sample) * 7


def _base64(packed: str) -> bytes:
    body = packed.rstrip("=")
    if len(body) % 4 == 1:
        raise binascii.Error("a single character left over")
    return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)


def _urlsafe(packed: str) -> bytes:
    return _base64(packed.translate(str.maketrans("-_", "+/")))


def _base32(packed: str) -> bytes:
    body = packed.rstrip("=")
    return base64.b32decode(body + "=" * (-len(body) % 8))


def _hex(packed: str) -> bytes:
    return bytes.fromhex(packed.removeprefix("0x"))


def _escaped(packed: str) -> bytes:
    return bytes(int(digits, 16) for digits in _ESCAPE.findall(packed))


_ALPHABETS: tuple[tuple[str, re.Pattern[str], Callable[[str], bytes]], ...] = (
    ("escapes", _ESCAPED, _escaped),
    ("hex", _HEX, _hex),
    ("base32", _BASE32, _base32),
    ("base64", _BASE64, _base64),
    ("base64", _URLSAFE, _urlsafe),
)
