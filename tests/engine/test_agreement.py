"""What other engines say, compared with what we found: the laws of the comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.finding import Finding, Severity
from weighbridge.core.report import OPINION, Opinion, OpinionState, Outcome
from weighbridge.engine.agreement import weigh
from weighbridge.engine.panel import Weighed
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules
from weighbridge.opinions.interface import (
    EngineName,
    Examination,
    Objection,
    OpinionResult,
    Stance,
)

RULES = load_rules(signatures_dir() / "rules")
MEMBER = ("a.pt", "archive/data.pkl")
LOW, MEDIUM, CRITICAL = "PKL023", "PKL022", "PKL002"


def ours(rule: str, *path: str) -> Finding:
    return Finding(rule=rule, path=path or MEMBER, subject="posix.system", evidence="x", offset=4)


def says(
    stance: Stance, *rules: str, path: tuple[str, ...] = MEMBER, engine: EngineName = EngineName.YARA
) -> Examination:
    objections = tuple(Objection(rule=rule, subject="s", evidence="e", offset=7) for rule in rules)
    return Examination(engine, path, OpinionResult(stance=stance, reason="why", objections=objections))


def weighed(examinations: list[Examination], *findings: Finding) -> Weighed:
    return weigh(examinations, findings, rules=RULES, versions={EngineName.YARA: "1.2"})


def only(result: Weighed) -> Opinion:
    (opinion,) = result.opinions
    return opinion


def test_the_rules_of_this_test_weigh_what_their_names_say() -> None:
    severities = [RULES[rule].severity for rule in (LOW, MEDIUM, CRITICAL)]
    assert severities == [Severity.LOW, Severity.MEDIUM, Severity.CRITICAL]


@pytest.mark.parametrize(
    ("stance", "objection", "found", "state", "added"),
    [
        (Stance.OBJECTS, "OPN007", CRITICAL, OpinionState.AGREED, []),
        (Stance.OBJECTS, "OPN008", MEDIUM, OpinionState.AGREED, []),
        (Stance.OBJECTS, "OPN005", MEDIUM, OpinionState.AGREED, ["OPN005"]),
        (Stance.OBJECTS, "OPN007", LOW, OpinionState.DISAGREED, ["OPN007"]),
        (Stance.OBJECTS, "OPN002", None, OpinionState.DISAGREED, ["OPN002"]),
        (Stance.OBJECTS, "OPN002", LOW, OpinionState.DISAGREED, ["OPN002"]),
        (Stance.NO_OBJECTION, None, CRITICAL, OpinionState.DISAGREED, []),
        (Stance.NO_OBJECTION, None, LOW, OpinionState.AGREED, []),
        (Stance.NO_OBJECTION, None, None, OpinionState.AGREED, []),
        (Stance.SKIPPED, None, None, OpinionState.SKIPPED, []),
        (Stance.LIMITED, None, CRITICAL, OpinionState.FAILED, []),
        (Stance.FAILED, None, None, OpinionState.FAILED, []),
        (Stance.UNAVAILABLE, None, None, OpinionState.UNAVAILABLE, []),
    ],
)
def test_state_and_findings_of_each_case(
    stance: Stance, objection: str | None, found: str | None, state: OpinionState, added: list[str]
) -> None:
    findings = (ours(found),) if found else ()
    result = weighed([says(stance, *([objection] if objection else []))], *findings)
    assert only(result).state is state
    assert only(result).reason
    assert [finding.rule for finding in result.findings[len(findings) :]] == added


@pytest.mark.parametrize(
    ("stance", "outcome"),
    [
        (Stance.LIMITED, Outcome.LIMITED),
        (Stance.FAILED, Outcome.FAILED),
        (Stance.UNAVAILABLE, Outcome.UNSUPPORTED),
    ],
)
def test_an_opinion_that_was_not_given_leaves_a_gap(stance: Stance, outcome: Outcome) -> None:
    (row,) = weighed([says(stance)]).coverage
    assert (row.path, row.format, row.outcome, row.detail) == (MEMBER, OPINION, outcome, "why")
    assert not row.outcome.is_complete


@pytest.mark.parametrize("stance", [Stance.OBJECTS, Stance.NO_OBJECTION, Stance.SKIPPED])
def test_an_opinion_that_was_given_and_a_skip_leave_no_gap(stance: Stance) -> None:
    assert weighed([says(stance)]).coverage == ()


def test_a_finding_inside_counts_for_its_container_and_not_the_other_way_round() -> None:
    outside, inside = says(Stance.OBJECTS, "OPN008", path=MEMBER[:1]), says(Stance.OBJECTS, "OPN008")
    result = weighed([outside], ours(MEDIUM))
    assert only(result).state is OpinionState.AGREED
    result = weighed([inside], ours(MEDIUM, *MEMBER[:1]))
    assert only(result).state is OpinionState.DISAGREED


def test_the_same_objection_to_a_container_and_to_its_member_is_one_finding() -> None:
    both = [says(Stance.OBJECTS, "OPN007", path=path) for path in (MEMBER[:1], MEMBER)]
    result = weighed(both)
    assert [(found.rule, found.path, found.offset) for found in result.findings] == [
        ("OPN007", MEMBER, 7)
    ]
    assert [one.state for one in result.opinions] == [OpinionState.DISAGREED] * 2


def test_an_opinion_names_its_engine_and_version() -> None:
    opinion = only(weighed([says(Stance.OBJECTS, "OPN007")]))
    assert (opinion.engine, opinion.version, opinion.objections) == ("yara", "1.2", ("s",))


EXAMINATIONS = st.lists(
    st.builds(
        says,
        st.sampled_from(Stance),
        st.sampled_from(["OPN001", "OPN002", "OPN005", "OPN008"]),
        path=st.sampled_from([MEMBER, MEMBER[:1], ("b.pkl",)]),
        engine=st.sampled_from(EngineName),
    ),
    max_size=8,
)
FINDINGS = st.lists(
    st.builds(ours, st.sampled_from([LOW, MEDIUM, CRITICAL]), st.sampled_from(["a.pt", "b.pkl"])),
    max_size=4,
)


@given(EXAMINATIONS, FINDINGS)
def test_whatever_is_said_nothing_of_ours_is_removed_or_changed(
    examinations: list[Examination], findings: list[Finding]
) -> None:
    result = weighed(examinations, *findings)
    assert result.findings[: len(findings)] == tuple(findings)
    assert len(result.opinions) == len(examinations)


@given(EXAMINATIONS, FINDINGS)
def test_the_order_in_which_workers_answer_does_not_matter(
    examinations: list[Examination], findings: list[Finding]
) -> None:
    unique = list({(one.path, one.engine): one for one in examinations}.values())
    assert weighed(unique[::-1], *findings) == weighed(unique, *findings)
