"""Write JSON that any reader takes: plain ASCII, and no lone surrogate in any text."""

from __future__ import annotations

import json

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def json_text(document: Json) -> str:
    r"""Return the document, indented, with a line break at its end.

    Strict readers refuse a whole document over one lone surrogate, and file names hold them where
    bytes are not UTF-8; they are spelled out: the text `\udcff` in place of the character.
    """
    return json.dumps(_unicode(document), indent=2, ensure_ascii=True) + "\n"


def _unicode(value: Json) -> Json:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case list():
            return [_unicode(item) for item in value]
        case dict():
            return {str(_unicode(key)): _unicode(item) for key, item in value.items()}
        case _:
            return value
