"""What a person reads of second opinions, exactly."""

from __future__ import annotations

import json
from dataclasses import replace

from jsonschema import Draft202012Validator

from tests.reporters import sample_runs as sample
from weighbridge.core.report import OPINION, Opinion, OpinionState, Outcome
from weighbridge.reporters import human, json_report, sarif
from weighbridge.reporters.interface import Scanned

MEMBER = ("a.pt", "archive/data.pkl")


def opinion(engine: str, state: OpinionState, *path: str, reason: str = "because") -> Opinion:
    version = None if state is OpinionState.UNAVAILABLE else "1.2"
    return Opinion(
        engine=engine,
        version=version,
        path=path or MEMBER,
        state=state,
        reason=reason,
        objections=("posix.system",),
        evidence="from posix import system\n_var0 = system('id')",
    )


def asked(*opinions: Opinion) -> Scanned:
    rows = (
        sample.row("a.pt", format="zip"),
        sample.row(*MEMBER),
        sample.row(*MEMBER, format=OPINION, outcome=Outcome.FAILED, detail="modelscan gave up"),
    )
    report = sample.report("a.pt", rows=rows)
    return sample.judged(replace(report, opinions=opinions))


def hostile() -> Scanned:
    return asked(opinion("yara\x1b[31m", OpinionState.DISAGREED, "a\x1b[2J\n.pkl", reason="x\x07"))


def text(result: Scanned, *, verbose: bool = False) -> str:
    return human.render(sample.run(result), width=100, colour=False, verbose=verbose)


RESULT = asked(
    opinion("fickling", OpinionState.AGREED),
    opinion("fickling", OpinionState.SKIPPED, "a.pt"),
    opinion("modelscan", OpinionState.FAILED),
    opinion("clamav", OpinionState.UNAVAILABLE, "a.pt"),
    opinion("yara", OpinionState.DISAGREED, reason="yara objects alone"),
)


def test_each_engine_has_a_line_and_each_disagreement_its_sentence() -> None:
    assert """
Second opinions not given:
  a.pt!/archive/data.pkl
      failed: modelscan gave up
--allow-incomplete accepts this.

Looked at 1 of 1 file · 1 member inside
Opinions  fickling 1.2: 1 agreed, 1 skipped
          modelscan 1.2: 1 failed
          clamav: 1 unavailable
          yara 1.2: 1 disagreed
            a.pt!/archive/data.pkl: yara objects alone
""" in text(RESULT)


def test_verbose_adds_those_that_agree_with_their_evidence() -> None:
    assert """
Opinions  fickling 1.2: 1 agreed, 1 skipped
            a.pt!/archive/data.pkl: because
                from posix import system
                _var0 = system('id')
""" in text(RESULT, verbose=True)


def test_many_disagreements_are_cut_and_counted() -> None:
    many = asked(*(opinion("yara", OpinionState.DISAGREED, f"{n}.pkl") for n in range(8)))
    assert "and 3 more artifacts (--verbose)" in text(many)


def test_nobody_was_asked_so_nothing_is_said() -> None:
    assert "Opinions" not in text(sample.clean())


def test_hostile_text_does_not_reach_the_terminal() -> None:
    assert not {"\x1b", "\x07"} & set(text(hostile(), verbose=True))


def test_json_has_a_row_for_each_and_obeys_the_schema() -> None:
    schema = json.loads((sample.ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    document = json.loads(json_report.render(sample.run(RESULT, hostile())))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    rows = document["targets"][0]["opinions"]
    assert [row["state"] for row in rows] == ["agreed", "skipped", "failed", "unavailable", "disagreed"]
    assert set(schema["$defs"]["opinion"]["properties"]["state"]["enum"]) == set(OpinionState)
    assert set(schema["$defs"]["opinion"]["properties"]) == set(rows[0])


def test_sarif_counts_them_by_engine_and_state() -> None:
    (run,) = json.loads(sarif.render(sample.run(RESULT)))["runs"]
    counts = {(row["engine"], row["state"]): row["artifacts"] for row in run["properties"]["opinions"]}
    assert counts["fickling", "skipped"] == 1
    assert len(counts) == 5
