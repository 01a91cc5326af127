"""What the parsers of images give: size in pixels, where the file ends, the texts in it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from weighbridge.core.limits import MIB

_INFLATED: Final = 1 * MIB
_TEXTS: Final = 1_000
_TEXT_BYTES: Final = 1 * MIB


@dataclass(slots=True)
class Picture:
    """One image, as far as it could be read.

    Attributes:
        kind: `PNG`, `JPEG`, ...
        end: first byte behind the image; None when the format has no end or it was not reached.
        texts: name and content of what is meant for people.
        embedded: offset and length of files within the image, such as a preview.
        problem: why it could not be read further; "" when it was.
    """

    kind: str
    width: int = 0
    height: int = 0
    frames: int = 1
    end: int | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""

    def add_text(self, name: str, value: bytes | str) -> None:
        """Keep a text: at most 1,000 of them, each to 1 MiB."""
        if len(self.texts) < _TEXTS and value:
            text = decoded(value[:_TEXT_BYTES]) if isinstance(value, bytes) else value[:_TEXT_BYTES]
            self.texts.append((f"{self.kind} {name[:80]}", text.strip("\0")))


def decoded(value: bytes) -> str:
    """UTF-8 when it is, else Latin-1, in which every byte is a character."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def inflated(value: bytes) -> bytes:
    """Inflate at most 1 MiB; what is no deflated data is empty."""
    try:
        return zlib.decompressobj().decompress(value, _INFLATED)
    except zlib.error:
        return b""
