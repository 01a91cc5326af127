"""Every estimator of scikit-learn, and what is built of them, passes."""

from __future__ import annotations

import pytest

from tests.real.conftest import Scan
from tests.real.scanning import complaints

pytestmark = pytest.mark.slow


def test_fitted_estimators_pass(scan: Scan) -> None:
    scanned = scan("sklearn.write")

    assert len(scanned) > 1200
    assert complaints(scanned) == []
