"""A question about one cell that no pattern alone can answer: is it a formula?"""

from __future__ import annotations

import re
from typing import Final

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
