"""Sound: texts, pictures and ends."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.media import info, png, wav

from weighbridge.errors import Malformed
from weighbridge.formats.datasets.audio import read_audio


def _id3(*frames: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + len(content).to_bytes(4, "big") + b"\0\0" + content for name, content in frames
    )
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body


def _flac(*blocks: tuple[int, bytes]) -> bytes:
    last = len(blocks) - 1
    return b"fLaC" + b"".join(
        bytes([kind | (0x80 if index == last else 0)]) + len(content).to_bytes(3, "big") + content
        for index, (kind, content) in enumerate(blocks)
    )


def _comments(*texts: bytes) -> bytes:
    body = struct.pack("<I", 1) + b"v" + struct.pack("<I", len(texts))
    return body + b"".join(struct.pack("<I", len(text)) + text for text in texts)


def test_a_wav_has_texts_and_an_end() -> None:
    data = wav(info(b"INAM", b"a title"))
    sound, _ = read_audio(data + b"behind", is_whole=True)
    assert (sound.texts, sound.end) == ([("WAV INAM", "a title")], len(data))


def test_a_flac_has_comments_and_pictures() -> None:
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", 0) + bytes(16)
    picture += struct.pack(">I", len(png())) + png()
    data = _flac((4, _comments(b"TITLE=a title")), (6, picture))
    sound, pictures = read_audio(data, is_whole=True)
    assert ("FLAC TITLE", "a title") in sound.texts
    assert [data[start : start + length] for start, length in pictures] == [png()]


def test_an_id3_tag_has_texts_and_pictures() -> None:
    frames = ((b"TIT2", b"\3a title"), (b"APIC", b"\0image/png\0\3\0" + png()))
    data = _id3(*frames)
    sound, pictures = read_audio(data, is_whole=True)
    assert sound.texts == [("MP3 TIT2", "a title")]
    assert [data[start : start + length] for start, length in pictures] == [png()]


def test_an_ogg_ends_behind_its_last_page() -> None:
    packet = b"\x03vorbis" + _comments(b"TITLE=a title")
    page = b"OggS" + bytes(22) + bytes([1, len(packet)]) + packet
    sound, _ = read_audio(page + b"behind", is_whole=True)
    assert (sound.end, ("OGG TITLE", "a title") in sound.texts) == (len(page), True)


@pytest.mark.parametrize("data", [wav(info(b"INAM", b"a title"))[:-3], _id3((b"TIT2", b"\3x"))[:-1]])
def test_a_cut_file_has_a_problem(data: bytes) -> None:
    assert read_audio(data, is_whole=True)[0].problem


@given(
    st.sampled_from(
        [b"RIFF\x40\0\0\0WAVE", b"FORM\0\0\0\x40AIFF", b"fLaC", b"OggS\0", b"ID3\4", b"\xff\xfb"]
    ),
    st.binary(max_size=150),
)
def test_any_bytes_behind_a_magic_give_a_sound(magic: bytes, data: bytes) -> None:
    sound, _ = read_audio(magic + data, is_whole=True)
    assert sound.end is None or sound.end <= len(magic + data)


def test_other_bytes_are_no_sound() -> None:
    with pytest.raises(Malformed):
        read_audio(b"text", is_whole=True)
