"""Questions about one cell that no pattern alone can answer: formulas and secrets."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from weighbridge.knowledge.cell_patterns import Check

_REACHES_OUT: Final = re.compile(
    r"[\t\r]?[=+\-@](?! )[^\n]{0,200}?(?:\bcmd\s{0,4}\||\bDDE(?:AUTO)?\s{0,4}\("
    r"|\bHYPERLINK\s{0,4}\(|\bWEBSERVICE\s{0,4}\("
    r"|\bIMPORT(?:XML|DATA|HTML|FEED|RANGE)\s{0,4}\(|\|'[^']{0,200}'!|\bRTD\s{0,4}\(|\bEXEC\s{0,4}\(|\bCALL\s{0,4}\()",
    re.IGNORECASE,
)
_STARTS: Final = re.compile(
    r"[\t\r]?[=+\-@](?! )[^\n]{0,200}?(?:"
    r"\b(?:cmd|powershell|mshta|rundll32|msexcel|certutil|regsvr32)(?:\.exe)?"
    r"\s{0,4}\|\s{0,4}'"
    r"|\bDDE(?:AUTO)?\s{0,4}\(\s{0,4}\"{1,2}(?:cmd|powershell|mshta))",
    re.IGNORECASE,
)
_CALL: Final = re.compile(
    r"[\t\r]?(?:=[A-Za-z]|[@+-][A-Z])(?:[A-Z0-9.]{1,20}|[a-z0-9.]{1,20})\([^\n]{0,200}\)"
)
_FORMULA_CHARS: Final = 400
_LEAST_ENTROPY: Final = 3.0
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def formula_rule(value: str, *, is_spreadsheet: bool) -> str | None:
    """Return the rule for a cell that a spreadsheet would compute, None for any other.

    Negative numbers, bullets, @names and arithmetic are none: a function must be called by name.
    """
    head = value[:_FORMULA_CHARS]
    if head[1:2] == " " or not ("(" in head or "|" in head):
        return None
    if is_spreadsheet and _STARTS.match(head):
        return "CEL015"
    if _REACHES_OUT.match(head):
        return "CEL013" if is_spreadsheet else "CEL014"
    return "CEL014" if _CALL.match(head) else None


def is_secret(value: str, check: Check, documentation: Sequence[str]) -> bool:
    """True when the checksum is right, or the value is random and no example of a manual."""
    lowered = value.lower()
    if any(word in lowered for word in documentation):
        return False
    match check:
        case Check.GITHUB:
            return _has_github_checksum(value)
        case Check.ENTROPY:
            return _entropy(value[-64:]) >= _LEAST_ENTROPY


def _has_github_checksum(token: str) -> bool:
    """The last six digits are the CRC-32 of the thirty before them, in base 62."""
    secret, stated = token[4:34], token[34:]
    number, digits = zlib.crc32(secret.encode("ascii", "replace")), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == stated


def _entropy(value: str) -> float:
    """Bits per character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())
