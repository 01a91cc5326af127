"""Numbers have units, and no text from a target can act on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.reporters.words import count, duration, first_sentence, printable, shortened, size


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (412_000, "412 kB"),
        (999_950, "1.0 MB"),
        (6_200_000_000, "6.2 GB"),
        (5 * 10**18, "5,000 PB"),
    ],
)
def test_sizes(size_bytes: int, words: str) -> None:
    assert size(size_bytes) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (1.84, "1.8 s"), (9.99, "10 s"), (59.9, "1 min 0 s"), (7205, "120 min 5 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_counts() -> None:
    assert (count(1, "file"), count(1204, "file")) == ("1 file", "1,204 files")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain.pt", "plain.pt"),
        ("模型/données.pt", "模型/données.pt"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r\tc\x00", r"a\nb\r\tc\x00"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\udcff\udc80", r"\udcff\udc80"),
        ("\x9b31m", r"\x9b31m"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("select\ufe0f", r"select\ufe0f"),
        ("filler\u3164", r"filler\u3164"),
        ("line\u2028sep", r"line\u2028sep"),
        ("no\u00a0break", r"no\xa0break"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_printable_text_holds_no_control_format_or_surrogate(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(char) for char in shown} & {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    }
    shown.encode("utf-8")


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_shortened_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) <= width
    assert text.startswith(short.partition("…")[0])
    assert text[-1:] == short[-1:]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One."),
        ("Calls e.g. os.system here. Then more.", "Calls e.g. os.system here."),
        ("Version 2.6 refuses it. Older ones do not.", "Version 2.6 refuses it."),
        ("No full stop", "No full stop"),
        ("", ""),
    ],
)
def test_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first
