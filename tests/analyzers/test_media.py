"""Images, sound and drawings: what is told of them, and what is handed on."""

from __future__ import annotations

import pytest
from samples.recipes.media import chunk, comment, info, jpeg, png, wav

from tests.analyzers.archive_events import look
from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.datasets import audio, images
from weighbridge.analyzers.documents import drawings
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.report import Outcome

CALL = b"\x80\x02cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
SCRIPT = b"#!/bin/sh\necho weighbridge-marker\n"


@pytest.mark.parametrize(
    ("trailing", "rule"),
    [
        (CALL, "MED002"),
        (b"\0\0\n" + SCRIPT, "MED002"),
        (b"\x7fELF\2\1\1" + bytes(60), "MED002"),
        (b"PK\3\4" + bytes(40), "MED003"),
        (b"<?php echo 1;", "MED006"),
        (jpeg(), "MED004"),
    ],
    ids=["pickle", "script behind padding", "elf", "zip", "php", "second picture"],
)
def test_what_follows_the_end_is_told_and_handed_on(trailing: bytes, rule: str) -> None:
    seen = look(images.inspect, png() + trailing)
    assert seen.rules == {rule}
    assert seen.contents == [("trailing", trailing.lstrip(b"\0\n"))]


@pytest.mark.parametrize("padding", [b"", bytes(5_000), b"\r\n"])
def test_padding_is_not_told(padding: bytes) -> None:
    seen = look(images.inspect, jpeg(comment(b"a picture")) + padding)
    assert (seen.findings, seen.rows) == ([], [])


def test_a_pixel_bomb_is_told_by_its_header() -> None:
    seen = look(images.inspect, png(width=50_000, height=50_000))
    assert seen.rules == {"MED001"}
    assert "2,500,000,000 pixels" in seen.findings[0].evidence


def test_texts_go_through_the_pass_over_cells() -> None:
    seen = look(images.inspect, png(chunk(b"tEXt", b"Comment\0<script >"), chunk(b"tEXt", b"x\0=A()")))
    assert [(one.rule, one.route) for one in seen.findings] == [("CEL007", "column 'PNG Comment'")]


def test_an_image_of_another_kind_is_opaque() -> None:
    rows = look(images.inspect, b"\0\0\0\x20ftypavif").rows
    assert [row.outcome for row in rows] == [Outcome.OPAQUE]


def test_a_large_remote_image_costs_its_beginning_and_says_so() -> None:
    head = png()[:33] + (40 << 20).to_bytes(4, "big") + b"IDAT"
    source = SparseSource(50 << 20, {0: head})
    seen = look(images.inspect, source)
    assert source.bytes_read == 64 << 10
    assert [row.outcome for row in seen.rows] == [Outcome.OPAQUE]


def test_sound_is_judged_like_images() -> None:
    seen = look(audio.inspect, wav(info(b"INAM", b"<?php x")) + CALL)
    assert seen.rules == {"MED002", "MED006"}


def _text(artifact: Artifact, context: Context) -> list[Event]:
    head = bytes(artifact.source.read_at(0, 65536)).decode()
    return list(drawings.judge_text(artifact, head, context) or ())


def _look_text(text: str, name: str) -> list[str]:
    return [one.rule for one in look(lambda *given: iter(_text(*given)), text.encode(), name).findings]


@pytest.mark.parametrize(
    ("text", "name", "rules"),
    [
        ("push graphic-context\nfill red\n", "x.png", ["MED007"]),
        ("viewbox 0 0 9 9\nfill 'url(https://example.invalid/\"|marker)'\n", "x.jpg", ["MED008"]),
        ("push graphic-context\nimage over 0,0 0,0 'ephemeral:/tmp/x'\n", "x.png", ["MED008"]),
        ("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "x.avi", ["MED009"]),
        ("ffconcat version 1.0\nfile '/etc/passwd'\n", "x.txt", ["MED009"]),
        ("#EXTM3U\n#EXTINF:1,\nsegment.ts\n", "x.m3u8", []),
        ("a text about push graphic-context\n", "x.txt", []),
    ],
)
def test_drawings_and_playlists_are_known_by_content(text: str, name: str, rules: list[str]) -> None:
    assert _look_text(text, name) == rules


@pytest.mark.parametrize(
    ("program", "rule"),
    [
        (b"0 0 moveto stroke", "MED007"),
        (b"(%pipe%echo weighbridge-marker) (w) file", "MED008"),
        (b"(/tmp/x) (w) file", "MED008"),
        (b"<< /OutputFile (%pipe%marker) >> setpagedevice", "MED008"),
    ],
)
def test_postscript_is_told_by_what_it_does(program: bytes, rule: str) -> None:
    assert look(drawings.inspect_postscript, b"%!PS-Adobe-3.0\n" + program).rules == {rule}
