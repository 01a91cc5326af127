"""Graphs of other frameworks: what is told of them, and what is handed on to be judged."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from samples.recipes import graphs as made
from samples.recipes import onnx as made_onnx

from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.graphs import graph_texts, tensorrt
from weighbridge.analyzers.graphs.graph_deeds import RULES
from weighbridge.analyzers.inspection import Context, Event, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.errors import Malformed, UsageError
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.graph_tables import Effect, installed_graph_tables, load_graph_tables
from weighbridge.knowledge.locate import signatures_dir

ROOT = Path(__file__).parents[2]
CALLABLES = CallableKnowledge.load(signatures_dir() / "callables")
SAMPLES = {**dict(made.samples()), **dict(made_onnx.samples())}
EXPECTED = {
    name: entry
    for page in ("graphs", "onnx")
    for name, entry in tomllib.loads(
        (ROOT / "samples" / "expected" / f"{page}.toml").read_text(encoding="utf-8")
    ).items()
}
OURS = ("GRA", "ONX")


def context() -> Context:
    return Context(Budget(Limits()), CALLABLES)


def scan(name: str, data: bytes) -> list[Fact]:
    events: list[Fact] = []
    inspect_tree(Artifact((name,), MemorySource(data)), context(), events.append)
    return events


def findings_of(name: str) -> list[Finding]:
    return [one for one in scan(name, SAMPLES[name]) if isinstance(one, Finding)]


def judged(text: str, name: str = "net.prototxt") -> list[Event] | None:
    artifact = Artifact((name,), MemorySource(text.encode()))
    events: Iterator[Event] | None = graph_texts.judge_text(artifact, text[:65536], context())
    return None if events is None else list(events)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_hits_the_rules_of_this_family_that_are_expected(name: str) -> None:
    found = {one.rule for one in findings_of(name) if one.rule.startswith(OURS)}
    expected = {rule for rule in EXPECTED[name]["rules"] if rule.startswith(OURS)}
    assert found - {"GRA003"} == expected


def test_every_effect_of_an_operator_has_a_rule() -> None:
    assert set(RULES) == set(Effect)


def test_a_python_layer_of_caffe_says_what_the_tables_know() -> None:
    (finding,) = findings_of("graphs/python-layer.prototxt")
    assert finding.subject == "os.system"
    assert "dangerous" in finding.evidence


@pytest.mark.parametrize(
    "text",
    [
        "The layer { is a word and net: another",
        "def net(layer):\n    layer: {int: str} = {}\n    return net",
        "layers: [1, 2, 3]\n",
        "net: 10.0.0.0/8\nmask: 255\n",
        "layer,net\n1,2\n",
    ],
)
def test_prose_and_programs_with_the_same_words_are_not_claimed(text: str) -> None:
    assert judged(text, "notes.txt") is None


def test_a_network_that_breaks_off_behind_a_python_layer_is_not_passed_over() -> None:
    text = 'layer { type: "Python" python_param { module: "os" } } layer {'
    with pytest.raises(Malformed):
        judged(text)


def test_an_engine_is_never_taken_as_read() -> None:
    rows = [one for one in scan("m.plan", b"ftrt" + bytes(100)) if isinstance(one, Coverage)]
    assert [(one.format, one.outcome) for one in rows] == [("tensorrt", Outcome.UNSUPPORTED)]
    assert "load only engines that you have built" in rows[0].detail


def test_a_library_across_two_steps_of_the_search_is_found_once() -> None:
    at = 4 * MIB - 10
    data = b"ftrt" + bytes(at - 4) + made_onnx.ELF + bytes(100)
    nested = [
        one
        for one in tensorrt.inspect(Artifact(("m.plan",), MemorySource(data)), context())
        if isinstance(one, Artifact)
    ]
    assert [one.name for one in nested] == [f"elf at {at}"]


def test_of_a_remote_engine_a_part_is_searched() -> None:
    source = SparseSource(2 << 30, {0: b"ftrt"})
    assert len(list(tensorrt.inspect(Artifact(("m.plan",), source), context()))) == 1
    assert source.bytes_read == 4 * MIB


def test_the_tables_know_paddle_and_the_tokenizers_of_openvino() -> None:
    tables = installed_graph_tables()
    assert tables.is_known_to_paddle("matmul_v2")
    assert tables.is_known_to_paddle("tensorrt_engine")
    assert not tables.is_known_to_paddle("fast_decode")
    assert "BPETokenizer" in tables.openvino


def test_a_wrong_table_is_refused(tmp_path: Path) -> None:
    for name in ("paddle.txt", "openvino.txt"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "operators.tsv").write_text("paddle\tsave\tsings\twhy\n")
    with pytest.raises(UsageError, match=r"operators\.tsv: save has the effect"):
        load_graph_tables(tmp_path)
    (tmp_path / "operators.tsv").unlink()
    with pytest.raises(UsageError):
        load_graph_tables(tmp_path)


def references_of(name: str) -> list[tuple[str, int]]:
    return [(one.name, one.end) for one in scan(name, SAMPLES[name]) if isinstance(one, Reference)]


def test_files_that_a_graph_needs_are_told_with_the_bytes_that_it_needs_of_them() -> None:
    assert references_of("onnx/external-nested.twin.onnx") == [("weights/data.bin", 4112)]
    assert references_of("onnx/compiled-beside.twin.onnx") == [("model_qnn.bin", 0)]
    assert references_of("graphs/openvino-benign.xml") == [("openvino-benign.bin", 16)]


def test_a_path_that_leads_away_is_no_reference() -> None:
    assert references_of("onnx/external-parent.onnx") == []
    assert references_of("onnx/compiled-outside.onnx") == []
    assert references_of("graphs/weights-outside.mlmodel") == []
