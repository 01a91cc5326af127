"""Write the PyTorch family: TorchScript, torch.export, packages, checkpoints, .mar, ExecuTorch."""

from __future__ import annotations

import collections
import enum
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
from torch import nn
from torch.export import Dim
from torch.utils import mobile_optimizer

SKIPPED: list[str] = []


class Point(NamedTuple):
    """A pair of tensors."""

    x: torch.Tensor
    y: torch.Tensor


class Color(enum.Enum):
    """An enumeration that TorchScript knows."""

    RED = 1
    GREEN = 2


@torch.jit.script
class Counter:
    """A class of TorchScript."""

    def __init__(self, start: int):
        self.count = start

    def add(self, more: int) -> int:
        self.count += more
        return self.count


class Flow(nn.Module):
    """Control flow, texts, containers, prints and errors."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.names = ["save", "load", "read_file"]
        self.save = [1, 2]
        self.table = {"a": 1.5, "b": float("inf")}
        self.hint: torch.Tensor | None = None
        self.color = Color.RED

    def forward(self, x: torch.Tensor, steps: int = 2) -> tuple[torch.Tensor, dict[str, float]]:
        if steps < 0:
            raise ValueError(f"negative steps: {steps}")
        counter = Counter(steps)
        for layer in self.layers:
            x = torch.relu(layer(x))
        while counter.count < 5:
            counter.add(1)
            x = x + self.save[0]
        point = Point(x, x * 2)
        if self.hint is not None:
            x = x + self.hint
        text = ",".join(self.names) + "\n\t\"'\\ \u00e9"
        print("loaded", len(text))
        assert self.color == Color.RED
        futures = [torch.jit.fork(torch.sin, point.x), torch.jit.fork(torch.cos, point.y)]
        parts = [torch.jit.wait(future) for future in futures]
        return torch.cat([parts[0], parts[1], x]).sum(0), self.table


class Recurrent(nn.Module):
    """Layers with states and packed parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(tokens))[0])


class WithState(nn.Module):
    """A module that writes and reads its own state."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.ones(3)

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0]
        self.training = state[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


class Network(nn.Module):
    """A plain one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 8 * 8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv(x))).flatten(1))


IMAGE = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def attempt(name: str, write: Callable[[], Any]) -> None:
    """Write one file; what this version can't do is said, not fatal."""
    try:
        write()
    except Exception as error:
        SKIPPED.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")


# TorchScript.


def modules() -> Iterator[tuple[str, nn.Module, tuple[torch.Tensor, ...]]]:
    """Layers that people script and trace."""
    row, image, sequence = torch.randn(2, 4), torch.randn(1, 4, 8, 8), torch.randn(2, 5, 4)
    for layer in (nn.Linear(4, 2), nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.LayerNorm(4))):
        yield type(layer).__name__.lower(), layer, (row,)
    for layer in (nn.Conv2d(4, 2, 3), nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.GroupNorm(2, 4)):
        yield type(layer).__name__.lower(), layer, (image,)
    yield "encoder", nn.TransformerEncoderLayer(4, 2, batch_first=True).eval(), (sequence,)
    yield "attention", nn.MultiheadAttention(4, 2, batch_first=True), (sequence, sequence, sequence)
    yield "gru", nn.GRU(4, 4), (sequence,)
    yield "recurrent", Recurrent(), (torch.randint(0, 20, (2, 5)),)
    yield "network", Network().eval(), (IMAGE,)


def write_torchscript(folder: Path) -> None:
    folder.mkdir()
    for name, module, inputs in modules():
        attempt(
            f"script {name}", lambda m=module, n=name: torch.jit.script(m).save(folder / f"s-{n}.pt")
        )
        attempt(
            f"trace {name}",
            lambda m=module, n=name, i=inputs: torch.jit.trace(m, i, check_trace=False).save(
                folder / f"t-{n}.pt"
            ),
        )
    flow = torch.jit.script(Flow())
    flow.save(folder / "flow.pt")
    torch.jit.script(WithState()).save(folder / "state.torchscript")
    files = {"labels.json": '{"0": "cat"}', "README.md": "# model"}
    torch.jit.save(torch.jit.script(Network()), folder / "extra.pt", _extra_files=files)
    torch.jit.freeze(torch.jit.script(Network().eval())).save(folder / "frozen.pt")
    for debug in (True, False):
        buffer = folder / f"renamed-{debug}.bin"
        torch.jit.script(Recurrent()).save(buffer)
    write_quantized(folder)
    attempt("torchvision", lambda: write_vision(folder))


def write_quantized(folder: Path) -> None:
    torch.backends.quantized.engine = "fbgemm"
    dynamic = torch.ao.quantization.quantize_dynamic(Recurrent(), {nn.Linear, nn.LSTM})
    attempt("dynamic", lambda: torch.jit.script(dynamic).save(folder / "q-dynamic.pt"))

    def static() -> None:
        model = nn.Sequential(
            torch.ao.quantization.QuantStub(),
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            torch.ao.quantization.DeQuantStub(),
        ).eval()
        model.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
        prepared = torch.ao.quantization.prepare(model)
        prepared(IMAGE)
        torch.jit.script(torch.ao.quantization.convert(prepared)).save(folder / "q-static.pt")

    attempt("static", static)


