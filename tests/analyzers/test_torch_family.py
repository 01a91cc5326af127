"""The PyTorch family through the engine: what is told of archives, programs and files."""

from __future__ import annotations

import json
import struct
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes import torch_family as recipe

from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.torch import executorch
from weighbridge.analyzers.torch import manifests as torch_manifests
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine.tree import inspect_tree
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.formats.torch.executorch import ExecutorchAnomaly
from weighbridge.formats.torch.export import read_expression
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.torch_names import installed_names

RULES = {
    rule["id"]: rule["severity"]
    for rule in tomllib.loads((signatures_dir() / "rules" / "torch.toml").read_text("utf-8"))["rule"]
}
Members = dict[str, bytes | str]
SYSTEM = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R."


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def inspected(data: bytes, name: str = "model.pt") -> tuple[list[Finding], list[Coverage]]:
    found: list[object] = []
    context = Context(Budget(Limits()), callables())
    inspect_tree(Artifact((name,), MemorySource(data)), context, found.append)
    findings = [one for one in found if isinstance(one, Finding)]
    return findings, [one for one in found if isinstance(one, Coverage)]


def rules(data: bytes, name: str = "model.pt") -> set[str]:
    """Rules of this family that are hit, without those that only inform."""
    told = {finding.rule for finding in inspected(data, name)[0]}
    return {rule for rule in told if RULES.get(rule, "info") != "info"}


def judged(tree: object) -> set[str]:
    artifact = Artifact(("model.json",), MemorySource(b"{}"))
    context = Context(Budget(Limits()), callables())
    events = torch_manifests.judge_tree(artifact, json.loads(json.dumps(tree)), context)
    return {event.rule for event in events or () if isinstance(event, Finding)}


# TorchScript.


def test_code_is_judged_wherever_its_archive_keeps_it() -> None:
    members: Members = {
        "code/odd/place.py": recipe.forward("torch.save(x, 'f')"),
        "constants.pkl": b"\x80\x02).",
    }
    assert rules(recipe.archive(members)) == {"TOR001"}


def test_code_is_found_whatever_the_case_of_its_name() -> None:
    members: Members = {
        "CODE/__torch__.PY": recipe.forward("torch.save(x, 'f')"),
        "constants.pkl": b"\x80\x02).",
    }
    assert rules(recipe.archive(members)) == {"TOR001"}


def test_python_in_a_folder_named_code_is_not_torchscript() -> None:
    text = b"import torch\n\n\ndef save(x):\n    torch.save(x, 'model.pt')\n"
    assert Format.TORCHSCRIPT not in identify(MemorySource(text), "code/train.py")
    assert rules(text, "code/train.py") == set()


def test_code_that_is_too_large_for_the_judges_of_python_is_complete_unless_it_is_python() -> None:
    code = recipe.forward(*["y = torch.add(x, x)"] * 50_000)
    assert {row.outcome for row in inspected(recipe.script(code))[1]} == {
        Outcome.ANALYZED,
        Outcome.OPAQUE,
    }
    both = code + "  def more(self) -> int:\n    import os\n"
    assert Outcome.LIMITED in {row.outcome for row in inspected(recipe.script(both))[1]}


def test_what_runs_on_load_is_said_to() -> None:
    code = recipe.forward("torch.save(x, 'f')").replace("forward", "__setstate__")
    (finding,) = [one for one in inspected(recipe.script(code))[0] if one.rule == "TOR001"]
    assert "runs on load" in finding.evidence


def test_a_thousand_unknown_operators_are_told_fifty_times() -> None:
    code = recipe.forward(*(f"y = ops.marker{number}.run(x)" for number in range(1000)))
    told = [one for one in inspected(recipe.script(code))[0] if one.rule == "TOR002"]
    assert len(told) == 50


def test_a_file_operator_behind_a_thousand_unknown_ones_is_told() -> None:
    unknown = [f"y = ops.marker{number}.run(x)" for number in range(1000)]
    assert rules(recipe.script(recipe.forward(*unknown, 'torch.save(x, "f")'))) == {"TOR001", "TOR002"}


@pytest.mark.parametrize("namespace", sorted(installed_names().namespaces - {"debugprims"}))
def test_operators_of_known_libraries_are_not_told(namespace: str) -> None:
    assert rules(recipe.script(recipe.forward(f"y = ops.{namespace}.compute(x)"))) == set()


