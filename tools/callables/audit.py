"""Decide from source whether rebuilding an instance of a class can run anything of interest.

Rebuilding is what NEWOBJ, `copyreg._reconstructor`, BUILD, SETITEMS and APPENDS do: `__new__`,
`__setstate__`, attribute and item assignment, property setters, comparison of keys, and `__del__`
later. The constructor is not among them, which is why such classes carry the condition `rebuilt`.
A class is refused when one of those methods, followed through `self`, the class's bases and the
functions it calls, reaches a call in `_HOT`, when it has a `__del__` (which may free a pointer that
the pickle chose), or when a base class cannot be read and is not in `_PLAIN`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from source_index import Definition, Module, SourceIndex, dotted_name, meaning

_HOOKS = frozenset(
    {"__new__", "__setstate__", "__setattr__", "__getattr__", "__getattribute__"}
    | {"__setitem__", "append", "extend", "add", "__hash__", "__eq__", "__ior__", "_missing_"}
)
_DEPTH = 3

# Bases outside the packages read, whose own hooks do nothing but store.
_PLAIN = frozenset(
    {"object", "dict", "list", "tuple", "set", "frozenset", "str", "int", "float", "bytes", "type"}
    | {"abc.ABC", "ABC", "typing.Generic", "typing.Protocol", "typing.NamedTuple", "typing.TypedDict"}
    | {"typing_extensions.Protocol", "typing_extensions.TypedDict", "collections.OrderedDict"}
    | {"collections.UserDict", "collections.UserList", "collections.defaultdict", "collections.deque"}
    | {"collections.Counter", "collections.abc.Mapping", "collections.abc.MutableMapping"}
    | {"collections.abc.Sequence", "collections.abc.MutableSequence", "collections.abc.Iterator"}
    | {"collections.abc.Iterable", "collections.abc.Hashable", "collections.abc.Set"}
    | {"typing.Dict", "typing.List", "typing.Iterable", "typing.Sequence", "typing.Mapping"}
    | {"torch._C._TensorBase", "torch._C.StorageBase", "torch._C.TensorBase", "numpy.ndarray"}
    | {"torch._C._TensorMeta", "torch._C._FunctionBase", "numpy.void", "numpy.recarray"}
    | {"pandas._libs.internals.Block", "pandas._libs.internals.BlockManager", "builtins.object"}
    | {"pandas._libs.indexing.NDFrameIndexerBase", "pandas._libs.index.BaseMultiIndexCodesEngine"}
    | {"pandas._libs.arrays.NDArrayBacked", "pandas._libs.tslibs.dtypes.PeriodDtypeBase"}
    | {
        "scipy.spatial._ckdtree.cKDTree",
        "scipy.interpolate._interpnd.NDInterpolatorBase",
        "numbers.Real",
    }
    | {"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag", "types.SimpleNamespace"}
)
_ENUMS = frozenset({"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"})

# Calls by full name or any prefix of it, and methods by last name.
_HOT = frozenset(
    {"exec", "eval", "compile", "__import__", "open", "input", "breakpoint", "io", "os", "sys.exit"}
    | {
        "subprocess",
        "shutil",
        "importlib",
        "ctypes",
        "cffi",
        "socket",
        "urllib",
        "requests.Session",
        "requests.post",
        "httpx",
    }
    | {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib.load", "numpy.load", "torch.load"}
    | {"torch.hub", "torch.jit", "torch.package", "torch.ops", "torch.classes", "tempfile", "threading"}
    | {"multiprocessing", "runpy", "code", "types.FunctionType", "types.CodeType", "signal", "atexit"}
    | {"weakref.finalize", "glob", "zipfile", "tarfile", "sqlite3", "yaml", "huggingface_hub"}
    | {"operator.attrgetter", "operator.methodcaller", "pydoc", "pkgutil", "globals", "locals", "vars"}
    | {"torch.distributed", "torch.compile", "torch.fx", "safetensors", "logging.config", "concurrent"}
)
_HOT_METHODS = frozenset(
    {"system", "popen", "from_pretrained", "read_text", "write_text", "read_bytes", "write_bytes"}
    | {"unlink", "rmdir", "mkdir", "makedirs", "rename", "cleanup", "download", "load_library"}
    | {"Load", "LoadFromFile", "load_model", "hf_hub_download", "cached_file", "start", "submit"}
)
_COLD = frozenset(
    {"os.path", "os.environ.get", "os.getenv", "os.getpid", "os.fspath", "os.cpu_count"}
    | {
        "torch.distributed.get_rank",
        "torch.distributed.get_world_size",
        "torch.distributed.is_available",
    }
    | {
        "torch.distributed.is_initialized",
        "ctypes.byref",
        "ctypes.sizeof",
        "ctypes.c_void_p",
        "ctypes.c_char_p",
        "importlib.util.find_spec",
        "importlib.metadata",
    }
)


# Read by a person: what the method reaches is fixed, or needs more than a pickle can give.
_REVIEWED = {
    "PreTrainedModel.use_kernels": "a property; imports modules of transformers by constant names",
    "Booster.__setstate__": "hands model bytes to the native library, as loading its own format does",
    "PreTrainedTokenizerBase.__getattr__": "looks up names of special tokens among its own",
    "Booster.__del__": "frees the handle that its own __setstate__ made",
    "FrozenEstimator.__getattr__": "asks its own estimator",
    "Hyperparameter.__new__": "a named tuple that repeats its value",
    "CVBooster.__getattr__": "returns a function over its own boosters",
    "Resampler.__getattr__": "asks its own columns",
    "RBFInterpolator.__setstate__": "asks its own arrays for their namespace",
    "Rotation.__setstate__": "asks its own array for its namespace",
}


class Auditor:
    """Judges classes of one `SourceIndex`."""

    def __init__(self, index: SourceIndex) -> None:
        self._index = index
        self._known: dict[tuple[str, str | None, str, int, int], str | None] = {}

    def ancestry(self, module: Module, qualname: str, depth: int = 24) -> list[tuple[Module, str] | str]:
        """Return the class and its bases, nearest first; a base that has no source is a string."""
        node = module.classes[qualname]
        found: list[tuple[Module, str] | str] = [(module, qualname)]
        for expression in node.bases:
            name = dotted_name(expression)
            full = meaning(module, name) if name else "a computed base"
            where = self._index.find(full)
            if where and where[1] in where[0].classes and depth:
                found += self.ancestry(*where, depth - 1)
            else:
                found.append(full)
        return found

    def is_enum(self, module: Module, qualname: str) -> bool:
        """True when the class is an enumeration, rebuilt by calling it with a value."""
        return any(base in _ENUMS for base in self.ancestry(module, qualname) if isinstance(base, str))

    def refusal(self, module: Module, qualname: str) -> str | None:
        """Return why the class must not be listed, or None."""
        for base in self.ancestry(module, qualname):
            if isinstance(base, str):
                if base not in _PLAIN and not base.endswith("Mixin"):
                    return f"base {base} has no source here"
                continue
            for method in _methods(base[0].classes[base[1]]):
                if f"{base[1]}.{method.name}" in _REVIEWED:
                    continue
                if method.name == "__del__":
                    return f"{base[1]} runs __del__ over a state that the pickle chooses"
                if method.name in _HOOKS or _is_setter(method):
                    reason = self._heat(method, base, _DEPTH)
                    if reason:
                        return f"{base[1]}.{method.name} reaches {reason}"
        return None

    def _heat(self, body: Definition, owner: tuple[Module, str | None], depth: int) -> str | None:
        """Return the first hot call that `body` reaches within `depth` calls."""
        key = (owner[0].name, owner[1], body.name, body.lineno, depth)
        if key not in self._known:
            self._known[key] = None  # a cycle adds nothing new
            self._known[key] = self._look(body, owner, depth)
        return self._known[key]

    def _look(self, body: Definition, owner: tuple[Module, str | None], depth: int) -> str | None:
        local = _local_imports(body, owner[0])
        for call in (node for node in ast.walk(body) if isinstance(node, ast.Call)):
            name = dotted_name(call.func)
            if name is None:
                continue
            head, dot, rest = name.partition(".")
            full = local[head] + dot + rest if head in local else meaning(owner[0], name)
            if _is_cold(full):
                continue
            if _is_hot(full, call):
                return full
            reason = self._follow(full, name, owner, depth - 1) if depth else None
            if reason:
                return reason
        return None

    def _follow(self, full: str, name: str, owner: tuple[Module, str | None], depth: int) -> str | None:
        module, qualname = owner
        if qualname is not None and name.startswith(("self.", "cls.")) and name.count(".") == 1:
            for method in _methods(module.classes[qualname]):
                if method.name == name.partition(".")[2]:
                    return self._heat(method, owner, depth)
            return None
        where = self._index.find(full)
        if where is None or where[1] not in where[0].functions:
            return None
        return self._heat(where[0].functions[where[1]], (where[0], None), depth)


def _methods(node: ast.ClassDef) -> Iterator[Definition]:
    for inner in node.body:
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield inner


def _is_setter(method: Definition) -> bool:
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in method.decorator_list)


def _local_imports(body: Definition, module: Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module or module.name}.{alias.name}"
    return names


def _prefixes(full: str) -> set[str]:
    parts = full.split(".")
    return {".".join(parts[: i + 1]) for i in range(len(parts))}


def _is_cold(full: str) -> bool:
    return bool(_prefixes(full) & _COLD)


def _is_hot(full: str, call: ast.Call) -> bool:
    if _prefixes(full) & _HOT or ("." in full and full.rpartition(".")[2] in _HOT_METHODS):
        return True
    return full == "getattr" and len(call.args) > 1 and _resolves_names(call)


def _resolves_names(call: ast.Call) -> bool:
    owner, name = call.args[:2]
    if isinstance(name, ast.Constant):
        return False
    return not (isinstance(owner, ast.Name) and owner.id in ("self", "cls", "other", "obj"))
