"""JSON: what only Python's own reader takes is a value where Python loads, and malformed elsewhere."""

from __future__ import annotations

import math

import pytest

from weighbridge.errors import Malformed
from weighbridge.formats.documents.strict_json import decode_json, decode_python_json


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_numbers_that_only_python_reads_are_values_where_python_loads(word: str) -> None:
    value = decode_python_json(f'{{"loss": {word}}}').value

    assert isinstance(value, dict)
    assert not math.isfinite(value["loss"])


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_numbers_that_only_python_reads_are_malformed_elsewhere(word: str) -> None:
    with pytest.raises(Malformed, match="not JSON"):
        decode_json(f'{{"loss": {word}}}')
