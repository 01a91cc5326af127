"""skops schemas: which classes and functions a `.skops` file makes its loader call.

`schema.json` is a tree of nodes. `__loader__` says how a node is loaded, `__module__` and `__class__`
name what is imported for it. skops asks for trust type by type; older versions asked for the trust
of one name and then loaded another, so the places where a node can say two things are compared.

Source: https://skops.readthedocs.io/en/stable/persistence.html, skops/io/_general.py
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.analyzers.configuration.config_trees import child, mappings, text_of
from weighbridge.analyzers.configuration.target_weights import Weighed, Weight, weigh_import
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

_RUNS, _CONTRADICTS, _REACHES, _UNKNOWN, _KNOWN, _FILE, _ODD = (
    f"SKO{number:03}" for number in range(1, 8)
)
_NEWEST_PROTOCOL: Final = 2
_TRUSTED: Final = frozenset({"sklearn", "numpy", "scipy", "builtins", "collections", "datetime"})
"""Where the types come from that skops trusts by itself, or nearly so."""
_LOADERS: Final = frozenset(
    {"DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "FunctionNode", "PartialNode"}
    | {"TypeNode", "SliceNode", "JsonNode", "ConstructorFromReduceNode", "ObjectNode", "MethodNode"}
    | {"BytesNode", "BytearrayNode", "OperatorFuncNode", "ReduceNode", "TreeNode", "LossNode"}
    | {"_DictWithDeprecatedKeysNode", "NdArrayNode", "MaskedArrayNode", "RandomStateNode", "DTypeNode"}
    | {"RandomGeneratorNode", "SparseMatrixNode", "QuantileForestNode", "SGDNode", "CachedNode"}
)
_REBUILT: Final = frozenset({"ObjectNode", "TypeNode"})
_OPERATORS: Final = frozenset({"attrgetter", "itemgetter", "methodcaller"})
_GENERATORS: Final = frozenset({"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"})
_PICKLES: Final = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth")
_OWNERS: Final = {
    "LossNode": "sklearn.",
    "TreeNode": "sklearn.tree.",
    "QuantileForestNode": "quantile_forest",
}
_MOST = 200


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is the schema of a skops file."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("__loader__"), str):
        return None
    if "protocol" not in tree and "_skops_version" not in tree and "__class__" not in tree:
        return None
    return _judged(artifact, tree, context)


def _judged(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Event]:
    protocol = tree.get("protocol")
    if isinstance(protocol, int) and protocol > _NEWEST_PROTOCOL:
        yield _finding(
            artifact, _ODD, "protocol", f"protocol {protocol}; {_NEWEST_PROTOCOL} is known", ""
        )
    groups: dict[tuple[str, str], list[tuple[str, Weighed]]] = {}
    told: set[tuple[str, str]] = set()
    for route, node in mappings(tree):
        loader = text_of(node, "__loader__")
        if loader is None:
            continue
        for rule, subject, evidence in _oddities(node, loader):
            if (rule, subject) not in told and len(told) < _MOST:
                told.add((rule, subject))
                yield _finding(artifact, rule, subject, evidence, route)
        for weighed in _named(node, loader, context):
            told_by = _rule(weighed)
            if told_by is not None:
                groups.setdefault((told_by, _subject(told_by, weighed)), []).append((route, weighed))
    for (told_by, subject), members in list(groups.items())[:_MOST]:
        yield _named_finding(artifact, told_by, subject, members)


def _named(node: Mapping[str, Json], loader: str, context: Context) -> Iterator[Weighed]:
    """Yield what a node imports, weighed for what its loader does with it."""
    module, name = text_of(node, "__module__"), text_of(node, "__class__")
    content = node.get("content")
    if loader == "FunctionNode" and isinstance(content, Mapping) and "module_path" in content:
        # Protocol 0 keeps the function here; the node's own name is that of its type.
        module, name = text_of(content, "module_path"), text_of(content, "function")
    if module and name and not (loader == "OperatorFuncNode" and _is_plain_operator(module, name)):
        yield weigh_import(module, name, context.callables, is_rebuilt=loader in _REBUILT)
    if loader == "MethodNode" and isinstance(content, Mapping):
        owner, function = content.get("obj"), text_of(content, "func")
        if isinstance(owner, Mapping) and function:
            module, name = text_of(owner, "__module__"), text_of(owner, "__class__")
            if module and name:
                yield weigh_import(module, f"{name}.{function}", context.callables)


def _is_plain_operator(module: str, name: str) -> bool:
    return module in ("operator", "_operator") and name in _OPERATORS


def _oddities(node: Mapping[str, Json], loader: str) -> Iterator[tuple[str, str, str]]:
    """Yield (rule, subject, evidence) of nodes that say two things, or that no skops writes."""
    if loader not in _LOADERS:
        yield _ODD, loader[:100], f"{quoted(loader)} is no node of skops"
    module, name = text_of(node, "__module__") or "", text_of(node, "__class__") or ""
    spelled = f"{module}.{name}"[:200]
    content = node.get("content")
    match loader:
        case "OperatorFuncNode" if module not in ("operator", "_operator"):
            yield _CONTRADICTS, spelled, f"an OperatorFuncNode of {spelled}, not of the module operator"
        case "MethodNode":
            owner = child(content, "obj")
            if isinstance(owner, Mapping) and text_of(owner, "__loader__") != "CachedNode":
                of = f"{text_of(owner, '__module__')}.{text_of(owner, '__class__')}"
                if of != f"{module}.{name}":
                    yield _CONTRADICTS, spelled, f"a MethodNode of {spelled} on an object of {of[:200]}"
        case "LossNode" | "TreeNode" | "QuantileForestNode":
            yield from _constructor(node, loader, spelled)
        case "RandomGeneratorNode":
            generator = child(content, "bit_generator", "content", "bit_generator", "content")
            if isinstance(generator, str) and generator.strip('"') not in _GENERATORS:
                yield _CONTRADICTS, generator[:100], f"a random generator named {quoted(generator)}"
        case _:
            pass
    yield from _file(node)


def _constructor(node: Mapping[str, Json], loader: str, spelled: str) -> Iterator[tuple[str, str, str]]:
    """The audit saw the node's class; what was called came from `__reduce__`, or the other way round."""
    if not spelled.startswith(_OWNERS[loader]):
        yield _CONTRADICTS, spelled, f"a {loader} of {spelled}, which is none"
    constructor = child(node.get("__reduce__"), "constructor")
    if isinstance(constructor, Mapping):
        other = f"{text_of(constructor, '__module__')}.{text_of(constructor, '__class__')}"[:200]
        if other != spelled:
            yield _CONTRADICTS, spelled, f"a {loader} of {spelled} is made by {other}"


