"""The Python interface, as the module's docstring shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weighbridge
from weighbridge.errors import TargetNotFound


def test_scan_and_decide_fail_a_payload(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR.")

    decision = weighbridge.decide(weighbridge.scan(str(tmp_path), jobs=1))

    assert decision.verdict is weighbridge.Verdict.FAIL
    assert {judged.finding.rule for judged in decision.active} == {"PKL002", "PAY009"}


def test_scan_and_decide_pass_plain_data(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04]\x94(K\x01K\x02e.")

    assert weighbridge.decide(weighbridge.scan(str(tmp_path))).verdict is weighbridge.Verdict.PASS


def test_a_target_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(TargetNotFound, match="nowhere"):
        weighbridge.scan(str(tmp_path / "nowhere"))


def test_every_public_name_is_there() -> None:
    assert [name for name in weighbridge.__all__ if not hasattr(weighbridge, name)] == []


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import weighbridge, sys; print([n for n in sys.modules if n.startswith('weighbridge.')])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
