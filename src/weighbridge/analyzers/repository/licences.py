"""Which licence a text is, and which of the hub's words for licences mean the same one."""

from __future__ import annotations

import re
from typing import Final

_TEXTS: Final = (
    ("apache-2.0", r"apache\s+license\s+version\s+2\.0"),
    ("agpl-3.0", r"gnu affero general public license\s+version 3"),
    ("lgpl-3.0", r"gnu lesser general public license\s+version 3"),
    ("gpl-3.0", r"gnu general public license\s+version 3"),
    ("gpl-2.0", r"gnu general public license\s+version 2"),
    ("llama4", r"llama 4 community license"),
    ("llama3.3", r"llama 3\.3 community license"),
    ("llama3.2", r"llama 3\.2 community license"),
    ("llama3.1", r"llama 3\.1 community license"),
    ("llama3", r"llama 3 community license"),
    ("llama2", r"llama 2 community license"),
    ("cc-by-nc", r"creative commons attribution-noncommercial"),
    ("cc-by-sa", r"creative commons attribution-sharealike"),
    ("cc-by", r"creative commons attribution 4\.0"),
    ("openrail", r"creativeml open rail|bigscience (?:open )?rail|bigcode open rail"),
    ("mpl-2.0", r"mozilla public license,? version 2\.0"),
    ("mit", r"\bmit license\b|permission is hereby granted, free of charge, to any person"),
    ("bsd", r"redistribution and use in source and binary forms"),
)
"""In the order in which they are tried: the narrower before the wider."""

_WORDS: Final = (
    ("cc-by-nc", "cc-by-nc"),
    ("cc-by-sa", "cc-by-sa"),
    ("cc-by-", "cc-by"),
    ("bsd", "bsd"),
    ("creativeml-openrail", "openrail"),
    ("openrail", "openrail"),
    ("bigscience-", "openrail"),
    ("bigcode-", "openrail"),
)
_EXACT: Final = frozenset(name for name, _ in _TEXTS)
_BLANKS: Final = re.compile(r"[\s,*#]+")


def family(word: str) -> str | None:
    """Return the licence that the hub's word means; None for words such as `other`."""
    word = word.strip().lower()
    if word in _EXACT:
        return word
    return next((name for start, name in _WORDS if word.startswith(start)), None)


def licence_of_text(text: str) -> str | None:
    """Return which licence a text is, by its title or first words; None when it is none of these."""
    plain = _BLANKS.sub(" ", text[:4_000].lower())
    return next((name for name, words in _TEXTS if re.search(words, plain)), None)
