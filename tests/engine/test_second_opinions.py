"""Other engines in a scan: isolated from us and from each other, and heard to the end or not at all."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.sparse_models import GIB, torch_zip
from tests.hub.repository import HubFile
from tests.hub.server import running_hub
from tests.opinions.fake_clamd import MARKER, fake_clamd
from tests.opinions.subjects import EVIL, PLAIN, UNKNOWN_CALLED, budget, subject
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.core.report import OPINION, Opinion, OpinionState, Outcome, Report
from weighbridge.engine import wire
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.engine.second_opinion import examine
from weighbridge.opinions.interface import (
    EngineName,
    Examination,
    Objection,
    OpinionResult,
    OpinionSettings,
    Stance,
    Subject,
)

HAS_MODELSCAN = sys.version_info < (3, 13)


def scan(path: Path, *engines: EngineName, wall_s: float = 60, clamd: str | None = None) -> Report:
    opinions = OpinionSettings(engines=engines, clamd=clamd)
    settings = ScanSettings(jobs=1, limits=Limits(wall_s=wall_s), opinions=opinions)
    return scan_target(str(path), settings)


def states(opinions: Sequence[Opinion]) -> dict[tuple[str, str], OpinionState]:
    return {(one.engine, one.artifact): one.state for one in opinions}


def nested_tuples(depth: int) -> bytes:
    """A few hundred bytes that a decompiler writes out as 2 ** depth names."""
    body = b"\x80\x02cacme.layers\nMagic\nK\x01q\x00"
    body += b"".join(b"h%c\x86q%c" % (level, level + 1) for level in range(depth))
    return body + b"\x85R."


def write_zip(path: Path, **members: bytes) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.pkl", data)
    path.write_bytes(packed.getvalue())
    return path


def test_without_asking_nobody_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(EVIL)
    assert scan(path).opinions == ()


def test_members_of_archives_are_shown_to_the_engines(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", evil=EVIL, plain=PLAIN)
    report = scan(path, EngineName.FICKLING, EngineName.YARA)
    assert states(report.opinions) == {
        ("fickling", "a.zip"): OpinionState.SKIPPED,
        ("fickling", "a.zip!/evil.pkl"): OpinionState.AGREED,
        ("fickling", "a.zip!/plain.pkl"): OpinionState.SKIPPED,
        ("yara", "a.zip"): OpinionState.DISAGREED,
        ("yara", "a.zip!/evil.pkl"): OpinionState.DISAGREED,
        ("yara", "a.zip!/plain.pkl"): OpinionState.AGREED,
    }
    assert report.is_complete


def test_our_own_findings_and_coverage_are_the_same_with_and_without(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", evil=EVIL, plain=PLAIN, unknown=UNKNOWN_CALLED)
    alone, together = scan(path), scan(path, EngineName.FICKLING, EngineName.YARA)
    assert together.findings[: len(alone.findings)] == alone.findings
    assert together.coverage[: len(alone.coverage)] == alone.coverage


def test_an_engine_that_hangs_takes_neither_our_findings_nor_the_next_engine_with_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "laugh.pkl"
    path.write_bytes(nested_tuples(40))

    report = scan(path, EngineName.FICKLING, EngineName.YARA, wall_s=3)

    assert [found.rule for found in report.findings] == ["PKL022"]
    assert states(report.opinions) == {
        ("fickling", "laugh.pkl"): OpinionState.FAILED,
        ("yara", "laugh.pkl"): OpinionState.DISAGREED,
    }
    gaps = [row for row in report.coverage if not row.outcome.is_complete]
    assert [(row.format, row.outcome) for row in gaps] == [(OPINION, Outcome.LIMITED)]


def test_a_pickle_that_we_could_not_read_is_no_reason_to_skip(tmp_path: Path) -> None:
    path = tmp_path / "cut.pkl"
    path.write_bytes(PLAIN[:-4])
    report = scan(path, EngineName.FICKLING)
    assert states(report.opinions) == {("fickling", "cut.pkl"): OpinionState.FAILED}


def test_clamav_is_asked_about_each_file_and_its_signature_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.bin").write_bytes(b"xx" + MARKER)
    (tmp_path / "in" / "good.pkl").write_bytes(PLAIN)
    with fake_clamd(tmp_path) as server:
        report = scan(tmp_path / "in", EngineName.CLAMAV, clamd=server.address)
    assert [(found.rule, found.artifact) for found in report.findings] == [("OPN005", "bad.bin")]
    assert states(report.opinions) == {
        ("clamav", "bad.bin"): OpinionState.DISAGREED,
        ("clamav", "good.pkl"): OpinionState.AGREED,
    }
    assert {one.version for one in report.opinions} == {"9.9.9/1/Mon Apr  7 08:00:00 2025"}
    assert report.is_complete


def test_a_clamd_that_dies_in_the_middle_leaves_the_report_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "plain.pkl"
    path.write_bytes(PLAIN)
    with fake_clamd(tmp_path) as server:
        server.says = "stream: "
        report = scan(path, EngineName.CLAMAV, clamd=server.address)
    assert states(report.opinions) == {("clamav", "plain.pkl"): OpinionState.FAILED}
    assert not report.is_complete


def test_an_engine_that_is_not_there_leaves_the_report_incomplete_and_says_how_to_get_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "plain.pkl"
    path.write_bytes(PLAIN)
    report = scan(path, EngineName.CLAMAV, clamd=f"unix:{tmp_path}/nowhere")
    assert states(report.opinions) == {("clamav", "plain.pkl"): OpinionState.UNAVAILABLE}
    (gap,) = [row for row in report.coverage if not row.outcome.is_complete]
    assert gap.outcome is Outcome.UNSUPPORTED
    assert "apt-get install clamav-daemon" in gap.detail


@pytest.mark.skipif(not HAS_MODELSCAN, reason="modelscan 0.8 can't be installed on Python 3.13")
def test_modelscan_works_inside_of_the_sandbox(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", evil=EVIL)
    report = scan(path, EngineName.MODELSCAN)
    assert states(report.opinions)["modelscan", "a.zip!/evil.pkl"] is OpinionState.AGREED


def test_a_remote_file_is_read_by_ranges_and_one_that_is_too_large_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_zip(tmp_path / "model.pt", 1 * GIB, payload=b"cposix\nsystem\n" + b"X\x04\0\0\0echo\x85R0")
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.add("acme/big", {"model.pt": HubFile(disk=tmp_path / "model.pt")})
        opinions = OpinionSettings(engines=(EngineName.FICKLING, EngineName.YARA))
        report = scan_target("hf://acme/big", ScanSettings(jobs=1, opinions=opinions))
    told = states(report.opinions)
    assert told["fickling", "model.pt!/model/data.pkl"] is OpinionState.AGREED
    assert told["yara", "model.pt"] is OpinionState.FAILED
    assert report.traffic.bytes_received < 8 * MIB


class Raising:
    """An engine that breaks in the way that it was told to."""

    name = EngineName.YARA

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def is_available(self) -> str | None:
        return None

    def version(self) -> str | None:
        return None

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        raise self._error


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), RecursionError(), MemoryError(), UnicodeError("x"), KeyError("x")]
)
def test_whatever_an_engine_raises_is_a_failure_of_its_own(error: Exception) -> None:
    result = examine(Raising(error), subject(PLAIN), budget()).result
    assert result.stance is Stance.FAILED
    assert result.reason.startswith("yara: ")


TEXT = st.text(max_size=20)
RESULTS = st.builds(
    OpinionResult,
    stance=st.sampled_from(Stance),
    reason=TEXT,
    objections=st.lists(
        st.builds(
            Objection,
            rule=TEXT,
            subject=TEXT,
            evidence=TEXT,
            offset=st.none() | st.integers(0, 1 << 60),
            length=st.integers(0, 1 << 60),
        ),
        max_size=3,
    ).map(tuple),
    evidence=TEXT,
)


@given(st.builds(Examination, st.sampled_from(EngineName), st.lists(TEXT).map(tuple), RESULTS))
def test_an_examination_survives_the_wire(examination: Examination) -> None:
    message = json.loads(json.dumps(wire.encode_event(examination)))
    assert wire.decode_message(message) == examination


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"engine": "yara", "path": ["a"]},
        {"engine": "nobody", "path": ["a"], "result": {}},
        {"engine": "yara", "path": ["a"], "result": {"stance": "clean"}},
        {"engine": "yara", "path": ["a"], "result": 1},
    ],
)
def test_an_examination_that_is_not_in_the_protocol_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(wire.Broken):
        wire.decode_message({"opinion": fields})


def test_an_order_for_an_engine_survives_the_wire(tmp_path: Path) -> None:
    order = OpinionSettings(engines=(EngineName.YARA,), yara_rules=tmp_path)
    job = wire.Job("a.pkl", 1, None, None, Limits(), order)
    assert wire.decode_job(json.loads(json.dumps(wire.encode_job(job)))) == job
