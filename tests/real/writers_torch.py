"""Files that torch writes: every layout, every kind of tensor, every module that can be made."""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime
import gzip
import inspect
import io
import pathlib
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import torch
import torch.nn.utils.prune
from torch import nn


def small_model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2))


# Objects: what goes into torch.save.


def tensors() -> Iterator[tuple[str, object]]:
    """Every kind of tensor."""
    for dtype in _dtypes():
        yield f"dtype_{str(dtype).removeprefix('torch.')}", torch.zeros(3, dtype=dtype)
    base = torch.arange(24.0)
    yield "view", base[2:9:2]
    yield "transposed", base.reshape(4, 6).T
    yield "expanded", torch.ones(1).expand(5)
    yield "tied", {"a": base, "b": base, "c": base[3:], "d": base.view(2, 12)}
    yield "empty", [torch.empty(0), torch.empty(3, 0, 2), torch.tensor(1.5)]
    yield "meta", torch.empty(3, 4, device="meta")
    yield "requires_grad", torch.ones(2, requires_grad=True)
    yield "parameter", nn.Parameter(torch.ones(2))
    yield "buffer", nn.Buffer(torch.ones(2))
    yield "parameter_list", [nn.ParameterList([torch.ones(1)]), nn.ParameterDict({"a": torch.ones(1)})]
    yield "uninitialized", [nn.UninitializedParameter(), nn.UninitializedBuffer()]
    yield (
        "conjugate",
        [torch.ones(2, dtype=torch.complex64).conj(), torch.ones(2, dtype=torch.complex64).imag],
    )
    yield "channels_last", torch.zeros(1, 3, 4, 4).to(memory_format=torch.channels_last)
    yield "storage", torch.ones(3).untyped_storage()
    yield "typed_storage", torch.FloatStorage(3)
    yield "size", [torch.Size([1, 2]), base.reshape(4, 6).shape]
    yield "constants", [torch.float32, torch.device("cpu"), torch.strided, torch.per_tensor_affine]
    yield "finfo", {"generator": torch.Generator().get_state(), "rng": torch.get_rng_state()}
    yield (
        "named_tuples",
        [torch.ones(2, 2).max(dim=0), torch.linalg.qr(torch.eye(2)), torch.sort(torch.ones(3))],
    )
    yield from _sparse()
    yield from _quantized()
    yield "nested_tensor", torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    yield "packed_sequence", nn.utils.rnn.pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
    attributed = torch.ones(2)
    attributed.note = "kept"
    yield "attributes", attributed


def _dtypes() -> list[torch.dtype]:
    warnings.simplefilter("ignore")
    found = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    return sorted((dtype for dtype in found if _can_be_saved(dtype)), key=str)


def _can_be_saved(dtype: torch.dtype) -> bool:
    try:
        _save(torch.zeros(3, dtype=dtype), io.BytesIO())
    except (RuntimeError, NotImplementedError, KeyError):
        return False
    return True


def _sparse() -> Iterator[tuple[str, object]]:
    dense = torch.eye(4)
    yield "sparse_coo", dense.to_sparse()
    yield "sparse_csr", dense.to_sparse_csr()
    yield "sparse_csc", dense.to_sparse_csc()
    yield "sparse_bsr", dense.to_sparse_bsr((2, 2))
    yield "sparse_bsc", dense.to_sparse_bsc((2, 2))


def _quantized() -> Iterator[tuple[str, object]]:
    ones = torch.ones(2, 3)
    yield "quantized_tensor", torch.quantize_per_tensor(ones, 0.1, 3, torch.qint8)
    scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([0, 1])
    yield "quantized_channel", torch.quantize_per_channel(ones, scales, zeros, 0, torch.quint8)


def checkpoints() -> Iterator[tuple[str, object]]:
    """What training programs save."""
    model = small_model()
    yield "state_dict", model.state_dict()
    yield "whole_model", model
    yield "float8", {"w": torch.zeros(3).to(torch.float8_e4m3fn), "scale": torch.tensor(1.0)}
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    yield (
        "training",
        {
            "epoch": 3,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "args": argparse.Namespace(
                lr=0.1, out=pathlib.Path("runs/a"), betas=(0.9, 0.99), resume=None
            ),
            "best": numpy.float64(0.5),
            "loss": numpy.array([1.0, 2.0]),
            "history": collections.defaultdict(list, {"loss": [1.0]}),
            "saved": datetime.datetime(2026, 1, 2, 3, 4),
            "rng": torch.get_rng_state(),
            "numpy_rng": numpy.random.RandomState(1).get_state(),
            "python_rng": __import__("random").Random(1).getstate(),
        },
    )
    yield "lightning", _lightning(model, optimizer)
    yield "gradients", {name: parameter.grad for name, parameter in model.named_parameters()}
    yield "jit_traceable_module_eval", model.eval()
    yield (
        "fx_free_functions",
        {"activation": torch.nn.functional.relu, "init": nn.init.xavier_uniform_, "op": torch.relu},
    )


