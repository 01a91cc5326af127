"""Walk Zstandard frames block by block, so that each step gives at most 128 KiB.

The library's streaming decompressors have no bound on what one call may give, or read past the
end of the frame. The block headers say where a frame ends, so each block goes in alone.

    28 B5 2F FD | descriptor [window] [dictionary id] [content size] | block* | [checksum: 4]
    block: 3 bytes little-endian: last:1 type:2 size:21 | content (1 byte for type 1, RLE)

Source: RFC 8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.inflate import DECODER_MEMORY_BYTES, Meter

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_BYTES = (0, 2, 4, 8)
_LONGEST_HEADER = 18
_LARGEST_BLOCK = 128 * 1024
_RLE, _RESERVED = 1, 3


def skippable_length(head: bytes) -> int | None:
    """Return the length of the skippable frame (zstd and lz4 share them) that `head` starts, or None."""
    if len(head) < 8 or int.from_bytes(head[:4], "little") not in _SKIPPABLE:
        return None
    return 8 + int.from_bytes(head[4:8], "little")


def zstd_frame(cursor: Cursor, meter: Meter) -> Iterator[bytes]:
    """Decode the frame at the cursor and leave the cursor behind it.

    Raises:
        Malformed: broken or cut, or a dictionary is needed.
        LimitReached: the budget is spent, or the window is larger than 256 MiB.
    """
    import zstandard  # imported where used: start-up time

    decoder = zstandard.ZstdDecompressor(max_window_size=DECODER_MEMORY_BYTES).decompressobj()
    header, has_checksum = _take_header(cursor)
    try:
        decoder.decompress(header)
        is_last = False
        while not is_last:
            block, is_last = _take_block(cursor)
            chunk = decoder.decompress(block)
            meter.account(chunk, cursor.position)
            if chunk:
                yield chunk
        if has_checksum:
            chunk = decoder.decompress(_take(cursor, 4))
            meter.account(chunk, cursor.position)
            if chunk:
                yield chunk
    except zstandard.ZstdError as error:
        raise Malformed(f"the compressed data is broken: {error}", cursor.position) from error


def _take_header(cursor: Cursor) -> tuple[bytes, bool]:
    head = cursor.peek(_LONGEST_HEADER)
    if len(head) < 6 or not head.startswith(ZSTD_MAGIC):
        raise Malformed("no zstd frame", cursor.position)
    descriptor = head[4]
    is_single, dictionary_bytes = bool(descriptor & 0x20), _DICTIONARY_BYTES[descriptor & 3]
    content_bytes = _CONTENT_BYTES[descriptor >> 6] or int(is_single)
    if dictionary_bytes and any(head[5 + (not is_single) :][:dictionary_bytes]):
        raise Malformed("a zstd dictionary that is not in the file is needed", cursor.position)
    length = 5 + (not is_single) + dictionary_bytes + content_bytes
    window = _window_bytes(head, length, content_bytes) if is_single else _window(head[5])
    if window > DECODER_MEMORY_BYTES:
        raise LimitReached(
            f"the zstd window of {window:,} bytes is larger than {DECODER_MEMORY_BYTES:,} bytes"
        )
    return _take(cursor, length), bool(descriptor & 4)


def _window(byte: int) -> int:
    base = 1 << (10 + (byte >> 3))
    return base + base // 8 * (byte & 7)


def _window_bytes(head: bytes, length: int, content_bytes: int) -> int:
    return int.from_bytes(head[length - content_bytes : length], "little")


def _take_block(cursor: Cursor) -> tuple[bytes, bool]:
    header = _take(cursor, 3)
    word = int.from_bytes(header, "little")
    kind, size = word >> 1 & 3, word >> 3
    if kind == _RESERVED or size > _LARGEST_BLOCK:
        raise Malformed("no zstd block", cursor.position)
    return header + _take(cursor, 1 if kind == _RLE else size), bool(word & 1)


def _take(cursor: Cursor, length: int) -> bytes:
    data = cursor.take(length)
    if len(data) < length:
        raise Malformed("the compressed data is cut", cursor.position)
    return data
