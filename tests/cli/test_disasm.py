"""`weighbridge disasm`: the listing, and the trace as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_scan import EVIL, weighbridge


def test_the_listing_shows_each_opcode_and_what_it_would_do(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(EVIL)

    lines = weighbridge("disasm", "evil.pkl", cwd=tmp_path).stdout.splitlines()

    assert lines[0] == "pickle at byte 0, protocol 0"
    assert lines[1].split() == ["0", "GLOBAL", "posix", "system"]
    assert "-> posix.system('echo weighbridge-marker')" in "\n".join(lines)


def test_the_trace_names_imports_calls_and_the_readings_that_reach_them(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(EVIL)

    trace = json.loads(weighbridge("disasm", "evil.pkl", "--format", "json", cwd=tmp_path).stdout)

    assert trace["imports"] == [
        {
            "module": "posix",
            "name": "system",
            "offset": 0,
            "opcode": "GLOBAL",
            "protocol": 0,
            "resolved": "literal",
            "readings": ["any"],
        }
    ]
    assert [call["source"] for call in trace["calls"]] == ["posix.system('echo weighbridge-marker')"]
    assert trace["builds"] == []
    assert trace["anomalies"] == []


def test_a_broken_stream_is_listed_up_to_where_loaders_stop(tmp_path: Path) -> None:
    (tmp_path / "cut.pkl").write_bytes(EVIL[:-1] + b"\xff")

    listed = weighbridge("disasm", "cut.pkl", cwd=tmp_path)

    assert listed.returncode == 0
    assert "stops here: a byte that is no opcode" in listed.stdout


def test_a_file_without_a_pickle_and_a_missing_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty.pkl").write_bytes(b"")

    assert "no pickle" in weighbridge("disasm", "empty.pkl", cwd=tmp_path).stdout
    missing = weighbridge("disasm", "nowhere.pkl", cwd=tmp_path)
    assert missing.returncode == 2
    assert "nowhere.pkl" in missing.stderr