def _lightning(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, object]:
    return {
        "epoch": 1,
        "global_step": 10,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": collections.OrderedDict((f"model.{k}", v) for k, v in model.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val'}": {
                "best_model_score": torch.tensor(0.1),
                "dirpath": "/runs",
            }
        },
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict()],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 1e-3, "hidden": [8, 4]},
    }


def modules() -> Iterator[tuple[str, object]]:
    """One instance of every class of torch.nn (and its quantizable kin) that can be made."""
    for kind in _module_classes():
        made = _construct(kind)
        if made is not None:
            yield (
                f"module_{kind.__module__.removeprefix('torch.').replace('.', '_')}_{kind.__name__}",
                made,
            )


def _module_classes() -> list[type[nn.Module]]:
    import torch.ao.nn.intrinsic
    import torch.ao.nn.qat
    import torch.ao.nn.quantized
    import torch.ao.nn.quantized.dynamic

    namespaces = (
        nn,
        nn.modules,
        nn.utils.parametrizations,
        torch.ao.nn.quantized,
        torch.ao.nn.quantized.dynamic,
        torch.ao.nn.intrinsic,
        torch.ao.nn.qat,
    )
    found = {kind for space in namespaces for kind in vars(space).values() if _is_module_class(kind)}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def _is_module_class(kind: object) -> bool:
    return inspect.isclass(kind) and issubclass(kind, nn.Module)


_ARGUMENTS: tuple[tuple[object, ...], ...] = (
    (),
    (2,),
    (4, 2),
    (4, 4, 2),
    (4, 4, 3, 1),
    (2, 2, 2, 2),
    (0.1, 0.9),
    ((2, 2),),
    ((2, 2), (2, 2)),
    (4, 4, [2], 2),
    (10, 4, [5, 8]),
    (10, 4),
    (8, 2, 16),
)


def _construct(kind: type[nn.Module]) -> nn.Module | None:
    if kind is nn.Transformer:
        return kind(8, 2, 1, 1, 16)
    if kind in (nn.TransformerEncoder, nn.TransformerDecoder):
        layer = (
            nn.TransformerEncoderLayer if kind is nn.TransformerEncoder else nn.TransformerDecoderLayer
        )
        return kind(layer(8, 2, 16), 2)
    for arguments in (*_ARGUMENTS, *_fused_arguments()):
        try:
            return kind(*arguments)
        except Exception:  # what a constructor needs is found by trying
            continue
    return None


def _fused_arguments() -> Iterator[tuple[object, ...]]:
    """For torch.ao.nn: a layer, its normalisation and activation; or the scale of a quantized one."""
    for convolution, norm in (
        (nn.Conv1d, nn.BatchNorm1d),
        (nn.Conv2d, nn.BatchNorm2d),
        (nn.Conv3d, nn.BatchNorm3d),
    ):
        yield convolution(2, 2, 1), norm(2), nn.ReLU()
        yield convolution(2, 2, 1), norm(2)
        yield convolution(2, 2, 1), nn.ReLU()
        yield norm(2), nn.ReLU()
    for second in (nn.BatchNorm1d(2), nn.LeakyReLU(), nn.ReLU(), nn.Tanh()):
        yield nn.Linear(2, 2), second
    yield nn.Conv2d(2, 2, 1), torch.add, nn.ReLU()
    yield nn.Conv2d(2, 2, 1), torch.add
    yield 2, 2, torch.ones(2), torch.zeros(2), 0.1, 1
    yield 2, torch.ones(2), torch.zeros(2), 0.1, 1
    yield "LSTM", 2, 2


