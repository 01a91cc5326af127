"""TorchScript code: every way to name an operator is seen, and nothing that only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.torch_family import forward

from weighbridge.formats.torch.torchscript import (
    Named,
    NameKind,
    looks_like_torchscript,
    read_torchscript,
)


def named(*lines: str) -> list[Named]:
    return list(read_torchscript(forward(*lines)))


def operators(*lines: str) -> list[str]:
    return [one.name for one in named(*lines) if one.kind is NameKind.OPERATOR]


def methods(*lines: str) -> list[str]:
    return [one.name for one in named(*lines) if one.kind is NameKind.METHOD]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("y = torch.add(x, x)", "aten::add"),
        ("y = ops.torchvision.nms(x, x, 0.5)", "torchvision::nms"),
        ("y = ops . aten . save(x)", "aten::save"),
        ("print(x)", "prim::Print"),
        ("f = torch.save", "aten::save"),
        ("y = torch.neg(torch.save(x))", "aten::save"),
        ('rpc_async("worker", "f", ())', "prim::rpc_async"),
    ],
)
def test_an_operator_is_named_by_its_namespace(line: str, name: str) -> None:
    assert name in operators(line)


@pytest.mark.parametrize(
    "line",
    [
        '(torch).save(x, "f")',
        't = torch\n    t.save(x, "f")',
        'y = getattr(torch, "s\\141ve")(x, "f")',
        't = torch\n    y = getattr(t, "save")(x, "f")',
        't = torch\n    f = t.save\n    f(x, "f")',
        't, u = torch, x\n    u.more.save(x, "f")',
    ],
)
def test_an_operator_under_another_name_of_its_table_is_seen(line: str) -> None:
    assert "save" in methods(line)


@pytest.mark.parametrize(
    "line",
    [
        "y = self.save",
        "y = self.save(x, )",
        'y = "torch.save(x)"',
        "# torch.save(x)",
        'y = annotate(str, "ops.aten.save")',
        "save = torch.neg(x)",
        "recorder = self.recorder\n    _0 = (recorder).save(x, )",
        "torch = self.torch\n    y = self.save",
    ],
)
def test_a_word_that_is_no_operator_is_not_told(line: str) -> None:
    seen = operators(line) + methods(line)
    assert "aten::save" not in seen
    assert "save" not in seen


def test_the_literal_texts_of_a_call_are_kept() -> None:
    (found,) = [one for one in named('torch.save(x, "a\\057b")') if one.name == "aten::save"]
    assert found.arguments == ("a/b",)
    assert found.function == "Net.forward"


@pytest.mark.parametrize("line", ["t = ops", "y = f(ops)", "y = (ops).aten.save(x)", "o = ops.aten"])
def test_a_module_that_is_handled_like_a_value_is_told(line: str) -> None:
    assert NameKind.MODULE in {one.kind for one in named(line)}


def test_a_class_written_in_native_code_is_named_without_its_prefix() -> None:
    code = "class Net(Module):\n  m : __torch__.torch.classes.marker.Thing\n"
    assert [(one.kind, one.name) for one in read_torchscript(code)] == [(NameKind.CLASS, "marker.Thing")]


def test_a_call_behind_a_hundred_thousand_numbers_is_seen() -> None:
    numbers = ", ".join(["0.5"] * 100_000)
    assert "aten::save" in operators(f"y = [{numbers}, torch.save(x, 'f')]")


def test_a_line_without_end_is_read_in_pieces() -> None:
    code = "t = torch\ny = (" + "x." * 200_000 + "save('f'))"
    assert "save" in {one.name for one in read_torchscript(code)}


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ("class Net(Module):\n", True),
        ("op_version_set = 1\nclass Net(Module):\n", True),
        ("# a comment\n\ndef f(x: Tensor) -> Tensor:\n", True),
        ("import torch\nclass Net:\n", False),
        ('"""A module."""\n\ndef f():\n', False),
        ("x = 1\n", False),
        ("", False),
    ],
)
def test_torchscript_begins_with_a_class_or_a_function(head: str, answer: bool) -> None:
    assert looks_like_torchscript(head) is answer


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(one.line >= 1 for one in read_torchscript(text))


@given(st.lists(st.sampled_from(["torch", "ops", ".", "(", ")", "save", '"f"', "=", "\n", " ", ","])))
def test_any_order_of_its_words_is_read(words: list[str]) -> None:
    assert all(one.name for one in read_torchscript("".join(words)))
