"""What makes each part of a Python file run: an import, a loader, a user, or nobody yet.

An attack that waits for a call is one that a reader may still stop; one in a class body is not.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS: Final = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While)
_BASES_FOLLOWED: Final = 8
_MODEL_BASE: Final = re.compile(
    r"(?:^|\.)(?:\w*Module(?:List|Dict)?|\w*Model\w*|\w*Config|\w*Configuration|\w*Tokenizer\w*|\w*Processor\w*"
    r"|\w*FeatureExtract\w*|\w*Pipeline\w*|\w*Scheduler\w*|\w*Builder|\w*Handler|\w*Layer|\w*For[A-Z]\w+|\w*Mixin"
    r"|Sequential|Transformer|Router|Dataset|IterableDataset|\w*Encoder|\w*Embedding\w*|\w*Backbone)$"
)
"""Bases whose classes a framework makes and calls."""
_MODEL_NAME: Final = frozenset(
    {"EndpointHandler", "TritonPythonModel", "Model", "Predictor", "InferenceModel"}
)
"""Classes that a server makes by their name alone."""
_LOADS: Final = frozenset(
    {
        *(
            "__init__",
            "__new__",
            "__post_init__",
            "__setstate__",
            "__init_subclass__",
            "from_pretrained",
            "post_init",
        ),
        *(
            "_from_config",
            "from_config",
            "from_dict",
            "_from_pretrained",
            "_load_from_state_dict",
            "load_state_dict",
        ),
        *(
            "_load_pretrained_model",
            "_init_weights",
            "init_weights",
            "load_context",
            "load_model",
            "initialize",
            "setup",
        ),
        *(
            "load",
            "_load",
            "_info",
            "_split_generators",
            "_generate_examples",
            "_generate_tables",
            "build",
            "get_config",
        ),
        *("load_adapter", "_sanitize_parameters", "from_checkpoint", "download_and_prepare"),
    }
)
_USES: Final = frozenset(
    {
        *(
            "forward",
            "__call__",
            "generate",
            "predict",
            "execute",
            "handle",
            "inference",
            "preprocess",
            "postprocess",
        ),
        *(
            "_forward",
            "encode",
            "decode",
            "tokenize",
            "_tokenize",
            "call",
            "run",
            "training_step",
            "prepare_inputs_for_generation",
        ),
        *(
            "__getitem__",
            "__iter__",
            "__len__",
            "save_pretrained",
            "apply_chat_template",
            "chat",
            "_sample",
        ),
    }
)
_IMPORT_HOOKS: Final = frozenset(
    {"__init_subclass__", "__set_name__", "__prepare__", "__mro_entries__", "__class_getitem__"}
)
_META_HOOKS: Final = ("__new__", "__init__", "__call__", "__prepare__")
_COMMANDS: Final = ("setuptools.command.", "distutils.command.", "setuptools.Command")
_MODULE_HOOKS: Final = frozenset({"__getattr__", "__dir__"})
_LIFE: Final = ("__init__", "__new__", "__post_init__", "__enter__", "__exit__", "__del__")


class RunsWhen(StrEnum):
    """What makes a part of a file run, the most pressing first. The value is shown to people."""

    IMPORTED = "when the file is imported or run"
    LOADED = "when the model or data set is loaded"
    STARTED = "when the file is run as a program"
    USED = "when the model is used"
    CALLED = "when it is called"


@dataclass(frozen=True, slots=True)
class PythonClass:
    """One class of a file.

    Attributes:
        name: qualified within the file: `Outer.Inner`.
        bases: dotted, with imports resolved.
        metaclass: dotted, or None.
        methods: names of what is defined right in its body.
    """

    name: str
    line: int
    bases: tuple[str, ...]
    metaclass: str | None
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class, the qualified name, and the class that it is a method of, or ""."""

    name: str
    owner: str
    node: Function | ast.ClassDef


