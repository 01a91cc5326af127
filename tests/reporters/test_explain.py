"""`weighbridge explain` and `weighbridge rules` in words."""

from __future__ import annotations

import pytest

from tests.reporters import sample_runs as sample
from weighbridge.errors import UsageError
from weighbridge.reporters.explain import explain, render_rules


def _explain(wanted: str, *, width: int = 88, colour: bool = False) -> str:
    return explain(wanted, rules=sample.rules(), release=sample.release(), width=width, colour=colour)


def test_rule_says_why_what_it_looks_like_and_what_to_do() -> None:
    text = _explain("PKL901")
    assert text.startswith("CRITICAL  Pickle runs a shell command on load")
    assert "older releases can be tricked." in text
    assert "    posix.system('echo weighbridge-marker')" in text
    assert "What to do    Do not load this file." in text
    assert "CWE-502 · CWE-506" in text
    assert "https://nvd.nist.gov/vuln/detail/CVE-2025-32434" in text


def test_rule_names_techniques_with_tactics_and_mitigations_with_reasons() -> None:
    text = _explain("PKL901")
    assert "AML.T0018.002  Manipulate AI Model: Embed Malware · Persistence" in text
    assert "Exposes (whoever loads the file is open to it)\n  AML.T0010.003" in text
    assert "Code signing provides a guarantee that the model has not been manipulated" in text


def test_curated_mitigation_is_called_our_choice() -> None:
    assert "Limit AI Workload Resource Consumption (curated: our choice" in _explain("ZIP901")


def test_case_of_an_id_does_not_matter() -> None:
    assert _explain("pkl901") == _explain("PKL901")


def test_technique_lists_our_rules_by_relation() -> None:
    text = _explain("AML.T0011.000")
    assert text.startswith("AML.T0011.000  User Execution: Unsafe AI Artifacts")
    evidencing, exposing = text.split("Rules whose findings show exposure to it")
    assert "PKL901" in evidencing
    assert "PKL902" not in evidencing
    assert "PKL902" in exposing


def test_technique_has_text_attribution_and_address() -> None:
    text = _explain("AML.T0011.000")
    assert "Adversaries may develop unsafe AI artifacts" in text
    assert "https://atlas.mitre.org/techniques/AML.T0011.000" in text
    assert "ATLAS 5.6.0 + delta 2026.09 (second-hand). MITRE ATLAS is © MITRE, Apache-2.0." in text


def test_technique_without_a_text_at_hand_says_so() -> None:
    assert "The text is not part of what we hold" in _explain("AML.T0119")


def test_retired_technique_is_explained_by_its_successor() -> None:
    text = _explain("AML.T0019")
    assert text.startswith("AML.T0115.000  Publish Poisoned AI Artifacts: Datasets")
    assert "AML.T0019 is retired; this is its successor." in text
    assert "ZIP901" in text


def test_mitigation_lists_what_it_helps_against() -> None:
    text = _explain("AML.M0016")
    assert text.startswith("AML.M0016  Vulnerability Scanning")
    assert "AML.T0011.001  User Execution: Malicious Package" in text
    assert "PKL901" in text


@pytest.mark.parametrize(
    ("wanted", "nearest"), [("PKL90", "PKL902"), ("AML.T0011.999", "AML.T0011"), ("zzz", "no rule")]
)
def test_unknown_id_is_refused_with_the_nearest(wanted: str, nearest: str) -> None:
    with pytest.raises(UsageError, match="see: weighbridge rules") as refused:
        _explain(wanted)
    assert nearest in str(refused.value)


@pytest.mark.parametrize("wanted", [*sample.release().techniques, *sample.release().mitigations])
def test_every_id_of_the_release_can_be_explained(wanted: str) -> None:
    lines = _explain(wanted, width=80).splitlines()
    assert lines[0].startswith(wanted)
    assert max(map(len, lines)) <= 80


def test_list_of_rules_has_them_all() -> None:
    text = render_rules(sample.rules(), width=80, colour=False)
    assert "PKL901    critical  evidences  Pickle runs a shell command on load" in text
    assert text.rstrip().endswith("5 rules. What one means: weighbridge explain GEN901")
