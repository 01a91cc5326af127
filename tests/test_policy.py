"""The gate: what passes, what fails, what is incomplete, and what a suppression may do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding, Rule, Severity
from weighbridge.core.report import Coverage, Outcome, Report, Verdict
from weighbridge.errors import UsageError
from weighbridge.knowledge.rules import load_rules
from weighbridge.policy import Policy, Suppression, exit_code, load_policy, read_policy
from weighbridge.policy.suppression import matches_artifact

RULES = load_rules(Path(__file__).resolve().parent / "data" / "rules")
TODAY = date(2026, 11, 21)
DIGEST = "ab" * 32
MEMBER = ("models/a.pt", "archive/data.pkl")
ACCEPT = Suppression(rule="PKL901", artifact="models/*.pt", reason="ours", expires=TODAY)
LASTING = dataclasses.replace(ACCEPT, expires=TODAY + timedelta(days=60))


def _finding(rule: str = "PKL901", path: tuple[str, ...] = MEMBER) -> Finding:
    return Finding(rule=rule, path=path, subject="x", evidence="x()")


def _report(
    findings: Iterable[Finding] = (), outcomes: Iterable[Outcome] = (Outcome.ANALYZED,)
) -> Report:
    rows = tuple(Coverage(path=("a",), format="pickle", outcome=outcome) for outcome in outcomes)
    origin = Origin(kind="local", location="/a")
    return Report(target="a", origin=origin, findings=tuple(findings), coverage=rows)


def _verdict(policy: Policy, report: Report) -> Verdict:
    return policy.decide(report, RULES, today=TODAY).verdict


@pytest.mark.parametrize(
    ("rule", "fail_on", "verdict"),
    [
        ("PKL901", Severity.HIGH, Verdict.FAIL),
        ("ZIP901", Severity.HIGH, Verdict.FAIL),
        ("PKL902", Severity.HIGH, Verdict.PASS),
        ("PKL902", Severity.MEDIUM, Verdict.FAIL),
        ("ZIP901", Severity.CRITICAL, Verdict.PASS),
        ("GEN902", Severity.INFO, Verdict.FAIL),
    ],
)
def test_gate_closes_at_and_above_the_severity_asked_for(
    rule: str, fail_on: Severity, verdict: Verdict
) -> None:
    assert _verdict(Policy(fail_on=fail_on), _report([_finding(rule)])) is verdict


@pytest.mark.parametrize("outcome", [Outcome.UNSUPPORTED, Outcome.LIMITED, Outcome.FAILED])
def test_one_row_that_is_not_complete_is_never_a_pass(outcome: Outcome) -> None:
    report = _report(outcomes=[Outcome.ANALYZED, outcome])
    assert _verdict(Policy(), report) is Verdict.INCOMPLETE
    assert _verdict(Policy(allow_incomplete=True), report) is Verdict.PASS


def test_failure_beats_incompleteness() -> None:
    report = _report([_finding()], outcomes=[Outcome.FAILED])
    assert _verdict(Policy(), report) is Verdict.FAIL
    assert _verdict(Policy(allow_incomplete=True), report) is Verdict.FAIL


def test_opaque_files_pass_unless_the_user_forbids_unknown_ones() -> None:
    known = _report(outcomes=[Outcome.OPAQUE])
    row = dataclasses.replace(known.coverage[0], format="unknown")
    unknown = dataclasses.replace(known, coverage=(row,))
    assert _verdict(Policy(), unknown) is Verdict.PASS
    assert _verdict(Policy(allow_opaque=False), unknown) is Verdict.INCOMPLETE
    assert _verdict(Policy(allow_opaque=False), known) is Verdict.PASS


def test_gaps_are_told_even_when_they_are_allowed() -> None:
    report = _report(outcomes=[Outcome.ANALYZED, Outcome.LIMITED])
    decision = Policy(allow_incomplete=True).decide(report, RULES, today=TODAY)
    assert [row.outcome for row in decision.gaps] == [Outcome.LIMITED]


def test_user_sets_severities_in_both_directions() -> None:
    policy = Policy(severities={"PKL901": Severity.LOW, "GEN901": Severity.CRITICAL})
    assert _verdict(policy, _report([_finding("PKL901")])) is Verdict.PASS
    assert _verdict(policy, _report([_finding("GEN901")])) is Verdict.FAIL


def test_suppressed_finding_does_not_fail_and_stays_visible() -> None:
    decision = Policy(suppressions=(ACCEPT,)).decide(_report([_finding()]), RULES, today=TODAY)
    assert decision.verdict is Verdict.PASS
    assert decision.active == ()
    assert [entry.suppression for entry in decision.suppressed] == [ACCEPT]
    assert decision.suppressed[0].severity is Severity.CRITICAL


def test_suppression_counts_on_its_last_day_and_not_after() -> None:
    policy = Policy(suppressions=(ACCEPT,))
    report = _report([_finding()])
    late = policy.decide(report, RULES, today=TODAY + timedelta(days=1))
    assert policy.decide(report, RULES, today=TODAY).verdict is Verdict.PASS
    assert late.verdict is Verdict.FAIL
    assert late.notes == (
        "the suppression of PKL901 for models/*.pt expired on 2026-11-21 and no longer counts",
    )


@pytest.mark.parametrize(
    "changes", [{"rule": "PKL902"}, {"artifact": "models/b.pt"}, {"artifact": "*.pt"}], ids=str
)
def test_suppression_for_something_else_changes_nothing(changes: dict[str, str]) -> None:
    other = dataclasses.replace(ACCEPT, rule=changes.get("rule", "PKL901"))
    other = dataclasses.replace(other, artifact=changes.get("artifact", ACCEPT.artifact))
    decision = Policy(suppressions=(other,)).decide(_report([_finding()]), RULES, today=TODAY)
    assert decision.verdict is Verdict.FAIL
    assert decision.notes == ()


@pytest.mark.parametrize(
    ("digests", "verdict", "note"),
    [
        ({"models/a.pt": DIGEST}, Verdict.PASS, None),
        ({"models/a.pt": "cd" * 32}, Verdict.FAIL, "is another one, cdcdcdcdcdcd…"),
        ({}, Verdict.FAIL, "that of the file is not known"),
    ],
)
def test_suppression_of_a_digest_counts_for_exactly_those_bytes(
    digests: dict[str, str], verdict: Verdict, note: str | None
) -> None:
    policy = Policy(suppressions=(dataclasses.replace(LASTING, sha256=DIGEST),))
    decision = policy.decide(_report([_finding()]), RULES, sha256_of=digests.get, today=TODAY)
    assert decision.verdict is verdict
    assert (note is None and decision.notes == ()) or (note is not None and note in decision.notes[0])


def test_digest_is_asked_for_only_where_a_suppression_names_one() -> None:
    plain = Policy(suppressions=(ACCEPT,))
    pinned = Policy(suppressions=(dataclasses.replace(ACCEPT, sha256=DIGEST),))
    assert not plain.needs_sha256(MEMBER, "PKL901")
    assert pinned.needs_sha256(MEMBER, "PKL901")
    assert not pinned.needs_sha256(MEMBER, "PKL902")
    assert not pinned.needs_sha256(("other.pt",), "PKL901")


def test_second_suppression_helps_when_the_first_has_expired() -> None:
    expired = dataclasses.replace(ACCEPT, expires=TODAY - timedelta(days=1))
    decision = Policy(suppressions=(expired, LASTING)).decide(_report([_finding()]), RULES, today=TODAY)
    assert decision.verdict is Verdict.PASS
    assert decision.notes == ()


def test_finding_of_no_known_rule_is_an_error_never_a_pass() -> None:
    with pytest.raises(UsageError, match="XXX001"):
        Policy().decide(_report([_finding("XXX001")]), RULES, today=TODAY)


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("a.pt", ("a.pt",), True),
        ("a.pt", ("a.pt", "data.pkl"), True),
        ("a.pt", ("sub/a.pt",), False),
        ("*.pt", ("sub/a.pt",), False),
        ("**/*.pt", ("sub/deep/a.pt",), True),
        ("**/*.pt", ("a.pt",), True),
        ("**", ("any/thing", "at/all"), True),
        ("a?.pt", ("a1.pt",), True),
        ("a?.pt", ("a/.pt",), False),
        ("*.pt!/archive/data.pkl", ("a.pt", "archive/data.pkl"), True),
        ("*.pt!/archive/data.pkl", ("a.pt",), False),
        ("*.pt!/*", ("a.pt", "archive/data.pkl"), False),
        ("a[1].pt", ("a[1].pt",), True),
        ("a[1].pt", ("a1.pt",), False),
        ("A.pt", ("a.pt",), False),
        ("a.pt", ("a.pt\n",), False),
        ("a.pt!/x", ("a.pt!/x",), False),
    ],
)
def test_artifact_patterns(pattern: str, path: tuple[str, ...], is_match: bool) -> None:
    assert matches_artifact(pattern, path) is is_match


@given(st.text(max_size=20), st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_any_pattern_and_any_name_give_an_answer(pattern: str, path: list[str]) -> None:
    assert matches_artifact(pattern, tuple(path)) in (True, False)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS], 0),
        ([Verdict.PASS, Verdict.INCOMPLETE], 3),
        ([Verdict.PASS, Verdict.INCOMPLETE, None], 2),
        ([Verdict.FAIL, Verdict.INCOMPLETE, None], 1),
        ([None], 2),
        ([], 2),
    ],
)
def test_exit_code_of_several_targets(verdicts: list[Verdict | None], code: int) -> None:
    assert exit_code(verdicts) == code


FULL = """
fail_on = "medium"
allow_incomplete = true
allow_opaque = false

