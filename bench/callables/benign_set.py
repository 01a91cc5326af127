"""Rebuild the pickles of a survey of popular models: same globals, as often, used as writers use them.

The survey gives each global and the number of files that import it, not which file imports what. So
files are dealt out by family (`FAMILIES`): a family is a kind of file (a state dict, training
arguments, a YOLO model...), and a global that its family has in n files goes into the first n of
them, which nests the rare names in the common ones as versions of one writer do. Globals of no family
(tensors, storages, arrays) go first to the families that cannot do without them (`SHARED`), the
rest to plain state dicts. Each global ends up in exactly as many files as were counted.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from assembler import (
    boolean,
    call,
    dict_of,
    instance,
    named,
    number,
    persistent,
    pickled,
    text,
    tuple_of,
)

_PROTOCOL = 2  # what torch.save writes


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of file: which globals belong to it alone, and how many such files there are."""

    name: str
    pattern: str
    suffix: str
    shared: dict[str, int] = field(default_factory=dict)
    """Globals that other families use too, and in how many of these files they stand."""


FAMILIES = (
    Family(
        "training-args",
        r"transformers\.|accelerate\.|llava\.|mplug_owl2\.|__main__\.",
        ".bin",
        {"torch.device": 65},
    ),
    Family(
        "yolo",
        r"ultralytics\.|torch\.nn\.modules\.(?!activation\.Softmax)",
        ".pt",
        {
            "torch._utils._rebuild_tensor_v2": 32,
            "torch._utils._rebuild_parameter": 32,
            "collections.OrderedDict": 32,
            "torch.HalfStorage": 20,
            "torch.FloatStorage": 20,
            "torch.LongStorage": 32,
            "torch.Size": 20,
        },
    ),
    Family(
        "flair",
        r"flair\.",
        ".bin",
        {"torch._utils._rebuild_tensor_v2": 16, "collections.OrderedDict": 16, "torch.FloatStorage": 16},
    ),
    Family(
        "pyannote",
        r"pyannote\.|omegaconf\.|pytorch_lightning\.|typing\.|torch\.torch_version",
        ".ckpt",
        {"torch._utils._rebuild_tensor_v2": 8, "collections.OrderedDict": 8, "torch.FloatStorage": 8},
    ),
    Family("simpletransformers", r"simpletransformers\.", ".bin"),
    Family("speech", r"TTS\.", ".pth"),
    Family(
        "optimizer",
        r"torch\.optim\.|argparse\.|_io\.",
        ".pt",
        {"torch._utils._rebuild_tensor_v2": 11, "collections.OrderedDict": 11, "torch.FloatStorage": 11},
    ),
    Family(
        "subclass",
        r"torch\._tensor\.|torch\.Tensor$",
        ".pt",
        {"torch._utils._rebuild_tensor_v2": 3, "collections.OrderedDict": 3, "torch.FloatStorage": 3},
    ),
    Family("float8", r"torch\._utils\._rebuild_tensor_v3|torch\.float8|torch\.storage\.", ".pt"),
    Family(
        "random-state",
        r"numpy\.|_codecs\.",
        ".pth",
        {"torch._utils._rebuild_tensor_v2": 46, "torch.ByteStorage": 46, "collections.OrderedDict": 46},
    ),
    Family("torchscript-quantized", r"__torch__\.intel", ".pt"),
    Family("torchscript", r"__torch__\.", ".pt"),
)
_PLAIN = Family("state-dict", r"", ".bin")
_ELEMENT_BYTES = {
    "BFloat16Storage": 2,
    "BoolStorage": 1,
    "ByteStorage": 1,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "LongStorage": 8,
    "UntypedStorage": 1,
}
_ENUMS = re.compile(r"(SchedulerType|\w+Strategy|OptimizerNames|DistributedType|Resolution|Problem)$")


