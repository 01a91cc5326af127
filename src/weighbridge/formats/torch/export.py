"""What an exported program (`torch.export`) names and evaluates: targets, expressions, tree specs.

    {"graph_module": {"graph": {"nodes": [{"target": "torch.ops.aten.add.Tensor", ...}],
                      "tensor_values": {"x": {"sizes": [{"as_expr": {"expr_str": "Symbol('s0')"}}]}}},
                      "module_call_graph": [{"signature": {"in_spec": "..."}}]},
     "range_constraints": {"s0": {...}}, "guards_code": ["L['x'].size()[0] <= 8"], "schema_version": ...}

The loader resolves a target by attributes from `torch` on, gives expressions to sympy, which evaluates
them as Python, and imports the modules that a tree spec names. Source: torch/_export/serde/serialize.py
and torch/utils/_pytree.py of PyTorch 2.x.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.errors import LimitReached
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.scripts.python_tokens import shape

_MOST_NODES = 8_000_000
_LONGEST_EXPRESSION = 200_000
_MOST_TOKENS = 50_000
_DEEPEST = 150
_TAKES_TEXT = frozenset({"Symbol", "Dummy", "Wild", "Str"})
_SPEC_WORDS = ("__enum__", "default_factory_module")
_ENUM = re.compile(r'"fqn"\s*:\s*"([^":]{1,300}):([^"]{0,300})"')
_FACTORY = re.compile(
    r'"default_factory_module"\s*:\s*"([^"]{1,300})"\s*,\s*"default_factory_name"\s*:\s*"([^"]{0,300})"'
)
_FACTORY_MODULE = re.compile(r'"default_factory_module"\s*:\s*"([^"]{1,300})"')


@dataclass(frozen=True, slots=True)
class ExportedProgram:
    """Facts of one program, each list without repeats.

    Attributes:
        targets: what the nodes call.
        expressions: texts that are evaluated on load.
        imported: (module, name) that a tree spec makes the loader import.
    """

    targets: tuple[str, ...]
    expressions: tuple[str, ...]
    imported: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """What evaluating a text would do beyond arithmetic.

    Attributes:
        called: dotted names that it calls or fetches attributes from.
        oddities: parts that no arithmetic has, in words.
        is_read: False when it is no expression, or too large.
    """

    called: tuple[str, ...]
    oddities: tuple[str, ...]
    is_read: bool = True


def is_exported_program(tree: Json) -> bool:
    """True for a program of any version of the schema."""
    return (
        isinstance(tree, Mapping)
        and isinstance(tree.get("graph_module"), Mapping)
        and bool({"range_constraints", "opset_version", "schema_version"} & tree.keys())
    )


def read_exported_program(tree: Json) -> ExportedProgram:
    """Collect facts from everywhere in the tree: graphs nest in graphs.

    Raises:
        LimitReached: more than eight million values.
    """
    targets: dict[str, None] = {}
    expressions: dict[str, None] = {}
    imported: dict[tuple[str, str], None] = {}
    for key, value in _pairs(tree):
        if isinstance(value, str):
            if key in ("target", "as_operator"):
                targets[value] = None
            elif key in ("expr_str", "guards_code"):
                expressions[value] = None
            if any(word in value for word in _SPEC_WORDS):
                imported.update(dict.fromkeys(_imports(value)))
        elif key == "range_constraints" and isinstance(value, Mapping):
            expressions.update(dict.fromkeys(value))
    return ExportedProgram(tuple(targets), tuple(expressions), tuple(imported))


def _pairs(tree: Json) -> Iterator[tuple[str, Json]]:
    """Every value with the key that it, or its list, stands under."""
    pending: list[tuple[str, Json]] = [("", tree)]
    count = 0
    while pending:
        key, value = pending.pop()
        count += 1
        if count > _MOST_NODES:
            raise LimitReached(f"an exported program of more than {_MOST_NODES:,} values")
        yield key, value
        if isinstance(value, Mapping):
            pending.extend(value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            pending.extend((key, one) for one in value)


def _imports(spec: str) -> Iterator[tuple[str, str]]:
    """Modules that a tree spec names. It is JSON in text in JSON: the escapes go first."""
    plain = spec.replace("\\", "")
    yield from ((found.group(1), found.group(2)) for found in _ENUM.finditer(plain))
    named = [(found.group(1), found.group(2)) for found in _FACTORY.finditer(plain)]
    yield from named
    modules = {module for module, _ in named}
    for found in _FACTORY_MODULE.finditer(plain):
        if found.group(1) not in modules:
            yield found.group(1), ""


def read_expression(text: str) -> Expression:
    """Read one expression without evaluating it. Takes any text."""
    if text.isidentifier():
        return Expression((), ())
    tree = _parsed(text)
    if tree is None:
        return Expression((), (), is_read=False)
    called: dict[str, None] = {}
    oddities: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                name = _dotted(node.func)
                if name is not None:
                    called[name] = None
                if name not in _TAKES_TEXT and any(_is_text(one) for one in _arguments(node)):
                    oddities[f"a text is given to {name or 'a computed callable'}"] = None
            case ast.Attribute():
                name = _dotted(node)
                if name is not None:
                    called[name] = None
                if node.attr.startswith("__"):
                    oddities[f"the attribute {node.attr[:60]}"] = None
            case ast.Name() if node.id.startswith("__"):
                oddities[f"the name {node.id[:60]}"] = None
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp() | ast.DictComp() | ast.SetComp():
                oddities["a function or loop of its own"] = None
            case ast.JoinedStr() | ast.NamedExpr() | ast.Await() | ast.Yield() | ast.YieldFrom():
                oddities["a statement in an expression"] = None
    return Expression(tuple(called), tuple(oddities))


def _parsed(text: str) -> ast.expr | None:
    if len(text) > _LONGEST_EXPRESSION:
        return None
    measured = shape(text, _MOST_TOKENS)
    if measured.tokens > _MOST_TOKENS or measured.brackets > _DEEPEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (keyword.value for keyword in call.keywords)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])