[severity]
PKL902 = "critical"

[[suppress]]
rule = "PKL901"
artifact = "models/*.pt"
sha256 = "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"
reason = "ours"
expires = 2027-01-31
owner = "ml-platform"
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "weighbridge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_policy_file_is_read_as_written(tmp_path: Path) -> None:
    policy = read_policy(_written(tmp_path, FULL), rules=RULES)
    assert policy == Policy(
        fail_on=Severity.MEDIUM,
        allow_incomplete=True,
        allow_opaque=False,
        severities={"PKL902": Severity.CRITICAL},
        suppressions=(
            Suppression(
                rule="PKL901",
                artifact="models/*.pt",
                sha256=DIGEST,
                reason="ours",
                expires=date(2027, 1, 31),
                owner="ml-platform",
            ),
        ),
    )


ENTRY = '[[suppress]]\nrule = "PKL901"\nartifact = "*"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('fail_onn = "high"', "unknown key 'fail_onn'; did you mean 'fail_on'"),
        ('fail_on = "severe"', "'fail_on' must be one of critical, high, medium, low, info"),
        ("allow_incomplete = 1", "'allow_incomplete' must be true or false, not 1"),
        ('[severity]\nPKL999 = "low"', "severity: unknown key 'PKL999'"),
        ('[severity]\nPKL901 = "none"', "'PKL901' must be one of"),
        (ENTRY + "expires = 2027-01-31", "suppress 1: the key 'reason' is missing"),
        (ENTRY + 'reason = "x"', "suppress 1: the key 'expires' is missing; it holds a date"),
        (ENTRY + 'reason = "x"\nexpires = "2027-01-31"', "'expires' must be a date"),
        (ENTRY + 'reason = "x"\nexpires = 2027-01-31T00:00:00', "'expires' must be a date"),
        (ENTRY + 'reason = ""\nexpires = 2027-01-31', "'reason' must be a text that is not empty"),
        (ENTRY + 'reason = "x"\nexpires = 2027-01-31\nsha256 = "ab"', "64 hexadecimal digits"),
        (ENTRY + 'reason = "x"\nexpires = 2027-01-31\nglob = "*"', "unknown key 'glob'"),
        (ENTRY.replace("PKL901", "PKL999"), "there is no rule 'PKL999'"),
        ("suppress = 1", "'suppress' must be a list of tables"),
        ("fail_on = ", "not valid TOML"),
    ],
)
def test_wrong_policy_file_is_refused_with_key_and_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_policy(_written(tmp_path, text), rules=RULES)
    assert words in str(refused.value)
    assert "weighbridge.toml" in str(refused.value)