def benign_files(counts: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, bytes); `counts` is how many files import each global."""
    left = Counter(counts)
    number_of = Counter[str]()
    for family in FAMILIES:
        own = {name: left[name] for name in counts if re.match(family.pattern, name) and left[name]}
        wanted = own | {name: min(n, left[name]) for name, n in family.shared.items()}
        left -= Counter(wanted)
        for names in _dealt(wanted):
            number_of[family.name] += 1
            yield _file(family, number_of[family.name], names)
    for index, names in enumerate(_dealt(+left)):
        yield _file(_PLAIN, index + 1, names)


def _dealt(wanted: dict[str, int]) -> Iterator[list[str]]:
    for index in range(max(wanted.values(), default=0)):
        yield [name for name, n in wanted.items() if n > index]


def _file(family: Family, index: int, names: list[str]) -> tuple[str, bytes]:
    body = _Body(names)
    members = {"archive/data.pkl": pickled(body.value(), _PROTOCOL), "archive/version": b"3\n"}
    members |= {f"archive/data/{key}": bytes(size) for key, size in enumerate(body.storages)}
    is_script = family.name.startswith("torchscript")
    return f"{family.name}-{index:03}{family.suffix}", _torch_zip(members, is_script=is_script)


def _torch_zip(members: dict[str, bytes], *, is_script: bool) -> bytes:
    if is_script:
        members["archive/code/__torch__/model.py"] = b"class Model(Module):\n  pass\n"
        members["archive/constants.pkl"] = b"\x80\x02)."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


class _Body:
    """One value that imports exactly `names`, each used as its writer uses it."""

    def __init__(self, names: list[str]) -> None:
        self._left = list(names)
        self._names = frozenset(names)
        self.storages: list[int] = []
        """Bytes of each tensor storage, by its key."""

    def value(self) -> bytes:
        items = [self._use(name) for name in self._left]
        return dict_of([(f"key{index}", value) for index, value in enumerate(items)])

    def _global(self, dotted: str) -> bytes:
        module, _, name = dotted.rpartition(".")
        return named(module, name, _PROTOCOL)

    def _use(self, name: str) -> bytes:
        kind = self._global(name)
        match name:
            case "collections.OrderedDict" | "collections.defaultdict":
                return call(kind)
            case "torch._utils._rebuild_tensor_v2":
                return self._tensor()
            case "torch._utils._rebuild_parameter":
                return call(kind, self._tensor(), boolean(True), self._hooks())
            case "torch._utils._rebuild_tensor_v3":
                return self._tensor_v3(kind)
            case "torch._tensor._rebuild_from_type_v2":
                arguments = (
                    self._global("torch._utils._rebuild_tensor_v2"),
                    self._global("torch.Tensor"),
                )
                return call(kind, *arguments, tuple_of(*self._tensor_parts()), dict_of([]))
            case "torch.device":
                return call(kind, text("cpu"))
            case "torch.Size":
                return call(kind, tuple_of(number(1)))
            case "torch.torch_version.TorchVersion":
                return instance(kind, dict_of([]), text("2.1.0+cu118"))
            case "_io.BytesIO":
                return instance(kind, tuple_of(text(""), number(0), b"N"))
            case "_codecs.encode":
                return call(kind, text("\u00e9"), text("latin1"))
            case "numpy.dtype":
                return self._dtype()
            case "numpy.core.multiarray._reconstruct":
                return self._array(kind)
            case "numpy.core.multiarray.scalar":
                return call(kind, self._dtype(), self._bytes())
            case _ if _ENUMS.search(name):
                return call(kind, text("linear"))
            case _ if self._is_only_named(name):
                return kind if not name.endswith("Storage") else self._tensor(name)
            case _:
                return instance(kind, dict_of([("training", boolean(False))]))

    def _is_only_named(self, name: str) -> bool:
        return name.startswith(("torch.", "typing.", "numpy.")) and name.count(".") == 1

    def _hooks(self) -> bytes:
        return call(self._global("collections.OrderedDict"))

    def _tensor(self, storage: str | None = None) -> bytes:
        """A tensor; the survey counts no file with a storage and no rebuilder."""
        if "torch._utils._rebuild_tensor_v2" not in self._names:
            return self._storage(storage)
        return call(self._global("torch._utils._rebuild_tensor_v2"), *self._tensor_parts(storage))

    def _tensor_parts(self, storage: str | None = None) -> tuple[bytes, ...]:
        shape = tuple_of(number(1))
        hooks = self._hooks() if "collections.OrderedDict" in self._names else b"N"
        return (self._storage(storage), number(0), shape, shape, boolean(False), hooks)

    def _storage(self, storage: str | None = None) -> bytes:
        storages = [name for name in self._names if name.endswith("Storage")]
        chosen = storage or min(storages, default=None)
        if chosen is None:
            return b"N"
        key = str(len(self.storages))
        self.storages.append(_ELEMENT_BYTES[chosen.rpartition(".")[2]])
        parts = (text("storage"), self._global(chosen), text(key), text("cpu"), number(1))
        return persistent(tuple_of(*parts))

    def _tensor_v3(self, kind: bytes) -> bytes:
        dtype = self._global("torch.float8_e4m3fn")
        shape = tuple_of(number(1))
        fixed = (self._storage(), number(0), shape, shape, boolean(False), b"N", dtype)
        return call(kind, *fixed)

    def _dtype(self) -> bytes:
        made = call(self._global("numpy.dtype"), text("f8"), boolean(False), boolean(True))
        state = (number(3), text("<"), b"N", b"N", b"N", number(-1), number(-1), number(0))
        return made + tuple_of(*state) + b"b"

    def _bytes(self) -> bytes:
        if "_codecs.encode" not in self._names:
            return text("")
        return call(self._global("_codecs.encode"), text("\0" * 8), text("latin1"))

    def _array(self, kind: bytes) -> bytes:
        array = self._global("numpy.ndarray") if "numpy.ndarray" in self._names else b"N"
        made = call(kind, array, tuple_of(number(0)), self._bytes())
        state = (number(1), tuple_of(number(1)), self._dtype(), boolean(False), self._bytes())
        return made + tuple_of(*state) + b"b"
