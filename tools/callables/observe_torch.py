"""What torch.save and plain pickle name for tensors, modules, optimizers and their state."""

from __future__ import annotations

import inspect
import io
from typing import Any

from record import Record


def torch_objects(record: Record) -> None:
    """Save tensors of every kind, every module that can be made, optimizers and schedulers."""
    import torch

    for value, writer in _tensors(torch):
        _save(record, value, writer)
    for value, writer in _modules(torch):
        _save(record, value, writer)
    for value, writer in _optimizers(torch):
        _save(record, value, writer)
    for name in sorted(vars(torch)):
        value = getattr(torch, name)
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)):
            _save(record, value, "torch constant")
        elif isinstance(value, type) and "Storage" in name:
            _save(record, value, "torch storage class")


def _save(record: Record, value: Any, writer: str) -> None:
    import torch

    for modern in (True, False):
        try:
            torch.save(
                value,
                io.BytesIO(),
                record.pickle_module("torch.save, " + writer),
                _use_new_zipfile_serialization=modern,
            )
        except Exception as error:  # some values cannot be saved, some not by the old writer
            record.failures.append(f"{writer}: {type(error).__name__}: {str(error)[:60]}")
    record.dump(value, "pickle, " + writer)


def _tensors(torch: Any) -> list[tuple[Any, str]]:
    values = [
        (torch.zeros(2, dtype=getattr(torch, name)), "tensor")
        for name in sorted(vars(torch))
        if isinstance(getattr(torch, name), torch.dtype)
        and not getattr(torch, name).is_floating_point
        and "q" not in name
        and "bits" not in name
    ]
    for name in (
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
    ):
        value = torch.zeros(2).to(getattr(torch, name))
        values.append((value, "tensor"))
    plain = torch.eye(3)
    values += [
        (torch.nn.Parameter(plain), "parameter"),
        (torch.nn.Buffer(plain), "buffer"),
        (plain.to_sparse(), "sparse tensor"),
        (plain.to_sparse_csr(), "sparse tensor"),
        (plain.to_sparse_csc(), "sparse tensor"),
        (plain.to_sparse_bsr((1, 1)), "sparse tensor"),
        (plain.to_sparse_bsc((1, 1)), "sparse tensor"),
        (torch.quantize_per_tensor(plain, 0.1, 0, torch.qint8), "quantized tensor"),
        (
            torch.quantize_per_channel(plain, torch.ones(3), torch.zeros(3), 0, torch.qint8),
            "quantized tensor",
        ),
        (torch.empty(2, device="meta"), "meta tensor"),
        (torch.nested.nested_tensor([plain, plain]), "nested tensor"),
        (torch.nested.nested_tensor([plain, plain], layout=torch.jagged), "jagged tensor"),
        (torch.masked.masked_tensor(plain, plain > 0), "masked tensor"),
        (plain.storage(), "typed storage"),
        (plain.untyped_storage(), "untyped storage"),
        (torch.view_as_complex(torch.zeros(2, 2)).conj(), "conjugate view"),
        (plain.requires_grad_(), "tensor with gradient"),
        (torch.Size([1]), "size"),
        (torch.device("cpu"), "device"),
        (torch.Generator(), "generator"),
        (torch.finfo(torch.float32), "finfo"),
        (torch.__version__, "version"),
        (torch.max(torch.eye(2), 0), "named tuple"),
        (torch.distributions.Normal(0.0, 1.0), "distribution"),
        (torch.distributions.Categorical(torch.ones(3)), "distribution"),
    ]
    tagged = torch.eye(2)
    tagged.note = "x"
    values.append((tagged, "tensor with an attribute"))
    return values


