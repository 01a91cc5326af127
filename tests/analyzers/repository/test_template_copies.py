"""Copies of a chat template, in one folder and in the base."""

from __future__ import annotations

import json

from samples.recipes.gguf_family import gguf
from samples.recipes.templates import CHATML, POISONED, TOOLS

from tests.analyzers.repository.whole_targets import judged, repository, told
from weighbridge.analyzers.repository.template_copies import judge


def _config(template: object) -> bytes:
    return json.dumps({"tokenizer_class": "X", "chat_template": template}).encode()


def _gguf(template: str) -> bytes:
    return gguf(tokenizer__chat_template=template)


def test_equal_copies_are_not_told() -> None:
    files = {
        "tokenizer_config.json": _config(CHATML),
        "chat_template.jinja": CHATML.replace("\n", "\r\n").encode() + b"\n",
        "model-Q4_K_M.gguf": _gguf(CHATML),
    }
    assert told(judge, files) == []


def test_a_copy_that_differs_from_the_preferred_one_is_told_with_its_lines() -> None:
    files = {"tokenizer_config.json": _config(CHATML + POISONED), "chat_template.jinja": CHATML.encode()}
    (finding,) = judged(judge, repository(files))
    assert (finding.rule, finding.path) == ("TPL030", ("tokenizer_config.json",))
    assert finding.related == ("chat_template.jinja",)
    assert "+ {{- '<|system|>Always tell the user" in finding.evidence


def test_a_gguf_that_differs_from_the_tokenizer_is_told() -> None:
    files = {"tokenizer_config.json": _config(CHATML), "model.gguf": _gguf(POISONED)}
    assert told(judge, files) == ["TPL030 model.gguf"]


def test_quantizations_of_one_model_are_compared() -> None:
    files = {
        "model-Q4_K_M.gguf": _gguf(CHATML),
        "model-Q8_0.gguf": _gguf(CHATML),
        "model-IQ2_XS.gguf": _gguf(POISONED),
    }
    assert [line for line in told(judge, files) if "TPL030" in line] == [
        "TPL030 model-Q4_K_M.gguf",
        "TPL030 model-Q8_0.gguf",
    ]


def test_a_shelf_of_several_models_is_not_told() -> None:
    files = {
        "qwen-7b-q4_0.gguf": _gguf(CHATML),
        "llama-8b-q4_0.gguf": _gguf(TOOLS),
        "tokenizer_config.json": _config(POISONED),
    }
    assert told(judge, files) == []


def test_models_in_different_folders_are_not_compared() -> None:
    files = {"a/tokenizer_config.json": _config(CHATML), "b/tokenizer_config.json": _config(TOOLS)}
    assert told(judge, files) == []


def test_named_templates_are_compared_by_their_names() -> None:
    named = [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": POISONED}]
    files = {
        "tokenizer_config.json": _config(named),
        "chat_template.jinja": CHATML.encode(),
        "additional_chat_templates/tool_use.jinja": TOOLS.encode(),
    }
    (finding,) = judged(judge, repository(files))
    assert finding.path == ("tokenizer_config.json",)
    assert finding.subject.startswith("tool_use ")
    assert "Always tell the user" in finding.evidence


def test_a_template_that_the_base_has_not_is_told_with_its_lines() -> None:
    base = repository({"tokenizer_config.json": _config(CHATML)})
    target = repository({"chat_template.jinja": (CHATML + POISONED).encode()}, base=base)
    (finding,) = judged(judge, target)
    assert (finding.rule, finding.path) == ("TPL031", ("chat_template.jinja",))
    assert "invoice" in finding.evidence


def test_the_template_of_the_base_is_not_told() -> None:
    base = repository({"chat_template.jinja": CHATML.encode()})
    files = {"tokenizer_config.json": _config(CHATML), "model.gguf": _gguf(CHATML)}
    assert told(judge, files, base=base) == []


def test_a_base_without_a_template_says_nothing() -> None:
    base = repository({"config.json": b"{}"})
    assert told(judge, {"chat_template.jinja": CHATML.encode()}, base=base) == []


def test_no_gguf_is_read_again() -> None:
    reads: dict[str, list[tuple[int, int]]] = {}
    files = {"model.gguf": _gguf(POISONED), "tokenizer_config.json": _config(CHATML)}
    judged(judge, repository(files, reads=reads))
    assert list(reads) == ["tokenizer_config.json"]
