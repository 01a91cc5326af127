"""Write what libraries of the hub save: custom code, pipelines, sentence encoders, adapters, backbones.

python write.py FOLDER
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

import torch

# timm needs torchvision, whose wheel is made for another build of torch: it only misses these operators.
for name in ("nms", "qnms"):
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float limit) -> Tensor")

import transformers  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

ROOT = Path(sys.argv[1])
SKIPPED: list[str] = []
TEXTS = ["the quick brown fox", "jumps over the lazy dog", "weights and measures"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}

CONFIGURATION = """
from transformers import PretrainedConfig


class TinyConfig(PretrainedConfig):
    model_type = "tiny-custom"

    def __init__(self, width=8, **kwargs):
        self.width = width
        super().__init__(**kwargs)
"""

MODELING = """
import math
import os
import warnings

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from .configuration_tiny import TinyConfig

try:
    from flash_attn import flash_attn_func
except ImportError:
    flash_attn_func = None

if os.environ.get("TINY_DEBUG"):
    warnings.warn("debugging")


class TinyLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.width, config.width)

    def forward(self, hidden):
        return hidden + torch.tanh(self.dense(hidden)) / math.sqrt(2)


class TinyModel(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyLayer(config) for _ in range(2)])
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(mean=0.0, std=0.02)

    def forward(self, hidden):
        for layer in self.layers:
            hidden = layer(hidden)
        return BaseModelOutput(last_hidden_state=hidden)
"""

PIPELINE = """
from transformers import Pipeline


class PairPipeline(Pipeline):
    def _sanitize_parameters(self, **kwargs):
        return {}, {}, {}

    def preprocess(self, text):
        return self.tokenizer(text, return_tensors="pt")

    def _forward(self, inputs):
        return self.model(**inputs)

    def postprocess(self, outputs):
        return outputs.logits.argmax().item()
"""

POOLING = """
import torch
from sentence_transformers.sentence_transformer.modules import Module


class MiddlePooling(Module):
    config_keys = ["width"]

    def __init__(self, width=16):
        super().__init__()
        self.width = width

    def forward(self, features):
        features["sentence_embedding"] = features["token_embeddings"].mean(dim=1)
        return features

    def get_sentence_embedding_dimension(self):
        return self.width

    def save(self, output_path, *args, safe_serialization=True, **kwargs):
        self.save_config(output_path)
"""


def folder(name: str) -> Path:
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def package(name: str, **files: str) -> Any:
    """Import modules of a folder as a package, as a user's own project is one."""
    place = ROOT.parent / ".venv" / f"hub_{name}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "__init__.py").write_text("", encoding="utf-8")
    for module, text in files.items():
        (place / f"{module}.py").write_text(text.lstrip(), encoding="utf-8")
    sys.path.insert(0, str(place.parent))
    importlib.invalidate_caches()
    loaded = {module: importlib.import_module(f"hub_{name}.{module}") for module in files}
    return type("Loaded", (), loaded)


def tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=special))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names, model_max_length=32)


def bert(kind: str = "BertModel") -> transformers.PreTrainedModel:
    config = transformers.BertConfig(vocab_size=64, max_position_embeddings=32, **SMALL)
    return getattr(transformers, kind)(config)


def plain_models() -> None:
    """Architectures of the library, with nested configurations and settings of generation."""
    made = {
        "bert": bert("BertForSequenceClassification"),
        "gpt2": transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, n_positions=32)
        ),
        "llama": transformers.LlamaForCausalLM(
            transformers.LlamaConfig(vocab_size=64, num_key_value_heads=1, **SMALL)
        ),
        "mixtral": transformers.MixtralForCausalLM(
            transformers.MixtralConfig(
                vocab_size=64, num_key_value_heads=1, num_local_experts=2, **SMALL
            )
        ),
        "t5": transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        "vit": transformers.ViTForImageClassification(
            transformers.ViTConfig(image_size=16, patch_size=8, **SMALL)
        ),
        "clip": transformers.CLIPModel(
            transformers.CLIPConfig(
                text_config={"vocab_size": 64, "max_position_embeddings": 16, **SMALL},
                vision_config={"image_size": 16, "patch_size": 8, **SMALL},
                projection_dim=8,
            )
        ),
    }
    for name, model in made.items():
        model.save_pretrained(folder(f"plain/{name}"))
        tokenizer().save_pretrained(folder(f"plain/{name}"))
    transformers.CLIPImageProcessor().save_pretrained(folder("plain/clip"))
    transformers.WhisperFeatureExtractor().save_pretrained(folder("plain/features"))
    again = transformers.AutoModelForCausalLM.from_pretrained(
        ROOT / "plain/llama", attn_implementation="eager"
    )
    again.save_pretrained(folder("plain/llama_again"))


