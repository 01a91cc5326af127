"""A dangerous callable that is reached by a detour is caught, and a harmless one by the same way is not.

The judgement follows the value: what is called with what, and what is changed before it is called.
"""

from __future__ import annotations

import functools
import io
import operator
import pickle
from collections import OrderedDict
from datetime import datetime
from decimal import Decimal

import pytest
from samples.recipes.assembler import (
    BINPERSID,
    EMPTY_DICT,
    MARKER,
    NONE,
    PAYLOAD,
    POP,
    build,
    call,
    dict_of,
    inst,
    integer,
    list_of,
    name,
    new,
    slot_state,
    stream,
    text,
    tuple_of,
)

from tests.regressions.scanning import RULES, scan
from weighbridge.core.finding import Severity

_SYSTEM, _MARKER = name("posix", "system"), text(MARKER)
_UNKNOWN = name("weighbridge_marker", "run")
_GETATTR, _PARTIAL, _TYPE = (
    name("builtins", "getattr"),
    name("functools", "partial"),
    name("builtins", "type"),
)
_ORDERED, _PRINT, _MAX = (
    name("collections", "OrderedDict"),
    name("builtins", "print"),
    name("builtins", "max"),
)


def _map(function: bytes) -> bytes:
    return call(name("builtins", "map"), function, list_of(_MARKER))


DETOURS = {
    "attribute of a module": call(call(_GETATTR, name("pathlib", "os"), text("system")), _MARKER),
    "attribute's default": call(call(_GETATTR, text("a"), text("none"), _SYSTEM), _MARKER),
    "attribute getter": call(
        call(name("operator", "attrgetter"), text("os.system")), name("pathlib", "Path")
    ),
    "method caller": call(
        call(name("operator", "methodcaller"), text("system"), _MARKER), name("pathlib", "os")
    ),
    "item getter": call(
        call(call(name("operator", "itemgetter"), integer(0)), list_of(_SYSTEM)), _MARKER
    ),
    "item of a list": call(
        call(name("operator", "getitem"), list_of(_SYSTEM), integer(0)), _MARKER
    ),
    "operator.call": call(name("operator", "call"), _SYSTEM, _MARKER),
    "partial": call(call(_PARTIAL, _SYSTEM), _MARKER),
    "partial of a partial": call(call(_PARTIAL, call(_PARTIAL, _SYSTEM)), _MARKER),
    "reduce": call(name("functools", "reduce"), _SYSTEM, list_of(_MARKER, _MARKER)),
    "lazy map": _map(_SYSTEM),
    "map in a list": call(name("builtins", "list"), _map(_SYSTEM)),
    "map of a partial": call(name("collections", "deque"), _map(call(_PARTIAL, _SYSTEM))),
    "missing key": call(
        name("operator", "getitem"), call(name("collections", "defaultdict"), _SYSTEM), text("k")
    ),
    "bound method": call(call(name("types", "MethodType"), _SYSTEM, _MARKER)),
    "generic alias": call(call(name("types", "GenericAlias"), _SYSTEM, tuple_of()), _MARKER),
    "base of a reconstructor": call(
        name("copyreg", "_reconstructor"), _ORDERED, _SYSTEM, _MARKER
    ),
    "rebuild function": call(
        name("torch._tensor", "_rebuild_from_type_v2"),
        _SYSTEM, name("torch", "Tensor"), tuple_of(_MARKER), NONE,
    ),
    "value handed back": call(
        call(name("torch.jit._pickle", "restore_type_tag"), _SYSTEM, text("t")), _MARKER
    ),
    "class of three arguments": call(
        _TYPE, text("X"), tuple_of(name("builtins", "list")), dict_of(("append", _SYSTEM))
    ),
    "state of a module": build(
        new(name("torch.nn.modules.linear", "Linear")), dict_of(("forward", _SYSTEM))
    ),
    "slots of a module": build(
        new(name("torch.nn.modules.linear", "Linear")), slot_state(("forward", _SYSTEM))
    ),
}  # fmt: skip


@pytest.mark.parametrize("detour", DETOURS)
def test_a_detour_to_a_command_is_caught_and_names_it(detour: str) -> None:
    seen = scan(stream(DETOURS[detour]))
    blamed = [f"{found.subject} {found.evidence}" for found in seen.findings if _is_grave(found.rule)]
    assert seen.payloads
    assert any("system" in words for words in blamed)


def _is_grave(rule: str) -> bool:
    return RULES[rule].severity >= Severity.HIGH


# An exception in the analyzer loses every finding of the file.
@pytest.mark.parametrize("given", [(), (text("posix"),), (text("posix"), text("system"))])
def test_an_extension_that_is_registered_by_halves_hides_nothing(given: tuple[bytes, ...]) -> None:
    registered = call(name("copyreg", "add_extension"), *given)
    assert "PKL002" in scan(stream(registered, POP, PAYLOAD.call)).payloads


# A class made by `type` runs its methods wherever a step on its instance looks them up.
@pytest.mark.parametrize("base", [_TYPE, name("copyreg", "__newobj__")], ids=["call", "new"])
def test_a_class_that_the_file_makes_is_caught_whatever_its_methods_are(base: bytes) -> None:
    parts = (text("X"), tuple_of(name("builtins", "list")), dict_of(("append", _PRINT)))
    given = parts if base == _TYPE else (_TYPE, *parts)
    assert scan(stream(call(base, *given))).payloads


def test_the_type_of_a_constant_is_not_accused() -> None:
    assert not scan(stream(call(_TYPE, NONE))).rules


