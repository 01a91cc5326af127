"""What a pipe of literals carries: `echo aWQ= | base64 -d`, worked out without running anything."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weighbridge.formats.scripts.layers import Content, PeelBudget, as_text, inflate

_LONGEST = 1 << 20
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|\\0?([0-7]{3})")
_ROT13 = ("A-Za-z", "N-ZA-Mn-za-m")


@dataclass(frozen=True, slots=True)
class Piped:
    """Literal output of a command, and the encodings that came off on the way."""

    content: Content
    layers: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        return self.content if isinstance(self.content, str) else as_text(self.content)


def flowing(name: str, given: Sequence[str], stdin: Piped | None, budget: PeelBudget) -> Piped | None:
    """What the program writes, given what it reads; None when that can't be told."""
    if name in ("echo", "printf"):
        return Piped(_unescaped(" ".join(word for word in given if not _is_echo_flag(word))))
    if stdin is None or len(stdin.content) > _LONGEST:
        return None
    if name in ("cat", "tee") and not given:
        return stdin
    layer = _layer(name, given)
    if layer is None:
        return None
    made = _DECODERS[layer](stdin, budget)
    if made is None or not budget.take(len(made)):
        return None
    return Piped(made, (*stdin.layers, layer))


def _layer(name: str, given: Sequence[str]) -> str | None:
    """The encoding that the program takes off."""
    decodes = any(word in ("-d", "-D", "--decode", "-di") for word in given)
    if name == "base64" and decodes:
        return "base64"
    if name == "base32" and decodes:
        return "base32"
    if name == "openssl" and "base64" in {word.lstrip("-") for word in given} and decodes:
        return "base64"
    if name == "xxd" and any(word.startswith("-") and "r" in word for word in given):
        return "hex"
    if name == "rev":
        return "reversed"
    if name == "tr" and (tuple(given) == _ROT13 or "N-ZA-M" in "".join(given)):
        return "rot13"
    if name in ("gunzip", "zcat") or (name == "gzip" and any("d" in word for word in given)):
        return "gzip"
    return None


def _is_echo_flag(word: str) -> bool:
    return re.fullmatch(r"-[neE]+", word) is not None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2], 8)), text)


def _raw(piped: Piped) -> bytes:
    return (
        piped.content if isinstance(piped.content, bytes) else piped.content.encode("utf-8", "replace")
    )


def _decoder(decode: Callable[[bytes], bytes]) -> Callable[[Piped, PeelBudget], Content | None]:
    def call(piped: Piped, budget: PeelBudget) -> Content | None:
        packed = b"".join(_raw(piped).split()).rstrip(b"=")
        try:
            return decode(packed)
        except ValueError:
            return None

    return call


def _reversed(piped: Piped, budget: PeelBudget) -> Content | None:
    return None if piped.text is None else piped.text.strip("\n")[::-1]


def _rot13(piped: Piped, budget: PeelBudget) -> Content | None:
    return None if piped.text is None else codecs.encode(piped.text, "rot13")


_DECODERS: dict[str, Callable[[Piped, PeelBudget], Content | None]] = {
    "base64": _decoder(lambda packed: base64.b64decode(packed + b"=" * (-len(packed) % 4))),
    "base32": _decoder(lambda packed: base64.b32decode(packed + b"=" * (-len(packed) % 8))),
    "hex": _decoder(binascii.unhexlify),
    "gzip": lambda piped, budget: inflate(_raw(piped), budget, name="gzip"),
    "reversed": _reversed,
    "rot13": _rot13,
}
