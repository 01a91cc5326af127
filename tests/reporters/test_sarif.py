"""SARIF that OASIS's schema and GitHub's own rules accept, with ATLAS as a taxonomy."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from tests.reporters import sample_runs as sample
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.report import Outcome
from weighbridge.knowledge.atlas_release import guid
from weighbridge.policy import Policy
from weighbridge.reporters.interface import Run, TargetResult
from weighbridge.reporters.sarif import render

SCHEMA = json.loads((sample.ROOT / "tests/data/sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = Draft4Validator(SCHEMA)


def _everything() -> Run:
    return sample.run(
        sample.hub_failure(),
        sample.repeated_failure(),
        sample.clean(),
        sample.incomplete(),
        sample.accepted(),
        sample.hostile(),
        sample.gated(),
    )


def _log(*results: TargetResult, working_directory: str | None = "/repo") -> Any:
    log = json.loads(render(sample.run(*results, working_directory=working_directory)))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []
    return log["runs"][0]


def _uris(run: Any) -> set[str]:
    locations = (result["locations"][0] for result in run["results"])
    return {location["physicalLocation"]["artifactLocation"]["uri"] for location in locations}


def test_log_is_valid_against_the_oasis_schema() -> None:
    log = json.loads(render(_everything()))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []


@pytest.mark.slow
def test_log_passes_githubs_own_rules(tmp_path: Path) -> None:
    tool = os.environ.get("WEIGHBRIDGE_SARIF_MULTITOOL")
    if tool is None and not os.environ.get("CI"):
        pytest.skip("WEIGHBRIDGE_SARIF_MULTITOOL does not name the executable sarif-multitool")
    assert tool, (
        "in CI WEIGHBRIDGE_SARIF_MULTITOOL must name sarif-multitool 5 (npm @microsoft/sarif-multitool)"
    )
    path = tmp_path / "log.sarif"
    path.write_text(render(_everything()), encoding="utf-8")
    said = subprocess.run(
        [tool, "validate", str(path), "--rule-kind", "Ghas"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Analysis completed successfully." in said.stdout, said.stdout + said.stderr
    assert [line for line in said.stdout.splitlines() if ": error" in line or ": warning" in line] == []


def test_atlas_is_a_taxonomy_with_the_ids_of_its_stix_bundle() -> None:
    run = _log(sample.hub_failure())
    atlas, cwe = run["taxonomies"]
    assert atlas["guid"] == "7a735cfc-0469-5d8b-b11f-d014be33394e"
    assert atlas["version"] == "5.6.0 + delta 2026.09 (second-hand)"
    assert {taxon["guid"] for taxon in atlas["taxa"]} == {guid(taxon["id"]) for taxon in atlas["taxa"]}
    assert [taxon["id"] for taxon in cwe["taxa"]] == ["CWE-502", "CWE-506"]
    assert [row["guid"] for row in run["tool"]["driver"]["supportedTaxonomies"]] == [
        atlas["guid"],
        cwe["guid"],
    ]


def test_every_reference_to_a_taxon_points_at_it() -> None:
    run = _log(sample.hub_failure(), sample.repeated_failure())
    references = [taxon for result in run["results"] for taxon in result["taxa"]]
    references += [
        relation["target"]
        for rule in run["tool"]["driver"]["rules"]
        for relation in rule["relationships"]
    ]
    pointed = [
        run["taxonomies"][row["toolComponent"]["index"]]["taxa"][row["index"]]["id"]
        for row in references
    ]
    assert len(references) > 20
    assert pointed == [row["id"] for row in references]


def test_result_names_what_it_evidences_and_its_rule() -> None:
    run = _log(sample.hub_failure())
    result = run["results"][0]
    assert result["level"] == "error"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "PKL901"
    assert [taxon["id"] for taxon in result["taxa"]] == ["AML.T0018.002", "AML.T0011.000", "AML.T0050"]


def test_rule_carries_what_github_sorts_by() -> None:
    rules = {rule["id"]: rule for rule in _log(sample.hub_failure())["tool"]["driver"]["rules"]}
    critical = rules["PKL901"]["properties"]
    assert critical["security-severity"] == "9.5"
    assert critical["precision"] == "high"
    assert critical["tags"][:2] == ["security", "external/cwe/cwe-502"]
    assert "atlas/AML.T0018.002" in critical["tags"]
    assert "security-severity" not in rules["GEN902"]["properties"]
    assert max(len(rule["properties"]["tags"]) for rule in rules.values()) <= 10


def test_severity_of_the_policy_is_the_one_that_is_written() -> None:
    policy = Policy(severities={"PKL901": Severity.LOW})
    report = sample.report("a.pkl", sample.shell_command("a.pkl"))
    run = _log(sample.judged(report, policy))
    assert run["results"][0]["level"] == "note"
    assert run["tool"]["driver"]["rules"][0]["properties"]["security-severity"] == "2.5"


def test_byte_range_is_given_for_the_file_itself_and_not_for_what_is_nested() -> None:
    report = sample.report("a.pkl", sample.shell_command("a.pkl"), sample.shell_command("a.pkl", "b"))
    first, second = _log(sample.judged(report))["results"]
    region = first["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "byteOffset": 1204, "byteLength": 2}
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    name = second["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert name == "a.pkl!/b#opcode 37"
    assert second["properties"]["offset"] == 1204


def test_fingerprint_does_not_move_with_offsets_and_tells_files_apart() -> None:
    def line_hash(*path: str, offset: int = 0) -> str:
        report = sample.report(path[0], sample.shell_command(*path, offset=offset))
        result = _log(sample.judged(report))["results"][0]
        return str(result["partialFingerprints"]["primaryLocationLineHash"])

    assert line_hash("a.pt", "data.pkl", offset=1) == line_hash("a.pt", "data.pkl", offset=999)
    assert line_hash("a.pt", "data.pkl") != line_hash("b.pt", "data.pkl")
    assert line_hash("a.pt", "data.pkl") != line_hash("a.pt", "other.pkl")


@pytest.mark.parametrize(
    ("target", "path", "working_directory", "uri"),
    [
        ("models/a.pkl", "a.pkl", "/repo", "models/a.pkl"),
        ("./models", "sub/a.pkl", "/repo", "models/sub/a.pkl"),
        (".", "a.pkl", "/repo", "a.pkl"),
        ("/repo/models", "a.pkl", "/repo", "models/a.pkl"),
        ("/elsewhere/models", "a.pkl", "/repo", "models/a.pkl"),
        ("/elsewhere/a.pkl", "a.pkl", "/repo", "a.pkl"),
        ("models/*.pkl", "a.pkl", "/repo", "models/a.pkl"),
        ("models/**/x/*.pkl", "b/x/a.pkl", "/repo", "models/b/x/a.pkl"),
        ("x", "a b#1%.pkl", "/repo", "x/a%20b%231%25.pkl"),
        ("x", "a\udcff.pkl", "/repo", "x/a%FF.pkl"),
        ("x", "a\ud800.pkl", "/repo", "x/a%5Cud800.pkl"),
        ("x", "c:evil.pkl", "/repo", "x/c%3Aevil.pkl"),
        ("x", "a.pkl", None, "x/a.pkl"),
    ],
)
def test_uri_is_relative_to_the_working_directory(
    target: str, path: str, working_directory: str | None, uri: str
) -> None:
    report = sample.report(target, sample.shell_command(path))
    run = _log(sample.judged(report), working_directory=working_directory)
    assert _uris(run) == {uri}
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == [uri]


def test_uri_of_a_remote_file_keeps_out_the_revision() -> None:
    origin = Origin(kind="huggingface", location="hf://acme/model@abc123", revision="abc123")
    report = sample.report("hf://acme/model", sample.shell_command("a.pkl"), origin=origin)
    assert _uris(_log(sample.judged(report))) == {"acme/model/a.pkl"}


def test_suppressed_result_is_there_with_its_justification() -> None:
    run = _log(sample.accepted())
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert [result["ruleId"] for result in suppressed] == ["PKL901"]
    assert suppressed[0]["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "written by our own trainer, see MLP-311 "
            "(accepted by ml-platform until 2027-01-31)",
        }
    ]


def test_what_was_not_read_is_a_notification() -> None:
    (invocation,) = _log(sample.incomplete())["invocations"]
    notifications = invocation["toolExecutionNotifications"]
    assert [row["level"] for row in notifications] == ["warning", "error", "error", "warning"]
    assert notifications[0]["descriptor"]["id"] == "incomplete"
    assert "weights.7z is unsupported: needs an extra" in notifications[0]["message"]["text"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (True, 3)


def test_target_that_could_not_be_reached_is_no_successful_execution() -> None:
    (invocation,) = _log(sample.clean(), sample.gated())["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert "gated" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_results_are_cut_by_severity_and_this_is_said() -> None:
    notes = [sample.unknown_callable(f"acme.f{n}", "a.pkl", offset=n) for n in range(5001)]
    report = sample.report("a.pkl", *notes, sample.shell_command("a.pkl"))
    run = _log(sample.judged(report))
    assert len(run["results"]) == 5000
    assert run["results"][0]["ruleId"] == "PKL901"
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["descriptor"]["id"] == "results-cut"
    assert notification["message"]["text"].startswith("2 results of the lowest severities")


def test_notifications_are_cut_too_and_this_is_said() -> None:
    rows = tuple(sample.row(f"{n}.7z", outcome=Outcome.UNSUPPORTED) for n in range(1002))
    (invocation,) = _log(sample.judged(sample.report("x", rows=rows)))["invocations"]
    notifications = invocation["toolExecutionNotifications"]
    assert len(notifications) == 1001
    assert notifications[-1]["message"]["text"] == "2 more artifacts are incomplete."


def test_text_of_the_target_cannot_become_a_link_or_a_control_sequence() -> None:
    evil = Finding(
        rule="PKL901",
        path=("[a](https://example.invalid).pkl",),
        subject="x",
        evidence="\x1b[31m[fix it](https://example.invalid/)\u202e",
    )
    message = _log(sample.judged(sample.report("x", evil)))["results"][0]["message"]["text"]
    assert "](" not in message
    assert r"\x1b[31m[fix it] (https://example.invalid/)\u202e" in message
