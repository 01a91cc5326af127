"""Say which classes and functions of a release are parts of models, and under which modules."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from wheels import Release, exported

Names = dict[str, set[str]]
"""The modules that may be given for a name."""

_BASES = frozenset(
    {"Operation", "Layer", "Sequential", "Model", "KerasTensor", "InputSpec", "Feature", "Cross"}
    | {"Loss", "LossFunctionWrapper", "DistillationLoss", "Metric", "BaseOptimizer", "_BaseOptimizer"}
    | {"OptimizerV2", "LearningRateSchedule", "Initializer", "Regularizer", "Constraint"}
    | {"SeedGenerator", "Policy", "DTypePolicy", "Quantizer", "QuantizationConfig"}
)
"""What is part of a model: these, and each class that is made from one of them."""
_ASIDE = frozenset(
    {"saving", "utils", "export", "callbacks", "trainers", "datasets", "wrappers", "backend"}
)
"""Where a class is no part of models, unless its name is exported or stands elsewhere too."""
_COMPUTE = frozenset(
    {"activations", "losses", "metrics", "ops", "initializers", "regularizers", "constraints", "random"}
)
_MERGE = frozenset(
    {"add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"}
)
_LOOK_UP = frozenset({"serialize", "deserialize", "get", "get_file"})


def classes(releases: Iterable[Release]) -> Names:
    """Return the classes of all releases that a configuration may name."""
    found: Names = defaultdict(set)
    aside: set[str] = set()
    for release in releases:
        for module, name, public in _model_classes(release):
            given = public | ({f"{module}.{name}"} if release.writes_modules else set())
            if not public and _ASIDE & set(module.split(".")):
                aside |= given
            elif given:
                found.setdefault(name, set())
                _add(found, given)
    _add(found, {dotted for dotted in aside if dotted.rpartition(".")[2] in found})
    return found


def functions(releases: Iterable[Release]) -> Names:
    """Return the functions that only compute, and those that are the short form of a layer."""
    found: Names = defaultdict(set)
    for release in releases:
        for module, definition in release.definitions():
            public = {name for name in exported(definition) if _is_part_of_models(name)}
            if public and isinstance(definition, ast.FunctionDef):
                own = {f"{module}.{definition.name}"} if release.writes_modules else set()
                _add(found, public | own)
    return found


def _add(found: Names, dotted_names: Iterable[str]) -> None:
    for dotted in dotted_names:
        module, _, name = dotted.rpartition(".")
        found[name].add(module)


def _model_classes(release: Release) -> Iterator[tuple[str, str, set[str]]]:
    """Yield (module, class, exported names) of each class that is a part of models."""
    named = _made_from_bases(release)
    for module, definition in release.definitions():
        name = definition.name
        if isinstance(definition, ast.ClassDef) and name in named and not name.startswith("_"):
            yield module, name, exported(definition)


def _made_from_bases(release: Release) -> set[str]:
    """Return the names of all classes below `_BASES`, however far."""
    bases: Names = defaultdict(set)
    for _, definition in release.definitions():
        if isinstance(definition, ast.ClassDef):
            bases[definition.name] |= set(_base_names(definition))
    found = set(_BASES)
    while more := {name for name, of in bases.items() if name not in found and of & found}:
        found |= more
    return found


def _base_names(definition: ast.ClassDef) -> Iterator[str]:
    for base in definition.bases:
        match base:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def _is_part_of_models(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    top, _, below = module.partition(".")
    if top != "keras" or name in _LOOK_UP:
        return False
    match below.partition(".")[0]:
        case "layers":
            return name in _MERGE
        case "applications":
            return name == "preprocess_input"
        case part:
            return part in _COMPUTE
