"""INI as a tree: sections by their dotted names, values as JSON where they are JSON.

    [components.tagger.model]
    @architectures = "spacy.Tagger.v2"
    nO = null

is {"components": {"tagger": {"model": {"@architectures": "spacy.Tagger.v2", "nO": None}}}}, which is
how spaCy reads it. Nothing is interpolated.
"""

from __future__ import annotations

import configparser

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json, decode_json

_MAX_CHARACTERS = 4_000_000
_MAX_DEPTH = 40
_MAX_VALUE = 200_000


def parse_ini(text: str) -> dict[str, Json]:
    """Read the sections of an INI file; of two equal keys the last.

    Raises:
        Malformed: not an INI file, or a section lies in a value.
        LimitReached: longer than four million characters.
    """
    if len(text) > _MAX_CHARACTERS:
        raise LimitReached(f"{len(text):,} characters of INI; up to {_MAX_CHARACTERS:,} are read")
    reader = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="")
    reader.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are spelled
    try:
        reader.read_string(text)
    except (configparser.Error, ValueError) as error:
        raise Malformed(f"not INI: {str(error)[:100]}") from None
    tree: dict[str, Json] = {}
    for section in reader.sections():
        place = _section(tree, section)
        for key, value in reader.items(section):
            place[key] = _value(value)
    return tree


def _section(tree: dict[str, Json], name: str) -> dict[str, Json]:
    parts = name.split(".")
    if len(parts) > _MAX_DEPTH:
        raise Malformed(f"a section is nested deeper than {_MAX_DEPTH} levels")
    for part in parts:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    return tree


def _value(text: str | None) -> Json:
    if text is None or len(text) > _MAX_VALUE:
        return text
    try:
        document = decode_json(text)
    except (Malformed, LimitReached):
        return text
    return document.value if document.end == len(text.rstrip()) else text
