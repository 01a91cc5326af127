"""JSON with comments: they go, strings that look like them stay."""

from __future__ import annotations

import pytest

from weighbridge.formats.documents.commented_json import without_comments


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"a": 1} // end', '{"a": 1}  '),
        ('{/* one\n* two */"a": 1}', '{ "a": 1}'),
        ('{"a": [1, 2, ], }', '{"a": [1, 2  ]  }'),
        ('{"a": 1, // last\n}', '{"a": 1   \n}'),
        ('{"a": "https://example.invalid/*,]"}', '{"a": "https://example.invalid/*,]"}'),
        ('{"a\\"//": 1}', '{"a\\"//": 1}'),
        ("{/* open", "{/* open"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_comments_and_last_commas_become_blanks(text: str, plain: str) -> None:
    assert without_comments(text) == plain