def custom_code() -> None:
    """A model whose code is saved with it, once more after it was loaded, and a pipeline."""
    own = package("tiny", configuration_tiny=CONFIGURATION, modeling_tiny=MODELING)
    own.configuration_tiny.TinyConfig.register_for_auto_class()
    own.modeling_tiny.TinyModel.register_for_auto_class("AutoModel")
    torch.manual_seed(0)
    own.modeling_tiny.TinyModel(own.configuration_tiny.TinyConfig()).save_pretrained(
        folder("custom/tiny")
    )
    loaded = transformers.AutoModel.from_pretrained(ROOT / "custom/tiny", trust_remote_code=True)
    loaded.save_pretrained(folder("custom/tiny_again"))
    pairs = package("pairs", pair_pipeline=PIPELINE)
    transformers.pipelines.PIPELINE_REGISTRY.register_pipeline(
        "pair-classification",
        pipeline_class=pairs.pair_pipeline.PairPipeline,
        pt_model=transformers.AutoModelForSequenceClassification,
    )
    made = transformers.pipeline(
        "pair-classification", model=bert("BertForSequenceClassification"), tokenizer=tokenizer()
    )
    made.save_pretrained(folder("custom/pipeline"))


def diffusion() -> None:
    import diffusers

    unet = diffusers.UNet2DModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
    )
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(folder("diffusion/ddpm"))
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(vocab_size=64, max_position_embeddings=16, **SMALL)
    )
    vae = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, latent_channels=4)
    conditional = diffusers.UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer(),
        unet=conditional,
        scheduler=diffusers.EulerDiscreteScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder("diffusion/stable"))
    diffusers.FluxTransformer2DModel(
        num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, in_channels=4, axes_dims_rope=(4, 4, 8),
    ).save_pretrained(folder("diffusion/flux_transformer"))  # fmt: skip


def encoders() -> None:
    import sentence_transformers as st
    from sentence_transformers.sentence_transformer import modules as parts
    from sentence_transformers.sparse_encoder import modules as sparse_parts

    bert().save_pretrained(folder("encoders/base"))
    tokenizer().save_pretrained(folder("encoders/base"))
    base = str(ROOT / "encoders/base")
    word, width = parts.Transformer(base), 16
    chain = [parts.Pooling(width), parts.Dense(width, 8), parts.Normalize()]
    st.SentenceTransformer(modules=[word, *chain]).save(str(folder("encoders/dense")))
    static = parts.StaticEmbedding(tokenizer()._tokenizer, embedding_dim=8)
    st.SentenceTransformer(modules=[static]).save(str(folder("encoders/static")))
    st.CrossEncoder(base, num_labels=1).save_pretrained(str(folder("encoders/cross")))
    own = package("pooling", middle_pooling=POOLING)
    mine = own.middle_pooling.MiddlePooling()
    st.SentenceTransformer(modules=[parts.Transformer(base), mine]).save(
        str(folder("encoders/own_module"))
    )
    (ROOT / "encoders/own_module/middle_pooling.py").write_text(POOLING.lstrip(), encoding="utf-8")
    modules = json.loads((ROOT / "encoders/own_module/modules.json").read_text())
    modules[1]["type"] = "middle_pooling.MiddlePooling"
    (ROOT / "encoders/own_module/modules.json").write_text(json.dumps(modules, indent=2))
    masked = bert("BertForMaskedLM")
    masked.save_pretrained(folder("encoders/masked"))
    tokenizer().save_pretrained(folder("encoders/masked"))
    sparse = [sparse_parts.MLMTransformer(str(ROOT / "encoders/masked"))]
    sparse.append(sparse_parts.SpladePooling())
    st.SparseEncoder(modules=sparse).save_pretrained(str(folder("encoders/sparse")))


def adapters() -> None:
    import peft

    kinds = {
        "lora": peft.LoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS"),
        "ia3": peft.IA3Config(target_modules=["value"], feedforward_modules=[], task_type="SEQ_CLS"),
        "prefix": peft.PrefixTuningConfig(num_virtual_tokens=2, task_type="SEQ_CLS"),
    }
    for name, config in kinds.items():
        peft.get_peft_model(bert("BertForSequenceClassification"), config).save_pretrained(
            folder(f"adapters/{name}")
        )
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    peft.get_peft_model(net, peft.LoraConfig(r=2, target_modules=["0", "2"])).save_pretrained(
        folder("adapters/own_net")
    )


def backbones() -> None:
    import timm
    from timm.models import save_for_hf

    for name in ("resnet10t", "test_vit", "test_convnext", "test_efficientnet"):
        model = timm.create_model(name, pretrained=False, num_classes=3)
        save_for_hf(model, folder(f"backbones/{name}"), model_args={"num_classes": 3})


def main() -> None:
    writers: tuple[Callable[[], None], ...] = (
        plain_models, custom_code, diffusion, encoders, adapters, backbones,
    )  # fmt: skip
    for writer in writers:
        torch.manual_seed(0)
        try:
            writer()
        except Exception as error:
            SKIPPED.append(f"{writer.__name__}: {type(error).__name__}: {error}")
    if SKIPPED:
        (ROOT.parent / f"{ROOT.name}.skipped").write_text("\n".join(SKIPPED) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