def wrapped_modules() -> Iterator[tuple[str, object]]:
    """Modules with parametrizations, pruning, averaging, hooks and activations as functions."""
    yield "weight_norm", nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)).state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "old_weight_norm", nn.utils.weight_norm(nn.Linear(2, 2))
        yield "old_spectral_norm", nn.utils.spectral_norm(nn.Linear(2, 2))
    yield "pruned", nn.utils.prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)
    yield "averaged", torch.optim.swa_utils.AveragedModel(small_model())
    yield (
        "ema",
        torch.optim.swa_utils.AveragedModel(
            small_model(), multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        ).state_dict(),
    )
    yield "data_parallel", nn.DataParallel(small_model())
    yield "transformer_layer_relu", nn.TransformerEncoderLayer(8, 2, 16, activation=nn.functional.relu)
    yield "transformer_layer_gelu", nn.TransformerEncoderLayer(8, 2, 16, activation=nn.functional.gelu)
    yield (
        "triplet_with_distance",
        nn.TripletMarginWithDistanceLoss(distance_function=nn.functional.pairwise_distance),
    )
    yield "dynamic_quantized", _dynamically_quantized()
    yield "qconfig", torch.ao.quantization.get_default_qconfig("x86")
    yield "static_prepared", _prepared()
    yield "lstm", [nn.LSTM(2, 3, 2, bidirectional=True), nn.GRU(2, 2), nn.RNN(2, 2)]
    yield "lazy", nn.Sequential(nn.LazyLinear(3), nn.LazyConv2d(2, 3))


def _dynamically_quantized() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(small_model(), {nn.Linear}, torch.qint8)


def _prepared() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(
            torch.ao.quantization.QuantStub(), nn.Conv2d(1, 1, 1), torch.ao.quantization.DeQuantStub()
        )
        model.eval()
        model.qconfig = torch.ao.quantization.get_default_qconfig("x86")
        prepared = torch.ao.quantization.prepare(model)
        prepared(torch.ones(1, 1, 2, 2))
        return torch.ao.quantization.convert(prepared)


def training_state() -> Iterator[tuple[str, object]]:
    """Optimizers and schedulers: whole, and as their state."""
    for kind in _classes(torch.optim, torch.optim.Optimizer):
        made = _optimizer(kind)
        if made is not None:
            yield f"optimizer_{kind.__name__}", [made, made.state_dict()]
    for kind in _classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler):
        made = _scheduler(kind)
        if made is not None:
            yield f"scheduler_{kind.__name__}", [made, made.state_dict()]
    yield "grad_scaler", torch.amp.GradScaler("cpu").state_dict()
    yield (
        "data",
        [
            torch.utils.data.TensorDataset(torch.ones(3)),
            torch.utils.data.Subset(torch.utils.data.TensorDataset(torch.ones(3)), [0]),
            torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(3))),
        ],
    )
    normal = torch.distributions.Normal(torch.zeros(1), torch.ones(1))
    yield (
        "distributions",
        [
            normal,
            torch.distributions.Categorical(torch.ones(3)),
            torch.distributions.Independent(normal, 1),
        ],
    )


def _classes(namespace: object, base: type) -> list[type]:
    found = {
        kind for kind in vars(namespace).values() if inspect.isclass(kind) and issubclass(kind, base)
    }
    return sorted(found - {base}, key=lambda kind: kind.__name__)


def _optimizer(kind: Callable[..., torch.optim.Optimizer]) -> torch.optim.Optimizer | None:
    parameter = nn.Parameter(torch.ones(2, 2))
    try:
        made = kind([parameter], lr=0.1)
        parameter.grad = (
            torch.ones(2, 2).to_sparse() if kind is torch.optim.SparseAdam else torch.ones(2, 2)
        )
        made.step(lambda: torch.tensor(1.0)) if kind is torch.optim.LBFGS else made.step()
    except (TypeError, ValueError, RuntimeError):
        return None
    return made


def _scheduler(
    kind: Callable[..., torch.optim.lr_scheduler.LRScheduler],
) -> torch.optim.lr_scheduler.LRScheduler | None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    for arguments in (
        (),
        (2,),
        (0.9,),
        ([1, 2],),
        (0.1, 0.2),
        (0.1,),
        ([torch.optim.lr_scheduler.ConstantLR(optimizer)],),
    ):
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(optimizer, *arguments)
    return None


def write_objects(folder: Path) -> None:
    """torch.save of every object, in the zip layout."""
    for objects in (tensors, checkpoints, modules, wrapped_modules, training_state):
        for name, value in objects():
            _save(value, folder / f"{name}.pt")


