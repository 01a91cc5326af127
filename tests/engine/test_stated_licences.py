"""What a target says of its licence reaches the policy, and a long list hides nothing from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules
from weighbridge.policy import Policy, SourceRule

RULES = load_rules(signatures_dir() / "rules")


@pytest.mark.parametrize(
    ("stated", "is_allowed"),
    [
        (["mit"], True),
        (["mit", "cc-by-nc-4.0"], False),
        (["mit"] * 20, True),
        ([*["mit"] * 30, "cc-by-nc-4.0"], False),
    ],
)
def test_a_card_with_many_licences_must_have_each_allowed(
    tmp_path: Path, stated: list[str], is_allowed: bool
) -> None:
    (tmp_path / "README.md").write_text(f"---\nlicense: [{', '.join(stated)}]\n---\n", encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    report = scan_target(str(tmp_path), ScanSettings(jobs=1))
    policy = Policy(sources=(SourceRule(where=("local",), licences=("mit",)),))
    decision = policy.decide(report, RULES)
    assert ("POL002" in {one.finding.rule for one in decision.active}) is not is_allowed
