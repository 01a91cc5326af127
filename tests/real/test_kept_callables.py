"""Callables that a pickle keeps without calling them, and the calls that look like it."""

from __future__ import annotations

import collections
import functools
import itertools
import operator
import os
import pickle
import typing

import pytest

from tests.real.scanning import RECOGNISED, RULES
from tests.regressions.scanning import scan
from weighbridge.core.finding import Severity


class Call:
    """Pickled, it is a call; it is never unpickled."""

    def __init__(self, function: object, *arguments: object, state: object = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> typing.Any:
        return self.parts

    def __call__(self) -> None:
        """The pickler wants what it writes as a function to be callable."""


KEPT = {
    "partial-of-a-class": functools.partial(collections.defaultdict, list),
    "nested-defaultdict": collections.defaultdict(functools.partial(collections.defaultdict, int)),
    "counter-of-a-vocabulary": collections.defaultdict(itertools.count().__next__),
    "method-of-a-dictionary": {"a": 1}.get,
    "method-of-text": "{:.2f}".format,
    "partial-of-a-method": functools.partial(str.split, sep=","),
    "union": int | None,
    "optional": typing.Optional[int],  # noqa: UP045 - the old spelling is pickled by another way
    "classes": [collections.defaultdict, functools.partial],
}
CALLED = {
    "partial-that-is-called": Call(functools.partial(bytearray, 5)),
    "partial-that-calls-a-shell": functools.partial(os.system, "echo weighbridge-marker"),
    "reduce-of-a-shell": Call(functools.reduce, os.system, ["echo", "weighbridge-marker"]),
    "attribute-of-an-item": Call(
        getattr, Call(operator.getitem, [collections.OrderedDict], 0), "fromkeys"
    ),
    "method-of-data-that-is-called": Call(Call(getattr, {"a": 1}, "get"), "a"),
    "dunder-of-data": Call(getattr, "", "__class__"),
    "replaced-function": Call(functools.partial, len, state=(os.system, (), {}, None)),
}


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("name", KEPT)
def test_a_callable_that_is_only_kept_passes(name: str, protocol: int) -> None:
    assert scan(pickle.dumps(KEPT[name], protocol)).rules <= {RECOGNISED}


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("name", CALLED)
def test_a_call_in_the_same_clothes_fails(name: str, protocol: int) -> None:
    rules = scan(pickle.dumps(CALLED[name], protocol)).rules

    assert max(RULES[rule].severity for rule in rules) >= Severity.HIGH


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bound_method_of_an_unknown_class_is_as_unknown_as_the_class(protocol: int) -> None:
    line = b"cmy_lib.models\nFoo\n)\x81"
    bound = b"cbuiltins\ngetattr\n" + line + b"X\x07\x00\x00\x00predict\x86R."
    rules = scan(b"\x80" + bytes([protocol]) + bound).rules

    assert {rule for rule in rules if RULES[rule].severity > Severity.LOW} == {"PKL022"}