def test_operators_of_mobile_bytecode_are_judged() -> None:
    pickled = b"\x80\x02X\x0a\x00\x00\x00aten::saveX\x00\x00\x00\x00X\x0c\x00\x00\x00aten::linear\x87."
    assert rules(recipe.archive({"bytecode.pkl": pickled, "version": "3\n"})) == {"TOR001"}


# torch.load.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.ckpt", recipe.archive({"data.pkl": SYSTEM, "version": "3\n"})),
        (".metadata", SYSTEM),
        ("__0_0.distcp", SYSTEM),
        ("mp_rank_00_model_states.pt", recipe.archive({"data.pkl": SYSTEM})),
        ("rng_state.pth", SYSTEM),
    ],
)
def test_a_pickle_that_does_harm_comes_with_the_conditions_of_torch_load(name: str, data: bytes) -> None:
    told = {finding.rule for finding in inspected(data, name)[0]}
    assert {"PKL002", "TOR050"} <= told


@pytest.mark.parametrize(("name", "data"), [("a.pkl", SYSTEM), ("model.pt", b"\x80\x02}.")])
def test_the_conditions_are_not_told_of_other_pickles(name: str, data: bytes) -> None:
    assert "TOR050" not in {finding.rule for finding in inspected(data, name)[0]}


# torch.export.


@pytest.mark.parametrize(
    "text",
    [
        "s0",
        "Symbol('s0', positive=True, integer=True)",
        "Add(Mul(Integer(2), Symbol('s65', positive=True, integer=True)), Integer(1))",
        "Max(1, FloorDiv(s0 + 1, 2))",
        "Piecewise((s0, Gt(s0, 4)), (4, True))",
        "((1 + L['x'].size()[0]) // 2) <= 2*L['x'].size()[0]",
        "str(L['x'].dtype) == 'torch.float32'",
        "not math.isnan(L['x'])",
        "2*s65",
    ],
)
def test_arithmetic_is_not_told(text: str) -> None:
    assert judged(json.loads(recipe.program(size=text))) == set()


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "eval(s0)",
        "exec(s0)",
        "sympify('s0')",
        "S('s0')",
        "Integer('1')",
        "lambda: 1",
        "[x for x in s0]",
        "f'{s0}'",
        "os.system",
        "torch.hub.load(s0)",
        "(y := s0)",
    ],
)
def test_what_is_no_arithmetic_is_told(text: str) -> None:
    assert judged(json.loads(recipe.program(size=text))) == {"TOR025"}


@pytest.mark.parametrize("text", ["1 +", "(" * 300 + ")" * 300, "s0 s1", "a" * 300_000 + "+1", "\0"])
def test_an_expression_that_is_none_is_told(text: str) -> None:
    assert judged(json.loads(recipe.program(size=text))) == {"TOR029"}


def test_keys_of_constraints_and_guards_are_expressions_too() -> None:
    tree = json.loads(recipe.program())
    tree["range_constraints"] = {"eval(s0)": {}}
    assert judged(tree) == {"TOR025"}
    tree = json.loads(recipe.program())
    tree["guards_code"] = ["eval(s0)"]
    assert judged(tree) == {"TOR025"}


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.add.Tensor",
        "torch.ops.higher_order.cond",
        "_operator.mul",
        "_operator.getitem",
        "math.ceil",
        "math.trunc",
        "torch.sym_max",
        "torch.sym_not",
        "torch._sym_sqrt",
        "#extension:x",
    ],
)
def test_what_nodes_of_honest_programs_call_is_not_told(target: str) -> None:
    assert judged(json.loads(recipe.program(target=target))) == set()


@pytest.mark.parametrize(
    "target",
    [
        "torch.serialization.os.system",
        "torchmarker.serialization.os.system",
        "torch.hub.load",
        "torch.load",
        "_operator.attrgetter",
        "_operator.methodcaller",
    ],
)
def test_what_a_target_reaches_by_attributes_is_judged(target: str) -> None:
    assert judged(json.loads(recipe.program(target=target))) == {"TOR026"}


def test_an_enumeration_of_a_tree_spec_is_judged_by_what_it_imports() -> None:
    spec = json.dumps([1, {"context": json.dumps({"__enum__": True, "fqn": "os:system", "name": "x"})}])
    assert judged(json.loads(recipe.program(spec=spec))) == {"TOR028"}
    honest = spec.replace("os:system", "torch.nn.attention:SDPBackend")
    assert judged(json.loads(recipe.program(spec=honest))) == set()


FLAGS: dict[str, object] = {
    "compiler": "/usr/bin/x86_64-linux-gnu-g++-13",
    "definitions": [],
    "cflags": ["O3"],
    "ldflags": ["shared"],
    "include_dirs": [],
}


