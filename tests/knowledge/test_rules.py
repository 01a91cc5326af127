"""Every rule file that is there is right, and a wrong one is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.core.finding import Relation, Rule, Severity
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_index import load_index
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rule_file, load_rules

FILES = sorted((signatures_dir() / "rules").glob("*.toml"))
RULES = load_rules(signatures_dir() / "rules")
RELEASE = load_index(signatures_dir() / "atlas" / "index.json")

GOOD: Mapping[str, str] = {
    "id": '"PKL001"',
    "title": '"Something happens"',
    "severity": '"high"',
    "confidence": '"medium"',
    "relation": '"evidences"',
    "techniques": '["AML.T0018.002"]',
    "cwe": '["CWE-502"]',
    "phase": '"Operations"',
    "why": '"It\\nmatters."',
    "remediation": '"Stop."',
}


def _write(folder: Path, changes: Mapping[str, str | None], name: str = "family.toml") -> Path:
    fields = {**GOOD, **changes}
    lines = [f"{key} = {value}" for key, value in fields.items() if value is not None]
    path = folder / name
    path.write_text("\n".join(("[[rule]]", *lines)), encoding="utf-8")
    return path


def test_there_are_rules() -> None:
    assert len(RULES) >= 1


def test_rules_are_sorted_by_id() -> None:
    assert list(RULES) == sorted(RULES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_family_has_one_prefix_of_its_own(path: Path) -> None:
    prefixes = {rule.id.rstrip("0123456789") for rule in load_rule_file(path)}
    others = {
        rule.id.rstrip("0123456789")
        for other in FILES
        if other != path
        for rule in load_rule_file(other)
    }
    assert len(prefixes) == 1
    assert prefixes.isdisjoint(others)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_atlas_ids_of_a_rule_exist_and_are_not_retired(rule: Rule) -> None:
    assert {*rule.techniques, *rule.exposes} <= RELEASE.techniques.keys()
    assert set(rule.mitigations) <= RELEASE.mitigations.keys()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_that_evidences_names_a_technique_and_only_such_a_rule_exposes_more(rule: Rule) -> None:
    match rule.relation:
        case Relation.EVIDENCES:
            assert rule.techniques
        case Relation.EXPOSES:
            assert not rule.exposes, "a rule that exposes lists all of them in techniques"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_words_of_a_rule_read_as_they_are_shown(rule: Rule) -> None:
    assert not rule.title.endswith(".")
    assert rule.title[0].isupper()
    assert len(rule.title) <= 90
    assert rule.why.endswith((".", "?", "!", ")"))
    assert rule.remediation.endswith(".")
    assert all(link.startswith("https://") for link in rule.references)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_that_closes_the_gate_has_a_weakness_and_an_answer(rule: Rule) -> None:
    needs_more = rule.severity >= Severity.HIGH
    assert (rule.cwe and rule.techniques) or not needs_more


def test_a_good_rule_loads_as_written(tmp_path: Path) -> None:
    (rule,) = load_rule_file(_write(tmp_path, {}))
    assert rule.severity is Severity.HIGH
    assert rule.techniques == ("AML.T0018.002",)
    assert rule.why == "It matters."
    assert rule.exposes == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sevrity": '"high"'}, r"rule 1 \(PKL001\): unknown key 'sevrity'; did you mean 'severity'"),
        ({"title": None}, r"rule 1 \(PKL001\): the key 'title' is missing"),
        ({"title": '" "'}, "'title' must be a text that is not empty"),
        ({"severity": '"severe"'}, "'severity' must be one of info, low, medium, high, critical"),
        ({"confidence": "1"}, "'confidence' must be a text"),
        ({"relation": '"shows"'}, "'relation' must be one of evidences, exposes, not 'shows'"),
        ({"techniques": '["T0018"]'}, "'T0018' in 'techniques' is not the id of an ATLAS entry"),
        ({"mitigations": '["AML.T0018"]'}, "'AML.T0018' in 'mitigations'"),
        ({"techniques": '"AML.T0018"'}, "'techniques' must be a list of texts"),
        ({"cwe": None}, "the key 'cwe' is missing"),
        ({"cwe": '["502"]'}, "'502' in 'cwe' does not look like CWE-502"),
        ({"phase": '"Later"'}, "'phase' must be one of Design/Setup"),
        ({"id": '"pkl1"'}, "'id' must be capitals and three digits"),
        ({"id": None}, "the key 'id' is missing"),
    ],
)
def test_a_wrong_rule_is_refused_with_file_and_place(
    tmp_path: Path, changes: dict[str, str | None], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        load_rule_file(_write(tmp_path, changes))
    assert "family.toml, rule 1" in str(refused.value)


def test_an_id_stands_once_over_all_files(tmp_path: Path) -> None:
    _write(tmp_path, {}, "a.toml")
    _write(tmp_path, {}, "b.toml")
    with pytest.raises(UsageError, match=r"b\.toml: the rule id PKL001 is taken"):
        load_rules(tmp_path)


@pytest.mark.parametrize("text", ["[[rule]", "rule = 1", "[[rules]]\nid = 1", "\ufeff\x00"])
def test_a_file_that_is_not_a_list_of_rules_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "family.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"family\.toml"):
        load_rule_file(path)