def test_policy_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't read the policy file"):
        load_policy(tmp_path / "none.toml", directory=tmp_path, scanned=(), rules=RULES)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_policy(None, directory=tmp_path, scanned=(), rules=RULES) == Policy()


def test_file_of_the_current_directory_counts(tmp_path: Path) -> None:
    _written(tmp_path, 'fail_on = "low"')
    model = tmp_path / "models"
    policy = load_policy(None, directory=tmp_path, scanned=(model,), rules=RULES)
    assert policy.fail_on is Severity.LOW


def test_file_inside_the_target_is_left_alone_and_this_is_said(tmp_path: Path) -> None:
    _written(tmp_path, 'fail_on = "critical"')
    policy = load_policy(None, directory=tmp_path, scanned=(tmp_path,), rules=RULES)
    assert policy.fail_on is Severity.HIGH
    assert "part of what is scanned" in policy.notes[0]
    decision = policy.decide(_report([_finding("ZIP901")]), RULES, today=TODAY)
    assert decision.verdict is Verdict.FAIL
    assert decision.notes == policy.notes


def test_file_inside_the_target_counts_when_the_user_names_it(tmp_path: Path) -> None:
    path = _written(tmp_path, 'fail_on = "critical"')
    policy = load_policy(path, directory=tmp_path, scanned=(tmp_path,), rules=RULES)
    assert policy.fail_on is Severity.CRITICAL


@pytest.mark.parametrize("is_target_the_linked_folder", [True, False])
def test_link_into_or_out_of_the_target_is_left_alone(
    tmp_path: Path, is_target_the_linked_folder: bool
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "weighbridge.toml").symlink_to(_written(there, 'fail_on = "critical"'))
    target = there if is_target_the_linked_folder else here
    policy = load_policy(None, directory=here, scanned=(target,), rules=RULES)
    assert policy.fail_on is Severity.HIGH


SEVERITIES = st.sampled_from(list(Severity))


@given(st.lists(st.sampled_from(sorted(RULES))), st.lists(st.sampled_from(list(Outcome))), SEVERITIES)
def test_a_pass_means_all_complete_and_nothing_at_or_above(
    names: list[str], outcomes: list[Outcome], fail_on: Severity
) -> None:
    report = _report([_finding(name) for name in names], outcomes)
    verdict = _verdict(Policy(fail_on=fail_on), report)
    rules: list[Rule] = [RULES[name] for name in names]
    is_clean = all(rule.severity < fail_on for rule in rules) and report.is_complete
    assert (verdict is Verdict.PASS) is is_clean
