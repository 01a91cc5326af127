"""The bill of materials: valid under the schema whatever the run holds, and true to the run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from tests.reporters import hostile_runs as hostile
from tests.reporters import sample_runs as sample
from weighbridge.core.artifact import Origin
from weighbridge.core.report import ScannedFile
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.reporters.cyclonedx import render
from weighbridge.reporters.interface import Run

GOLDEN = Path(__file__).resolve().parent / "golden"
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
COMMIT = "3f9c2e1d00c0ffee00c0ffee00c0ffee00c0ffee"

RUNS: dict[str, Callable[[], Run]] = {
    "hub-failure": lambda: sample.run(sample.hub_failure()),
    "repeated": lambda: sample.run(sample.repeated_failure()),
    "clean": lambda: sample.run(sample.clean()),
    "incomplete": lambda: sample.run(sample.incomplete()),
    "accepted": lambda: sample.run(sample.accepted()),
    "hostile": lambda: sample.run(sample.hostile()),
    "gated": lambda: sample.run(sample.gated()),
    "several": lambda: sample.run(sample.clean(), sample.gated(), sample.hub_failure()),
    "nothing": sample.run,
    "attacks": hostile.run,
}


def _bom(run: Run) -> Any:
    text = render(run)
    assert VALIDATOR.validate_str(text) is None
    return json.loads(text)


def _properties(component: Any, name: str) -> list[str]:
    return [one["value"] for one in component["properties"] if one["name"] == name]


@pytest.mark.parametrize("name", RUNS)
def test_document_is_valid(name: str) -> None:
    assert _bom(RUNS[name]())["specVersion"] == "1.6"


@pytest.mark.parametrize("attack", list(hostile.single_runs()), ids=range(len(hostile.ATTACKS)))
def test_document_of_a_hostile_target_is_valid(attack: Run) -> None:
    component = _bom(attack)["metadata"]["component"]
    assert PackageURL.from_string(component["purl"]).name
    assert component["name"].isprintable()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec=None), min_size=1, max_size=80))
def test_any_name_gives_a_valid_document(text: str) -> None:
    assert VALIDATOR.validate_str(render(hostile.run_of(text))) is None


def test_document_is_the_golden_one() -> None:
    path = GOLDEN / "hub-failure.cdx.json"
    text = render(RUNS["hub-failure"]())
    if os.environ.get("WEIGHBRIDGE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_same_run_gives_the_same_serial_number_and_another_run_another() -> None:
    first, second = (_bom(RUNS["hub-failure"]())["serialNumber"] for _ in range(2))
    assert first == second
    assert _bom(RUNS["clean"]())["serialNumber"] != first


def test_files_stand_with_their_digests_findings_and_how_far_we_looked() -> None:
    result = sample.hub_failure()
    files = tuple(
        ScannedFile(name=name, size_bytes=5, sha256="ab" * 32) for name in ("config.json", "extra.bin")
    )
    bom = _bom(sample.run(replace(result, report=replace(result.report, files=files))))
    parts = {part["name"]: part for part in bom["components"]}
    assert parts["config.json"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert _properties(parts["extra.bin"], "weighbridge:looked-at") == ["no"]
    assert "hashes" not in parts["pytorch_model.bin"]
    assert _properties(parts["pytorch_model.bin"], "weighbridge:finding")[0] == (
        "PKL901 critical posix.system in archive/data.pkl"
    )


def test_verdict_and_techniques_are_properties_of_the_model() -> None:
    component = _bom(RUNS["hub-failure"]())["metadata"]["component"]
    assert component["type"] == "machine-learning-model"
    assert _properties(component, "weighbridge:verdict") == ["fail"]
    assert "evidences AML.T0018.002 Manipulate AI Model: Embed Malware" in _properties(
        component, "mitre-atlas:technique"
    )


def test_findings_are_no_vulnerabilities_unless_their_rule_names_a_cve() -> None:
    bom = _bom(RUNS["hub-failure"]())
    (entry,) = bom["vulnerabilities"]
    assert entry["id"] == "CVE-2025-32434"
    assert [one["value"] for one in entry["properties"]] == ["PKL901"]
    refs = {part["bom-ref"]: part["name"] for part in bom["components"]}
    assert [refs[one["ref"]] for one in entry["affects"]] == ["pytorch_model.bin"]
    assert entry["cwes"] == [502, 506]
    assert "vulnerabilities" not in _bom(RUNS["clean"]())


def test_accepted_findings_are_counted_and_not_listed() -> None:
    bom = _bom(RUNS["accepted"]())
    assert _properties(bom["metadata"]["component"], "weighbridge:findings:accepted") == ["1"]
    assert "PKL901" not in json.dumps(bom["components"])
    assert "vulnerabilities" not in bom


def test_several_targets_are_components_with_their_files_inside() -> None:
    bom = _bom(RUNS["several"]())
    assert "component" not in bom["metadata"]
    assert [len(one.get("components", [])) for one in bom["components"]] == [1, 0, 4]
    assert _properties(bom["components"][1], "weighbridge:verdict") == ["incomplete"]


@pytest.mark.parametrize(
    ("origin", "kind", "purl"),
    [
        (
            Origin(kind="huggingface", location=f"hf://Acme/Big-Model@{COMMIT}", revision=COMMIT),
            "machine-learning-model",
            f"pkg:huggingface/Acme/Big-Model@{COMMIT}",
        ),
        (
            Origin(kind="huggingface", location=f"hf://datasets/acme/rows@{COMMIT}", revision=COMMIT),
            "data",
            f"pkg:generic/acme/rows@{COMMIT}"
            "?download_url=https:%2F%2Fhuggingface.co%2Fdatasets%2Facme%2Frows",
        ),
        (
            Origin(kind="huggingface", location=f"hf://spaces/acme/demo@{COMMIT}", revision=COMMIT),
            "application",
            f"pkg:generic/acme/demo@{COMMIT}"
            "?download_url=https:%2F%2Fhuggingface.co%2Fspaces%2Facme%2Fdemo",
        ),
        (
            Origin(
                kind="mlflow",
                location="models:/fraud model/3",
                revision="v3",
                facts={"server": "https://mlflow.example.invalid"},
            ),
            "machine-learning-model",
            "pkg:mlflow/fraud%20model@3?repository_url=https:%2F%2Fmlflow.example.invalid",
        ),
        (
            Origin(kind="oci", location=f"oci://localhost:5000/ai/Model@sha256:{'a' * 64}"),
            "machine-learning-model",
            f"pkg:oci/model@sha256:{'a' * 64}?repository_url=localhost:5000%2Fai%2FModel",
        ),
        (
            Origin(kind="local", location="/srv/models/a b#1.pt"),
            "machine-learning-model",
            "pkg:generic/a%20b%231.pt",
        ),
        (
            Origin(kind="https", location="https://example.invalid/m/x.pt"),
            "machine-learning-model",
            "pkg:generic/x.pt?download_url=https:%2F%2Fexample.invalid%2Fm%2Fx.pt",
        ),
    ],
)
def test_place_of_the_target_gives_type_and_package_url(origin: Origin, kind: str, purl: str) -> None:
    report = sample.report("x", rows=(sample.row("x"),), origin=origin)
    component = _bom(sample.run(sample.judged(report)))["metadata"]["component"]
    assert (component["type"], component["purl"]) == (kind, purl)
    assert PackageURL.from_string(purl).name


def test_digest_of_a_single_file_is_the_digest_of_the_target() -> None:
    report = replace(
        sample.report("x.pt", rows=(sample.row("x.pt"),)),
        files=(ScannedFile(name="x.pt", sha256="cd" * 32),),
    )
    component = _bom(sample.run(sample.judged(report)))["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]
    assert component["purl"] == f"pkg:generic/x.pt?checksum=sha256:{'cd' * 32}"


def test_licences_are_those_that_the_files_state() -> None:
    stated = tuple(
        StatedLicence(path=("README.md",), licence=one) for one in ("apache-2.0", "apache-2.0", "mit")
    )
    report = replace(sample.report("x", rows=(sample.row("x"),)), licences=stated)
    component = _bom(sample.run(sample.judged(report)))["metadata"]["component"]
    assert component["licenses"] == [{"license": {"name": one}} for one in ("apache-2.0", "mit")]


def test_findings_beyond_the_bound_are_counted() -> None:
    findings = [sample.unknown_callable(f"a.b{number}", "x.pkl") for number in range(250)]
    (part,) = _bom(sample.run(sample.judged(sample.report("m", *findings))))["components"]
    assert len(_properties(part, "weighbridge:finding")) == 100
    assert _properties(part, "weighbridge:findings:left-out") == ["150"]
