"""Judge the classes and functions that a Keras configuration names, by what Keras itself has.

Keras looks a name up in its own modules, among what the program registered, and, up to 3.8, in any
module at all. So the list of what belongs to models is exact; what is on no list and of another
module is judged by the tables of callables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path

from weighbridge.errors import WeighbridgeError
from weighbridge.formats.keras.config import KerasNode, NodeKind
from weighbridge.knowledge.callables import HARMFUL, CallableKnowledge, Judgement, Standing
from weighbridge.knowledge.locate import signatures_dir

_KERAS = re.compile(
    r"^(?:tf_keras|tf\.keras|tensorflow(?:_core)?(?:\.python)?\.keras|keras\._tf_keras\.keras"
    r"|keras\.api(?:\._v[12]\.keras)?)(?=\.|$)"
)
_LIBRARIES = ("keras_hub", "keras_nlp", "keras_cv")
_PARTS = frozenset(
    {"layers", "activations", "losses", "metrics", "optimizers", "initializers", "regularizers"}
    | {"constraints", "engine", "ops", "dtype_policies", "mixed_precision", "quantizers", "random"}
    | {"legacy", "dtensor", "distillation"}
)
_LISTED_PARTS = _PARTS | {"models", "backend", "export", "utils"}
"""Where a class that is listed for one module may also stand in another release."""


class Naming(Enum):
    """What a name stands for."""

    KNOWN = auto()
    CUSTOM = auto()
    """A class or function that whoever loads the model must bring."""
    IMPORTED = auto()
    """Of a package that is on no list; Keras up to 3.8 imports it."""
    GADGET = auto()
    """A part of Keras that is no part of models: downloads, loaders, switches."""
    FOREIGN = auto()
    """Of the standard library, or of a library, and no layer of a model."""
    HARMFUL = auto()


@dataclass(frozen=True, slots=True)
class Named:
    """What a node names, and what is known of it."""

    naming: Naming
    shown: str
    why: str = ""


def canonical_module(module: str) -> str:
    """Return the module as Keras 3 spells it: `keras...` for each of the names that Keras goes by."""
    return _KERAS.sub("keras", module)


def judge_name(node: KerasNode, knowledge: CallableKnowledge) -> Named:
    """Say what a node's class or function is."""
    module = canonical_module(node.module) if node.module is not None else None
    shown = f"{node.module}.{node.name}" if node.module else node.name
    if module is None or module == "builtins":
        return _unqualified(node, shown, knowledge)
    top = module.partition(".")[0]
    if top == "keras":
        return _of_keras(node, module, shown)
    if top in _LIBRARIES and _is_class(node):
        is_listed = module in _modules("hub_classes.txt").get(node.name, ())
        return Named(Naming.KNOWN if is_listed else Naming.CUSTOM, shown)
    if module in _tensorflow_modules():
        return Named(Naming.KNOWN, shown)
    return _of_others(knowledge.judge(module, node.name, protocol=4), shown, node)


def functions_of_lambda(node: KerasNode, knowledge: CallableKnowledge) -> Iterator[Named]:
    """Say what a Lambda of Keras 2 names by module and function, where that is harmful."""
    if node.name != "Lambda":
        return
    for key, module_key in (("function", "module"), ("output_shape", "output_shape_module")):
        name, module = node.get(key), node.get(module_key)
        if isinstance(name, str) and isinstance(module, str) and name.isidentifier():
            named = _of_others(knowledge.judge(module, name, protocol=4), f"{module}.{name}", node)
            if named.naming is Naming.HARMFUL:
                yield named


def _unqualified(node: KerasNode, shown: str, knowledge: CallableKnowledge) -> Named:
    """Without a module the name is looked up among Keras's own, and what the program registered."""
    table = "classes.txt" if _is_class(node) else "functions.txt"
    if node.name.removeprefix("Custom>") in _modules(table):
        return Named(Naming.KNOWN, shown)
    if node.module == "builtins":
        # A function of a program has the class `function` and this module.
        is_built_in = node.name == "builtin_function_or_method"
        name = (is_built_in and node.registered_name) or node.name
        found = knowledge.judge("builtins", name, protocol=4)
        is_harmful = found.standing is Standing.CONDITIONAL and set(found.capabilities) & HARMFUL
        if found.standing is Standing.DANGEROUS or is_harmful:
            return Named(Naming.HARMFUL, found.canonical, _why(found))
    registered = node.registered_name
    return Named(Naming.CUSTOM, registered if registered and registered != "function" else node.name)


def _of_keras(node: KerasNode, module: str, shown: str) -> Named:
    table = _modules("classes.txt" if _is_class(node) else "functions.txt")
    if module in table.get(node.name, ()):
        return Named(Naming.KNOWN, shown)
    parts = [part for part in module.split(".")[1:] if part != "src"]
    part = parts[0] if parts else ""
    if _is_class(node) and node.name in table and part in _LISTED_PARTS:
        return Named(Naming.KNOWN, shown)
    if _is_class(node) and part in _PARTS and node.name[:1].isupper() and node.name.isidentifier():
        return Named(Naming.CUSTOM, shown, "a class of Keras that is on no list yet")
    return Named(Naming.GADGET, shown, "of Keras, but no part of any model")


def _of_others(found: Judgement, shown: str, node: KerasNode) -> Named:
    match found.standing:
        case Standing.DANGEROUS:
            return Named(Naming.HARMFUL, found.canonical, _why(found))
        case Standing.CONDITIONAL if set(found.capabilities) & HARMFUL:
            return Named(Naming.HARMFUL, found.canonical, _why(found))
        case Standing.STDLIB:
            return Named(Naming.FOREIGN, shown, "of the standard library")
        case Standing.REACHES if not _is_class(node):
            return Named(Naming.FOREIGN, shown, _why(found))
        case Standing.ALLOWED | Standing.RECOGNISED:
            return Named(Naming.KNOWN, shown)
        case Standing.MAIN:
            return Named(Naming.CUSTOM, shown)
        case Standing.CONDITIONAL | Standing.UNKNOWN | Standing.REACHES:
            return Named(Naming.IMPORTED, shown)


def _why(found: Judgement) -> str:
    able = ", ".join(capability.words for capability in found.capabilities[:3])
    return f"it can {able} ({found.why})" if able else found.why


def _is_class(node: KerasNode) -> bool:
    return node.kind is not NodeKind.FUNCTION


def _modules(file: str) -> dict[str, tuple[str, ...]]:
    return _read(signatures_dir() / "keras", file)


def _tensorflow_modules() -> dict[str, tuple[str, ...]]:
    return _read(signatures_dir() / "keras", "tensorflow_modules.txt")


@cache
def _read(folder: Path, file: str) -> dict[str, tuple[str, ...]]:
    """Return the words behind the first one of each line."""
    try:
        lines = (folder / file).read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise WeighbridgeError(f"cannot read {file}: {error.strerror}; reinstall weighbridge") from None
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {name: tuple(modules) for name, *modules in rows}
