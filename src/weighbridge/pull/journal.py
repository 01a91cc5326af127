"""Note what has arrived, so that a download goes on where it was cut off.

    {"file": "model.bin", "identity": "sha256:3f9c…", "size_bytes": 1000}
    {"file": "model.bin", "offset": 0, "length": 1048576, "sha256": "9f86…"}

One line for each file that is begun and each piece that was written. Law: a piece counts only when its
bytes on disk have the digest of its line; whatever else is on disk does not.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from weighbridge.pull.digests import ContentHash

_LONGEST_LINE = 16_384
_MOST_LINES = 5_000_000
_LONGEST_PIECE = 1 << 27


class _Begun(msgspec.Struct, frozen=True, tag="begun", tag_field="what"):
    file: str
    identity: str
    size_bytes: int


class _Piece(msgspec.Struct, frozen=True, tag="piece", tag_field="what"):
    file: str
    offset: int
    length: int
    sha256: str


@dataclass(slots=True)
class Partial:
    """What the journal says of one file. `identity` says which content it is part of."""

    identity: str
    size_bytes: int
    pieces: list[_Piece] = field(default_factory=list)

    def verified(self, file: BinaryIO, digests: ContentHash) -> int:
        """Hash again what is there, and return up to which offset it is what was noted."""
        good = 0
        for piece in self.pieces:
            if piece.offset != good or not 0 < piece.length <= _LONGEST_PIECE:
                break
            data = file.read(piece.length)
            if len(data) != piece.length or hashlib.sha256(data).hexdigest() != piece.sha256:
                break
            digests.update(data)
            good += piece.length
        return good


class Journal:
    """Lines of one file in the quarantine. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._partials = _read(path)
        self._lock = threading.Lock()
        self._stream = path.open("ab", buffering=0)
        self._stream.write(b"\n")  # what a kill has torn off stays a line of its own

    def partial(self, name: str, identity: str, size_bytes: int) -> Partial | None:
        """Return what has arrived of this very content, if anything."""
        found = self._partials.get(name)
        if found is None or (found.identity, found.size_bytes) != (identity, size_bytes):
            return None
        return found

    def begin(self, name: str, identity: str, size_bytes: int) -> None:
        self._write(_Begun(name, identity, size_bytes))

    def arrived(self, name: str, offset: int, data: bytes | memoryview) -> None:
        """Note a piece; its bytes must have been written already."""
        self._write(_Piece(name, offset, len(data), hashlib.sha256(data).hexdigest()))

    def _write(self, line: _Begun | _Piece) -> None:
        with self._lock:
            self._stream.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        self._stream.close()


def _read(path: Path) -> dict[str, Partial]:
    partials: dict[str, Partial] = {}
    for line in _lines(path):
        match line:
            case _Begun():
                partials[line.file] = Partial(line.identity, line.size_bytes)
            case _Piece() if line.file in partials:
                partials[line.file].pieces.append(line)
    return partials


def _lines(path: Path) -> Iterator[_Begun | _Piece]:
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(_Begun | _Piece)
    with path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b"")):
            if number > _MOST_LINES:
                return
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue  # torn by a kill: whatever it said has to arrive again
