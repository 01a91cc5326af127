"""The join: a finding gets techniques with tactics, and mitigations that say who links them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from weighbridge.atlas import MitigationSource, explain_finding, explain_findings, explain_rule
from weighbridge.core.finding import Finding, Relation, Rule, Severity
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_index import load_index
from weighbridge.knowledge.rules import load_rules

ROOT = Path(__file__).resolve().parents[1]
RULES = load_rules(ROOT / "tests" / "data" / "rules")
RELEASE = load_index(ROOT / "signatures" / "atlas" / "index.json")
FINDING = Finding(rule="PKL901", path=("a.pkl",), subject="posix.system", evidence="posix.system('x')")


def _rule(**changes: object) -> Rule:
    return dataclasses.replace(RULES["PKL901"], **changes)  # type: ignore[arg-type]  # test shorthand


def test_techniques_come_with_full_name_and_tactics() -> None:
    meaning = explain_rule(RULES["PKL901"], RELEASE)
    first = meaning.techniques[0]
    assert (first.id, first.full_name) == ("AML.T0018.002", "Manipulate AI Model: Embed Malware")
    assert first.tactics == ("Persistence", "AI Attack Adaptation")
    assert [technique.id for technique in meaning.exposes] == ["AML.T0010.003", "AML.T0112.001"]


def test_mitigations_of_technique_and_parent_are_linked_by_atlas() -> None:
    meaning = explain_rule(_rule(techniques=("AML.T0018.002",), mitigations=()), RELEASE)
    found = {row.id: row for row in meaning.mitigations}
    assert found.keys() == {"AML.M0013", "AML.M0005", "AML.M0008"}
    assert {row.source for row in found.values()} == {MitigationSource.ATLAS}
    assert found["AML.M0005"].sentence.startswith("Access controls can prevent tampering")


def test_mitigation_that_only_the_rule_names_is_curated() -> None:
    rule = _rule(techniques=("AML.T0050",), mitigations=("AML.M0016",))
    (only,) = explain_rule(rule, RELEASE).mitigations
    assert (only.id, only.source, only.techniques) == ("AML.M0016", MitigationSource.CURATED, ())


def test_mitigation_that_both_name_is_linked_by_atlas_and_stands_once() -> None:
    rule = _rule(techniques=("AML.T0011.000",), mitigations=("AML.M0016",))
    sources = [row.source for row in explain_rule(rule, RELEASE).mitigations if row.id == "AML.M0016"]
    assert sources == [MitigationSource.ATLAS]


def test_own_links_stand_before_those_of_parents() -> None:
    order = [row.id for row in explain_rule(RULES["PKL901"], RELEASE).mitigations]
    assert order[:2] == ["AML.M0013", "AML.M0016"]
    assert set(order[-2:]) == {"AML.M0005", "AML.M0008"}


def test_what_a_rule_exposes_besides_adds_no_mitigation() -> None:
    rule = _rule(techniques=("AML.T0050",), mitigations=(), exposes=("AML.T0010.003",))
    assert explain_rule(rule, RELEASE).mitigations == ()


def test_retired_technique_is_translated() -> None:
    meaning = explain_rule(RULES["ZIP901"], RELEASE)
    assert [technique.id for technique in meaning.techniques] == ["AML.T0107", "AML.T0115.000"]


def test_technique_that_the_release_does_not_know_stays_visible() -> None:
    meaning = explain_rule(_rule(techniques=("AML.T9999",), mitigations=()), RELEASE)
    assert [technique.full_name for technique in meaning.techniques] == ["AML.T9999"]
    assert meaning.mitigations == ()


def test_severity_is_the_rules_own_unless_given() -> None:
    own = explain_finding(FINDING, RULES["PKL901"], RELEASE)
    lowered = explain_finding(FINDING, RULES["PKL901"], RELEASE, severity=Severity.LOW)
    assert (own.severity, lowered.severity) == (Severity.CRITICAL, Severity.LOW)
    assert lowered.relation is Relation.EVIDENCES


def test_findings_keep_their_order_and_share_the_meaning_of_their_rule() -> None:
    pairs = [(dataclasses.replace(FINDING, subject=name), Severity.HIGH) for name in ("b", "a")]
    first, second = explain_findings(pairs, RULES, RELEASE)
    assert (first.finding.subject, second.finding.subject) == ("b", "a")
    assert first.meaning is second.meaning


def test_finding_of_no_known_rule_is_an_error_never_silence() -> None:
    stray = dataclasses.replace(FINDING, rule="XXX001")
    with pytest.raises(UsageError, match="XXX001"):
        list(explain_findings([(stray, Severity.HIGH)], RULES, RELEASE))
