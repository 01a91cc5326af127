"""Where a pull may put what it has let pass: the one interface of folders and caches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from weighbridge.core.artifact import Origin
from weighbridge.fetchers.interface import Entry
from weighbridge.pull.download import Arrived
from weighbridge.pull.lock import Lock
from weighbridge.pull.quarantine import Quarantine


class Destination(Protocol):
    """A folder, or the cache of the hub's client."""

    @property
    def quarantine(self) -> Path:
        """Where files wait to be judged: on the file system where they end."""
        ...

    def check(self, target: str) -> None:
        """Look before anything is asked of the network.

        Raises:
            DestinationError: this target can't be put here.
        """
        ...

    def copies_of(self, entry: Entry) -> Iterable[Path]:
        """Files that are here already and may hold the same content. Nothing is taken on trust."""
        ...

    def merged(self, lock: Lock) -> Lock:
        """Return the lock with what stays here beside the new files."""
        ...

    def place(
        self, quarantine: Quarantine, arrived: Sequence[Arrived], *, lock: Lock, origin: Origin
    ) -> Path:
        """Put the files into place, all at once, and return the folder.

        Raises:
            DestinationError: it can't be done; then nothing has changed.
            OSError: likewise.
        """
        ...
