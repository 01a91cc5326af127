"""Which dotted name an expression stands for, through imports, aliases, `getattr` and `__import__`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

UNKNOWN = "?"
_DEPTH = 40
_BUILTINS = ("builtins.", "__builtin__.", "__builtins__.", "six.moves.")
_OS = ("posix.", "nt.")
_IMPORTERS = frozenset(
    {"__import__", "importlib.import_module", "importlib.__import__", "imp.load_module"}
)
_NAMESPACES = frozenset(
    {"globals()", "locals()", "vars()", "__builtins__", "builtins", "__dict__", "__builtin__"}
)
_WRAPPERS = frozenset({"staticmethod", "classmethod", "functools.partial", "functools.partialmethod"})
"""What they give is called as their first argument is."""

TextOf = Callable[[ast.expr], str | None]


def canonical(name: str) -> str:
    """One spelling for a name: `builtins.exec` is `exec`, `posix.system` is `os.system`."""
    for prefix in _BUILTINS:
        name = name.removeprefix(prefix)
    for prefix in _OS:
        if name.startswith(prefix):
            name = "os." + name.removeprefix(prefix)
    return name


@dataclass(slots=True)
class Names:
    """The names of one program, as far as its walk has come.

    Attributes:
        text_of: the literal text of an expression, or None.
        known: local name (or `self.attribute`) -> dotted name.
        stars: modules of `from module import *`, the last one last.
        is_known: tells the names that matter, where several modules were imported by star.
        behind: `Class.name` or `function()` -> what the class keeps or the function returns.
        concealed: local names whose dotted name was put together from pieces.
        hides: set to True by `of` when it met such a name, or put one together.
    """

    text_of: TextOf
    known: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    is_known: Callable[[str], bool] | None = None
    behind: Mapping[str, ast.expr] = field(default_factory=dict)
    concealed: set[str] = field(default_factory=set)
    hides: bool = False

    def of(self, node: ast.expr, depth: int = _DEPTH) -> str:
        """The dotted name of an expression; begins with `?` when its root has none.

        The result of a call is written `name()`, an element `name[]`.
        """
        if depth <= 0:
            return UNKNOWN
        match node:
            case ast.Name(id=name):
                return self._plain(name)
            case ast.Attribute(value=owner, attr="__call__"):
                return self.of(owner, depth - 1)
            case ast.Attribute(value=owner, attr=attribute):
                dotted = canonical(f"{self.of(owner, depth - 1)}.{attribute}")
                return self._behind(dotted, depth) or self.known.get(dotted, dotted)
            case ast.Call():
                return self._made(node, depth)
            case ast.Subscript(value=ast.List() | ast.Tuple() | ast.Dict() as owner):
                return self._first(owner, depth)
            case ast.Subscript(value=owner, slice=key):
                return self._element(self.of(owner, depth - 1), key)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.of(value, depth - 1)
            case ast.BinOp(op=ast.Div(), left=left):
                return "pathlib.Path()" if self.of(left, depth - 1).startswith("pathlib.") else UNKNOWN
            case ast.IfExp(body=one, orelse=other):
                return self._either([one, other], depth)
            case ast.BoolOp(values=values):
                return self._either(values[-2:], depth)
            case ast.Constant(value=str()):
                return "str"
            case ast.Constant(value=bytes()):
                return "bytes"
        return UNKNOWN

    def _either(self, nodes: list[ast.expr], depth: int) -> str:
        """The first of several expressions that is of a module or built in."""
        for name in (self.of(node, depth - 1) for node in nodes):
            if not name.startswith(UNKNOWN) and ("." in name or name in _BUILTIN_NAMES):
                return name
        return UNKNOWN

    def first_known(self, node: ast.List | ast.Tuple | ast.Dict) -> str | None:
        """The first item of a short literal that is a name that matters."""
        items = node.values if isinstance(node, ast.Dict) else node.elts
        if self.is_known is None or len(items) > 16:
            return None
        names = [self.of(item) for item in items if isinstance(item, (ast.Name, ast.Attribute))]
        return next((name for name in names if self.is_known(name)), None)

    def _first(self, node: ast.List | ast.Tuple | ast.Dict, depth: int) -> str:
        """What stands in a list that is taken apart at once: the one name in it, or none."""
        items = node.values if isinstance(node, ast.Dict) else node.elts
        return self._either(items[:4], depth) if len(items) <= 4 else UNKNOWN

    def bind(self, target: str, dotted: str) -> None:
        """From here on `target` stands for `dotted`."""
        if dotted.startswith(UNKNOWN) or len(dotted) > 500:
            self.known.pop(target, None)
        else:
            self.known[target] = dotted

    def _plain(self, name: str) -> str:
        if name in self.concealed:
            self.hides = True
        if name in self.known:
            return self.known[name]
        if self.stars and name not in _BUILTIN_NAMES:
            return self._starred(name)
        return name

    def _starred(self, name: str) -> str:
        """The name in the last module that was imported by star and is known to have it."""
        spelled = [canonical(f"{star}.{name}") for star in reversed(self.stars[-8:])]
        known = (one for one in spelled if self.is_known is not None and self.is_known(one))
        return next(known, spelled[0])

    def _made(self, node: ast.Call, depth: int) -> str:
        maker = self.of(node.func, depth - 1)
        if isinstance(node.func, ast.Call) and maker == "operator.attrgetter()" and node.args:
            attribute = self._spelled(node.func.args[0]) if node.func.args else None
            owner = self.of(node.args[0], depth - 1)
            return UNKNOWN if attribute is None else canonical(f"{owner}.{attribute}")
        if maker in _IMPORTERS and node.args:
            module = self._spelled(node.args[0])
            return UNKNOWN if module is None else self._imported(maker, module, node)
        if maker == "getattr" and len(node.args) >= 2:
            attribute = self._spelled(node.args[1])
            owner = self.of(node.args[0], depth - 1)
            return UNKNOWN if attribute is None else canonical(f"{owner}.{attribute}")
        if maker in _WRAPPERS and node.args:
            return self.of(node.args[0], depth - 1)
        if maker == "vars" and node.args:
            return f"{self.of(node.args[0], depth - 1)}.__dict__"
        if maker in ("globals().get", "__builtins__.get", "sys.modules.get") and node.args:
            return self._element(maker.removesuffix(".get"), node.args[0])
        return self._behind(f"{maker}()", depth) or f"{maker}()"

    def _behind(self, dotted: str, depth: int) -> str | None:
        """What matters and stands behind an attribute of a class, or what a function returns."""
        value = self.behind.get(dotted)
        name = self.of(value, depth - 1) if value is not None else UNKNOWN
        return name if self.is_known is not None and self.is_known(name) else None

    def _spelled(self, node: ast.expr) -> str | None:
        """A name that the program gives as text."""
        text = self.text_of(node)
        is_plain = isinstance(node, ast.Constant)
        if isinstance(node, ast.Name):
            is_plain = node.id not in self.concealed
        self.hides |= text is not None and not is_plain
        return text

    def _imported(self, maker: str, module: str, node: ast.Call) -> str:
        gives_leaf = maker != "__import__" or len(node.args) > 3 or bool(node.keywords)
        return module if gives_leaf else module.partition(".")[0]

    def _element(self, owner: str, key: ast.expr) -> str:
        is_space = owner in _NAMESPACES or owner == "sys.modules" or owner.endswith(".__dict__")
        name = self._spelled(key) if is_space else None
        if name is None:
            return self.known.get(f"{owner}[]", f"{owner}[]")
        if owner in _NAMESPACES:
            return canonical(self._plain(name))
        if owner == "sys.modules":
            return name
        if owner.endswith(".__dict__"):
            return canonical(f"{owner.removesuffix('.__dict__')}.{name}")
        return self.known.get(f"{owner}[]", f"{owner}[]")


_BUILTIN_WORDS = """
abs all any bin bool breakpoint bytearray bytes callable chr classmethod compile delattr dict dir divmod
enumerate eval exec execfile exit filter float format frozenset getattr globals hasattr hash help hex id
input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow
print property quit range repr reversed round self set setattr slice sorted staticmethod str sum super
tuple type vars zip __import__ __builtins__
"""
_BUILTIN_NAMES = frozenset(_BUILTIN_WORDS.split())
