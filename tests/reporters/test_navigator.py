"""The layer for the ATLAS Navigator, held against the shape that layer format 4.5 gives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from weighbridge.reporters.interface import Run
from weighbridge.reporters.navigator import render

GOLDEN = Path(__file__).resolve().parent / "golden"

PAIRS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
        "required": ["name", "value"],
        "additionalProperties": False,
    },
}
SCHEMA = {
    "type": "object",
    "required": ["name", "domain", "versions"],
    "properties": {
        "name": {"type": "string"},
        "domain": {"const": "atlas-atlas"},
        "versions": {
            "required": ["navigator", "layer"],
            "properties": {"layer": {"const": "4.5"}, "navigator": {"pattern": r"^\d+\.\d+\.\d+$"}},
        },
        "techniques": {
            "items": {
                "required": ["techniqueID"],
                "properties": {
                    "techniqueID": {"pattern": r"^AML\.T\d{4}(\.\d{3})?$"},
                    "score": {"type": "number"},
                    "color": {"pattern": "^#[0-9a-f]{6}$"},
                    "comment": {"type": "string"},
                    "enabled": {"type": "boolean"},
                    "showSubtechniques": {"type": "boolean"},
                    "metadata": PAIRS,
                },
                "additionalProperties": False,
            }
        },
        "metadata": PAIRS,
    },
}
"""Source: the property tables of the layer file format 4.5; the domain is ATLAS's own."""


def _layer(run: Run) -> Any:
    layer = json.loads(render(run))
    Draft202012Validator(SCHEMA).validate(layer)
    return layer


def test_layer_is_the_golden_one() -> None:
    path = GOLDEN / "hub-failure.layer.json"
    text = render(sample.run(sample.hub_failure()))
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_score_is_the_number_of_findings_and_evidence_has_the_strong_colour() -> None:
    layer = _layer(sample.run(sample.hub_failure()))
    techniques = {one["techniqueID"]: one for one in layer["techniques"]}
    assert techniques["AML.T0011.000"]["score"] == 2
    assert techniques["AML.T0011.000"]["comment"] == "1 evidence it, 1 expose to it: PKL901, PKL902"
    strong, weak = (item["color"] for item in layer["legendItems"])
    assert techniques["AML.T0018.002"]["color"] == strong
    assert techniques["AML.T0074"]["color"] == weak


def test_every_technique_is_one_of_the_release() -> None:
    layer = _layer(sample.run(sample.repeated_failure(), sample.hub_failure()))
    ids = {one["techniqueID"] for one in layer["techniques"]}
    assert ids
    assert ids - set(sample.release().techniques) == set()


def test_accepted_findings_light_nothing() -> None:
    ids = {one["techniqueID"] for one in _layer(sample.run(sample.accepted()))["techniques"]}
    assert "AML.T0018.002" not in ids


def test_hostile_target_gives_a_layer() -> None:
    assert [len(_layer(run)["techniques"]) for run in hostile.single_runs()] == [5] * len(
        hostile.ATTACKS
    )


def test_clean_run_gives_an_empty_layer() -> None:
    assert _layer(sample.run(sample.judged(sample.report("m"))))["techniques"] == []
