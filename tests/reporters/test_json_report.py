"""The JSON document obeys its published schema, which describes every key that is written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.reporters import sample_runs as sample
from weighbridge.reporters.interface import TargetResult
from weighbridge.reporters.json_report import SCHEMA, render

SCHEMA_FILE = json.loads((sample.ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))

RESULTS: dict[str, Callable[[], TargetResult]] = {
    "hub_failure": sample.hub_failure,
    "repeated": sample.repeated_failure,
    "clean": sample.clean,
    "incomplete": sample.incomplete,
    "accepted": sample.accepted,
    "hostile": sample.hostile,
    "gated": sample.gated,
}


def _closed(schema: Any) -> Any:
    """The same schema that also refuses keys which it does not describe."""
    match schema:
        case dict():
            closed = {key: _closed(value) for key, value in schema.items()}
            if "properties" in schema or "allOf" in schema:
                closed["unevaluatedProperties"] = False
            return closed
        case list():
            return [_closed(item) for item in schema]
        case _:
            return schema


def _strict() -> Draft202012Validator:
    schema = _closed(copy.deepcopy(SCHEMA_FILE))
    # A suppressed finding is a finding with one key more: only the whole may be closed.
    del schema["$defs"]["finding"]["unevaluatedProperties"]
    del schema["$defs"]["suppressed"]["allOf"][1]["unevaluatedProperties"]
    findings = schema["$defs"]["target"]["properties"]["findings"]["items"]
    findings["unevaluatedProperties"] = False
    return Draft202012Validator(schema)


def _document(*results: TargetResult) -> Any:
    return json.loads(render(sample.run(*results)))


def test_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA_FILE)
    assert SCHEMA_FILE["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize("name", RESULTS)
def test_document_obeys_the_schema_and_every_key_is_described(name: str) -> None:
    document = _document(RESULTS[name]())
    assert [error.message for error in _strict().iter_errors(document)] == []


def test_strict_schema_would_notice_an_undescribed_key() -> None:
    document = _document(sample.hub_failure())
    document["targets"][0]["findings"][0]["surprise"] = 1
    assert len(list(_strict().iter_errors(document))) == 1


def test_one_target_for_each_argument_in_their_order() -> None:
    document = _document(sample.clean(), sample.gated(), sample.hub_failure())
    assert [target["target"] for target in document["targets"]] == [
        "model.pt",
        "hf://meta/gated-model",
        "hf://acme/sentiment-xl",
    ]
    assert [target["verdict"] for target in document["targets"]] == ["pass", "incomplete", "fail"]
    assert document["verdict"] == "fail"


def test_target_that_could_not_be_reached_is_an_error_and_never_a_pass() -> None:
    document = _document(sample.clean(), sample.gated())
    assert document["targets"][0]["error"] is None
    assert document["targets"][1]["error"].startswith("access to meta/gated-model is gated")
    assert document["verdict"] == "incomplete"


def test_finding_says_everything_in_plain_words() -> None:
    finding = _document(sample.hub_failure())["targets"][0]["findings"][0]
    assert finding["rule"] == "PKL901"
    assert finding["severity"] == "critical"
    assert finding["artifact"] == "pytorch_model.bin!/archive/data.pkl"
    assert finding["path"] == ["pytorch_model.bin", "archive/data.pkl"]
    assert (finding["offset"], finding["length"]) == (1204, 2)
    assert finding["relation"] == "evidences"
    assert finding["techniques"] == ["AML.T0018.002", "AML.T0011.000", "AML.T0050"]
    assert "AML.M0013" in finding["mitigations"]
    assert finding["cwe"] == ["CWE-502", "CWE-506"]


def test_mitigations_say_who_links_them() -> None:
    rules = _document(sample.repeated_failure())["rules"]
    sources = {row["id"]: row["source"] for row in rules["ZIP901"]["mitigations"]}
    assert sources["AML.M0016"] == "atlas"
    assert sources["AML.M0036"] == "curated"


def test_every_technique_that_is_named_is_described() -> None:
    document = _document(sample.hub_failure(), sample.repeated_failure())
    findings = [finding for target in document["targets"] for finding in target["findings"]]
    named = {key for finding in findings for key in (*finding["techniques"], *finding["exposes"])}
    assert named == document["atlas"]["techniques"].keys()
    assert document["atlas"]["release"] == "ATLAS 5.6.0 + delta 2026.09 (second-hand)"


def test_suppressed_findings_stand_apart_with_their_reason() -> None:
    target = _document(sample.accepted())["targets"][0]
    assert [finding["rule"] for finding in target["findings"]] == ["PKL902"]
    assert target["suppressed"][0]["rule"] == "PKL901"
    assert target["suppressed"][0]["suppression"]["owner"] == "ml-platform"
    assert target["suppressed"][0]["suppression"]["expires"] == "2027-01-31"


def test_coverage_has_a_row_for_each_artifact() -> None:
    rows = _document(sample.incomplete())["targets"][0]["coverage"]
    assert [row["outcome"] for row in rows] == [
        "analyzed",
        "unsupported",
        "failed",
        "failed",
        "analyzed",
        "limited",
    ]


def test_names_that_are_not_unicode_are_spelled_out_in_ascii() -> None:
    text = render(sample.run(sample.hostile()))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["targets"][0]["findings"][0]["path"][1] == r"\udcff\udc80.pkl"
    assert json.loads(text)["targets"][0]["target"] == "\x1b[1mtarget\\udcff"
