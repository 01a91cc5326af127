"""Write models that hold their weights twice, as safetensors and as pickles, the way users do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file, save_model
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

SKIPPED: list[str] = []


class Tied(nn.Module):
    """Two layers that share a weight, a buffer and a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 16, bias=False)
        self.out.weight = self.embedding.weight
        self.register_buffer("position_ids", torch.arange(4))


def gpt2() -> Any:
    return GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2))


def bert() -> Any:
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    return BertForMaskedLM(BertConfig(vocab_size=64, num_hidden_layers=2, **size))


def t5() -> Any:
    size = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(vocab_size=64, **size))


def llama(*, tied: bool = False) -> Any:
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=64, num_hidden_layers=4, tie_word_embeddings=tied, **size)
    )


def both_ways(folder: Path, model: Any, **options: Any) -> None:
    """`save_pretrained` with and without safe_serialization, into one folder."""
    model.save_pretrained(folder, safe_serialization=False, **options)
    kept = folder.with_name(folder.name + ".kept")
    shutil.copytree(folder, kept)
    model.save_pretrained(folder, safe_serialization=True, **options)
    # The second save removes the weights of the first one.
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    shutil.rmtree(kept)


def transformers_models(root: Path) -> None:
    for name, model in {
        "gpt2": gpt2(),
        "bert": bert(),
        "t5": t5(),
        "llama": llama(),
        "llama-tied": llama(tied=True),
    }.items():
        both_ways(root / name, model)
    both_ways(root / "llama-sharded", llama(), max_shard_size="10KB")
    both_ways(root / "gpt2-variant", gpt2(), variant="fp16")
    half = gpt2()
    folder = root / "half-safetensors"
    half.save_pretrained(folder, safe_serialization=False)
    save_file(
        {name: value.half().contiguous().clone() for name, value in half.state_dict().items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def converted(root: Path) -> None:
    """The ways in which people make one file of the other."""
    folder = root / "converted"
    folder.mkdir()
    model = gpt2()
    state = model.state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
    folder = root / "single-file"
    folder.mkdir()
    tied = Tied()
    torch.save(tied.state_dict(), folder / "tied.pt")
    save_model(tied, str(folder / "tied.safetensors"))
    torch.save(tied.state_dict(), folder / "legacy.pth", _use_new_zipfile_serialization=False)
    save_model(tied, str(folder / "legacy.safetensors"))
    torch.save(tied, folder / "whole.pt")
    save_model(tied, str(folder / "whole.safetensors"))
    parallel = {f"module.{name}": value for name, value in tied.state_dict().items()}
    torch.save(parallel, folder / "parallel.pt")
    save_model(tied, str(folder / "parallel.safetensors"))
    lightning = {f"model.{name}": value for name, value in tied.state_dict().items()}
    torch.save({"state_dict": lightning, "epoch": 3, "global_step": 10}, folder / "lightning.ckpt")
    save_model(tied, str(folder / "lightning.safetensors"))
    optimizer = torch.optim.AdamW(tied.parameters())
    training = {"model": tied.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(training, folder / "training.pt")
    save_model(tied, str(folder / "training.safetensors"))
    averaged = {**tied.state_dict(), **{f"model_ema.{k}": v for k, v in tied.state_dict().items()}}
    torch.save({"state_dict": averaged}, folder / "ema.ckpt")
    save_model(tied, str(folder / "ema.safetensors"))
    views = torch.randn(4, 8)
    torch.save({"a": views[:2], "b": views[2:], "c": views.t()}, folder / "views.pt")
    parts = {"a": views[:2].clone(), "b": views[2:].clone(), "c": views.t().contiguous()}
    save_file(parts, folder / "views.safetensors")
    parameters = {name: nn.Parameter(value.clone()) for name, value in parts.items()}
    torch.save(parameters, folder / "parameters.pt")
    save_file(parts, folder / "parameters.safetensors")
    torch.save([parts["a"], parts["b"]], folder / "list.pt")
    save_file({"0": parts["a"], "1": parts["b"]}, folder / "list.safetensors")


def adapters(root: Path) -> None:
    plain = LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True)
    full = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"])
    dora = LoraConfig(r=4, target_modules=["q_proj"], use_dora=True, use_rslora=True, lora_alpha=8)
    large = LoraConfig(r=256, lora_alpha=512, target_modules=["q_proj"])
    for name, model, config in (
        ("lora-gpt2", gpt2(), plain),
        ("lora-llama", llama(), full),
        ("dora", llama(), dora),
        ("lora-large", llama(), large),
    ):
        adapted = get_peft_model(model, config)
        adapted.save_pretrained(root / name, safe_serialization=False)
        adapted.save_pretrained(root / name, safe_serialization=True)


def diffusers_models(root: Path) -> None:
    model = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
    )
    folder = root / "unet"
    model.save_pretrained(folder, safe_serialization=False)
    shutil.copy(folder / "diffusion_pytorch_model.bin", root / "kept.bin")
    model.save_pretrained(folder, safe_serialization=True)
    shutil.move(root / "kept.bin", folder / "diffusion_pytorch_model.bin")
    halves = {
        name: value.half() for name, value in load_file(next(folder.glob("*.safetensors"))).items()
    }
    save_file(halves, folder / "diffusion_pytorch_model.fp16.safetensors", metadata={"format": "pt"})


def main() -> None:
    root = Path(sys.argv[1])
    torch.manual_seed(0)
    writers: tuple[Callable[[Path], None], ...] = (
        transformers_models,
        converted,
        adapters,
        diffusers_models,
    )
    for writer in writers:
        writer(root)


main()
