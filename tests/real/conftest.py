"""Each group of real files is written and scanned once in a session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.real.groups import write_and_scan
from tests.real.scanning import Scanned

Scan = Callable[[str], list[Scanned]]


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Return the scanned files of a group, by its name in `groups.GROUPS`."""
    done: dict[str, list[Scanned]] = {}

    def scanned(group: str) -> list[Scanned]:
        if group not in done:
            done[group] = write_and_scan(group, tmp_path_factory.mktemp("real") / "files")
        return done[group]

    return scanned
