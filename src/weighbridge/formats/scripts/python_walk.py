"""Walk a syntax tree in the order of the text and note what it calls, imports, reads and holds."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from weighbridge.formats.scripts.facts import Argument, Item, ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.fold import Folder, Spending
from weighbridge.formats.scripts.fold_values import Refused, Value
from weighbridge.formats.scripts.python_names import UNKNOWN, Names, canonical

_FACTS = 5_000
_NODES = 400_000
_ITEMS = 64
_COMPOSED = (ast.BinOp, ast.Call, ast.Subscript)
_ZERO = ast.Constant(value=0)


@dataclass(slots=True)
class Walk:
    """Facts of one tree. The order of the text stands in for the order of running."""

    calls: list[ScriptCall] = field(default_factory=list)
    imports: dict[str, None] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)
    strings: dict[str | bytes, None] = field(default_factory=dict)
    is_cut: bool = False
    _names: Names = field(init=False)
    _folder: Folder = field(init=False)

    def __post_init__(self) -> None:
        self._names = Names(self._text)
        self._folder = Folder(Spending(), self._callee)

    def read(self, tree: ast.AST) -> None:
        """Note everything below `tree`, in a loop: a tree may be deeper than Python's own stack."""
        pending: list[ast.AST] = [tree]
        for _ in range(_NODES):
            if not pending:
                return
            node = pending.pop()
            pending.extend(reversed(self._visit(node)))
        self.is_cut = True

    def facts(self) -> ScriptFacts:
        tables = (self.calls, self.imports, self.references, self.strings)
        self.is_cut |= any(len(table) > _FACTS for table in tables) or self._folder.spending.is_crossed
        return ScriptFacts(
            calls=tuple(self.calls[:_FACTS]),
            imports=tuple(self.imports)[:_FACTS],
            references=tuple(self.references)[:_FACTS],
            strings=tuple(self.strings)[:_FACTS],
        )

    def _visit(self, node: ast.AST) -> list[ast.AST]:
        """Note one node; return what is below it that is still to be visited."""
        match node:
            case ast.Import():
                self._import(node)
                return []
            case ast.ImportFrom():
                self._import_from(node)
                return []
            case ast.Call():
                return self._call(node)
            case ast.Attribute() | ast.Name():
                return self._reference(node)
            case ast.Subscript(value=ast.Attribute() | ast.Name() as owner, slice=key):
                self._element(node)
                return [*self._below(owner), key]
            case ast.Constant(value=str() | bytes() as value):
                self._string(value)
                return []
            case ast.BinOp() | ast.JoinedStr():
                self._fold_string(node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
                return [value, *(target for target in targets if not isinstance(target, ast.Name))]
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value)
                return [value]
            case ast.NamedExpr(target=target, value=value):
                self._assign(target, value)
                return [value]
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self._augment(name, ast.BinOp(left=target, op=op, right=value))
                return [value]
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, item.context_expr)
            case ast.For(target=target, iter=over) | ast.AsyncFor(target=target, iter=over):
                self._each(target, over)
            case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                for loop in node.generators:
                    self._each(loop.target, loop.iter)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._parameters(node.args)
            case ast.Lambda():
                self._defaults(node.args)
        return list(ast.iter_child_nodes(node))

    # Names.

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports[alias.name] = None
            top = alias.name.partition(".")[0]
            self._names.bind(alias.asname or top, alias.name if alias.asname else top)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        self.imports[module] = None
        for alias in node.names:
            if alias.name == "*":
                self._names.stars.append(module)
                continue
            dotted = f"{module}.{alias.name}"
            self.imports[dotted] = None
            self._names.bind(alias.asname or alias.name, canonical(dotted))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
            return
        name = self._target(target)
        if name is None:
            return
        self._folder.variables.pop(name, None)
        folded = self._value(value)
        if folded is not None:
            self._folder.variables[name] = folded
            self._names.known.pop(name, None)
            self._conceal(name, isinstance(folded, str) and isinstance(value, _COMPOSED))
            if isinstance(folded, (str, bytes)):
                self._string(folded)
        else:
            before, self._names.hides = self._names.hides, False
            self._names.bind(name, self._names.of(value))
            self._conceal(name, self._names.hides)
            self._names.hides = before
            if isinstance(value, (ast.List, ast.Tuple, ast.Dict)):
                self._names.bind(f"{name}[]", self._names.first_known(value) or UNKNOWN)

    def _conceal(self, name: str, is_concealed: bool) -> None:
        """Remember whether what a name stands for was put together from pieces."""
        if is_concealed:
            self._names.concealed.add(name)
        else:
            self._names.concealed.discard(name)

    def _unpack(self, targets: list[ast.expr], value: ast.expr) -> None:
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
            for target, item in zip(targets, value.elts, strict=True):
                self._assign(target, item)
            return
        dotted = self._names.of(value)
        for target in targets:
            name = self._target(target)
            if name is not None:
                self._folder.variables.pop(name, None)
                self._names.bind(name, dotted)

    def _target(self, target: ast.expr) -> str | None:
        match target:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                return f"{owner}.{attribute}"
        return None

    def _augment(self, name: str, made: ast.BinOp) -> None:
        folded = self._value(made)
        self._folder.variables.pop(name, None)
        if folded is not None:
            self._folder.variables[name] = folded
            if isinstance(folded, (str, bytes)):
                self._string(folded)

    def _forget(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._folder.variables.pop(target.id, None)
            self._names.known.pop(target.id, None)

    def _each(self, target: ast.expr, over: ast.expr) -> None:
        """A loop variable stands for the functions that a short list names, and for no text."""
        self._forget(target)
        if isinstance(target, ast.Name) and isinstance(over, (ast.List, ast.Tuple)):
            self._names.bind(target.id, self._names.of(ast.Subscript(value=over, slice=_ZERO)))

    def _parameters(self, arguments: ast.arguments) -> None:
        """A parameter stands for the function that is its default, until somebody gives another."""
        positional = [*arguments.posonlyargs, *arguments.args]
        for one in (*positional, *arguments.kwonlyargs):
            self._forget(ast.Name(id=one.arg))
        self._defaults(arguments)

    def _defaults(self, arguments: ast.arguments) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        given = zip(reversed(positional), reversed(arguments.defaults), strict=False)
        named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        for one, default in (*given, *named):
            if isinstance(default, (ast.Name, ast.Attribute)):
                self._names.bind(one.arg, self._names.of(default))

    def _bind_lambda(self, function: ast.Lambda, node: ast.Call) -> None:
        """`(lambda f, x: f(x))(g, y)`: within it, `f` stands for `g`."""
        for one, given in zip(function.args.args, node.args, strict=False):
            self._assign(ast.Name(id=one.arg, ctx=ast.Store()), given)

    def _callee(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Constant):
            return None  # a method of a literal
        name = self._names.of(node)
        return None if name.startswith(UNKNOWN) else name

    # Facts.

    def _call(self, node: ast.Call) -> list[ast.AST]:
        if isinstance(node.func, ast.Lambda):
            self._bind_lambda(node.func, node)
        name = self._names.of(node.func)
        given = tuple(self._argument(argument) for argument in node.args[:_ITEMS])
        named = tuple(
            (keyword.arg, self._argument(keyword.value))
            for keyword in node.keywords[:_ITEMS]
            if keyword.arg is not None
        )
        self.calls.append(ScriptCall(name, given, named, node.lineno))
        imported = self._imported_by(name, given)
        if imported is not None:
            self.imports[imported] = None
        return [*self._below(node.func), *node.args, *node.keywords]

    def _imported_by(self, name: str, given: tuple[Argument, ...]) -> str | None:
        is_importer = name in ("__import__", "importlib.import_module", "importlib.__import__")
        return given[0] if is_importer and given and isinstance(given[0], str) else None

    def _reference(self, node: ast.Attribute | ast.Name) -> list[ast.AST]:
        name = self._names.of(node)
        if isinstance(node.ctx, ast.Load) and not name.startswith(UNKNOWN):
            self.references[name] = None
        return self._below(node)

    def _element(self, node: ast.Subscript) -> None:
        name = self._names.of(node)
        if isinstance(node.ctx, ast.Load) and not name.startswith(UNKNOWN):
            self.references[name] = None

    def _below(self, node: ast.expr) -> list[ast.AST]:
        """What an attribute chain hangs on, when that is more than a name."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return [] if isinstance(node, ast.Name) else [node]

    def _argument(self, node: ast.expr) -> Argument:
        value = self._value(node)
        if isinstance(value, (str, bytes)):
            self._string(value)
        if isinstance(value, tuple):
            return tuple(_item(item) for item in value[:_ITEMS])
        if value is not None:
            return value
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, (ast.List, ast.Tuple)):
            return tuple(_item(self._value(item)) for item in node.elts[:_ITEMS])
        return Unknown.COMPUTED

    def _fold_string(self, node: ast.expr) -> None:
        value = self._value(node)
        if isinstance(value, (str, bytes)):
            self._string(value)

    def _string(self, value: str | bytes) -> None:
        if value:
            self.strings[value] = None

    def _text(self, node: ast.expr) -> str | None:
        value = self._value(node)
        return value if isinstance(value, str) else None

    def _value(self, node: ast.expr) -> Value:
        """The folded value; None stands for no literal, and for the literal None."""
        try:
            return self._folder.fold(node)
        except Refused:
            return None


def _item(value: Value) -> Item:
    return Unknown.COMPUTED if isinstance(value, tuple) or value is None else value
