"""What a policy asks of a target by where it comes from: formats, licences, signers, sources, pins."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weighbridge
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.report import Coverage, Outcome, Report, Verdict
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.errors import UsageError
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules
from weighbridge.policy import Decision, Policy, SourceRule, read_policy
from weighbridge.policy.source_rule import is_place

RULES = load_rules(signatures_dir() / "rules")
TODAY = date(2026, 11, 22)
COMMIT = "3f9c2e1" + "0" * 33
HUB = Origin(kind="huggingface", location=f"hf://acme/model@{COMMIT}", revision=COMMIT)
HERE = Origin(kind="local", location="/models")
SIGNER = Trust(identity="release@acme.example", provider="https://accounts.example")


def _row(*path: str, kind: str = "safetensors") -> Coverage:
    return Coverage(path=path, format=kind, outcome=Outcome.ANALYZED)


def _report(
    *rows: Coverage,
    origin: Origin = HUB,
    target: str = "hf://acme/model",
    licences: Sequence[str] = (),
    findings: Sequence[Finding] = (),
) -> Report:
    return Report(
        target=target,
        origin=origin,
        findings=tuple(findings),
        coverage=rows or (_row("model.safetensors"),),
        licences=tuple(StatedLicence(path=("README.md",), licence=word) for word in licences),
    )


def _decide(policy: Policy, report: Report) -> Decision:
    return policy.decide(report, RULES, today=TODAY)


def _said(decision: Decision) -> list[tuple[str, str]]:
    return [(one.finding.rule, one.finding.artifact) for one in decision.active]


FORMATS = Policy(sources=(SourceRule(where=("outside",), formats=frozenset({"safetensors"})),))


def test_only_the_formats_that_the_policy_names_may_come() -> None:
    rows = (_row("a.safetensors"), _row("b.pt", kind="zip"), _row("README.md", kind="text"))
    decision = _decide(FORMATS, _report(*rows))
    assert decision.verdict is Verdict.FAIL
    assert _said(decision) == [("POL001", "b.pt")]


def test_what_is_inside_of_a_forbidden_archive_is_not_said_again() -> None:
    rows = (_row("b.pt", "data.pkl", kind="pickle"), _row("b.pt", kind="zip"))
    assert _said(_decide(FORMATS, _report(*rows))) == [("POL001", "b.pt")]


def test_what_is_inside_of_an_allowed_archive_is_judged_too() -> None:
    rule = SourceRule(where=("outside",), formats=frozenset({"zip"}))
    rows = (_row("b.pt", "data.pkl", kind="pickle"), _row("b.pt", kind="zip"))
    assert _said(_decide(Policy(sources=(rule,)), _report(*rows))) == [("POL001", "b.pt!/data.pkl")]


def test_a_file_that_is_two_things_needs_both_allowed() -> None:
    decision = _decide(FORMATS, _report(_row("model.safetensors", kind="safetensors+zip")))
    assert _said(decision) == [("POL001", "model.safetensors")]


def test_a_rule_for_the_outside_leaves_local_files_alone() -> None:
    report = _report(_row("b.pt", kind="zip"), origin=HERE, target="models")
    assert _decide(FORMATS, report).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (["apache-2.0"], []),
        (["bsd-3-clause"], []),
        (["apache-2.0", "cc-by-nc-4.0"], [("POL002", "README.md")]),
        ([], [("POL002", "(repository)")]),
    ],
)
def test_each_stated_licence_must_be_allowed_and_one_must_be_stated(
    stated: list[str], said: list[tuple[str, str]]
) -> None:
    policy = Policy(sources=(SourceRule(where=("outside",), licences=("Apache-2.0", "bsd-*")),))
    assert _said(_decide(policy, _report(licences=stated))) == said


def test_a_signature_that_was_not_verified_closes_the_gate() -> None:
    policy = Policy(sources=(SourceRule(where=("hf://acme/**",), signature=SIGNER),))
    verified = Finding(rule="SIG015", path=("model.sig",), subject="x", evidence="x")
    assert _said(_decide(policy, _report())) == [("POL003", "(repository)")]
    assert _decide(policy, _report(findings=[verified])).verdict is Verdict.PASS


def test_the_scan_verifies_with_whom_the_policy_trusts() -> None:
    policy = Policy(sources=(SourceRule(where=("hf://acme/**",), signature=SIGNER),))
    assert policy.trust_for("hf://acme/model") == SIGNER
    assert policy.trust_for("hf://other/model") == NOBODY


def test_two_signers_of_one_target_are_refused() -> None:
    rules = (SourceRule(where=("outside",), signature=Trust(key="/k")),)
    policy = Policy(sources=(*rules, SourceRule(where=("huggingface",), signature=SIGNER)))
    with pytest.raises(UsageError, match="more than one way"):
        policy.trust_for("hf://acme/model")


@pytest.mark.parametrize(
    ("released", "said"),
    [
        (date(2026, 11, 1), []),
        (date(2026, 10, 1), [("POL004", "(repository)")]),
        (None, [("POL004", "(repository)")]),
    ],
)
def test_old_signatures_close_the_gate(released: date | None, said: list[tuple[str, str]]) -> None:
    policy = Policy(signatures_age_days=30, signatures_released=released)
    assert _said(_decide(policy, _report())) == said


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [
        (("hf://acme/**",), Verdict.PASS),
        (("huggingface",), Verdict.PASS),
        (("outside",), Verdict.PASS),
        (("local", "hf://acme/other", "hf://*/x"), Verdict.FAIL),
        ((), Verdict.FAIL),
    ],
)
def test_a_source_that_is_not_listed_closes_the_gate(allowed: tuple[str, ...], verdict: Verdict) -> None:
    decision = _decide(Policy(allowed_sources=allowed), _report())
    assert decision.verdict is verdict
    assert (("POL005", "(repository)") in _said(decision)) is (verdict is Verdict.FAIL)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (f"hf://acme/model@{COMMIT}", []),
        ("hf://acme/model@main", [("POL006", "(repository)")]),
        ("hf://acme/model", [("POL006", "(repository)")]),
    ],
)
def test_a_target_that_can_move_closes_the_gate(target: str, said: list[tuple[str, str]]) -> None:
    policy = Policy(sources=(SourceRule(where=("outside",), is_pinned=True),))
    assert _said(_decide(policy, _report(target=target))) == said


def test_what_the_policy_forbids_fails_whatever_line_it_draws() -> None:
    policy = dataclasses.replace(FORMATS, fail_on=Severity.CRITICAL)
    assert _decide(policy, _report(_row("b.pt", kind="zip"))).verdict is Verdict.FAIL


def test_a_policy_may_say_that_a_breach_only_warns() -> None:
    policy = dataclasses.replace(FORMATS, severities={"POL001": Severity.LOW})
    assert _decide(policy, _report(_row("b.pt", kind="zip"))).verdict is Verdict.PASS


def test_the_lowest_line_of_all_that_fit_counts() -> None:
    rules = (SourceRule(where=("outside",), fail_on=Severity.MEDIUM),)
    policy = Policy(sources=(*rules, SourceRule(where=("outside",), fail_on=Severity.CRITICAL)))
    assert _decide(policy, _report()).fail_on is Severity.MEDIUM
    assert _decide(policy, _report(origin=HERE, target="x")).fail_on is Severity.HIGH


_WHERE = st.sampled_from(["local", "outside", "huggingface", "s3", "hf://acme/**", "hf://b/*"])
_SOURCE = st.builds(
    SourceRule,
    where=st.lists(_WHERE, min_size=1, max_size=3).map(tuple),
    formats=st.none() | st.frozensets(st.sampled_from(["zip", "safetensors"])),
    licences=st.none() | st.just(("mit",)),
    is_pinned=st.booleans(),
)


@given(st.lists(_SOURCE, max_size=3), _SOURCE, st.sampled_from([HUB, HERE]))
def test_a_further_rule_never_lets_in_what_another_keeps_out(
    rules: list[SourceRule], further: SourceRule, origin: Origin
) -> None:
    report = _report(_row("b.pt", kind="zip"), origin=origin, target=origin.location)
    before = set(_said(_decide(Policy(sources=tuple(rules)), report)))
    assert before <= set(_said(_decide(Policy(sources=(*rules, further)), report)))


POLICY = """
allowed_sources = ["local", "hf://acme/**"]
signatures_age_days = 30
[waivers]
owner = true
longest_days = 90
[[source]]
from = ["outside"]
formats = ["safetensors", "zip"]
licences = ["mit"]
pinned = true
fail_on = "medium"
signature = { key = "keys/acme.pem" }
"""


def _read(folder: Path, text: str) -> Policy:
    (folder / "weighbridge.toml").write_text(text, encoding="utf-8")
    return read_policy(folder / "weighbridge.toml", rules=RULES)


def test_a_policy_file_says_all_of_this(tmp_path: Path) -> None:
    policy = _read(tmp_path, POLICY)
    assert policy.sources == (
        SourceRule(
            where=("outside",),
            formats=frozenset({"safetensors", "zip"}),
            licences=("mit",),
            signature=Trust(key=str(tmp_path / "keys" / "acme.pem")),
            is_pinned=True,
            fail_on=Severity.MEDIUM,
        ),
    )
    assert policy.allowed_sources == ("local", "hf://acme/**")
    assert (policy.longest_waiver_days, policy.signatures_age_days) == (90, 30)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('from = ["outside"]\n', "", "'from' is missing"),
        ('"zip"]', '"zipp"]', "did you mean 'zip'"),
        ("pinned = true", "pinned = 1", "true or false"),
        ("longest_days = 90", "longest_days = 0", "a number of days"),
        ('{ key = "keys/acme.pem" }', '{ identity = "a@b" }', "belong together"),
        ("[waivers]\n", "[waivers]\nlongest = 3\n", "unknown key 'longest'"),
    ],
)
def test_a_wrong_policy_is_refused_in_words(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _read(tmp_path, POLICY.replace(old, new))


WAIVER = """
[[suppress]]
rule = "PKL002"
artifact = "**"
reason = "ours"
expires = {day}
"""


def test_a_waiver_without_an_owner_is_refused_where_one_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no owner"):
        _read(tmp_path, POLICY + WAIVER.format(day="2026-12-01"))


@pytest.mark.parametrize(("day", "verdict"), [("2027-02-01", "pass"), ("2027-03-01", "fail")])
def test_a_waiver_that_lasts_too_long_does_not_count(tmp_path: Path, day: str, verdict: str) -> None:
    policy = _read(tmp_path, "[waivers]\nlongest_days = 90\n" + WAIVER.format(day=day))
    finding = Finding(rule="PKL002", path=("a.pt",), subject="x", evidence="x()")
    decision = _decide(policy, _report(findings=[finding]))
    assert decision.verdict.value == verdict
    assert any("allows 90 days" in note for note in decision.notes) is (verdict == "fail")


def test_a_waiver_that_soon_ends_is_said(tmp_path: Path) -> None:
    policy = _read(tmp_path, WAIVER.format(day="2026-11-30") + 'owner = "ml-platform"\n')
    finding = Finding(rule="PKL002", path=("a.pt",), subject="x", evidence="x()")
    notes = _decide(policy, _report(findings=[finding])).notes
    assert notes == ("the suppression of PKL002 for ** (ml-platform) ends on 2026-11-30, in 8 days",)


@pytest.mark.parametrize("word", ["outsid", "hf", "Outside", "HuggingFace"])
@pytest.mark.parametrize("text", ["allowed_sources = [{}]", "[[source]]\nfrom = [{}]\npinned = true"])
def test_a_word_that_can_never_fit_is_refused(tmp_path: Path, word: str, text: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text.format(f'"{word}"'), encoding="utf-8")
    with pytest.raises(UsageError, match="huggingface"):
        read_policy(file, rules=RULES)


def test_a_signature_by_nobody_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[source]]\nfrom = ["outside"]\nsignature = {}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="name who must have signed"):
        read_policy(file, rules=RULES)


def test_every_origin_of_a_fetcher_is_a_word_of_the_policy() -> None:
    folder = Path(weighbridge.__file__).parent / "fetchers"
    texts = [file.read_text(encoding="utf-8") for file in folder.rglob("*.py")]
    kinds = {kind for text in texts for kind in re.findall(r'\bkind="([a-z0-9]+)"', text)}
    assert {"git", "mlflow", "https"} <= kinds
    assert {kind for kind in kinds if not is_place(kind)} == set()


@pytest.mark.parametrize(
    "target",
    [
        "hf://acme/model",
        "hf://models/acme/model@main/sub/x.bin",
        "https://huggingface.co/acme/model/tree/main",
        "https://hf.co/acme/model",
        "HTTPS://HuggingFace.co/acme/model/resolve/main/x.bin",
    ],
)
def test_the_signer_of_a_repository_is_known_however_it_is_spelt(target: str) -> None:
    policy = Policy(sources=(SourceRule(where=("hf://acme/model",), signature=SIGNER),))
    assert policy.trust_for(target) == SIGNER
    assert policy.trust_for(target.replace("acme", "other")) == NOBODY


@pytest.mark.parametrize(
    ("kind", "location", "revision", "target", "is_pinned"),
    [
        ("mlflow", "iris", "v3", "models:/iris/3", True),
        ("mlflow", "iris", "v3", "models:/iris-v3/latest", False),
        ("mlflow", "iris", "v3", "models:/iris@v3", False),
        ("pypi", "pypi://x@1.0", "1.0", "pypi://x==1.0", True),
        ("pypi", "pypi://x@1.0", "1.0", "pypi://x", False),
        ("kaggle", "kaggle://o/m1", "1", "kaggle://o/m1", False),
        (
            "oci",
            f"oci://r/m@sha256:{'a' * 64}",
            f"sha256:{'a' * 64}",
            f"oci://r/m@sha256:{'a' * 64}",
            True,
        ),
        ("git", f"git+https://h/r@{COMMIT}", COMMIT, f"git+https://h/r@{COMMIT}", True),
    ],
)
def test_a_pin_is_a_part_of_the_target_and_no_accident(
    kind: str, location: str, revision: str, target: str, is_pinned: bool
) -> None:
    origin = Origin(kind=kind, location=location, revision=revision)
    policy = Policy(sources=(SourceRule(where=("outside",), is_pinned=True),))
    assert (_said(_decide(policy, _report(origin=origin, target=target))) == []) is is_pinned


def test_an_address_that_leads_elsewhere_than_it_reads_is_not_let_in() -> None:
    policy = Policy(allowed_sources=("models/**", "https://store.example/acme/**"))
    here = Origin(kind="local", location="/evil/model")
    assert _said(_decide(policy, _report(origin=here, target="models/../../evil/model"))) != []
    assert _said(_decide(policy, _report(origin=here, target="models/model"))) == []
    there = Origin(kind="https", location="https://store.example/other/x")
    typed = "https://store.example/acme/%2e%2e/other/x"
    assert _said(_decide(policy, _report(origin=there, target=typed))) != []


def test_an_at_in_the_name_of_an_object_is_no_revision() -> None:
    policy = Policy(allowed_sources=("s3://bucket/model",))
    origin = Origin(kind="s3", location="s3://bucket/model@evil")
    assert _said(_decide(policy, _report(origin=origin, target="s3://bucket/model@evil"))) != []


def test_a_signed_model_that_came_along_says_nothing_of_the_rest() -> None:
    policy = Policy(sources=(SourceRule(where=("outside",), signature=SIGNER),))
    found = Finding(rule="SIG015", path=("good/model.sig",), subject="x", evidence="x")
    rows = (_row("good/a.safetensors"), _row("README.md", kind="text"), _row("evil.bin", kind="zip"))
    assert _said(_decide(policy, _report(*rows, findings=(found,)))) == [
        ("POL003", "evil.bin"),
        ("SIG015", "good/model.sig"),
    ]
    assert "POL003" not in dict(_said(_decide(policy, _report(*rows[:2], findings=(found,)))))