def write_vision(folder: Path) -> None:
    """The operator alone: torchvision has no CPU wheel for this version."""
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", lambda dets, scores, iou: torch.arange(len(scores)), "CPU")

    class Detector(nn.Module):
        def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            return boxes[torch.ops.torchvision.nms(boxes, scores, 0.5)]

    torch.jit.script(Detector()).save(folder / "detector.pt")
    library._destroy()


def write_mobile(folder: Path) -> None:
    folder.mkdir()
    for name, module in (("network", Network().eval()), ("recurrent", Recurrent()), ("flow", Flow())):
        scripted = torch.jit.script(module)
        for flat in (False, True):
            path = str(folder / f"{name}-{'flat' if flat else 'zip'}.ptl")
            attempt(
                path,
                lambda s=scripted, p=path, f=flat: s._save_for_lite_interpreter(p, _use_flatbuffer=f),
            )
    scripted = torch.jit.script(Network().eval())
    attempt(
        "optimize_for_mobile",
        lambda: mobile_optimizer.optimize_for_mobile(scripted)._save_for_lite_interpreter(
            str(folder / "optimized.ptl")
        ),
    )


# torch.export.


def programs() -> Iterator[tuple[str, nn.Module, tuple[Any, ...], Any]]:
    batch = Dim("batch", min=2, max=64)
    yield "network", Network().eval(), (IMAGE,), ({0: batch},)
    yield "static", nn.Linear(4, 2), (torch.randn(2, 4),), None

    class Shapes(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            rows = x.shape[0]
            z = x.reshape(rows * 2, -1)[: (rows + 1) // 2]
            kept = torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a - 1, (x,))
            return kept, z + y.shape[0]

    yield "shapes", Shapes(), (torch.randn(6, 4), torch.randn(3, 5)), ({0: batch * 2}, {0: Dim.DYNAMIC})

    class Trees(nn.Module):
        def forward(self, x: dict[str, torch.Tensor], p: Point, d: Any) -> dict[str, Any]:
            return {"sum": x["a"] + p.x * p.y, "rest": [d["k"], (x["a"],)]}

    tree = collections.defaultdict(list, {"k": torch.ones(2)})
    yield "trees", Trees(), ({"a": torch.ones(2)}, Point(torch.ones(2), torch.ones(2)), tree), None

    class Unbacked(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            count = x.max().item()
            torch._check(count >= 0)
            torch._check(count < 10)
            return torch.ones(count).sum() + x[x > 1].sum()

    yield "unbacked", Unbacked(), (torch.tensor([1, 2, 3]),), None
    yield "recurrent", Recurrent(), (torch.randint(0, 20, (2, 5)),), None


def write_exported(folder: Path) -> None:
    folder.mkdir()
    torch.utils._pytree._register_namedtuple(Point, serialized_type_name="zoo.Point")
    for name, module, inputs, shapes in programs():

        def write(
            name: str = name, module: Any = module, inputs: Any = inputs, shapes: Any = shapes
        ) -> None:
            program = torch.export.export(module, inputs, dynamic_shapes=shapes)
            torch.export.save(program, folder / f"{name}.pt2", extra_files={"note.txt": "hello"})
            decomposed = program.run_decompositions()
            torch.export.save(decomposed, folder / f"{name}-decomposed.pt2")

        attempt(f"export {name}", write)

    def compiled() -> None:
        program = torch.export.export(Network().eval(), (IMAGE,))
        torch._inductor.aoti_compile_and_package(program, package_path=str(folder / "compiled.pt2"))

    attempt("AOTInductor", compiled)


def write_packages(folder: Path) -> None:
    folder.mkdir()
    source = "import math\nimport torch\n\n\ndef scale(x):\n    return x * math.sqrt(2)\n"
    with torch.package.PackageExporter(folder / "package.pt") as exporter:
        exporter.intern(["__main__", "zoo_model.**"])
        exporter.mock("pandas.**")
        exporter.extern(["torch.**", "numpy.**", "collections"])
        exporter.save_source_string("zoo_model.helpers", source)
        exporter.save_source_string("zoo_model", "from zoo_model import helpers\n", is_package=True)
        exporter.save_pickle("model", "model.pkl", Recurrent().state_dict())
        exporter.save_pickle("model", "layer.pkl", nn.Linear(2, 2))
        exporter.save_text("assets", "vocabulary.txt", "a\nb\n")
        exporter.save_binary("assets", "scaler.bin", b"\0\1\2")


# Checkpoints.


def write_checkpoints(folder: Path) -> None:
    folder.mkdir()
    import torch.distributed.checkpoint as dcp

    model = Network()
    optimizer = torch.optim.AdamW(model.parameters())
    model(IMAGE).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 7}
    dcp.save(state, checkpoint_id=str(folder / "dcp"))
    deepspeed = folder / "global_step10"
    deepspeed.mkdir()
    torch.save(
        {
            "module": model.state_dict(),
            "buffer_names": ["norm.running_mean"],
            "param_shapes": [collections.OrderedDict((k, v.shape) for k, v in model.named_parameters())],
            "ds_config": {"train_batch_size": 8, "zero_optimization": {"stage": 2}},
            "ds_version": "0.14.0",
            "global_steps": 10,
        },
        deepspeed / "mp_rank_00_model_states.pt",
    )
    torch.save(
        {"optimizer_state_dict": {"base_optimizer_state": optimizer.state_dict(), "zero_stage": 2}},
        deepspeed / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
    )
    states = {
        "python": random.getstate(),
        "numpy": numpy.random.get_state(),
        "cpu": torch.random.get_rng_state(),
    }
    torch.save(states, folder / "rng_state.pth")
    torch.save(optimizer.state_dict(), folder / "optimizer.pt")
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    torch.save(scheduler.state_dict(), folder / "scheduler.pt")
    attempt("lightning", lambda: write_lightning(folder))


def write_lightning(folder: Path) -> None:
    import lightning

    class Lit(lightning.LightningModule):
        def __init__(self, width: int = 4, rate: float = 1e-3) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = nn.Linear(width, 1)

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return self.layer(batch[0]).mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=self.hparams.rate)

    data = torch.utils.data.TensorDataset(torch.randn(8, 4))
    checkpoint = lightning.pytorch.callbacks.ModelCheckpoint(dirpath=folder, filename="lit")
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=[checkpoint],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Lit(), torch.utils.data.DataLoader(data, batch_size=4))
    trainer.save_checkpoint(folder / "weights.ckpt", weights_only=True)


