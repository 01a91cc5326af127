"""pandas and scipy objects pass."""

from __future__ import annotations

import pytest

from tests.real.conftest import Scan
from tests.real.scanning import complaints

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("group", "least"), [("pandas.write_pandas", 300), ("pandas.write_scipy", 150)])
def test_objects_pass(scan: Scan, group: str, least: int) -> None:
    scanned = scan(group)

    assert len(scanned) > least
    assert complaints(scanned) == []
