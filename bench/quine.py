"""A zip archive whose only member is the archive itself, byte for byte.

Unpacking it never ends. The deflate stream is a program of two instructions, each five bytes long
(U stands for one such unit): `L(x)` prints x as it stands (a stored block), `R(n)` prints the last
n bytes again (a match). Written one after the other they print the file that they are part of; `P`
is what stands before them (the local header), `S` what stands behind them (the directory).

The checksum of the file is part of the file. It is a linear function of itself over the field of
two elements, so it is solved for, not searched.

Source: R. Cox, "Zip Files All The Way Down" (2010), for the idea; APPNOTE 4.3; RFC 1951.
"""

from __future__ import annotations

import struct
import zlib

_UNIT = 5
_NAME = b"self/self/self/self/self/r.zip"
"""30 bytes: with the header's 30 and a unit, a match of 65 and an empty block fill a unit exactly."""
_CRC_PLACES = 32


def quine() -> bytes:
    """Return the archive."""
    constant = zlib.crc32(_archive(0))
    columns = [zlib.crc32(_archive(1 << bit)) ^ constant for bit in range(_CRC_PLACES)]
    return _archive(_fixed_point(columns, constant))


def _archive(crc: int) -> bytes:
    program_bytes = len(_program(bytes(30 + len(_NAME)), bytes(46 + len(_NAME) + 22)))
    whole = 30 + len(_NAME) + program_bytes + 46 + len(_NAME) + 22
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, program_bytes, whole, len(_NAME), 0)
    prefix = b"PK\3\4" + fields + _NAME
    entry = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + _NAME
    start = len(prefix) + program_bytes
    suffix = entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)
    return prefix + _program(prefix, suffix) + suffix


def _program(prefix: bytes, suffix: bytes) -> bytes:
    behind = _repeat(len(prefix) + _UNIT)
    four = _repeat(4 * _UNIT)
    last = _repeat_and_end(len(suffix))
    one_unit, four_units, nothing = (_literal_header(n * _UNIT) for n in (1, 4, 0))
    first = _literal_header(len(prefix) + _UNIT)
    ending = _literal_header(len(last) + len(suffix))
    return b"".join(
        [
            first + prefix + first,
            behind,
            one_unit + behind,
            one_unit + one_unit,
            four_units + behind + one_unit + one_unit + four_units,
            four,
            four_units + four + four_units + four + four_units,
            four,
            four_units + four + nothing + nothing + ending,
            four,
            nothing,
            nothing,
            ending + last + suffix,
            last,
        ]
    )


def _literal_header(length: int) -> bytes:
    """A stored block of that length, without its bytes. It begins at a whole byte."""
    return struct.pack("<BHH", 0, length, length ^ 0xFFFF)


def _repeat(length: int) -> bytes:
    """Print the last `length` bytes again, in exactly one unit."""
    bits = _block([10, 10], 20) if length == 20 else _block([length], length) + _block([], 1)
    if len(bits) != 8 * _UNIT:
        raise ValueError(f"a match of {length} does not fill a unit")
    return _packed(bits)


def _repeat_and_end(suffix_bytes: int) -> bytes:
    """Print the last instruction, this one, and the suffix again; the stream ends here."""
    for own_bytes in range(3, 9):
        length = own_bytes + suffix_bytes
        packed = _packed(_block([length], length, is_last=True))
        if len(packed) == own_bytes:
            return packed
    raise ValueError("no length fits")


def _block(lengths: list[int], distance: int, *, is_last: bool = False) -> list[int]:
    """The bits of a block with fixed codes that holds matches only."""
    bits = [int(is_last), 1, 0]
    for length in lengths:
        symbol, extra, extra_bits = _length_code(length)
        bits += _msb_first(symbol - 256, 7) if symbol < 280 else _msb_first(symbol - 280 + 0xC0, 8)
        bits += _lsb_first(extra, extra_bits)
        symbol, extra, extra_bits = _distance_code(distance)
        bits += _msb_first(symbol, 5) + _lsb_first(extra, extra_bits)
    return bits + [0] * 7


def _length_code(length: int) -> tuple[int, int, int]:
    if length <= 10:
        return 254 + length, 0, 0
    extra_bits = (length - 3).bit_length() - 3
    step, extra = divmod(length - 3, 1 << extra_bits)
    return 257 + 4 * extra_bits + step, extra, extra_bits


def _distance_code(distance: int) -> tuple[int, int, int]:
    if distance <= 4:
        return distance - 1, 0, 0
    extra_bits = (distance - 1).bit_length() - 2
    step, extra = divmod(distance - 1, 1 << extra_bits)
    return 2 * extra_bits + step, extra, extra_bits


def _msb_first(value: int, count: int) -> list[int]:
    return [value >> bit & 1 for bit in reversed(range(count))]


def _lsb_first(value: int, count: int) -> list[int]:
    return [value >> bit & 1 for bit in range(count)]


def _packed(bits: list[int]) -> bytes:
    padded = bits + [0] * (-len(bits) % 8)
    return bytes(
        sum(bit << place for place, bit in enumerate(padded[at : at + 8]))
        for at in range(0, len(padded), 8)
    )


def _fixed_point(columns: list[int], constant: int) -> int:
    """Solve x = A·x + constant, all sums being exclusive ors; `columns` are the columns of A."""
    rows = []
    for bit in range(_CRC_PLACES):
        row = sum((column >> bit & 1) << place for place, column in enumerate(columns)) ^ (1 << bit)
        rows.append(row | (constant >> bit & 1) << _CRC_PLACES)
    for place in range(_CRC_PLACES):
        pivot = next((row for row in rows[place:] if row >> place & 1), None)
        if pivot is None:
            raise ValueError("no checksum fits; change the name")
        rows.remove(pivot)
        rows = [row ^ pivot if row >> place & 1 else row for row in rows]
        rows.insert(place, pivot)
    return sum((row >> _CRC_PLACES) << place for place, row in enumerate(rows))
