"""Where the signatures are found, in each way of installing."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.locate import signatures_dir


def package_in(root: Path) -> Path:
    package = root / "src" / "weighbridge"
    package.mkdir(parents=True)
    return package


def test_finds_the_signatures_of_this_installation() -> None:
    assert (signatures_dir() / "callables" / "dangerous.tsv").is_file()


def test_a_wheel_carries_them_inside_the_package(tmp_path: Path) -> None:
    package = package_in(tmp_path)
    (package / "signatures").mkdir()
    (tmp_path / "signatures").mkdir()

    assert signatures_dir(package) == package / "signatures"


def test_a_checkout_keeps_them_at_its_top(tmp_path: Path) -> None:
    package = package_in(tmp_path)
    (tmp_path / "signatures").mkdir()

    assert signatures_dir(package) == tmp_path / "signatures"


def test_a_broken_installation_is_said_in_words(tmp_path: Path) -> None:
    package = package_in(tmp_path)

    with pytest.raises(WeighbridgeError, match="reinstall weighbridge"):
        signatures_dir(package)