def _file(node: Mapping[str, Json]) -> Iterator[tuple[str, str, str]]:
    name = text_of(node, "file")
    if name is None:
        return
    if name.lower().endswith(_PICKLES):
        yield _FILE, name[:200], f"a node loads {quoted(name)}, which is named as a pickle"
    elif ".." in name.split("/") or name.startswith("/") or "\\" in name:
        yield _FILE, name[:200], f"a node loads {quoted(name)}, which is outside the archive"


def _rule(weighed: Weighed) -> str | None:
    match weighed.weight:
        case Weight.RUNS:
            return _RUNS
        case Weight.REACHES:
            return _REACHES
        case Weight.UNKNOWN:
            return _UNKNOWN
        case Weight.OPENS | Weight.LOADS | Weight.KNOWN:
            return None if weighed.target.partition(".")[0] in _TRUSTED else _KNOWN


def _subject(rule: str, weighed: Weighed) -> str:
    if rule in (_RUNS, _REACHES):
        return weighed.canonical[:200]
    return weighed.target.partition(".")[0][:200] if rule == _UNKNOWN else "types"


def _named_finding(
    artifact: Artifact, rule: str, subject: str, members: list[tuple[str, Weighed]]
) -> Finding:
    route, weighed = members[0]
    names = list(dict.fromkeys(other.target for _, other in members))
    lines = [f"{quoted(weighed.target)}: {weighed.why}"]
    if len(names) > 1:
        lines.append(f"and {len(names) - 1:,} more: " + ", ".join(quoted(one) for one in names[1:6]))
    return _finding(artifact, rule, subject, "\n".join(lines), route)


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, route=route)
