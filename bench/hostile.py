"""Make the hostile inputs: small to send, costly to read. All are inert.

python bench/hostile.py FOLDER
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from quine import quine

ENTRIES = 10_000_000
BOMB_BYTES = 16 << 30
_STEP = 100_000
_ZEROS = 64 << 20


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        if not (folder / name).exists():
            print(f"making {name} ...", flush=True)
            unfinished = folder / f"{name}.part"
            make(unfinished)
            unfinished.rename(folder / name)


def many_entries(path: Path) -> None:
    """A well-formed zip of 10 million empty members: 380 MB of headers, a directory of 540 MB."""
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 8, 0)
    head = struct.pack("<4sHHHHHHIIIHHHHHI", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0)
    each = len(local) + 8
    with path.open("wb") as file:
        for step in _steps():
            file.write(b"".join(local + b"%08d" % number for number in step))
        for step in _steps():
            places = struct.pack(f"<{len(step)}I", *range(step.start * each, step.stop * each, each))
            file.write(
                b"".join(
                    head + places[4 * at : 4 * at + 4] + b"%08d" % number
                    for at, number in enumerate(step)
                )
            )
        at, start = file.tell(), ENTRIES * each
        file.write(
            struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, ENTRIES, ENTRIES, at - start, start)
        )
        file.write(struct.pack("<4sIQI", b"PK\6\7", 0, at, 1))
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


def _steps() -> Iterator[range]:
    return (range(first, first + _STEP) for first in range(0, ENTRIES, _STEP))


def huge_memo_index(path: Path) -> None:
    """LONG_BINPUT with index 2**32 - 1: an unpickler allocates a table of 32 GiB for one entry."""
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\xffK\x01a.")


def huge_length(path: Path) -> None:
    """BINBYTES8 that announces 4 GiB and is sparse on the disk: the bytes are really there."""
    with path.open("wb") as file:
        file.write(b"\x80\x04\x8e" + struct.pack("<Q", 4 << 30))
        file.seek(4 << 30, 1)
        file.write(b".")


def self_referring(path: Path) -> None:
    """An archive that holds itself, see `quine.py`."""
    path.write_bytes(quine())


def bomb(path: Path) -> None:
    """16 GiB of zeros behind the name of a torch pickle, in 16 MiB."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(bytes(_ZEROS)) + compressor.flush(zlib.Z_FULL_FLUSH)
    rounds, name = BOMB_BYTES // _ZEROS, b"model/data.pkl"
    packed_bytes = rounds * len(block) + 2
    wide = struct.pack("<HHQQ", 1, 16, BOMB_BYTES, packed_bytes)
    fields = struct.pack(
        "<HHHHHIIIHH",
        45,
        0,
        8,
        0,
        33,
        _crc_of_zeros(rounds),
        0xFFFFFFFF,
        0xFFFFFFFF,
        len(name),
        len(wide),
    )
    with path.open("wb") as file:
        file.write(b"PK\3\4" + fields + name + wide)
        for _ in range(rounds):
            file.write(block)
        file.write(b"\3\0")
        start = file.tell()
        file.write(b"PK\1\2" + struct.pack("<H", 45) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0))
        file.write(name + wide)
        size = file.tell() - start
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, size, start, 0))


def _crc_of_zeros(rounds: int) -> int:
    zeros, crc = bytes(_ZEROS), 0
    for _ in range(rounds):
        crc = zlib.crc32(zeros, crc)
    return crc


MAKERS: dict[str, Callable[[Path], None]] = {
    "ten-million-entries.zip": many_entries,
    "huge-memo-index.pkl": huge_memo_index,
    "four-gigabyte-bytes.pkl": huge_length,
    "holds-itself.zip": self_referring,
    "sixteen-gigabyte-bomb.pt": bomb,
}

if __name__ == "__main__":
    main()
