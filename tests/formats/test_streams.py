"""Compressed streams: every writer's output, bombs, and what breaks or follows a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.inflate import STEP_BYTES, Salvage
from weighbridge.formats.archive.streams import (
    STREAM_FORMATS,
    StreamFacts,
    detect_stream,
    open_stream,
)
from weighbridge.formats.kinds import Format


def zfile(data: bytes, *, length: int | None = None, pad: bytes = b"") -> bytes:
    """What joblib wrote before 0.10."""
    stated = hex(len(data) if length is None else length).encode()
    return b"ZF" + stated.ljust(19) + pad + zlib.compress(data)


WRITERS: dict[Format, Callable[[bytes], bytes]] = {
    Format.GZIP: gzip.compress,
    Format.BZ2: bz2.compress,
    Format.XZ: lzma.compress,
    Format.LZMA: lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    Format.ZLIB: zlib.compress,
    Format.LZ4: lz4.frame.compress,
    Format.ZSTD: zstandard.compress,
    Format.JOBLIB_ZFILE: zfile,
}
each_format = pytest.mark.parametrize("format", WRITERS, ids=lambda format: format.value)

TEXT = b"".join(b"line %d of the text\n" % (index * 7919) for index in range(30_000))


def decode(data: bytes, format: Format, limits: Limits | None = None) -> tuple[bytes, StreamFacts]:
    reader = open_stream(MemorySource(data), format, Budget(limits or Limits()))
    return b"".join(reader), reader.facts


def salvage(data: bytes, format: Format) -> tuple[bytes, Exception | None]:
    salvaged = Salvage(open_stream(MemorySource(data), format, Budget(Limits())))
    return b"".join(salvaged), salvaged.error


def test_every_format_has_a_writer_here() -> None:
    assert set(WRITERS) == STREAM_FORMATS


class TestEachFormat:
    @each_format
    def test_decodes_what_its_writer_wrote(self, format: Format) -> None:
        assert decode(WRITERS[format](TEXT), format) == (
            TEXT,
            StreamFacts(streams=1, consumed=len(WRITERS[format](TEXT)), produced=len(TEXT)),
        )

    @each_format
    def test_is_detected_by_its_first_bytes(self, format: Format) -> None:
        assert detect_stream(WRITERS[format](TEXT)[:64]) is format

    @each_format
    def test_finds_where_trailing_bytes_start(self, format: Format) -> None:
        data = WRITERS[format](TEXT)
        decoded, facts = decode(data + b"appended", format)
        assert (decoded, facts.trailing_offset) == (TEXT, len(data))

    @each_format
    def test_gives_chunks_of_bounded_size(self, format: Format) -> None:
        chunks = list(
            open_stream(MemorySource(WRITERS[format](bytes(8 * MIB))), format, Budget(Limits()))
        )
        assert max(map(len, chunks)) <= STEP_BYTES
        assert sum(map(len, chunks)) == 8 * MIB

    @each_format
    def test_stops_a_bomb(self, format: Format) -> None:
        data = WRITERS[format](bytes(40 * MIB))
        with pytest.raises(LimitReached):
            decode(data, format, Limits(ratio=50, expanded_bytes=30 * MIB))

    @each_format
    def test_a_cut_stream_gives_its_start_and_is_malformed(self, format: Format) -> None:
        data = WRITERS[format](TEXT)
        decoded, error = salvage(data[: len(data) - len(data) // 5], format)
        assert isinstance(error, Malformed)
        assert TEXT.startswith(decoded)

    @each_format
    def test_truncation_at_every_byte_gives_bytes_or_malformed(self, format: Format) -> None:
        data = WRITERS[format](b"a short text, twice: a short text")
        errors = [salvage(data[:length], format)[1] for length in range(len(data))]
        assert {type(error) for error in errors} == {Malformed}

    @each_format
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_any_change_of_bytes_gives_bytes_or_an_error_of_ours(
        self, format: Format, data: st.DataObject
    ) -> None:
        stream = bytearray(WRITERS[format](TEXT[:3000]))
        for _ in range(data.draw(st.integers(1, 4))):
            stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
        decoded, error = salvage(bytes(stream), format)
        assert error is None or isinstance(error, (Malformed, LimitReached))
        assert len(decoded) < 64 * MIB

    @each_format
    @settings(max_examples=60, deadline=None)
    @given(rest=st.binary(max_size=200))
    def test_any_bytes_behind_the_magic_are_survived(self, format: Format, rest: bytes) -> None:
        magic = WRITERS[format](b"")[:4]
        _, error = salvage(magic + rest, format)
        assert error is None or isinstance(error, (Malformed, LimitReached))


class TestSeveralStreams:
    @pytest.mark.parametrize(
        "format", [Format.GZIP, Format.BZ2, Format.XZ, Format.LZMA, Format.LZ4, Format.ZSTD]
    )
    def test_streams_one_after_the_other_are_one(self, format: Format) -> None:
        decoded, facts = decode(WRITERS[format](b"one") + WRITERS[format](b"two"), format)
        assert (decoded, facts.streams, facts.trailing_offset) == (b"onetwo", 2, None)

    def test_an_xz_stream_behind_an_lzma_stream_is_read_as_python_does(self) -> None:
        data = lzma.compress(b"one", lzma.FORMAT_ALONE) + lzma.compress(b"two")
        assert decode(data, Format.LZMA)[0] == lzma.decompress(data) == b"onetwo"

    def test_zeros_behind_gzip_are_padding(self) -> None:
        decoded, facts = decode(gzip.compress(b"x") + bytes(512), Format.GZIP)
        assert (decoded, facts.trailing_offset) == (b"x", None)

    @pytest.mark.parametrize("format", [Format.ZSTD, Format.LZ4])
    def test_skippable_frames_are_skipped(self, format: Format) -> None:
        skippable = b"\x50\x2a\x4d\x18\x05\0\0\0xxxxx"
        data = skippable + WRITERS[format](b"one") + skippable + WRITERS[format](b"two") + skippable
        assert decode(data, format)[0] == b"onetwo"


class TestBrokenStreams:
    @pytest.mark.parametrize("format", [Format.GZIP, Format.ZLIB])
    def test_a_wrong_checksum_is_told_and_loses_nothing(self, format: Format) -> None:
        data = bytearray(WRITERS[format](TEXT))
        data[-1] ^= 0xFF
        decoded, facts = decode(bytes(data), format)
        assert decoded == TEXT
        assert len(facts.wrong_checksums) == 1

    def test_deflate_is_saved_up_to_the_byte_where_it_breaks(self) -> None:
        """A loader that reads byte by byte has had all of that."""
        data = bytearray(zlib.compress(TEXT[:60_000], 1))
        data[len(data) // 2 :] = noise(len(data) // 8)
        decoded, error = salvage(bytes(data), Format.ZLIB)
        expected = _byte_by_byte(bytes(data))
        assert isinstance(error, Malformed)
        assert decoded == expected

    def test_bz2_is_saved_up_to_the_broken_block(self) -> None:
        incompressible = noise(400_000)
        data = bytearray(bz2.compress(incompressible, 1))
        data[len(data) * 3 // 4] ^= 0xFF
        decoded, error = salvage(bytes(data), Format.BZ2)
        assert isinstance(error, Malformed)
        assert len(decoded) >= 200_000
        assert incompressible.startswith(decoded[:200_000])

    def test_a_joblib_z_file_of_another_length_is_told(self) -> None:
        decoded, facts = decode(zfile(b"data", length=5), Format.JOBLIB_ZFILE)
        assert (decoded, facts.wrong_checksums) == (b"data", (0,))

    def test_a_joblib_z_file_may_have_a_wider_header(self) -> None:
        decoded, facts = decode(zfile(b"data", pad=b" "), Format.JOBLIB_ZFILE)
        assert (decoded, facts.wrong_checksums) == (b"data", ())

    def test_a_zstd_window_of_two_gibibytes_is_refused(self) -> None:
        frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, 21 << 3]) + b"\x01\x00\x00" + bytes(8)
        with pytest.raises(LimitReached, match="window"):
            decode(frame, Format.ZSTD)

    def test_an_lzma_dictionary_of_four_gibibytes_is_refused(self) -> None:
        data = bytearray(lzma.compress(TEXT, lzma.FORMAT_ALONE))
        data[1:5] = b"\xff\xff\xff\xff"
        with pytest.raises(LimitReached, match="memory"):
            decode(bytes(data), Format.LZMA)

    def test_the_name_in_a_gzip_header_is_kept(self) -> None:
        buffer = io.BytesIO()
        with gzip.GzipFile("model.pkl", "wb", fileobj=buffer) as file:
            file.write(b"x")
        assert decode(buffer.getvalue(), Format.GZIP)[1].names == (b"model.pkl",)


def noise(length: int) -> bytes:
    return b"".join(zlib.crc32(b"%d" % index).to_bytes(4) for index in range(length // 4))


def _byte_by_byte(data: bytes) -> bytes:
    """Decode zlib data one byte in, one byte out, until it breaks."""
    decoder, output = zlib.decompressobj(), b""
    with pytest.raises(zlib.error):  # noqa: PT012 - collects up to the error
        for position in range(len(data)):
            chunk = decoder.decompress(data[position : position + 1], 1)
            while chunk:
                output += chunk
                chunk = decoder.decompress(decoder.unconsumed_tail, 1)
    return output


@pytest.mark.slow
@pytest.mark.parametrize("compressor", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_decodes_what_joblib_writes(tmp_path: Path, compressor: str) -> None:
    import joblib

    path = tmp_path / "model.joblib"
    joblib.dump({"weights": list(range(2000))}, path, compress=(compressor, 3))
    plain = tmp_path / "plain.joblib"
    joblib.dump({"weights": list(range(2000))}, plain)
    data = path.read_bytes()
    format = detect_stream(data[:64])
    assert format is not None
    decoded, facts = decode(data, format)
    assert decoded == plain.read_bytes()
    assert facts.trailing_offset is None
