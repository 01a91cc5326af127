"""Graphs of networkx, which torch brings along, pass."""

from __future__ import annotations

import pytest

from tests.real.conftest import Scan
from tests.real.scanning import complaints

pytestmark = pytest.mark.slow


def test_graphs_pass(scan: Scan) -> None:
    scanned = scan("networkx.write_graphs")

    assert len(scanned) > 120
    assert complaints(scanned) == []
