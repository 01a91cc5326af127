"""Python of repositories as attackers write it, by moment, disguise and deed; and its honest twins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from samples.recipes.code_deeds import DEEDS
from samples.recipes.code_hidden import HIDDEN
from samples.recipes.code_moments import MOMENTS
from samples.recipes.code_powers import POWERS, TWINS

_FOLDERS: Final = {
    "moments": MOMENTS,
    "hidden": HIDDEN,
    "deeds": DEEDS,
    "powers": POWERS,
    "twins": TWINS,
}


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for folder, texts in _FOLDERS.items():
        for name, text in texts.items():
            yield f"repository_code/{folder}/{name}", dedented(text).encode()


def dedented(text: str) -> str:
    """The text without the eight spaces that it is indented by here."""
    return "\n".join(line.removeprefix("        ") for line in text.split("\n"))
