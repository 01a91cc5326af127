"""A file that is cut off anywhere gives findings and coverage, never an error of ours."""

from __future__ import annotations

import pytest
from fuzz.inspecting import load_knowledge, trouble
from samples.build import all_samples

SAMPLES = dict(all_samples())
KNOWLEDGE = load_knowledge()
CUTS = 60


def _lengths(size: int) -> list[int]:
    """Every length of a small file; of a large one the first bytes, and some places between."""
    return sorted({*range(0, min(size, 16)), *range(0, size, max(1, size // CUTS)), size - 1})


@pytest.mark.parametrize("family", sorted({name.split("/")[0] for name in SAMPLES}))
def test_no_prefix_of_a_sample_breaks_an_analyzer(family: str) -> None:
    cases = [
        (name, data[:length])
        for name, data in SAMPLES.items()
        if name.startswith(f"{family}/") and 0 < len(data) < 1 << 18
        for length in _lengths(len(data))
    ]
    assert cases
    assert [wrong for name, data in cases if (wrong := trouble(name, data, KNOWLEDGE))] == []
