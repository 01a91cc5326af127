"""ATLAS as we hold it: both of MITRE's layouts parse, the delta applies, the index is up to date."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_delta import apply_delta, parse_delta
from weighbridge.knowledge.atlas_index import decode_index, encode_index, load_index
from weighbridge.knowledge.atlas_release import AtlasRelease, guid
from weighbridge.knowledge.atlas_yaml import parse_atlas, summarize

ROOT = Path(__file__).resolve().parents[2]
ATLAS = ROOT / "signatures" / "atlas"

LEGACY = b"""
id: ATLAS
version: 5.6.0
matrices:
- id: ATLAS
  tactics:
  - {id: AML.TA0005, name: Execution, object-type: tactic, created_date: 2022-01-24}
  techniques:
  - {id: AML.T0011, name: User Execution, tactics: [AML.TA0005, AML.TA9999]}
  - {id: AML.T0011.000, name: Unsafe AI Artifacts, subtechnique-of: AML.T0011,
     description: "See [a page](/techniques/AML.T0010).\\n\\nMore."}
  - {id: AML.T0052.001, name: Orphan, subtechnique-of: AML.T0052}
  mitigations:
  - id: AML.M0018
    name: User Training
    techniques: [{id: AML.T0011, use: 'Teach [them](/x).'}, {id: AML.T9999, use: gone}]
    ml-lifecycle: [ML Model Engineering, {id: AML.T0052.001, use: Misplaced.}]
    category: [Technical - ML]
"""

V6 = b"""
format-version: 6.0.0
collection: {id: ATLAS-collection, version: '2026.09', object-type: collection}
matrix: {id: ATLAS-matrix}
tactics:
  AML.TA0005: {id: AML.TA0005, name: Execution, created-date: 2022-01-24}
techniques:
  AML.T0011: {id: AML.T0011, name: User Execution, description: Text., platforms: [Generative AI]}
  AML.T0011.000: {id: AML.T0011.000, name: Unsafe AI Artifacts, maturity: Realized}
mitigations:
  AML.M0013: {id: AML.M0013, name: Code Signing, lifecycle-phases: [Deployment], categories: [Policy]}
relationships:
  AML.T0011:
    achieves: [{source: AML.T0011, target: AML.TA0005, relationship-type: achieves}]
  AML.T0011.000:
    specializes: [{source: AML.T0011.000, target: AML.T0011, relationship-type: specializes}]
  AML.M0013:
    mitigates: [{source: AML.M0013, target: AML.T0011.000, description: Refuse what is unsigned.}]
  AML.CS0045:
    employs: [{target: AML.T0065, tactic: AML.TA0003, step-id: S00}]
