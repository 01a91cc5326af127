"""JSON as people write it for editors and trainers: with comments and a comma behind the last value.

No loader of models reads it, readers of settings do (`json5`, `commentjson`, TypeScript). It is read
here so that a comment does not keep a document from being judged.
"""

from __future__ import annotations

import re
from typing import Final

_STRING: Final = r'"(?:[^"\\\n]|\\.)*+"?'
_COMMENT: Final = re.compile(rf"{_STRING}|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?")
_LAST_COMMA: Final = re.compile(rf"{_STRING}|,(?=\s*+[}}\]])")


def without_comments(text: str) -> str:
    """Return the text with a blank for each comment and each comma behind a last value.

    Strings are left as they are. Text without either comes back unchanged.
    """
    return _LAST_COMMA.sub(_kept, _COMMENT.sub(_kept, text))


def _kept(match: re.Match[str]) -> str:
    """Strings stay, closed or not (so that time grows with the text only); so does an open comment."""
    found = match[0]
    is_open = found.startswith("/*") and (len(found) < len("/**/") or not found.endswith("*/"))
    return found if found.startswith('"') or is_open else " "
