"""Triton, Modelfiles, spaCy and logging configurations."""

from __future__ import annotations

import pytest
from samples.recipes.config import SPACY

from tests.analyzers.config_events import outcome, told
from weighbridge.core.report import Outcome

TRITON = 'name: "net"\nbackend: "onnxruntime"\nmax_batch_size: 8\n'


@pytest.mark.parametrize(
    ("field", "rules"),
    [
        ("", []),
        ('default_model_filename: "model.onnx"', []),
        ('default_model_filename: "../model.onnx"', ["CFG032"]),
        ('default_model_filename: "/srv/model.onnx"', ["CFG032"]),
        ("default_model_filename: '..\\\\..\\\\x'", ["CFG032"]),
        ('cc_model_filenames { key: "8.6" value: "../x.plan" }', ["CFG032"]),
        ('runtime: "../../libmarker.so"', ["CFG032"]),
        ('model_operations { op_library_filename: ["libmarker.so"] }', ["CFG031"]),
        ('parameters { key: "EXECUTION_ENV_PATH" value { string_value: "e.tar.gz" } }', ["CFG031"]),
        ('parameters: { key: "lib" value: { string_value: "/x/libmarker.so" } }', ["CFG031"]),
        ('parameters { key: "max_tokens" value { string_value: "8" } }', []),
        ('backend: "python"', []),
    ],
)
def test_triton_is_told_for_the_files_it_loads(field: str, rules: list[str]) -> None:
    assert told("config.pbtxt", TRITON + field) == rules


@pytest.mark.parametrize(
    ("backend", "rules"),
    [("python", ["CFG030"]), ("../../marker", ["CFG032"]), ("tensorrtllm", [])],
)
def test_a_backend_is_code_or_a_path_or_a_name(backend: str, rules: list[str]) -> None:
    assert told("config.pbtxt", TRITON.replace("onnxruntime", backend)) == rules


def test_a_broken_configuration_of_triton_is_no_clean_one() -> None:
    assert outcome("config.pbtxt", TRITON + "input [ {") is Outcome.FAILED


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("FROM llama3\nSYSTEM be kind\n", []),
        ("FROM ./model.gguf\nADAPTER ./lora.gguf\n", []),
        ("FROM /srv/model.gguf\nTEMPLATE x\n", ["CFG052"]),
        ("FROM llama3\nADAPTER https://example.invalid/lora\n", ["CFG052"]),
        ("FROM llama3\nadapter ../lora\n", ["CFG052"]),
        ('FROM llama3\nSYSTEM """\nADAPTER /srv/x\n"""\n', []),
        ("FROM /srv/base\nRUN make\nCMD run\n", []),
    ],
)
def test_a_modelfile_is_told_for_what_it_takes_from_elsewhere(text: str, rules: list[str]) -> None:
    assert told("models.txt", text) == rules


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ("x", "x", []),
        ('"spacy.Tagger.v2"', '"spacy-transformers.TransformerModel.v3"', []),
        ('"spacy.Tagger.v2"', '"my.Tagger.v1"', ["CFG040"]),
        ('factory = "tagger"', 'factory = "my_factory"', ["CFG040"]),
        ('"spacy.Tokenizer.v1"', '"my_tokenizer"', ["CFG040"]),
        ("before_creation = null", 'before_creation = {"@callbacks":"mine"}', ["CFG041"]),
        (
            "before_creation = null",
            'before_creation = {"@callbacks":"spacy.copy_from_base_model.v1"}',
            [],
        ),
    ],
)
def test_a_pipeline_is_told_for_functions_of_others(old: str, new: str, rules: list[str]) -> None:
    assert told("config.cfg", SPACY.replace(old, new)) == rules


def test_a_pipeline_that_begins_with_any_section_is_read() -> None:
    assert outcome("config.cfg", SPACY) is Outcome.ANALYZED
    assert outcome("config.cfg", SPACY.replace("[paths]", "[null]")) is Outcome.ANALYZED


def test_what_follows_a_json_document_is_read_as_text() -> None:
    text = '{"a": 1}\n--- \n!!python/object/apply:os.system [x]\n'
    assert told("configuration", text) == ["CFG010"]
    assert outcome("chat.jinja", '{%- if x == "y" %}{{ x }}{% endif %}') is Outcome.ANALYZED


def test_requirements_of_a_pipeline_are_judged() -> None:
    meta = {
        "spacy_version": ">=3.8",
        "pipeline": [],
        "requirements": ["x @ https://example.invalid/x.zip"],
    }
    assert told("meta.json", meta) == ["CFG024"]


@pytest.mark.parametrize(
    ("args", "rules"),
    [
        ("(sys.stderr,)", []),
        ("('run.log', 'a')", []),
        ("(os.path.join('logs', 'x'),)", []),
        ("(__import__('os').system('echo weighbridge-marker'),)", ["CFG008"]),
        ("(subprocess.Popen('x'),)", ["CFG008"]),
    ],
)
def test_the_arguments_of_a_log_handler_are_evaluated(args: str, rules: list[str]) -> None:
    text = f"[loggers]\nkeys=root\n[handlers]\nkeys=h\n[handler_h]\nclass=StreamHandler\nargs={args}\n"
    assert told("logging.ini", text) == rules


def test_toml_is_judged_as_the_tree_that_it_is() -> None:
    assert told("train.toml", '[model]\n_target_ = "os.system"\n') == ["CFG001"]
    assert told("pyproject.toml", '[tool.ruff]\ntarget = "py311"\n') == []