# `partial` keeps keywords, and a call by keyword makes `max`, `sorted` and others call a key function.
@pytest.mark.parametrize("function", [_MAX, _UNKNOWN], ids=["allowed", "unknown"])
def test_a_partial_that_is_called_is_caught(function: bytes) -> None:
    held = build(
        call(_PARTIAL, function),
        tuple_of(function, tuple_of(), dict_of(("key", _UNKNOWN)), NONE),
    )
    assert "PKL033" in scan(stream(call(held, list_of(_MARKER, _MARKER)))).payloads


def test_a_class_that_a_partial_brings_to_object_new_is_called() -> None:
    fetched = call(_GETATTR, name("builtins", "object"), text("__new__"))
    state = tuple_of(fetched, tuple_of(_UNKNOWN), EMPTY_DICT, NONE)
    seen = scan(stream(call(build(call(_PARTIAL, fetched), state))))
    assert "PKL022" in seen.rules or seen.payloads


class _Keyword(dict[str, int]):
    def __new__(cls, *, size: int = 0) -> _Keyword:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"size": 1}


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_class_with_keywords_is_written_as_a_partial_and_is_not_accused(protocol: int) -> None:
    written = pickle.dumps(_Keyword(), protocol)
    assert b"partial" in written
    assert not scan(written).payloads


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_method_caller_with_keywords_is_written_as_a_partial_and_is_not_accused(
    protocol: int,
) -> None:
    method = operator.methodcaller("encode", "utf-8", errors="ignore")
    held = functools.partial(operator.methodcaller, "split", sep=",")
    assert not scan(pickle.dumps([method, held], protocol)).rules


@pytest.mark.parametrize("method", ["tofile", "__init_subclass__"])
def test_a_method_caller_with_keywords_is_judged_by_its_method(method: str) -> None:
    written = pickle.dumps(operator.methodcaller(method, fid="weighbridge-marker"), 4)
    assert scan(written).payloads


_HANDED_BACK = {
    "type": call(_TYPE, call(_ORDERED)),
    "type of text": call(_TYPE, text("a")),
    "attribute": call(_GETATTR, name("torch.nn.modules.linear", "Linear"), text("forward")),
    "maximum": call(_MAX, _ORDERED, _ORDERED),
    "tag": call(name("torch.jit._pickle", "restore_type_tag"), _ORDERED, text("t")),
    "item": call(name("operator", "getitem"), list_of(_ORDERED), integer(0)),
    "persistent id": tuple_of(text("plugin")) + BINPERSID,
}


@pytest.mark.parametrize("target", _HANDED_BACK)
def test_the_state_of_what_was_there_before_is_not_set(target: str) -> None:
    changed = build(_HANDED_BACK[target], slot_state(("forward", _PRINT)))
    assert "PKL032" in scan(stream(changed)).payloads


def test_items_of_what_was_there_before_are_not_assigned() -> None:
    handed_back = call(name("torch.jit._pickle", "restore_type_tag"), _ORDERED, text("t"))
    assert "PKL032" in scan(stream(handed_back + text("k") + _PRINT + b"s")).payloads


@pytest.mark.parametrize("key", ["__array_interface__", "__array_struct__"])
def test_an_array_interface_that_is_stored_is_caught(key: str) -> None:
    address = dict_of(("data", tuple_of(integer(4096), b"\x89")))
    holder = build(call(name("types", "SimpleNamespace")), dict_of((key, address)))
    assert "PKL016" in scan(stream(holder)).payloads


def test_the_name_of_the_array_interface_is_harmless_as_text() -> None:
    assert not scan(stream(list_of(text("__array_interface__")))).rules


@pytest.mark.parametrize(
    "copy", ["six", "urllib3.packages.six", "sklearn.externals.six", "scipy._lib.six"]
)
@pytest.mark.parametrize(
    ("moved", "function"),
    [
        ("http_client", "HTTPConnection"),
        ("xmlrpc_client", "ServerProxy"),
        ("dbm_gnu", "open"),
        ("cPickle", "loads"),
        ("builtins", "eval"),
    ],
)
def test_a_copy_of_six_is_seen_through(copy: str, moved: str, function: str) -> None:
    by_module = call(name(f"{copy}.moves.{moved}", function), call(_UNKNOWN))
    by_dots = call(name(copy, f"moves.{moved}.{function}"), call(_UNKNOWN))
    assert scan(stream(by_module)).payloads
    assert scan(stream(by_dots)).payloads


@pytest.mark.parametrize("function", ["exec_", "reraise", "_import_module", "add_move", "moves.reduce"])
def test_the_functions_of_a_copy_of_six_are_those_of_six(function: str) -> None:
    assert scan(stream(call(name("tornado.six", function), call(_UNKNOWN)))).payloads


def test_instances_of_old_classes_are_told_apart() -> None:
    """INST has no callee of its own: each is looked at by its name."""
    seen = scan(
        stream(build(inst("collections", "OrderedDict"), dict_of()), POP, inst("posix", "system"))
    )
    assert "PKL002" in seen.payloads


def test_what_joblib_writes_is_not_accused_for_how_pickle_load_misreads_it() -> None:
    """`pickle.load` takes the nested GETs from the outer memo, and calls a text: there it stops."""
    import joblib
    import numpy as np

    dates = np.array([datetime(2026, 1, 2), Decimal(1), OrderedDict(a=1)], dtype=object)
    written = io.BytesIO()
    joblib.dump(["w", dates, np.zeros(2)], written)
    assert not scan(written.getvalue(), "model.joblib").payloads
