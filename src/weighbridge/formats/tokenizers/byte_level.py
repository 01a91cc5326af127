"""The alphabet of byte-level tokenizers: each byte as one printable character.

Bytes that print stand for themselves, the other 68 for U+0100 and what follows, in order. So a space
is shown as Ġ and a line feed as Ċ. Source: the encoder that was published with GPT-2 (2019).
"""

from __future__ import annotations

from typing import Final

_PRINTING: Final = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


def _alphabet() -> tuple[str, ...]:
    characters = {byte: chr(byte) for byte in _PRINTING}
    hidden = [byte for byte in range(256) if byte not in characters]
    characters |= {byte: chr(0x100 + at) for at, byte in enumerate(hidden)}
    return tuple(characters[byte] for byte in range(256))


ALPHABET: Final = _alphabet()
"""Character of each byte."""

BYTES: Final = {character: byte for byte, character in enumerate(ALPHABET)}

SHOWN: Final = str.maketrans(
    {character: chr(byte) for character, byte in BYTES.items() if byte < 0x80 and ord(character) > 0xFF}
    | {"\u2581": " "}
)
"""For `str.translate`: marks of blanks, of this alphabet and of SentencePiece, as what they mean."""


def readable(surface: str, *, is_byte_level: bool) -> str:
    """Return what a surface of a vocabulary renders, as far as it is text."""
    if not is_byte_level:
        return surface.replace("\u2581", " ")
    if surface.isascii():
        return surface
    numbers = [BYTES.get(character) for character in surface]
    if None in numbers:
        return surface.translate(SHOWN)
    return bytes(number for number in numbers if number is not None).decode("utf-8", "replace")
