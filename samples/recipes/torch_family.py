"""The PyTorch family: TorchScript, exported programs, packages, TorchServe, ExecuTorch, Torch7."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterator, Mapping

Scalar = tuple[str, int]
Numbers = tuple[str, list[int]]
Fields = Mapping[int, object]

_SYSTEM = b"\x80\x02cposix\nsystem\nX\x17\x00\x00\x00echo weighbridge-marker\x85R."
_NONE = b"\x80\x02N."
_EMPTY_TUPLE = b"\x80\x02)."
_OBJECT = b"\x80\x02c__torch__\nNet\n)\x81}X\x08\x00\x00\x00training\x89sb."


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    yield from _torchscript()
    yield from _exported()
    yield from _aotinductor()
    yield from _packages()
    yield from _served()
    yield from _checkpoints()
    yield from _executorch()
    yield from _mobile()
    yield from _torch7()


def archive(members: Mapping[str, bytes | str], root: str = "archive/") -> bytes:
    """A zip as torch writes it: stored members below one folder."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            made.writestr(zipfile.ZipInfo(root + name), data)
    return out.getvalue()


# TorchScript.

_HEAD = "class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"


def script(code: str, **more: bytes) -> bytes:
    """A TorchScript archive of one class."""
    members: dict[str, bytes | str] = {
        "data.pkl": _OBJECT,
        "code/__torch__.py": code,
        "code/__torch__.py.debug_pkl": _NONE,
        "constants.pkl": _EMPTY_TUPLE,
        "version": "3\n",
    }
    return archive(members | more)


