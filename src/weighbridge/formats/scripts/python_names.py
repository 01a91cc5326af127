"""Which dotted name an expression stands for, through imports, aliases, `getattr` and `__import__`."""

from __future__ import annotations

import ast
from collections.abc import Callable
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
        star: the module of the last `from module import *`.
    """

    text_of: TextOf
    known: dict[str, str] = field(default_factory=dict)
    star: str | None = None

    def of(self, node: ast.expr, depth: int = _DEPTH) -> str:
        """The dotted name of an expression; begins with `?` when its root has none.

        The result of a call is written `name()`, an element `name[]`.
        """
        if depth <= 0:
            return UNKNOWN
        match node:
            case ast.Name(id=name):
                return self._plain(name)
            case ast.Attribute(value=owner, attr=attribute):
                dotted = canonical(f"{self.of(owner, depth - 1)}.{attribute}")
                return self.known.get(dotted, dotted)
            case ast.Call():
                return self._made(node, depth)
            case ast.Subscript(value=owner, slice=key):
                return self._element(self.of(owner, depth - 1), key)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.of(value, depth - 1)
            case ast.Constant(value=str()):
                return "str"
            case ast.Constant(value=bytes()):
                return "bytes"
        return UNKNOWN

    def bind(self, target: str, dotted: str) -> None:
        """From here on `target` stands for `dotted`."""
        if dotted.startswith(UNKNOWN) or len(dotted) > 500:
            self.known.pop(target, None)
        else:
            self.known[target] = dotted

    def _plain(self, name: str) -> str:
        if name in self.known:
            return self.known[name]
        if self.star is not None and name not in _BUILTIN_NAMES:
            return canonical(f"{self.star}.{name}")
        return name

    def _made(self, node: ast.Call, depth: int) -> str:
        maker = self.of(node.func, depth - 1)
        if maker in _IMPORTERS and node.args:
            module = self.text_of(node.args[0])
            return UNKNOWN if module is None else self._imported(maker, module, node)
        if maker == "getattr" and len(node.args) >= 2:
            attribute = self.text_of(node.args[1])
            owner = self.of(node.args[0], depth - 1)
            return UNKNOWN if attribute is None else canonical(f"{owner}.{attribute}")
        if maker == "vars" and node.args:
            return f"{self.of(node.args[0], depth - 1)}.__dict__"
        if maker in ("globals().get", "__builtins__.get", "sys.modules.get") and node.args:
            return self._element(maker.removesuffix(".get"), node.args[0])
        return f"{maker}()"

    def _imported(self, maker: str, module: str, node: ast.Call) -> str:
        gives_leaf = maker != "__import__" or len(node.args) > 3 or bool(node.keywords)
        return module if gives_leaf else module.partition(".")[0]

    def _element(self, owner: str, key: ast.expr) -> str:
        name = self.text_of(key)
        if name is None:
            return f"{owner}[]"
        if owner in _NAMESPACES:
            return canonical(self._plain(name))
        if owner == "sys.modules":
            return name
        if owner.endswith(".__dict__"):
            return canonical(f"{owner.removesuffix('.__dict__')}.{name}")
        return f"{owner}[]"


_BUILTIN_WORDS = """
abs all any bin bool breakpoint bytearray bytes callable chr classmethod compile delattr dict dir divmod
enumerate eval exec execfile exit filter float format frozenset getattr globals hasattr hash help hex id
input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow
print property quit range repr reversed round self set setattr slice sorted staticmethod str sum super
tuple type vars zip __import__ __builtins__
"""
_BUILTIN_NAMES = frozenset(_BUILTIN_WORDS.split())
