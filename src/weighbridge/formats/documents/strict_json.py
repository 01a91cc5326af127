"""JSON as strict loaders read it, with what lenient ones would hide: duplicates and leftovers.

Python's own decoder accepts `NaN`, numbers without end and lone surrogates, keeps the last of two
equal keys without a word, and turns `-0` into an integer. serde_json, which reads safetensors
headers, does not. A parser differential begins there, so here each of them is seen. What only Python
loads may hold them: trainers write `NaN` into their logs, and XGBoost into its trees.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias, cast

from weighbridge.errors import LimitReached, Malformed

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_MAX_NODES = 4_000_000
_BLANKS = " \t\n\r"
_INTEGER_DIGITS = 20
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class JsonDocument:
    r"""One JSON value and what surrounds it.

    Attributes:
        value: of two equal keys the last, as every common decoder has it.
        end: index of the first character after the value.
        duplicate_keys: in the order in which objects close, at most 1,000.
        has_lone_surrogate: a `\uD800` without its other half, which is not text.
    """

    value: Json
    end: int
    duplicate_keys: tuple[str, ...]
    has_lone_surrogate: bool


def text_encoding(data: bytes) -> str:
    """Return what Python's `json.loads` takes bytes for: by their mark, or where the zeros are."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    zeros = [not byte for byte in data[:4]]
    if len(zeros) == 4 and zeros[0]:
        return "utf-16-be" if zeros[1:] == [False, True, False] else "utf-32-be"
    if len(zeros) == 4 and zeros[1]:
        return "utf-16-le" if not (zeros[2] and zeros[3]) else "utf-32-le"
    return "utf-8"


def decode_json(text: str, *, start: int = 0) -> JsonDocument:
    """Read the one JSON value that begins at character `start`; what follows it is not read.

    Integers of more than 20 characters, and `-0`, come as floats, as in serde_json.

    Raises:
        Malformed: not JSON, or nested deeper than the interpreter allows; `offset` is in
            UTF-8 bytes from the start of `text`.
        LimitReached: more than four million values, which would need a gigabyte.
    """
    return _decode(text, start, _float, _refused)


def decode_python_json(text: str) -> JsonDocument:
    """Read the one JSON value that `text` begins with, behind blanks, as Python's `json.loads` does.

    `NaN`, `Infinity` and numbers that no float holds are values.

    Raises:
        Malformed: as for `decode_json`.
        LimitReached: as for `decode_json`.
    """
    return _decode(text, len(text) - len(text.lstrip(_BLANKS)), float, float)


def _decode(
    text: str, start: int, number: Callable[[str], float], constant: Callable[[str], float]
) -> JsonDocument:
    if sum(text.count(mark) for mark in ",[{") > _MAX_NODES:
        raise LimitReached(f"the JSON holds more than {_MAX_NODES:,} values")
    duplicates: list[str] = []

    def build(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            _note_duplicates(pairs, duplicates)
        return found

    def integer(digits: str) -> int | float:
        return number(digits) if digits == "-0" or len(digits) > _INTEGER_DIGITS else int(digits)

    decoder = json.JSONDecoder(
        object_pairs_hook=build, parse_int=integer, parse_float=number, parse_constant=constant
    )
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode("utf-8", "surrogatepass"))
        raise Malformed(f"not JSON: {error.msg}", at) from None
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from None
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    return JsonDocument(cast(Json, value), end, tuple(duplicates), _has_lone_surrogate(text, value))


def _note_duplicates(pairs: list[tuple[str, Json]], duplicates: list[str]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen and len(duplicates) < 1_000:
            duplicates.append(key)
        seen.add(key)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _has_lone_surrogate(text: str, value: object) -> bool:
    if _SURROGATE_ESCAPE.search(text) is None:
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    return False