def forward(*lines: str) -> str:
    """The code of a class with one method."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"{_HEAD}  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n{body}    return x\n"


def _torchscript() -> Iterator[tuple[str, bytes]]:
    honest = forward(
        "_0 = ops.quantized.linear(x, self.packed, 1., 0)",
        'if torch.gt(torch.len("torch.save"), 3):\n      ops.prim.RaiseException("save: bad \\" value")',
        "else:\n      pass",
        "saved = (self.writer).save(x, )",
        "y = annotate(List[Tensor], [torch.add(x, CONSTANTS.c0)])",
    )
    typed = "  packed : __torch__.torch.classes.quantized.LinearPackedParamsBase\n"
    honest = honest.replace("  training : bool\n", "  training : bool\n" + typed)
    yield "torch/script.twin.pt", script(honest)
    yield "torch/script-print.twin.pt", script(forward('print("weighbridge-marker", x)'))
    yield "torch/script-save.pt", script(forward('torch.save(x, "/tmp/weighbridge-marker")'))
    state = (
        f"{_HEAD}  def __setstate__(self: __torch__.Net,\n    state: str) -> NoneType:\n"
        '    _0 = ops.aten.from_file("weighbridge-marker", True, 4)\n    return None\n'
    )
    yield "torch/script-on-load.pt", script(state)
    yield "torch/script-method.pt", script(forward('(torch).save(x, "weighbridge-marker")'))
    fetched = 'f = getattr(torch, "s\\141ve")\n    f(x, "weighbridge-marker")'
    yield "torch/script-getattr.pt", script(forward(fetched))
    yield "torch/script-alias.pt", script(forward("o = ops.image", 'o.write_file("m", x)'))
    yield (
        "torch/script-unknown.pt",
        script(
            forward("y = ops.weighbridge_marker.run(x)").replace(
                "  training : bool\n",
                "  training : bool\n  m : __torch__.torch.classes.weighbridge.Marker\n",
            )
        ),
    )
    yield "torch/script-rpc.pt", script(forward('rpc_async("worker", "marker", (x,))'))
    yield "torch/script-image.pt", script(forward('y = ops.image.read_file("weighbridge-marker")'))
    lowered = "  m : __torch__.torch.classes.__backends__.nnapi\n"
    yield (
        "torch/script-backend.pt",
        script(forward("y = x").replace("  training : bool\n", "  training : bool\n" + lowered)),
    )
    yield "torch/script-library.pt", script(honest, **{"extra/libmarker.so": b"weighbridge-marker"})


# torch.export.


def program(*, target: str = "torch.ops.aten.add.Tensor", size: str = "", spec: str = "") -> str:
    """An exported program of one node."""
    size = size or "Mul(Integer(2), Symbol('s0', positive=True, integer=True))"
    spec = spec or '[1, {"type": "builtins.tuple", "context": "null", "children_spec": []}]'
    node = {"target": target, "inputs": [], "outputs": [{"as_tensor": {"name": "y"}}], "metadata": {}}
    value = {"dtype": 7, "sizes": [{"as_expr": {"expr_str": size, "hint": {"as_int": 4}}}]}
    graph = {"inputs": [], "outputs": [], "nodes": [node], "tensor_values": {"y": value}}
    calls = [{"fqn": "", "signature": {"inputs": [], "outputs": [], "in_spec": spec}}]
    return json.dumps(
        {
            "graph_module": {"graph": graph, "signature": {}, "module_call_graph": calls},
            "opset_version": {"aten": 10},
            "range_constraints": {"2*s0": {"min_val": 4, "max_val": 128}},
            "schema_version": {"major": 8, "minor": 20},
            "guards_code": ["((1 + L['x'].size()[0]) // 2) <= 2*L['x'].size()[0]"],
        }
    )


def _table(*, pickled: bool) -> str:
    return json.dumps({"config": {"w": {"path_name": "weight_0", "use_pickle": pickled}}})


def exported(model: str, **more: bytes | str) -> bytes:
    """A `.pt2` archive of one program."""
    members: dict[str, bytes | str] = {
        "models/model.json": model,
        "data/weights/model_weights_config.json": _table(pickled=False),
        "data/weights/weight_0": bytes(8),
        "archive_format": "pt2",
        "archive_version": "0",
    }
    return archive(members | more)


def _exported() -> Iterator[tuple[str, bytes]]:
    yield "torch/exported.twin.pt2", exported(program())
    vision = program(target="torch.ops.torchvision.nms.default")
    table: dict[str, bytes | str] = {"data/weights/model_weights_config.json": _table(pickled=True)}
    table["data/weights/weight_0"] = archive({"data.pkl": _NONE, "version": "3\n"})
    yield "torch/exported-pickled.twin.pt2", exported(vision, **table)
    evil = "__import__('os').system('echo weighbridge-marker')"
    yield "torch/exported-expression.pt2", exported(program(size=evil))
    yield "torch/exported-sympify.pt2", exported(program(size="S('weighbridge_marker')"))
    yield "torch/exported-unread.pt2", exported(program(size="Symbol('s0') +"))
    yield "torch/exported-target.pt2", exported(program(target="torch.serialization.os.system"))
    yield (
        "torch/exported-custom.pt2",
        exported(program(target="torch.ops.weighbridge_marker.run.default")),
    )
    context = {"default_factory_module": "os", "default_factory_name": "abort", "dict_context": []}
    spec = json.dumps([1, {"type": "collections.defaultdict", "context": json.dumps(context)}])
    yield "torch/exported-spec.pt2", exported(program(spec=spec))
    yield "torch/exported-library.pt2", exported(program(), **{"extra/libmarker.so": b"marker"})


def _aotinductor() -> Iterator[tuple[str, bytes]]:
    place = "data/aotinductor/model/"
    compiled: dict[str, bytes | str] = {
        f"{place}c5wh.wrapper.so": b"marker",
        f"{place}c5wh.wrapper.cpp": "// marker\n",
    }
    package: dict[str, bytes | str] = {"archive_format": "pt2", "archive_version": "0"}
    yield "torch/aotinductor.pt2", archive(package | compiled)
    flags = {
        "compiler": "g++",
        "definitions": [" TORCH_INDUCTOR_CPP_WRAPPER"],
        "include_dirs": ["/usr/include/python3.11"],
        "cflags": ["O3", "DNDEBUG", "std=c++17"],
        "ldflags": ["shared"],
        "libraries_dirs": [],
        "libraries": ["torch", "gomp"],
        "passthrough_args": ["-mavx2"],
        "aot_mode": True,
    }
    source: dict[str, bytes | str] = {
        f"{place}m.cpp": "// marker\n",
        f"{place}m_compile_flags.json": json.dumps(flags),
    }
    yield "torch/aotinductor-source.pt2", archive(package | source)
    flags |= {"cflags": ["O3; echo weighbridge-marker"]}
    source[f"{place}m_compile_flags.json"] = json.dumps(flags)
    yield "torch/aotinductor-command.pt2", archive(package | source)


# torch.package and TorchServe.


def _packages() -> Iterator[tuple[str, bytes]]:
    members: dict[str, bytes | str] = {
        "net.py": "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n",
        "model/model.pkl": _NONE,
        ".data/extern_modules": "torch\nos\ncollections\n",
        ".data/python_version": "3.11.7",
        ".data/version": "6\n",
    }
    yield "torch/package.pt", archive(members)
    members[".data/extern_modules"] = "torch\nsubprocess\nctypes\n"
    yield "torch/package-processes.pt", archive(members)


def _served() -> Iterator[tuple[str, bytes]]:
    model = {"modelName": "net", "serializedFile": "net.pt", "handler": "image_classifier"}

    def mar(more: Mapping[str, str], **members: str) -> bytes:
        manifest = {"createdOn": "01/01/2026", "runtime": "python", "model": {**model, **more}}
        files: dict[str, bytes | str] = {"net.pt": archive({"data.pkl": _NONE, "version": "3\n"})}
        files |= members
        files["MAR-INF/MANIFEST.json"] = json.dumps(manifest)
        return archive(files, root="")

    handler = (
        "from ts.torch_handler.base_handler import BaseHandler\n\n\nclass H(BaseHandler):\n    pass\n"
    )
    yield "torch/served.twin.mar", mar({"extraFiles": "labels.json"}, **{"labels.json": "{}"})
    yield "torch/served-handler.mar", mar({"handler": "handler.py"}, **{"handler.py": handler})
    yield "torch/served-outside.mar", mar({"handler": "../../tmp/weighbridge_marker.py"})
    requirements = {"requirementsFile": "requirements.txt"}
    yield "torch/served-installs.mar", mar(requirements, **{"requirements.txt": "numpy==2.2.0\n"})


def _checkpoints() -> Iterator[tuple[str, bytes]]:
    yield "torch/lightning.ckpt", archive({"data.pkl": _SYSTEM, "version": "3\n"})
    yield "torch/checkpoint/.metadata", _SYSTEM
    yield "torch/rng_state.twin.pth", archive({"data.pkl": b"\x80\x02}.", "version": "3\n"})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = _SYSTEM if name == "pickle" else _NONE
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    yield "torch/legacy-tar.pt", out.getvalue()


# Flatbuffers.


def flatbuffer(root: Fields, identifier: bytes, header: bytes = b"") -> bytes:
    """A flatbuffer of nested tables: field -> (format, number), (format, numbers), text, tables."""
    out = bytearray(4) + bytearray(identifier) + bytearray(header)
    struct.pack_into("<I", out, 0, _emit(out, root))
    return bytes(out)


def _emit(out: bytearray, node: object) -> int:
    out += bytes(-len(out) % 8)
    match node:
        case str() | bytes():
            data = node.encode() if isinstance(node, str) else node
            at = len(out)
            out += struct.pack("<I", len(data)) + data + b"\0"
            return at
        case (str() as form, list() as numbers):
            out += bytes(4)  # so that eight-byte elements are aligned
            at = len(out)
            out += struct.pack("<I", len(numbers)) + struct.pack(f"<{len(numbers)}{form}", *numbers)
            return at
        case list():
            at = len(out)
            out += struct.pack("<I", len(node)) + bytes(4 * len(node))
            for number, child in enumerate(node):
                slot = at + 4 + 4 * number
                struct.pack_into("<I", out, slot, _emit(out, child) - slot)
            return at
        case Mapping():
            return _emit_table(out, node)
        case _:
            raise TypeError(node)


def _emit_table(out: bytearray, fields: Fields) -> int:
    count = max(fields, default=-1) + 1
    vtable = len(out)
    out += struct.pack("<HH", 4 + 2 * count, 4 + 8 * len(fields)) + bytes(2 * count)
    out += bytes(-len(out) % 8 + 4)  # the slots behind the first word are aligned
    at = len(out)
    out += struct.pack("<i", at - vtable) + bytes(8 * len(fields))
    for number, (field, value) in enumerate(fields.items()):
        slot = at + 4 + 8 * number
        struct.pack_into("<H", out, vtable + 4 + 2 * field, slot - at)
        if isinstance(value, tuple) and isinstance(value[1], int):
            struct.pack_into(f"<{value[0]}", out, slot, value[1])
        else:
            struct.pack_into("<I", out, slot, _emit(out, value) - slot)
    return at


def tensor(*sizes: int) -> Fields:
    """A value of a program: a float tensor."""
    order = list(range(len(sizes)))
    return {0: ("B", 5), 1: {0: ("b", 6), 2: ("i", list(sizes)), 3: ("B", order)}}


def plan(
    *,
    values: list[Fields],
    operators: list[tuple[str, str]],
    call: Fields,
    delegates: list[Fields],
) -> Fields:
    """One method with one instruction."""
    return {
        0: "forward",
        2: values,
        3: ("i", [0]),
        4: ("i", [1]),
        5: [{0: ("i", [0]), 1: ("i", [1]), 2: [call]}],
        6: [{0: name, 1: overload} for name, overload in operators],
        7: delegates,
        8: ("q", [0, 64]),
    }


def pte(
    *,
    sizes: tuple[int, ...] = (2, 3),
    operator: str = "aten::relu",
    index: int = 0,
    backend: str = "XnnpackBackend",
    segment: tuple[int, int] = (0, 16),
) -> bytes:
    """A program: a tensor goes through one operator; a delegate has its data in the one segment."""
    call = {0: ("B", 1), 1: {0: ("i", index), 1: ("i", [0, 1])}}
    delegate = {0: backend, 1: {0: ("b", 1), 1: ("I", 0)}}
    root: Fields = {
        0: ("I", 0),
        1: [
            plan(
                values=[tensor(*sizes), tensor(2, 3)],
                operators=[(operator, "out")],
                call=call,
                delegates=[delegate],
            )
        ],
        4: [{0: ("Q", segment[0]), 1: ("Q", segment[1])}],
    }
    size = len(flatbuffer(root, b"ET12", bytes(24)))
    base = size + -size % 16
    header = struct.pack("<4sIQQ", b"eh00", 24, size, base)
    return flatbuffer(root, b"ET12", header).ljust(base, b"\0") + b"weighbridge-mark"


def ptd(*sizes: int) -> bytes:
    """A tensor file of one tensor."""
    layout = {0: ("b", 6), 1: ("i", list(sizes)), 2: ("B", list(range(len(sizes))))}
    root: Fields = {
        0: ("I", 0),
        1: [{0: ("Q", 0), 1: ("Q", 16)}],
        2: [{0: "weight", 1: ("I", 0), 2: layout}],
    }
    size = len(flatbuffer(root, b"FT01", bytes(40)))
    base = size + -size % 16
    header = struct.pack("<4sI4Q", b"FH01", 40, 48, size - 48, base, 16)
    return flatbuffer(root, b"FT01", header).ljust(base, b"\0") + bytes(16)


def _executorch() -> Iterator[tuple[str, bytes]]:
    yield "torch/program.twin.pte", pte()
    yield "torch/program-index.pte", pte(index=4096)
    yield "torch/program-negative.pte", pte(sizes=(-1, 3))
    yield "torch/program-overflow.pte", pte(segment=(2**64 - 256, 512))
    yield "torch/program-cut.pte", pte()[:-4]
    yield "torch/program-custom.pte", pte(operator="weighbridge_marker::run")
    yield "torch/program-backend.pte", pte(backend="MarkerBackend")
    bundle: Fields = {0: ("I", 0), 2: pte(index=4096)}
    yield "torch/bundle-index.bpte", flatbuffer(bundle, b"BP08")
    yield "torch/tensors.twin.ptd", ptd(2, 2)
    yield "torch/tensors-negative.ptd", ptd(-2, 2)


def mobile(operator: str, kind: str, code: str) -> bytes:
    """A mobile module of one function."""
    function: Fields = {0: "__torch__.Net.forward", 2: [{0: operator, 1: ""}]}
    root: Fields = {
        0: ("I", 9),
        4: [{0: ("B", 16), 1: function}],
        7: [{0: kind, 1: ("B", 1)}],
        8: [{0: "code/__torch__.py", 1: code}],
    }
    return flatbuffer(root, b"PTMF")


def _mobile() -> Iterator[tuple[str, bytes]]:
    yield "torch/mobile.twin.ptl", mobile("aten::add", "__torch__.Net", forward("y = x"))
    yield "torch/mobile-save.ptl", mobile("aten::save", "__torch__.Net", forward('torch.save(x, "m")'))
    unknown = "__torch__.torch.classes.weighbridge.Marker"
    yield "torch/mobile-unknown.ptl", mobile("weighbridge_marker::run", unknown, forward("y = x"))


# Torch7.


def lua_string(text: bytes) -> bytes:
    """Tag and body of a string."""
    return struct.pack("<2i", 2, len(text)) + text


def lua_object(index: int, name: bytes, body: bytes) -> bytes:
    """Tag, index, version and class of an object before its body."""
    return struct.pack("<3i", 4, index, 3) + b"V 1" + struct.pack("<i", len(name)) + name + body


def lua_table(index: int, *pairs: tuple[bytes, bytes]) -> bytes:
    """A table of strings -> values."""
    body = b"".join(lua_string(key) + value for key, value in pairs)
    return struct.pack("<3i", 3, index, len(pairs)) + body


def lua_function(index: int, code: bytes) -> bytes:
    """A function, without upvalues."""
    upvalues = struct.pack("<3i", 3, index + 1, 0)
    return struct.pack("<3i", 8, index, len(code)) + code + upvalues


def _torch7() -> Iterator[tuple[str, bytes]]:
    storage = lua_object(5, b"torch.FloatStorage", struct.pack("<q4f", 4, 1, 2, 3, 4))
    shape = struct.pack("<i5q", 2, 2, 2, 2, 1, 1)
    weight = lua_object(4, b"torch.FloatTensor", shape + storage)
    number = struct.pack("<id", 1, 0.5)
    true = struct.pack("<2i", 5, 1)
    layer = lua_table(3, (b"weight", weight), (b"p", number), (b"train", true), (b"again", weight[:8]))
    model = lua_object(2, b"nn.Linear", layer)
    yield "torch/lua.twin.t7", lua_table(1, (b"model", model), (b"epoch", number))
    text = "4\n1\n3\nV 1\n9\nnn.Linear\n3\n2\n1\n2\n6\nweight\n"
    text += "4\n3\n3\nV 1\n17\ntorch.FloatTensor\n1\n2\n1\n1\n"
    text += "4\n4\n3\nV 1\n18\ntorch.FloatStorage\n2\n0.5 1.5\n"
    yield "torch/lua-ascii.twin.t7", text.encode()
    dump = b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00weighbridge-marker"
    yield "torch/lua-bytecode.t7", lua_table(1, (b"model", model), (b"hook", lua_function(9, dump)))
    source = b"print('weighbridge-marker')"
    yield "torch/lua-source.t7", lua_table(1, (b"hook", lua_function(9, source)))
    yield "torch/lua-class.t7", lua_object(1, b"marker.Layer", lua_table(2, (b"p", number)))
    unknown = lua_object(1, b"tds.Hash", b"\xff" * 8) + lua_function(9, dump)
    yield "torch/lua-behind.t7", unknown
