"""Weights that their own libraries wrote pass."""

from __future__ import annotations

import pytest

from tests.real.conftest import Scan
from tests.real.scanning import complaints

pytestmark = pytest.mark.slow


def test_safetensors_pass(scan: Scan) -> None:
    scanned = scan("weights.write_safetensors")

    assert len(scanned) > 30
    assert complaints(scanned) == []


def test_gguf_passes_and_an_array_of_arrays_is_named(scan: Scan) -> None:
    scanned = scan("weights.write_gguf")
    nested = [file for file in scanned if file.name == "nested.gguf"]
    # The digest of a chat template is told, for information.
    template = frozenset({"TPL022"})

    assert len(scanned) == 5
    plain = [file for file in scanned if file.name != "nested.gguf"]
    assert complaints(plain, expected=template) == []
    assert complaints(nested, expected=frozenset({"GGF010"})) == []