"""


@pytest.fixture(scope="module")
def official() -> AtlasRelease:
    return parse_atlas((ATLAS / "ATLAS-5.6.0.yaml").read_bytes(), name="ATLAS-5.6.0.yaml")


@pytest.fixture(scope="module")
def release() -> AtlasRelease:
    return load_index(ATLAS / "index.json")


def _build_index() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_index", ROOT / "tools/atlas/build_index.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_index_is_what_the_tool_makes_of_the_yaml_beside_it() -> None:
    assert (ATLAS / "index.json").read_text(encoding="ascii") == _build_index().build(ATLAS)


def test_index_survives_a_round_trip(release: AtlasRelease) -> None:
    assert decode_index(encode_index(release).encode(), name="index.json") == release


def test_official_release_has_the_published_counts(official: AtlasRelease) -> None:
    parents = [row for row in official.techniques.values() if row.parent is None]
    assert (len(official.tactics), len(parents), len(official.techniques) - len(parents)) == (
        16,
        101,
        69,
    )
    assert len(official.mitigations) == 35
    assert len(official.edges) == 246 + 2, "two edges are misfiled under ml-lifecycle upstream"


def test_release_with_delta_has_the_counts_of_2026_09(release: AtlasRelease) -> None:
    parents = [row for row in release.techniques.values() if row.parent is None]
    assert (len(release.tactics), len(parents), len(release.techniques) - len(parents)) == (16, 120, 88)
    assert len(release.mitigations) == 40


def test_label_never_claims_the_later_release_alone(release: AtlasRelease) -> None:
    assert release.label == "ATLAS 5.6.0 + delta 2026.09 (second-hand)"


def test_each_item_says_which_file_it_is_from(release: AtlasRelease) -> None:
    assert release.techniques["AML.T0011.000"].source == "ATLAS 5.6.0"
    assert release.techniques["AML.T0119"].source == "delta 2026.09 (second-hand)"
    renamed = release.techniques["AML.T0072"]
    assert renamed.name == "Cyber Communication Channel"
    assert renamed.source == "ATLAS 5.6.0, renamed by delta 2026.09 (second-hand)"
    sources = {edge.source for edge in release.edges}
    assert sources == {"ATLAS 5.6.0", "delta 2026.09 (second-hand)"}


def test_retired_id_gives_its_successor_and_is_itself_gone(release: AtlasRelease) -> None:
    successor = release.technique("AML.T0019")
    assert successor is not None
    assert successor.id == "AML.T0115.000"
    assert "AML.T0019" not in release.techniques


def test_no_edge_leads_to_an_id_that_is_not_there(release: AtlasRelease) -> None:
    assert {edge.technique for edge in release.edges} <= release.techniques.keys()
    assert {edge.mitigation for edge in release.edges} <= release.mitigations.keys()


def test_edges_are_the_techniques_own_and_then_its_parents(release: AtlasRelease) -> None:
    embed_malware = release.techniques["AML.T0018.002"]
    edges = release.edges_to(embed_malware)
    assert [(edge.technique, edge.mitigation) for edge in edges] == [
        ("AML.T0018.002", "AML.M0013"),
        ("AML.T0018", "AML.M0005"),
        ("AML.T0018", "AML.M0008"),
        ("AML.T0018", "AML.M0013"),
    ]


def test_delta_adds_edges_without_a_sentence_and_keeps_official_sentences(
    release: AtlasRelease,
) -> None:
    scanning = {edge.technique: edge for edge in release.edges if edge.mitigation == "AML.M0016"}
    assert len(scanning) == 10
    assert scanning["AML.T0119"].sentence == ""
    assert "malicious AI artifacts" in scanning["AML.T0011.000"].sentence


def test_new_subtechnique_has_its_parents_tactics(release: AtlasRelease) -> None:
    technique = release.techniques["AML.T0018.003"]
    assert release.tactic_names(technique) == ("Persistence", "AI Attack Adaptation")
    assert release.full_name(technique) == "Manipulate AI Model: Modify Prompt Construction Logic"


def test_complete_edge_set_of_the_delta_removes_what_it_does_not_name(official: AtlasRelease) -> None:
    delta = parse_delta(
        b"content-version: '9'\nknown-mitigates-2026.08: {AML.T0011.000: [AML.M0013]}\n"
        b"known-M0016-targets-2026.08: [AML.T0107]\n",
        name="delta",
    )
    changed = apply_delta(official, delta)
    mitigating = {edge.mitigation for edge in changed.edges if edge.technique == "AML.T0011.000"}
    assert mitigating == {"AML.M0013"}
    assert [edge.technique for edge in changed.edges if edge.mitigation == "AML.M0016"] == ["AML.T0107"]


def test_legacy_layout_survives_what_is_wrong_upstream() -> None:
    release = parse_atlas(LEGACY, name="legacy")
    assert release.label == "ATLAS 5.6.0"
    assert release.techniques["AML.T0011.000"].tactics == ("AML.TA0005",)
    assert release.techniques["AML.T0011.000"].summary == "See a page."
    assert release.techniques["AML.T0052.001"].parent is None
    assert release.mitigations["AML.M0018"].phases == ("AI Model Engineering",)
    assert release.mitigations["AML.M0018"].categories == ("Technical - AI",)
    assert [(edge.technique, edge.sentence) for edge in release.edges] == [
        ("AML.T0011", "Teach them."),
        ("AML.T0052.001", "Misplaced."),
    ]


def test_v6_layout_gives_the_same_kind_of_release() -> None:
    release = parse_atlas(V6, name="v6")
    technique = release.techniques["AML.T0011.000"]
    assert release.label == "ATLAS 2026.09"
    assert release.full_name(technique) == "User Execution: Unsafe AI Artifacts"
    assert release.tactic_names(technique) == ("Execution",)
    assert release.mitigations["AML.M0013"].phases == ("Deployment",)
    assert [(edge.mitigation, edge.sentence) for edge in release.edges_to(technique)] == [
        ("AML.M0013", "Refuse what is unsigned.")
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[1, 2]", "expected a table, found a list"),
        (b"{a: b}", "neither the legacy layout of ATLAS"),
        (b"{a: [", "not readable as YAML"),
        (b"{a: 2022-13-45}", "not readable as YAML"),
        (b"matrices: []\nversion: 1.0.0", "holds no matrix"),
        (b"matrices: [{tactics: [{id: x}]}]\nversion: 1.0.0", "the key 'name' is missing"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"# " + b"x" * (33 * 1024 * 1024), "too many for an ATLAS file"),
    ],
)
def test_file_that_is_not_atlas_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=r"some\.yaml") as refused:
        parse_atlas(data, name="some.yaml")
    assert words in str(refused.value)


@given(st.binary(max_size=200) | st.builds(lambda cut: LEGACY[:cut], st.integers(0, len(LEGACY))))
def test_any_bytes_give_a_release_or_a_usage_error(data: bytes) -> None:
    try:
        release = parse_atlas(data, name="any")
    except UsageError:
        return
    assert release.label.startswith("ATLAS ")


@given(st.binary(max_size=100))
def test_any_bytes_as_index_give_a_release_or_a_usage_error(data: bytes) -> None:
    with pytest.raises(UsageError):
        decode_index(data, name="index.json")


@pytest.mark.parametrize(
    "text",
    ['{"schema": "other/1"}', '{"schema": "weighbridge-atlas-index/1", "label": "x", "edges": [1]}'],
)
def test_index_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"index\.json"):
        decode_index(text.encode(), name="index.json")


def test_missing_index_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reinstall weighbridge"):
        load_index(tmp_path / "index.json")


def test_guids_are_those_of_the_official_stix_bundle() -> None:
    assert guid("AML.T0018.002") == "55ad0ff6-ab08-5ea5-8204-aaa28578d805"
    assert guid("ATLAS-collection") == "7a735cfc-0469-5d8b-b11f-d014be33394e"


def test_summary_keeps_whole_sentences_of_the_first_paragraph() -> None:
    sentence = "word " * 60 + "end."
    assert summarize(f"{sentence} {sentence}\n\nNext paragraph.") == sentence
    assert len(summarize("x" * 1000)) <= 402
