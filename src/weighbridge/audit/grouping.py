"""Cut a store into repositories: which files are judged together.

A registry's repository is one. A bucket or a folder tree holds many models, and nothing but its
names says where one begins: at the folder nearest to the root that holds a file itself. All below
that belongs to it, so that nobody keeps a loader and what it loads apart by a folder between them.

The root of the source is such a folder only when one of its files marks a model (`config.json`,
`MLmodel`, ...); else the files right in it are a repository of their own. And a folder with more
than `MOST_TOGETHER` files below it counts only for those right in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Final

MOST_TOGETHER: Final = 20_000
"""Files of one repository that are judged together; a larger one is said to be too large."""
_MARKS: Final = frozenset(
    {
        ".git/HEAD",
        "adapter_config.json",
        "config.json",
        "config.pbtxt",
        "model_index.json",
        "MLmodel",
        "modules.json",
        "saved_model.pb",
        "tokenizer_config.json",
    }
)


@dataclass(frozen=True, slots=True)
class Starts:
    """Folders where a repository may begin."""

    folders: Set[str]

    def root_of(self, name: str) -> str:
        """Return the folder where the repository of a file begins; "" is the source itself."""
        for folder in folders_of(name):
            if folder in self.folders:
                return folder
        return name.rpartition("/")[0]


def starts_of(names: Callable[[], Iterable[str]]) -> Starts:
    """Find where repositories begin.

    Args:
        names: gives all names of a source, each time it is called.
    """
    holders: set[str] = set()
    is_marked = False
    for name in names():
        holders.add(name.rpartition("/")[0])
        is_marked |= name in _MARKS
    if is_marked:
        holders.add("")
    else:
        holders.discard("")
    below: Counter[str] = Counter()
    for name in names():
        below.update(folder for folder in folders_of(name) if folder in holders)
    return Starts({folder for folder in holders if below[folder] <= MOST_TOGETHER})


def folders_of(name: str) -> Iterator[str]:
    """Yield the folders that a name lies in, the source itself first."""
    yield ""
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)