def _save(value: object, path: Path | io.BytesIO, **options: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, path, **options)


# Layouts: how torch.save and others put it on disk.


def write_layouts(folder: Path) -> None:
    """The legacy layout, all protocols, plain pickles, other containers around it."""
    for objects in (tensors, checkpoints):
        for name, value in objects():
            with contextlib.suppress(
                RuntimeError, NotImplementedError
            ):  # some tensors exist in the zip layout only
                _save(value, folder / f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    for name, value in checkpoints():
        for protocol in range(2, 6):
            _save(value, folder / f"{name}.p{protocol}.pt", pickle_protocol=protocol)
            _save(
                value,
                folder / f"{name}.p{protocol}.legacy.pt",
                pickle_protocol=protocol,
                _use_new_zipfile_serialization=False,
            )
            (folder / f"{name}.p{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    _write_containers(folder)


def _write_containers(folder: Path) -> None:
    buffer = io.BytesIO()
    torch.save(small_model().state_dict(), buffer)
    saved = buffer.getvalue()
    (folder / "no_suffix").write_bytes(saved)
    (folder / "pytorch_model.bin").write_bytes(saved)
    (folder / "model.pt.gz").write_bytes(gzip.compress(saved, mtime=0))
    for name, method in (
        ("deflate", zipfile.ZIP_DEFLATED),
        ("bz2", zipfile.ZIP_BZIP2),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        with (
            zipfile.ZipFile(io.BytesIO(saved)) as source,
            zipfile.ZipFile(folder / f"{name}.pt", "w", method) as target,
        ):
            for info in source.infolist():
                target.writestr(info.filename, source.read(info))
    with open(folder / "appended.pt", "wb") as file:
        torch.save({"first": torch.ones(2)}, file, _use_new_zipfile_serialization=False)
        torch.save({"second": torch.ones(2)}, file, _use_new_zipfile_serialization=False)


def write_programs(folder: Path) -> None:
    """TorchScript, torch.export, torch.package, torch.distributed.checkpoint."""
    _write_torchscript(folder)
    _write_export(folder)
    _write_package(folder)
    _write_distributed(folder / "distributed")


class _Scripted(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Attributes of every kind that TorchScript stores."""

    def __init__(self) -> None:
        super().__init__()
        self.words = {"a": 1}
        self.sizes = [1, 2]
        self.pair = (1.5, "x")
        self.inner = nn.Conv2d(1, 2, 3)
        self.register_buffer("steps", torch.zeros(2, dtype=torch.long))

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        if value.sum() > 0 and "a" in self.words:
            return self.inner(value) * self.pair[0]
        return self.inner(value)


def _write_torchscript(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = small_model().eval()
        torch.jit.save(torch.jit.script(_Scripted()), folder / "scripted.pt")
        torch.jit.save(
            torch.jit.script(model),
            folder / "scripted_sequential.pt",
            _extra_files={"notes.txt": "hello"},
        )
        traced = torch.jit.trace(model, torch.ones(1, 4))
        torch.jit.save(traced, folder / "traced.pt")
        torch.jit.save(torch.jit.freeze(traced), folder / "frozen.pt")
        torch.jit.script(nn.LSTM(2, 3)).save(str(folder / "lstm.pt"))
        torch.jit.script(_dynamically_quantized()).save(str(folder / "quantized.pt"))
        traced._save_for_lite_interpreter(str(folder / "lite.ptl"))
        torch.jit.save(torch.jit.script(nn.Embedding(4, 2)), folder / "embedding.pt")


def _write_export(folder: Path) -> None:
    program = torch.export.export(small_model().eval(), (torch.ones(2, 4),))
    torch.export.save(program, folder / "program.pt2")
    torch.save(torch.fx.symbolic_trace(small_model()).state_dict(), folder / "fx_state.pt")


def _write_package(folder: Path) -> None:
    with torch.package.PackageExporter(folder / "package.pt") as exporter:
        exporter.extern(["torch.**", "numpy.**"])
        exporter.save_pickle("model", "model.pkl", small_model())
        exporter.save_text("notes", "a.txt", "hello")
        exporter.save_source_string("package.code", "answer = 42\n")


def _write_distributed(folder: Path) -> None:
    import torch.distributed.checkpoint as distributed

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = {"model": small_model().state_dict(), "step": 3, "args": {"lr": 0.1}}
        distributed.save(state, checkpoint_id=str(folder), no_dist=True)
