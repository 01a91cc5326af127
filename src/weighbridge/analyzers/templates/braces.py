"""Find what stands between braces in a template that nobody parses, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Braced:
    """One region: half-open, braces included; `code` is what is between them."""

    start: int
    stop: int
    code: str


def braced(text: str, pairs: Mapping[str, str], *, most: int) -> Iterator[Braced]:
    """Yield regions in order, at most so many; one that is not closed ends the search for its kind.

    Args:
        text: of the template.
        pairs: what closes a region, by the two characters that open it.
        most: regions.
    """
    following = {opener: text.find(opener) for opener in pairs}
    for _ in range(most):
        found = [(at, opener) for opener, at in following.items() if at >= 0]
        if not found:
            return
        at, opener = min(found)
        stop = text.find(pairs[opener], at + len(opener))
        if stop < 0:
            following[opener] = -1
            continue
        end = stop + len(pairs[opener])
        yield Braced(at, end, text[at + len(opener) : stop])
        for other, place in following.items():
            if 0 <= place < end:
                following[other] = text.find(other, end)