# TorchServe and ExecuTorch.


HANDLER = """\
import torch
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def preprocess(self, data):
        return torch.as_tensor([row["data"] for row in data])

    def postprocess(self, data):
        return data.argmax(1).tolist()
"""


def write_archives(folder: Path) -> None:
    folder.mkdir()
    work = folder / "work"
    work.mkdir()
    torch.jit.script(Network().eval()).save(work / "model.pt")
    torch.save(Network().state_dict(), work / "state.pth")
    (work / "handler.py").write_text(HANDLER, encoding="utf-8")
    (work / "net.py").write_text("from torch import nn\n\n\nclass Net(nn.Module):\n    pass\n")
    (work / "labels.json").write_text('{"0": "cat"}', encoding="utf-8")
    (work / "requirements.txt").write_text("numpy==2.2.0\n", encoding="utf-8")
    archiver = str(Path(sys.executable).with_name("torch-model-archiver"))
    common = [archiver, "--version", "1.0", "--export-path", str(folder)]
    plain = ["--serialized-file", "model.pt", "--handler", "image_classifier"]
    own = ["--serialized-file", "state.pth", "--model-file", "net.py", "--handler", "handler.py"]
    own += ["--extra-files", "labels.json", "--requirements-file", "requirements.txt"]
    for name, options in (("plain", plain), ("own", own)):
        command = [*common, "--model-name", name, *options]
        attempt(f"mar {name}", lambda c=command: subprocess.run(c, check=True, cwd=work))
    shutil.rmtree(work)


def write_executorch(folder: Path) -> None:
    folder.mkdir()
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import ExecutorchBackendConfig, to_edge, to_edge_transform_and_lower

    dynamic = ({0: Dim("batch", min=2, max=16)},)
    exported = {
        "network": torch.export.export(Network().eval(), (IMAGE,)),
        "dynamic": torch.export.export(Network().eval(), (IMAGE,), dynamic_shapes=dynamic),
        "recurrent": torch.export.export(Recurrent(), (torch.randint(0, 20, (2, 5)),)),
    }
    for name, program in exported.items():

        def portable(name: str = name, program: Any = program) -> None:
            (folder / f"{name}.pte").write_bytes(to_edge(program).to_executorch().buffer)

        def delegated(name: str = name, program: Any = program) -> None:
            lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            (folder / f"{name}-xnnpack.pte").write_bytes(lowered.to_executorch().buffer)

        attempt(f"pte {name}", portable)
        attempt(f"pte {name} xnnpack", delegated)

    def external() -> None:
        config = ExecutorchBackendConfig(external_constants=True)
        manager = to_edge(exported["network"]).to_executorch(config)
        (folder / "external.pte").write_bytes(manager.buffer)
        for key, data in manager._tensor_data.items():
            (folder / f"{key}.ptd").write_bytes(bytes(data))

    attempt("ptd", external)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    writers = (write_torchscript, write_mobile, write_exported, write_packages)
    writers += (write_checkpoints, write_archives, write_executorch)
    for writer in writers:
        name = writer.__name__.removeprefix("write_")
        attempt(name, lambda w=writer, n=name: w(folder / n))
    skipped = folder.parent / f"{folder.name}.skipped"
    skipped.unlink(missing_ok=True)
    if SKIPPED:
        skipped.write_text("\n".join(SKIPPED) + "\n", encoding="utf-8")
    if not any(folder.iterdir()):
        sys.exit("nothing could be written")


if __name__ == "__main__":
    main()