_FILL: dict[str, Any] = {
    "in_features": 2,
    "out_features": 2,
    "in1_features": 2,
    "in2_features": 2,
    "in_channels": 2,
    "out_channels": 2,
    "kernel_size": 1,
    "num_features": 2,
    "num_channels": 2,
    "num_groups": 1,
    "normalized_shape": 2,
    "input_size": 2,
    "hidden_size": 2,
    "embed_dim": 2,
    "num_heads": 1,
    "d_model": 2,
    "nhead": 1,
    "num_embeddings": 2,
    "embedding_dim": 2,
    "padding": 1,
    "value": 0.5,
    "threshold": 0.5,
    "upscale_factor": 1,
    "downscale_factor": 1,
    "output_size": 1,
    "groups": 1,
    "n_classes": 4,
    "cutoffs": [2],
    "unflattened_size": (1, 2),
    "dim": 0,
    "num_layers": 1,
    "mode": "LSTM",
    "num_chunks": 4,
    "bias": True,
    "size": 2,
}


def _modules(torch: Any) -> list[tuple[Any, str]]:
    import torch.ao.nn.quantized
    import torch.nn.utils.parametrizations
    import torch.nn.utils.prune

    values: list[tuple[Any, str]] = []
    for name in sorted(vars(torch.nn)):
        kind = getattr(torch.nn, name)
        if not (isinstance(kind, type) and issubclass(kind, torch.nn.Module)):
            continue
        wanted = [
            p.name
            for p in inspect.signature(kind.__init__).parameters.values()
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ][1:]
        try:
            values.append((kind(*[_FILL[name] for name in wanted]), f"nn.{name}"))
        except (KeyError, TypeError, ValueError, RuntimeError, NotImplementedError):
            continue
    layer = torch.nn.TransformerEncoderLayer(2, 1)
    weighted = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
    pruned = torch.nn.Linear(2, 2)
    torch.nn.utils.prune.l1_unstructured(pruned, "weight", 0.5)
    hooked = torch.nn.Linear(2, 2)
    hooked.register_forward_hook(print)
    quantized = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(2, 2)))
    values += [
        (torch.nn.TransformerEncoder(layer, 1), "nn.TransformerEncoder"),
        (weighted, "parametrized module"),
        (pruned, "pruned module"),
        (hooked, "hooked module"),
        (quantized, "dynamically quantized module"),
        (torch.nn.Sequential(layer).state_dict(), "state dict"),
        (torch.nn.utils.weight_norm(torch.nn.Linear(2, 2)), "weight norm"),
        (torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2)), "spectral norm"),
        (torch.ao.nn.quantized.Linear(2, 2), "quantized linear"),
        (torch.nn.ModuleDict({"a": layer}), "nn.ModuleDict"),
        (torch.nn.ParameterDict({"a": torch.zeros(1)}), "nn.ParameterDict"),
        (torch.nn.ParameterList([torch.zeros(1)]), "nn.ParameterList"),
        (torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(2, 2))), "fx graph module"),
        (torch.nn.DataParallel(torch.nn.Linear(2, 2)), "data parallel"),
        (torch.utils.data.TensorDataset(torch.zeros(1)), "data set"),
        (torch.utils.data.DataLoader([1]), "data loader"),
        (torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 2)), "averaged model"),
    ]
    return values


def _optimizers(torch: Any) -> list[tuple[Any, str]]:
    values: list[tuple[Any, str]] = []
    for name in sorted(vars(torch.optim)):
        kind = getattr(torch.optim, name)
        if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer):
            try:
                optimizer = kind([torch.nn.Parameter(torch.zeros(2, 2))], lr=0.1)
            except (TypeError, ValueError):
                continue
            values += [(optimizer, f"optim.{name}"), (optimizer.state_dict(), f"optim.{name} state")]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
    schedulers = torch.optim.lr_scheduler
    made = [
        schedulers.StepLR(optimizer, 1),
        schedulers.ReduceLROnPlateau(optimizer),
        schedulers.CosineAnnealingLR(optimizer, 2),
        schedulers.OneCycleLR(optimizer, 0.1, 10),
        schedulers.CyclicLR(optimizer, 0.1, 0.2),
        schedulers.MultiStepLR(optimizer, [1]),
        schedulers.SequentialLR(optimizer, [schedulers.StepLR(optimizer, 1)] * 2, [1]),
    ]
    for scheduler in made:
        values += [(scheduler, "scheduler"), (scheduler.state_dict(), "scheduler state")]
    return values
