"""What is known of templates: names that lead out of them, phrases that attack, hashes of real ones."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import listed, table_rows
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.table import Table

_KINDS: Final = (
    *("instruction", "concealment", "override", "placement", "ordinary"),
    *("harm", "forbids", "endorsement", "compliance"),
)


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """A template that a publisher or a runtime ships: in which release, and when that was read."""

    name: str
    source: str
    day: str


@dataclass(frozen=True, slots=True)
class ChatTemplates:
    """The tables of `signatures/templates/`."""

    internals: dict[str, str]
    """Name -> what it gives."""
    functions: dict[str, str]
    """Function or class that every template can name -> what it is."""
    known: dict[str, KnownTemplate]
    """By `template_digest`."""
    instruction: re.Pattern[str]
    concealment: re.Pattern[str]
    override: re.Pattern[str]
    placement: re.Pattern[str]
    ordinary: re.Pattern[str]
    """Sentences of real templates that sound like an attack."""
    harm: re.Pattern[str]
    forbids: re.Pattern[str]
    """Words before `harm` that turn it around."""
    endorsement: re.Pattern[str]
    compliance: re.Pattern[str]


def template_digest(text: str) -> str:
    """Return the SHA-256 of a template, without the differences that copying makes."""
    same = text.replace("\r\n", "\n").strip()
    return hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=1)
def installed_chat_templates() -> ChatTemplates:
    """The tables that came with this installation; read once, when first needed."""
    directory = signatures_dir() / "templates"
    phrases = _phrases(directory / "phrases.toml")
    return ChatTemplates(
        dict(listed("templates/internals.tsv")),
        dict(listed("templates/functions.tsv")),
        {
            digest: KnownTemplate(name, source, day)
            for digest, name, source, day in table_rows(directory / "known.tsv", columns=4)
        },
        phrases["instruction"],
        phrases["concealment"],
        phrases["override"],
        phrases["placement"],
        phrases["ordinary"],
        phrases["harm"],
        phrases["forbids"],
        phrases["endorsement"],
        phrases["compliance"],
    )


def _phrases(path: Path) -> dict[str, re.Pattern[str]]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}; reinstall weighbridge") from error
    kinds = Table.of(data, str(path))
    try:
        return {
            kind: re.compile("|".join(kinds.table(kind).texts("regex")), re.IGNORECASE)
            for kind in _KINDS
        }
    except re.error as error:
        raise UsageError(f"{path}: {error}") from None