def without_main(body: list[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The statements of a module, and those of its `if __name__ == "__main__":`."""
    rest: list[ast.stmt] = []
    main: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If) and _asks_for_main(statement.test):
            main += statement.body
            rest += statement.orelse
        else:
            rest.append(statement)
    return rest, main


def _asks_for_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            sides = {getattr(left, "id", None), getattr(right, "id", None)}
            texts = {getattr(left, "value", None), getattr(right, "value", None)}
            return "__name__" in sides and "__main__" in texts
    return False


def level(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Statements without the bodies of functions; decorators, defaults and annotations do run."""
    found: list[ast.stmt] = []
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found += _expressions(_given_to(statement))
            case ast.ClassDef():
                keywords = [one.value for one in statement.keywords]
                found += _expressions([*statement.decorator_list, *statement.bases, *keywords])
                found += level(statement.body)
            case ast.If() | ast.Try() | ast.TryStar() | ast.With() | ast.For() | ast.While():
                found.append(_with_levels(statement))
            case _:
                found.append(statement)
    return found


def _given_to(function: Function) -> Iterator[ast.expr]:
    """What is worked out when the function is defined."""
    arguments = function.args
    yield from function.decorator_list
    yield from arguments.defaults
    yield from (one for one in arguments.kw_defaults if one is not None)
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    for annotation in (*(one.annotation for one in every), function.returns):
        if annotation is not None and any(isinstance(one, ast.Call) for one in ast.walk(annotation)):
            yield annotation


def _expressions(nodes: Iterable[ast.expr]) -> list[ast.stmt]:
    return [ast.copy_location(ast.Expr(value=one), one) for one in nodes]


def _with_levels(statement: ast.stmt) -> ast.stmt:
    """A copy of a block in which bodies are levels too."""
    fields = dict(ast.iter_fields(statement))
    for key in ("body", "orelse", "finalbody"):
        if fields.get(key):
            fields[key] = level(fields[key])
    if "handlers" in fields:
        fields["handlers"] = [
            ast.copy_location(ast.ExceptHandler(type=one.type, name=one.name, body=level(one.body)), one)
            for one in fields["handlers"]
        ]
    return ast.copy_location(type(statement)(**fields), statement)


def definitions(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    """Functions, methods and classes by qualified name; what is inside of functions stays inside."""
    pending = deque((statement, "") for statement in body)
    while pending:
        statement, owner = pending.popleft()
        prefix = f"{owner}." if owner else ""
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Definition(prefix + statement.name, owner, statement)
            case ast.ClassDef():
                yield Definition(prefix + statement.name, owner, statement)
                pending.extend((inner, prefix + statement.name) for inner in statement.body)
            case _ if isinstance(statement, _BLOCKS):
                pending.extend((inner, owner) for inner in _inner_statements(statement))


def stand_ins(found: Iterable[Definition]) -> Iterator[tuple[str, ast.expr]]:
    """Yield `Class.name` and `function()`, with the name that a class keeps or a function returns."""
    for one in found:
        for statement in one.node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value):
                    value = _unwrapped(value)
                    if isinstance(one.node, ast.ClassDef) and _is_dotted(value):
                        yield f"{one.name}.{name}", value
                case ast.Return(value=ast.expr() as value) if not isinstance(one.node, ast.ClassDef):
                    if _is_dotted(value):
                        yield f"{one.name}()", value


def _unwrapped(value: ast.expr) -> ast.expr:
    match value:
        case ast.Call(func=ast.Name(id="staticmethod"), args=[inner]):
            return inner
    return value


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    for key in ("body", "orelse", "finalbody"):
        yield from getattr(statement, key, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body


@dataclass(frozen=True, slots=True)
class Index:
    """The functions and classes of a file, and which of them a dotted name stands for."""

    owners: Mapping[str, str]
    """Qualified name of a function -> its class, or ""."""
    classes: Mapping[str, PythonClass]

    def functions(self, name: str, owner: str) -> Iterator[str]:
        """Yield the function that a name, as it is spelled within a class, calls."""
        plain = name.replace("()", "")
        head, _, rest = plain.partition(".")
        if owner and head in ("self", "cls", "super", "__class__"):
            method = self._method(owner, rest, skip=head == "super") if "." not in rest else None
        elif plain in self.owners:
            method = plain
        else:
            holder, _, last = plain.rpartition(".")
            method = self._method(holder, last) if holder in self.classes else None
        if method is not None:
            yield method

    def made(self, name: str) -> Iterator[str]:
        """Yield what runs by itself when a name is called that is a class."""
        plain = name.partition("()")[0]
        if plain in self.classes:
            for hook in _LIFE:
                method = self._method(plain, hook)
                if method is not None:
                    yield method
            if name.endswith("().start"):
                yield from filter(None, [self._method(plain, "run")])

    def reached(self, name: str, owner: str) -> Iterator[str]:
        """Yield every function of the file that using the name runs."""
        yield from self.functions(name, owner)
        yield from self.made(name)

    def _method(self, holder: str, name: str, *, skip: bool = False) -> str | None:
        pending = deque([holder])
        for number in range(_BASES_FOLLOWED):
            if not pending:
                return None
            current = pending.popleft()
            dotted = f"{current}.{name}"
            if dotted in self.owners and not (skip and number == 0):
                return dotted
            found = self.classes.get(current)
            pending.extend(found.bases if found is not None else ())
        return None

    def is_of_model(self, name: str) -> bool:
        """True for a class that a framework or a server makes."""
        pending = deque([name])
        for _ in range(_BASES_FOLLOWED):
            if not pending:
                return False
            current = pending.popleft()
            found = self.classes.get(current)
            if current in _MODEL_NAME or (found is None and _MODEL_BASE.search(current)):
                return True
            pending.extend(found.bases if found is not None else ())
        return False


@dataclass(frozen=True, slots=True)
class Inside:
    """What the body of one function calls and reads, and the class that it is a method of."""

    owner: str
    calls: frozenset[str]
    reads: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All of it."""
        return self.calls | self.reads


def moments(
    index: Index, parts: Mapping[str, Inside], early: Inside, main: Inside
) -> dict[str, RunsWhen]:
    """When each function runs, by qualified name; what is missing runs when it is called.

    Args:
        index: of the file.
        parts: by qualified name.
        early: what the module level calls, and reads where somebody may call it.
        main: the same of the main block.
    """
    found: dict[str, RunsWhen] = {}
    roots = {
        RunsWhen.IMPORTED: [*_run_by(index, early), *_hooks(index)],
        RunsWhen.LOADED: _methods(index, _LOADS),
        RunsWhen.STARTED: [*_run_by(index, main), *_commands(index)],
        RunsWhen.USED: _methods(index, _USES),
    }
    for moment, pending in roots.items():
        while pending:
            name = pending.pop()
            if name in found or name not in parts:
                continue
            found[name] = moment
            pending += _run_by(index, parts[name])
    return found


def _run_by(index: Index, part: Inside) -> Iterator[str]:
    """A class that is only named is not made; a function that is only named may be handed on."""
    for name in part.calls:
        yield from index.reached(name, part.owner)
    for name in part.reads:
        yield from index.functions(name, part.owner)


def _commands(index: Index) -> list[str]:
    """What `setup.py` runs when the package is installed."""
    return [
        f"{one.name}.{method}"
        for one in index.classes.values()
        if any(base.startswith(_COMMANDS) for base in one.bases)
        for method in one.methods
    ]


def _hooks(index: Index) -> Iterator[str]:
    """Functions that Python itself calls while it imports a file."""
    for name, owner in index.owners.items():
        last = name.rpartition(".")[2]
        if (owner and last in _IMPORT_HOOKS) or (not owner and last in _MODULE_HOOKS):
            yield name
    for one in index.classes.values():
        if one.metaclass in index.classes:
            yield from (f"{one.metaclass}.{hook}" for hook in _META_HOOKS)


def _methods(index: Index, wanted: frozenset[str]) -> list[str]:
    models = {name for name in index.classes if index.is_of_model(name)}
    return [
        name
        for name, owner in index.owners.items()
        if owner in models and name.rpartition(".")[2] in wanted
    ]
