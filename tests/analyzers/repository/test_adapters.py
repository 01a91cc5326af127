"""Adapters against their configuration and their base."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from samples.recipes.shadowing import safetensors

from tests.analyzers.config_events import scan
from tests.analyzers.repository.whole_targets import repository, told
from weighbridge.analyzers.repository.adapters import judge

QUERY = "base_model.model.model.layers.0.self_attn.q_proj"
MATRICES = {f"{QUERY}.lora_A.weight": (4, 8), f"{QUERY}.lora_B.weight": (8, 4)}
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PLAIN = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 16,
    "base_model_name_or_path": "example/base-7b",
    "target_modules": ["q_proj"],
}


def _config(**changes: object) -> bytes:
    return json.dumps(PLAIN | changes).encode()


def _told(tensors: Mapping[str, tuple[int, ...]], **changes: object) -> list[str]:
    return told(judge, {CONFIG: _config(**changes), WEIGHTS: safetensors(tensors)})


def test_an_adapter_of_matrices_alone_is_not_told() -> None:
    assert _told(MATRICES) == []


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.model.layers.0.mlp.down_proj.weight",
        "base_model.model.model.norm.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.bias",
        "trigger",
    ],
)
def test_a_weight_of_the_base_in_the_file_is_told(name: str) -> None:
    assert _told({**MATRICES, name: (8,)}) == [f"SHD021 {WEIGHTS}"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("base_model.model.lm_head.weight", {}),
        ("base_model.model.model.embed_tokens.weight", {}),
        ("base_model.model.score.weight", {}),
        ("base_model.model.model.norm.weight", {"modules_to_save": ["norm"]}),
        ("base_model.model.model.layers.0.self_attn.q_proj.bias", {"bias": "lora_only"}),
        (f"{QUERY}.lora_magnitude_vector", {"use_dora": True}),
    ],
)
def test_what_peft_saves_itself_is_not_told(name: str, changes: dict[str, object]) -> None:
    assert _told({**MATRICES, name: (8,)}, **changes) == []


def test_another_rank_than_the_configuration_says_is_told() -> None:
    assert _told(MATRICES, r=8) == [f"SHD022 {WEIGHTS}"]


def test_a_rank_of_the_pattern_is_not_told() -> None:
    assert _told(MATRICES, r=8, rank_pattern={"q_proj": 4, "odd": [1]}) == []


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"hidden_size": 8}, []),
        ({"hidden_size": 16}, [f"SHD023 {WEIGHTS}"]),
        ({"text_config": {"hidden_size": 16}}, [f"SHD023 {WEIGHTS}"]),
        ({"model_type": "odd"}, []),
    ],
)
def test_the_base_is_held_against_the_matrices(base: dict[str, object], expected: list[str]) -> None:
    files = {CONFIG: _config(), WEIGHTS: safetensors(MATRICES)}
    other = repository({"config.json": json.dumps(base).encode()})
    assert told(judge, files, base=other) == expected


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"r": 1, "lora_alpha": 4096}, True),
        ({"r": 2048}, True),
        ({"r": 0}, True),
        ({"r": 4, "lora_alpha": 10**400}, True),
        ({"r": 256, "lora_alpha": 512}, False),
        ({"r": 64, "lora_alpha": 16}, False),
        ({"r": 16, "lora_alpha": 255, "use_rslora": True}, False),
        ({"r": "8"}, False),
    ],
)
def test_extreme_ranks_and_scales_are_told(changes: dict[str, object], is_told: bool) -> None:
    findings, _ = scan(CONFIG, _config(**changes))
    assert ("SHD020" in [one.rule for one in findings]) is is_told
