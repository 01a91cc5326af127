"""Functions and classes that cloudpickle and dill carry: honest ones are medium, detours high.

The makers are harmless only around code of the file itself; the code is judged by rules of its own.
"""

from __future__ import annotations

import abc
import enum
import math

import cloudpickle
import dill
import pytest
from samples.recipes.assembler import MARKER, call, dict_of, list_of, name, new, stream, text, tuple_of

from tests.regressions.scanning import RULES, Seen, scan
from weighbridge.core.finding import Severity

_CLOUD = "cloudpickle.cloudpickle"
_DILL = "dill._dill"
_SYSTEM = name("posix", "system")
_CELL = call(name(_CLOUD, "_make_empty_cell"))
_TYPE = name("builtins", "type")


def _gravest(seen: Seen) -> Severity:
    return max((RULES[rule].severity for rule in seen.rules), default=Severity.INFO)


def _skeleton(*arguments: bytes) -> bytes:
    return call(name(_CLOUD, "_make_skeleton_class"), *arguments)


DETOURS = {
    "a maker that is never called": name(_CLOUD, "_make_function"),
    "a function whose code is computed": call(name(_CLOUD, "_make_function"), call(_TYPE, text("x"))),
    "code that is no code": call(name("types", "CodeType"), text(MARKER)),
    "a cell in a file without functions": _CELL,
    "a class that is made by exec": _skeleton(name("builtins", "exec"), text("X"), tuple_of()),
    "a base that is dangerous": _skeleton(_TYPE, text("X"), tuple_of(name("subprocess", "Popen"))),
    "the state of a function that is imported": call(
        name(_CLOUD, "_function_setstate"), name("json", "dumps"), tuple_of(dict_of(), dict_of())
    ),
    "an attribute of a function that is imported": call(
        name("builtins", "setattr"), name("json", "dumps"), text("__code__"), text("x")
    ),
    "an attribute of what a look-alike makes": call(
        name("builtins", "setattr"),
        call(name("weighbridge_marker", "_make_function")),
        text("x"),
        text("y"),
    ),
    "a function by the name of a module": call(
        call(name(_DILL, "_import_module"), text("os.system")), text(MARKER)
    ),
    "a function by the name of a module, kept": call(name(_DILL, "_import_module"), text("os.system")),
    "an attribute of a module that is imported": call(
        call(name("builtins", "getattr"), call(name(_CLOUD, "subimport"), text("os")), text("system")),
        text(MARKER),
    ),
    "a program that is imported": call(name(_CLOUD, "subimport"), text("this")),
    "a module whose name is computed": call(name(_CLOUD, "subimport"), call(_TYPE, text("x"))),
    "a type that is no type": call(name(_CLOUD, "_builtin_type"), text("__builtins__")),
    "a method whose description is code": call(
        name(_DILL, "_getattr"),
        name("builtins", "str"),
        text("split"),
        text("<method 'split' of 'exec(1)' objects>"),
    ),
    "a method of a module": call(
        name(_DILL, "_getattr"),
        name("builtins", "str"),
        text("system"),
        text("<method 'system' of 'os' objects>"),
    ),
    "a property around what is imported": call(name("builtins", "property"), _SYSTEM),
    "a setter that is handed on": call(
        name("builtins", "map"), name("builtins", "setattr"), list_of(text("x"))
    ),
    "globals of a module that are changed": stream(
        name("networkx.classes.graphviews", "__dict__") + b"\x8c\x01x\x8c\x01ys"
    )[2:-1],
}


@pytest.mark.parametrize("detour", DETOURS.values(), ids=DETOURS.keys())
def test_a_detour_through_the_makers_is_caught(detour: bytes) -> None:
    assert _gravest(scan(stream(detour))) >= Severity.HIGH


class _Colour(enum.Enum):
    RED = 1


class _Base(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


class _Circle(_Base):
    def __init__(self, radius: float) -> None:
        self.radius = radius

    def area(self) -> float:
        return math.pi * self.radius**2

    @property
    def diameter(self) -> float:
        return 2 * self.radius

    @staticmethod
    def unit() -> float:
        return 1.0


def _scaled(factor: float) -> object:
    return lambda value: factor * math.sqrt(value)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("honest", [_scaled(2.0), {"f": _scaled(3.0), "n": 4}], ids=["closure", "dict"])
def test_a_function_by_cloudpickle_is_medium(honest: object, protocol: int) -> None:
    seen = scan(cloudpickle.dumps(honest, protocol=protocol))
    assert "COD003" in seen.rules
    assert _gravest(seen) is Severity.MEDIUM


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("recurse", [False, True])
def test_a_function_by_dill_is_medium(protocol: int, *, recurse: bool) -> None:
    seen = scan(dill.dumps(_scaled(2.0), protocol=protocol, recurse=recurse))
    assert "COD003" in seen.rules
    assert _gravest(seen) is Severity.MEDIUM


@pytest.mark.parametrize(
    "honest", [_Circle(2.0), _Circle, _Colour.RED], ids=["object", "class", "member"]
)
def test_a_class_by_cloudpickle_is_at_most_medium(honest: object) -> None:
    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["_"]))
    try:
        seen = scan(cloudpickle.dumps(honest))
    finally:
        cloudpickle.unregister_pickle_by_value(__import__(__name__, fromlist=["_"]))
    assert _gravest(seen) <= Severity.MEDIUM


class _Loud:
    def __setstate__(self, state: dict[str, int]) -> None:
        self.state = state


class _Proxy:
    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


class _Root:
    def __init_subclass__(cls) -> None:
        cls.__doc__ = "derived"


class _Leaf(_Root): ...


class _Endless:
    def __iter__(self) -> object:
        return iter(())


class _Listed:
    """Pickled, it is `list(_Endless())`; it is never unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return list, (_Endless(),)


@pytest.mark.parametrize(
    "value", [_Loud(), _Proxy(3), _Leaf, _Listed()], ids=["state", "attribute", "subclass", "argument"]
)
def test_a_class_whose_code_runs_while_it_is_loaded_is_high(value: object) -> None:
    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["_"]))
    try:
        seen = scan(cloudpickle.dumps(value))
    finally:
        cloudpickle.unregister_pickle_by_value(__import__(__name__, fromlist=["_"]))
    assert _gravest(seen) >= Severity.HIGH


def test_an_object_of_an_own_class_is_made_without_more() -> None:
    seen = scan(stream(new(_skeleton(_TYPE, text("X"), tuple_of(), dict_of(), text("id"), text("")))))
    assert _gravest(seen) <= Severity.MEDIUM
