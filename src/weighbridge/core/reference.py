"""One file that makes its loader read another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A loader of `path` opens `name`: tensors that lie in a file of their own, shards.

    An analyzer sees one file and can't follow it; the engine does, when it has met all files.

    Attributes:
        path: the artifact that refers.
        name: as the file spells it, relative to the folder of the artifact. Data from the target,
            which the analyzer has judged already: it leads nowhere else.
        end: first byte that is not needed; 0 when the file does not say.
        what: what lies there, for people: `external data of 'embedding.weight'`.
    """

    path: tuple[str, ...]
    name: str
    end: int = 0
    what: str
