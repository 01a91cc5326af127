"""What numpy and joblib write passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.conftest import Scan
from tests.real.scanning import complaints, scan_file

pytestmark = pytest.mark.slow

OBJECTS = ("dtype_T", "object", "structured_objects", "text_objects", "all.npz")


def test_arrays_of_every_dtype_pass_and_object_arrays_are_named(scan: Scan) -> None:
    scanned = scan("numpy.write_numpy")

    assert len(scanned) > 500
    assert complaints(scanned, expected=frozenset({"NPY001"})) == []
    named = [file.name for file in scanned if "NPY001" in file.rules]
    assert len(named) > 10
    assert [name for name in named if not name.startswith(OBJECTS)] == []


def test_joblib_files_of_every_compressor_pass(scan: Scan) -> None:
    scanned = scan("numpy.write_joblib")

    assert len(scanned) > 150
    assert complaints(scanned) == []


@pytest.mark.parametrize("protocol", [0, 1])
def test_arrays_of_joblib_in_the_oldest_protocols_are_said_to_be_unread(
    tmp_path: Path, protocol: int
) -> None:
    import joblib
    import numpy as np

    path = tmp_path / "old.joblib"
    joblib.dump([np.arange(3.0)], path, protocol=protocol)

    assert not scan_file(path, path.name).outcome.is_complete


def test_a_forest_of_a_thousand_trees_is_read_to_its_end(tmp_path: Path) -> None:
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(1000, max_depth=2, n_jobs=1).fit(np.eye(8), np.arange(8) % 2)
    path = tmp_path / "forest.joblib"
    joblib.dump(forest, path)

    assert complaints([scan_file(path, path.name)]) == []
