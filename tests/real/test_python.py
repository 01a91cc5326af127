"""Objects of the standard library in pickles of every protocol: nothing to report."""

from __future__ import annotations

from tests.real.conftest import Scan
from tests.real.scanning import complaints


def test_pickles_of_the_standard_library_pass(scan: Scan) -> None:
    scanned = scan("python.write")

    assert len(scanned) > 600
    assert complaints(scanned) == []
