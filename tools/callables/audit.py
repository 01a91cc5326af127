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
_DEPTH = 5

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
    | {"typing.Sized", "spacy.pipeline.pipe.Pipe", "spacy.pipeline.trainable_pipe.TrainablePipe"}
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
    | {"get_matrices", "get_linear_constraints", "design_matrices", "dmatrices", "dmatrix"}
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
    "rv_generic.__setstate__": "runs text of its state; the scanner compares it with what scipy writes",
    "Rotation.__setstate__": "asks its own array for its namespace",
    "ModelMixin.__getattr__": "asks its own configuration",
    "ConfigMixin.__getattr__": "asks its own configuration",
    "BaseTuner.__getattr__": "asks its own model",
    "PeftModel.__getattr__": "asks its own model",
    "PeftMixedModel.__getattr__": "asks its own model",
    "AdaptionPromptModel.__getattr__": "asks its own model",
    "XLoraModel.__getattr__": "asks its own model",
    "ResultsWrapper.__getattribute__": "asks its own results",
    "MLEResults.append": "computes new results from numbers",
    "AutoRegResults.append": "computes new results from numbers",
    "Representation.extend": "computes a new representation from numbers",
    "SARIMAXParams.exog_params": "asks its own specification",
    "Data.__getattr__": "asks its own store",
    "TemporalData.__getattr__": "asks its own store",
    "HeteroData.__getattr__": "asks its own store",
    "BaseStorage.__setattr__": "sets its own property or item",
    "InMemoryStorage.__setstate__": "makes a lock",
    "SingleModelSelector.__getattr__": "asks its own best model for one name",
    "IndexMixin.__setitem__": "asks its own arrays",
    "_coo_base.__setitem__": "asks its own arrays",
    "_spbase.__eq__": "asks its own arrays for an operator",
    "OpsMixin.__eq__": "asks its own arrays for an operator",
    "_LocationIndexer.__setitem__": "asks its own frame; a key that can be called is named in the file",
    "Series.__setitem__": "asks its own index; a key that can be called is named in the file",
    "DataFrame.__setitem__": "asks its own columns; a key that can be called is named in the file",
    "ArrowExtensionArray.__setitem__": "asks pyarrow for a function of a fixed name",
    "IntervalArray.__new__": "asks its own arguments for their type",
    "Index.append": "names the index that it makes",
    "ListConfig.__getattr__": "asks its own items",
    "ListConfig.append": "asks its own type for the key's name",
    "KeyedVectors.__setitem__": "asks its own arrays",
    "NNDescent.__setstate__": "compiles a search; a metric that can be called is named in the file",
    "EnsembleCateEstimator.weights": "asks its own arrays",
    "FeatureStore.__setitem__": "asks its own attributes",
    "BaseModel._target_device": "moves its own weights",
    "Transformer.unpad_inputs": "imports one of a fixed list of models",
    "VARMAXResults.extend": "computes new results from numbers",
    "DynamicFactorMQResults.append": "computes new results from numbers",
    "ARIMAResults.append": "computes new results from numbers",
    "_ConvNd.__setstate__": "packs its own weights by a fixed operator",
    "DictConfig.__getattr__": "asks its own items",
}


class Auditor:
    """Judges classes of one `SourceIndex`."""

    def __init__(self, index: SourceIndex) -> None:
        self._index = index
        self._known: dict[tuple[str, str | None, str, int, int], str | None] = {}
        self._family: list[tuple[Module, str]] = []
        """The class under audit and its bases that have source, nearest first."""

    def ancestry(self, module: Module, qualname: str, depth: int = 24) -> list[tuple[Module, str] | str]:
        """Return the class and its bases, nearest first; a base that has no source is a string."""
        node = module.classes[qualname]
        found: list[tuple[Module, str] | str] = [(module, qualname)]
        for expression in _bases(node):
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
        ancestry = self.ancestry(module, qualname)
        self._family = [base for base in ancestry if not isinstance(base, str)]
        self._known = {}
        for base in ancestry:
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
            name = _callee_name(call.func)
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

    def _dispatch(self, name: str, depth: int) -> str | None:
        """Follow `self.name()` to every class of the family: the call goes to the most derived one."""
        for module, qualname in self._family:
            for method in _methods(module.classes[qualname]):
                if method.name == name:
                    reason = self._heat(method, (module, qualname), depth)
                    if reason:
                        return reason
        return None

    def _follow(self, full: str, name: str, owner: tuple[Module, str | None], depth: int) -> str | None:
        if owner[1] is not None and _is_own(name):
            return self._dispatch(name.rpartition(".")[2], depth)
        where = self._index.find(full)
        if where is None or where[1] not in where[0].functions:
            return None
        return self._heat(where[0].functions[where[1]], (where[0], None), depth)


def _bases(node: ast.ClassDef) -> Iterator[ast.expr]:
    """The bases, with `namedtuple(...)` as a tuple and `with_metaclass(Meta, Base)` as its base."""
    for expression in node.bases:
        match expression:
            case ast.Call(func=ast.Name(id="namedtuple") | ast.Attribute(attr="namedtuple")):
                yield ast.Name("tuple")
            case ast.Call(func=ast.Name(id="with_metaclass"), args=[_, *bases]):
                yield from bases
            case _:
                yield expression


def _methods(node: ast.ClassDef) -> Iterator[Definition]:
    for inner in node.body:
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield inner


def _callee_name(func: ast.expr) -> str | None:
    match func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
            return f"super.{name}"
        case _:
            return dotted_name(func)


def _is_own(name: str) -> bool:
    return name.startswith(("self.", "cls.", "super.")) and name.count(".") == 1


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
