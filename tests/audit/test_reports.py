"""Reports out of a store: today's policy over stored facts, in every format."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.audit.stores import CLEAN, EVIL, audited, run_in, write
from weighbridge.audit import csv_report
from weighbridge.audit.summary import Tally, render_report
from weighbridge.core.finding import Severity
from weighbridge.core.report import Verdict
from weighbridge.policy import Policy, Suppression
from weighbridge.reporters import json_report, sarif
from weighbridge.reporters.interface import Run, Scanned


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    hostile = "=cmd|'calc'!A0.pkl"
    files = {"a/x.pkl": EVIL, "a/y.pkl": CLEAN, "b/x.pkl": CLEAN, f"c/{hostile}": EVIL}
    models = write(folder / "models", files)
    audited(folder / "audit.db", models, folder / "missing")
    return folder / "audit.db"


def table(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(csv_report.lines_of(run.results)))


def verdicts(run: Run) -> dict[str, Verdict]:
    return {Path(one.target).name: one.verdict for one in run.results}


def suppression(sha256: str | None = None) -> Suppression:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    return Suppression(rule="PKL002", artifact="x.pkl", reason="ours", expires=tomorrow, sha256=sha256)


def test_the_policy_of_today_decides(store: Path) -> None:
    assert verdicts(run_in(store))["a"] is Verdict.FAIL
    lenient = Policy(severities={"PKL002": Severity.LOW})
    assert verdicts(run_in(store, lenient))["a"] is Verdict.PASS


def test_a_suppression_by_digest_holds_for_these_bytes_only(store: Path) -> None:
    import hashlib

    right, wrong = hashlib.sha256(EVIL).hexdigest(), "0" * 64
    assert verdicts(run_in(store, Policy(suppressions=(suppression(right),))))["a"] is Verdict.PASS
    assert verdicts(run_in(store, Policy(suppressions=(suppression(wrong),))))["a"] is Verdict.FAIL


def test_the_table_has_a_row_for_each_finding_and_each_source_that_was_not_read(store: Path) -> None:
    rows = table(run_in(store))
    found = {(Path(row["target"]).name, row["what"], row["rule"]) for row in rows}
    assert ("a", "finding", "PKL002") in found
    assert ("missing", "unreachable", "") in found


def test_a_suppressed_finding_stays_in_the_table(store: Path) -> None:
    rows = table(run_in(store, Policy(suppressions=(suppression(),))))
    assert [
        row["suppressed"] for row in rows if row["artifact"] == "x.pkl" and row["rule"] == "PKL002"
    ] == ["ours"]


def test_no_cell_of_the_table_is_a_formula(store: Path) -> None:
    rows = table(run_in(store))
    hostile = [row for row in rows if Path(row["target"]).name == "c"]
    assert hostile
    assert {row["artifact"] for row in hostile} == {"'=cmd|'calc'!A0.pkl"}
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_each_sign_of_a_formula_is_taken_from_it(sign: str) -> None:
    cell = csv_report.safe(f"{sign}1+1")
    assert cell.startswith("'")


def test_json_and_sarif_tell_the_same_findings(store: Path) -> None:
    run = run_in(store)
    found = sum(len(one.findings) for one in run.results if isinstance(one, Scanned))
    document = json.loads(json_report.render(run))
    log = json.loads(sarif.render(run))
    assert found > 0
    assert sum(len(target["findings"]) for target in document["targets"]) == found
    assert len(log["runs"][0]["results"]) >= found


def test_people_are_told_of_what_does_not_pass(store: Path) -> None:
    run, tally = run_in(store), Tally()
    for result in run.results:
        tally.add(result)
    text = render_report(run, tally, store=store, width=100, colour=False)
    head, _, rest = text.partition("\n")
    assert head.startswith("FAIL")
    assert "4 targets  ·  4 files  ·  2 fail  ·  1 incomplete  ·  1 pass" in head
    assert "models/a" in rest
    assert "models/b" not in rest
