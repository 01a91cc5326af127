"""Adapters, Ollama manifests, tensorstore specifications, artifacts of NeMo."""

from __future__ import annotations

import pytest
from samples.recipes import config as recipe

from tests.analyzers.config_events import severities, told

SAMPLES = dict(recipe.samples())
DIGEST = "sha256:" + "0" * 64
LAYER = {"mediaType": "application/vnd.ollama.image.model", "digest": DIGEST}


@pytest.mark.parametrize("name", [name for name in SAMPLES if ".twin" in name])
def test_no_twin_is_high(name: str) -> None:
    grades = {severities("config")[rule] for rule in told(name, SAMPLES[name])}
    assert grades <= {"info", "low", "medium"}


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({}, []),
        ({"auto_mapping": None}, []),
        ({"auto_mapping": {"parent_library": "os", "base_model_class": "system"}}, ["CFG055"]),
        ({"auto_mapping": {"parent_library": "torch", "base_model_class": "load"}}, ["CFG055"]),
        ({"auto_mapping": {"parent_library": "mine", "base_model_class": "Net"}}, ["CFG003"]),
        (
            {"auto_mapping": {"parent_library": "transformers.models.bert", "base_model_class": "X"}},
            [],
        ),
        ({"base_model_name_or_path": "/home/user/x"}, ["CFG056"]),
        ({"base_model_name_or_path": "C:\\models"}, ["CFG056"]),
        ({"base_model_name_or_path": "https://example.invalid/x"}, ["CFG056"]),
        ({"modules_to_save": ["classifier"]}, []),
        ({"modules_to_save": ["model.embed_tokens", "lm_head"]}, ["CFG057"]),
        ({"target_modules": "all-linear"}, []),
    ],
)
def test_an_adapter_is_judged_by_its_fields(fields: dict[str, object], rules: list[str]) -> None:
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "org/name", "target_modules": ["q"]}
    assert told("adapter_config.json", {**adapter, **fields}) == rules


@pytest.mark.parametrize(
    ("layer", "rules"),
    [
        (LAYER, []),
        ({**LAYER, "digest": DIGEST.replace(":", "-")}, []),
        ({**LAYER, "digest": "sha256:../../x"}, ["CFG050"]),
        ({**LAYER, "digest": DIGEST + "/x"}, ["CFG050"]),
        ({**LAYER, "digest": 7}, ["CFG050"]),
        ({**LAYER, "mediaType": "application/vnd.ollama.image.adapter"}, []),
        ({**LAYER, "mediaType": "application/vnd.ollama.image.other"}, ["CFG051"]),
    ],
)
def test_a_manifest_is_judged_by_its_layers(layer: dict[str, object], rules: list[str]) -> None:
    manifest = {"schemaVersion": 2, "config": {"digest": DIGEST}, "layers": [LAYER, layer]}
    assert told("latest", manifest) == rules


def test_layers_of_a_network_are_no_manifest() -> None:
    assert told("config.json", {"config": {}, "layers": [{"class_name": "Dense"}]}) == []


@pytest.mark.parametrize(
    ("store", "rules"),
    [
        ({"driver": "file", "path": "arrays/w"}, []),
        ({"driver": "memory"}, []),
        ("file:///etc/", ["CFG060"]),
        ("gs://bucket/x", ["CFG060"]),
        ({"driver": "file", "path": "/etc/"}, ["CFG060"]),
        ({"driver": "file", "path": "../../x"}, ["CFG060"]),
        ({"driver": "s3", "bucket": "b"}, ["CFG060"]),
        ({"driver": "ocdbt", "base": {"driver": "http", "base_url": "https://x"}}, ["CFG060"]),
    ],
)
def test_a_specification_is_told_for_a_store_elsewhere(store: object, rules: list[str]) -> None:
    assert told("spec.json", {"arrays": [{"driver": "zarr", "kvstore": store}]}) == rules


@pytest.mark.parametrize(
    ("path", "rules"),
    [("nemo:a_tokenizer.model", []), ("nemo:../x", ["CFG061"]), ("nemo:/etc/x", ["CFG061"]), ("x", [])],
)
def test_an_artifact_of_nemo_lies_in_its_archive(path: str, rules: list[str]) -> None:
    assert told("model_config.yaml", f"tokenizer: {{model_path: '{path}'}}\n") == rules
