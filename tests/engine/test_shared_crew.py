"""Several scans share their workers: a target costs its bytes, not a start of Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from weighbridge.cli.main import commands
from weighbridge.core.limits import Limits
from weighbridge.core.report import Outcome
from weighbridge.engine.pool import Crew
from weighbridge.engine.scan import ScanSettings, scan_target

CLEAN = b"\x80\x04K\x01."
DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
_STARTED: list[str] = []


def _note(event: str, _arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        _STARTED.append(event)


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_note)


def _models(folder: Path, count: int) -> list[str]:
    for number in range(count):
        (folder / f"{number}.pkl").write_bytes(DIRTY if number % 2 else CLEAN)
    return [str(folder / f"{number}.pkl") for number in range(count)]


def test_ten_targets_start_one_worker(tmp_path: Path) -> None:
    targets = _models(tmp_path, 10)
    _STARTED.clear()
    done = CliRunner().invoke(commands, ["scan", "-j", "1", *targets])
    assert done.exit_code == 1
    assert done.output.rstrip().endswith("10 targets: 5 fail, 5 pass. Exit 1.")
    assert len(_STARTED) == 1


def test_what_one_target_shows_is_not_told_of_the_next(tmp_path: Path) -> None:
    targets = _models(tmp_path, 4)
    with Crew(1) as crew:
        reports = [scan_target(target, ScanSettings(jobs=1), crew=crew) for target in targets]
    assert [bool(report.findings) for report in reports] == [False, True, False, True]


def test_a_target_that_breaks_its_worker_costs_itself_only(tmp_path: Path) -> None:
    small, *others = _models(tmp_path, 3)
    Path(small).write_bytes(b"\x80\x04" + b"(" * 5_000_000 + b".")
    settings = ScanSettings(jobs=1)
    hungry = ScanSettings(jobs=1, limits=Limits(wall_s=0.001))
    with Crew(1) as crew:
        broken = scan_target(small, hungry, crew=crew)
        whole = [scan_target(target, settings, crew=crew) for target in others]
    assert {row.outcome for row in broken.coverage} <= {Outcome.LIMITED, Outcome.FAILED}
    assert [report.is_complete for report in whole] == [True, True]