@pytest.mark.parametrize(
    "change",
    [
        {"compiler": "sh"},
        {"compiler": "g++ -x"},
        {"cflags": ["O3 $(marker)"]},
        {"ldflags": ["fplugin=./marker.so"]},
        {"include_dirs": ["a`b`"]},
        {"passthrough_args": ["-wrapper marker"]},
        {"passthrough_args": ["@/tmp/marker"]},
    ],
)
def test_flags_that_run_something_else_are_told(change: dict[str, object]) -> None:
    assert judged(FLAGS | change) == {"TOR022"}


def test_plain_flags_are_told_for_what_they_are() -> None:
    assert judged(FLAGS) == {"TOR023"}


@pytest.mark.parametrize(
    "tree",
    [[], {}, {"config": {}}, {"config": {"a": 1}}, {"model": {"modelName": "x"}}],
)
def test_other_documents_are_not_claimed(tree: object) -> None:
    artifact = Artifact(("a.json",), MemorySource(b"{}"))
    context = Context(Budget(Limits()), callables())
    assert torch_manifests.judge_tree(artifact, json.loads(json.dumps(tree)), context) is None


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_none(text: str) -> None:
    expression = read_expression(text)
    assert expression.is_read or not expression.called


# TorchServe, ExecuTorch, Torch7.


@pytest.mark.parametrize(
    ("key", "name", "answer"),
    [
        ("handler", "../x.py", {"TOR041"}),
        ("extraFiles", "a.json,/etc/marker", {"TOR041"}),
        ("modelFile", "C:\\marker.py", {"TOR041"}),
        ("serializedFile", "a/b.pt", set()),
        ("handler", "handler.py:run", set()),
        ("extraFiles", "a.json, b..json", set()),
    ],
)
def test_names_that_leave_the_archive_are_told(key: str, name: str, answer: set[str]) -> None:
    assert judged({"model": {"modelName": "m", "handler": "image_classifier", key: name}}) == answer


def test_every_anomaly_of_executorch_has_a_rule() -> None:
    assert set(executorch.RULES) == set(ExecutorchAnomaly)
    assert set(executorch.RULES.values()) <= set(RULES)


def test_a_backend_program_that_is_native_code_is_handed_on() -> None:
    data = recipe.pte().replace(b"weighbridge-mark", b"\x7fELF" + bytes(12))
    _, rows = inspected(data, "model.pte")
    assert ("model.pte", "delegate 0 XnnpackBackend") in {row.path for row in rows}


def test_a_program_that_leads_nowhere_is_told_and_failed() -> None:
    findings, rows = inspected(b"\xff\xff\xff\x00ET12" + bytes(64), "model.pte")
    assert [finding.rule for finding in findings] == ["TOR063"]
    assert [row.outcome for row in rows] == [Outcome.FAILED]


def test_bytecode_behind_a_class_of_unknown_form_is_found_and_the_file_is_incomplete() -> None:
    dump = b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00"
    data = recipe.lua_object(1, b"tds.Hash", b"\xff" * 8) + recipe.lua_function(9, dump)
    findings, rows = inspected(data, "model.t7")
    assert [finding.rule for finding in findings] == ["TOR070"]
    assert [row.outcome for row in rows] == [Outcome.FAILED]


def test_a_pickle_in_a_string_of_torch7_is_handed_on() -> None:
    data = recipe.lua_table(1, (b"k", recipe.lua_string(SYSTEM)))
    assert "PKL002" in {finding.rule for finding in inspected(data, "model.t7")[0]}


@pytest.mark.parametrize("name", ["model.t7", "numbers.bin"])
def test_plain_numbers_are_not_torch7(name: str) -> None:
    data = struct.pack("<64f", *range(64))
    kinds = identify(MemorySource(data), name)
    assert (Format.TORCH7 in kinds) is (name == "model.t7" and data[0] < 9 and data[1:4] == b"\0\0\0")


def test_modules_that_start_processes_are_told_of_packages() -> None:
    members = {".data/extern_modules": "torch\nsubprocess\n", ".data/python_version": "3.11.7"}
    assert rules(recipe.archive(members)) == {"TOR031"}
    members[".data/extern_modules"] = "torch\nnumpy\nos\nsys\ncollections\ntorch.nn.modules.linear\n"
    assert rules(recipe.archive(members)) == set()


def test_the_page_names_every_rule_of_the_family() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats" / "pytorch.md").read_text("utf-8")
    assert [rule for rule in RULES if rule not in page] == []
