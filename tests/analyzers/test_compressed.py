"""Findings and the nested artifact of compressed files, 7z archives included."""

from __future__ import annotations

import bz2
import gzip
import io
import sys
import zlib

import py7zr
import pytest

from tests.analyzers.archive_events import Seen, look
from weighbridge.analyzers.archives import compressed, sevenzips
from weighbridge.core.limits import MIB, Limits
from weighbridge.core.report import Outcome
from weighbridge.errors import LimitReached, Malformed

PICKLE = b"\x80\x04N."


def inspect(data: bytes, name: str = "model.pkl.gz", limits: Limits | None = None) -> Seen:
    return look(compressed.inspect, data, name, limits)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("model.pkl.gz", "model.pkl"),
        ("weights.TGZ", "weights.tar"),
        ("folder/x.joblib.XZ", "x.joblib"),
        ("model.joblib", "model.joblib.decompressed"),
        (".gz", ".gz.decompressed"),
    ],
)
def test_the_nested_name_lacks_the_suffix(name: str, inside: str) -> None:
    assert compressed.nested_name(name) == inside


def test_the_content_is_handed_on() -> None:
    seen = inspect(gzip.compress(PICKLE))
    assert seen.contents == [("model.pkl", PICKLE)]
    assert (seen.rules, seen.rows, seen.error) == (set(), [], None)


def test_trailing_bytes_are_told_and_handed_on() -> None:
    seen = inspect(bz2.compress(b"text") + PICKLE)
    assert seen.rules == {"ARC011"}
    assert seen.contents[1] == ("model.pkl.gz.trailing", PICKLE)


def test_a_wrong_checksum_is_told_and_loses_nothing() -> None:
    data = gzip.compress(PICKLE)
    seen = inspect(data[:-8] + b"\0" * 8)
    assert seen.rules == {"ARC013"}
    assert seen.contents == [("model.pkl", PICKLE)]


def test_a_cut_stream_hands_on_its_start_and_is_malformed() -> None:
    text = b"".join(b"%d\n" % (index * 7919) for index in range(20_000))
    seen = inspect(zlib.compress(text)[:-2000])
    assert isinstance(seen.error, Malformed)
    assert len(seen.contents[0][1]) > 50_000
    assert text.startswith(seen.contents[0][1])


def test_a_bomb_is_told_and_limited() -> None:
    seen = inspect(gzip.compress(bytes(64 * MIB)))
    assert seen.rules == {"ARC007"}
    assert isinstance(seen.error, LimitReached)
    assert len(seen.nested) == 1


def test_a_gzip_name_that_climbs_out_is_told() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("x" * 12, "wb", fileobj=buffer) as file:
        file.write(PICKLE)
    seen = inspect(buffer.getvalue().replace(b"x" * 12, b"../../../xyz"))
    assert seen.rules == {"ARC001"}


def test_other_bytes_are_malformed() -> None:
    assert isinstance(inspect(b"plain text").error, Malformed)


class TestSevenZip:
    def test_members_are_handed_on(self) -> None:
        seen = look(sevenzips.inspect, _sevenzip({"a.pkl": PICKLE, "b": b"text"}), "model.7z")
        assert seen.contents == [("a.pkl", PICKLE), ("b", b"text")]
        assert (seen.rules, seen.rows, seen.error) == (set(), [], None)

    def test_an_encrypted_archive_is_unsupported(self) -> None:
        seen = look(sevenzips.inspect, _sevenzip({"a": PICKLE}, "marker"), "model.7z")
        assert seen.rules == {"ARC008"}
        assert seen.outcomes == [("model.7z", Outcome.UNSUPPORTED)]

    def test_a_missing_extra_is_said_with_its_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = _sevenzip({"a": PICKLE})
        monkeypatch.setitem(sys.modules, "py7zr", None)
        seen = look(sevenzips.inspect, data, "model.7z")
        assert [row.detail for row in seen.rows] == [
            "needs an extra: pip install 'weighbridge[archives]'"
        ]
        assert seen.outcomes == [("model.7z", Outcome.UNSUPPORTED)]

    def test_trailing_bytes_are_told_and_handed_on(self) -> None:
        seen = look(sevenzips.inspect, _sevenzip({"a": b"x"}) + PICKLE, "model.7z")
        assert seen.rules == {"ARC011"}
        assert seen.contents[-1] == ("model.7z.trailing", PICKLE)


def _sevenzip(files: dict[str, bytes], password: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", password=password) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return buffer.getvalue()
