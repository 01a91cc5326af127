"""Rows of CSV and lines of JSON, whatever is in them, and characters that nobody sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.bytesource.memory import MemorySource
from weighbridge.formats.datasets.delimited import TableFacts, read_rows, sniff_delimiter
from weighbridge.formats.datasets.json_lines import LineFacts, flatten, read_lines
from weighbridge.formats.documents.hidden_text import Hidden, find_hidden, has_invisible
from weighbridge.formats.documents.strict_json import Json


def _rows(data: bytes, delimiter: str = ",") -> tuple[list[list[str]], TableFacts]:
    facts = TableFacts()
    return list(read_rows(MemorySource(data), delimiter, len(data), facts)), facts


def _lines(data: bytes) -> tuple[list[Json], LineFacts]:
    facts = LineFacts()
    return [value for _, value in read_lines(MemorySource(data), len(data), facts)], facts


def _hidden(text: str) -> list[Hidden]:
    return [one.kind for one in find_hidden(text)]


def test_quotes_may_hold_line_ends_and_delimiters() -> None:
    rows, _ = _rows(b'a,b\r\n"x, ""y""\nz",2\n')
    assert rows == [["a", "b"], ['x, "y"\nz', "2"]]


def test_a_quote_that_never_closes_hides_nothing() -> None:
    data = b'a,"open\n' + b"x,=cmd()\n" * 600_000
    rows, facts = _rows(data)
    assert facts.unclosed == 1
    assert ["x", "=cmd()"] in rows
    assert sum(row == ["x", "=cmd()"] for row in rows) == 600_000


def test_rows_of_other_width_and_nul_are_counted() -> None:
    _, facts = _rows(b"a,b\n1,2,3\n\0,2\n")
    assert (facts.rows, dict(facts.widths), facts.with_nul) == (3, {2: 2, 3: 1}, 1)


def test_utf_16_is_known_by_its_mark() -> None:
    rows, _ = _rows("ü,b\n1,2\n".encode("utf-16"))
    assert rows == [["ü", "b"], ["1", "2"]]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n3,4\n", ","),
        ("a\tb\n1\t2\n3\t4\n", "\t"),
        ("a;b\n1;2\n3;4\n", ";"),
        ("prose\n\nmore\nx\n", None),
    ],
)
def test_the_delimiter_is_what_all_lines_agree_on(text: str, delimiter: str | None) -> None:
    assert sniff_delimiter(text) == delimiter


def test_broken_lines_are_counted_and_left_out() -> None:
    values, facts = _lines(b'{"a": 1}\nnot json\n{"a": 1, "a": 2}\n[1] rest\n\n')
    assert values == [{"a": 1}, {"a": 2}, [1]]
    assert (facts.lines, facts.broken, facts.with_duplicates) == (5, 2, 1)


def test_a_line_that_is_too_long_is_told_and_the_next_one_read() -> None:
    values, facts = _lines(b'"' + b"x" * (17 << 20) + b'"\n{"a": 1}\n')
    assert (values, facts.too_long) == ([{"a": 1}], 1)


def test_texts_keep_the_path_of_their_keys() -> None:
    tree: Json = {"messages": [{"content": "x"}, {"content": "y"}], "n": 1}
    assert sorted(flatten(tree)) == [("messages.content", "x"), ("messages.content", "y")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a" + "".join(chr(0xE0000 + ord(c)) for c in "hidden"), [Hidden.TAGS]),
        ("\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "gbeng") + "\U000e007f", []),
        ("\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "gbgbgbg") + "\U000e007f", [Hidden.TAGS]),
        ("x" + "\U000e0110\U000e0111" * 4, [Hidden.SELECTORS]),
        ("葛\U000e0100城 \u2764\ufe0f", []),
        ("pass\u200bword", [Hidden.IN_WORD]),
        ("می\u200cخواهم क\u094d\u200dष \U0001f468\u200d\U0001f469", []),
        ("a\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200cb", [Hidden.ZERO_WIDTH_RUN]),
        ("photo\u202egpj.exe", [Hidden.OVERRIDE]),
        ("שלום \u202eabc\u202c", []),
        ("admin\u3164", [Hidden.STRAY]),
        ("\ufeffstart", []),
    ],
)  # fmt: skip
def test_only_characters_without_a_use_are_found(text: str, kinds: list[Hidden]) -> None:
    assert _hidden(text) == kinds


def test_hidden_text_is_spelled_out() -> None:
    found = next(find_hidden("".join(chr(0xE0000 + ord(c)) for c in "do this")))
    assert found.text == "do this"


@given(st.text(max_size=80))
def test_nothing_hidden_is_missed_by_the_quick_look(text: str) -> None:
    assert has_invisible(text) or not _hidden(text)


@given(st.binary(max_size=200), st.sampled_from(",\t;|"))
def test_any_bytes_give_rows(data: bytes, delimiter: str) -> None:
    rows, facts = _rows(data, delimiter)
    assert facts.rows == len(rows)


@given(st.binary(max_size=200))
def test_any_bytes_give_lines(data: bytes) -> None:
    values, facts = _lines(data)
    assert len(values) <= facts.lines
