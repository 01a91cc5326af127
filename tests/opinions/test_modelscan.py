"""modelscan through our engine: the real library, on pickles from memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.opinions.subjects import EVIL, PLAIN, UNKNOWN_CALLED, budget, subject
from weighbridge.engine.second_opinion import examine
from weighbridge.formats.kinds import Format
from weighbridge.opinions.interface import OpinionResult, Stance
from weighbridge.opinions.modelscan_opinion import ModelscanOpinion

supported = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="modelscan 0.8 can't be installed on Python 3.13"
)
BROWSER = b"cwebbrowser\nopen\n(S'https://example.invalid/'\ntR."


def judged(data: bytes) -> OpinionResult:
    return examine(ModelscanOpinion(), subject(data), budget()).result


@supported
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EVIL, [("OPN003", "posix.system")]),
        (BROWSER, [("OPN003", "webbrowser.open")]),
        (PLAIN + EVIL, [("OPN003", "posix.system")]),
        (pickle.dumps([].append), [("OPN004", "builtins.getattr")]),
        (b"\x80\x02U\x0bcollectionsU\x0bOrderedDict\x93.", [("OPN004", "unknown.unknown")]),
        (PLAIN, []),
        (UNKNOWN_CALLED, []),
    ],
    ids=["critical", "high", "second pickle", "bound method", "name unread", "plain", "unknown"],
)
def test_what_it_says_of_pickles(data: bytes, expected: list[tuple[str, str]]) -> None:
    result = judged(data)
    assert [(one.rule, one.subject) for one in result.objections] == expected
    assert result.stance is (Stance.OBJECTS if expected else Stance.NO_OBJECTION)


@supported
@pytest.mark.parametrize("data", [UNKNOWN_CALLED[:-2], b"\xff\xff\xff\xff"], ids=["cut", "noise"])
def test_what_its_command_line_would_call_no_supported_file_is_a_failure(data: bytes) -> None:
    result = judged(data)
    assert result.stance is Stance.FAILED
    assert "modelscan" in result.reason


@supported
def test_a_skip_of_its_scanner_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelscan.scanners import PickleUnsafeOpScan
    from modelscan.scanners.scan import ScanResults
    from modelscan.skip import ModelScanSkipped, SkipCategories

    skip = ModelScanSkipped("pickle", SkipCategories.NOT_IMPLEMENTED, "no such thing", "carved.pkl")
    monkeypatch.setattr(PickleUnsafeOpScan, "scan", lambda self, model: ScanResults([], [], [skip]))
    assert judged(PLAIN).stance is Stance.FAILED


@supported
def test_its_other_scanners_import_neither_tensorflow_nor_h5py_even_where_they_are(
    tmp_path: Path,
) -> None:
    for name in ("tensorflow", "h5py"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.opinions.test_modelscan import EVIL, judged\n"
        "assert judged(EVIL).objections\n"
        "assert not {'tensorflow', 'h5py'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_not_asked_about_other_formats() -> None:
    result = ModelscanOpinion().examine(subject(b"PK\x03\x04", Format.ZIP), budget())
    assert result.stance is Stance.SKIPPED


def test_where_it_can_not_be_installed_it_says_so() -> None:
    reason = ModelscanOpinion().is_available()
    if sys.version_info >= (3, 13):
        assert reason is not None
        assert "Python 3.1" in reason
    else:
        assert reason is None
        assert ModelscanOpinion().version() is not None
