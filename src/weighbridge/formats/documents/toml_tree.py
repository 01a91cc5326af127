"""TOML as the tree that JSON and YAML give: dates and times become text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from weighbridge.errors import Malformed
from weighbridge.formats.documents.strict_json import Json


def parse_toml(text: str) -> Json:
    """Read one document.

    Raises:
        Malformed: not TOML, or nested deeper than the interpreter allows.
    """
    try:
        return _plain(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise Malformed(f"not TOML: {str(error)[:100]}") from None
    except RecursionError:
        raise Malformed("the TOML is nested too deeply") from None


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
