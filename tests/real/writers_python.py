"""Objects of the standard library, as programs pickle them beside their models."""

from __future__ import annotations

import argparse
import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import http
import io
import ipaddress
import itertools
import logging
import operator
import pathlib
import pickle
import random
import re
import signal
import string
import time
import types
import urllib.parse
import uuid
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

FIRST_PROTOCOL = {"streams": 2}
"""Objects that the two oldest protocols can't write."""


def objects() -> Iterator[tuple[str, object]]:
    """Yield (name, object)."""
    yield from _plain()
    yield from _collections()
    yield from _dates_and_numbers()
    yield from _others()


def _plain() -> Iterator[tuple[str, object]]:
    yield "none", None
    yield (
        "scalars",
        [True, False, 0, -1, 255, 65536, 2**31, -(2**31) - 1, 2**63, 2**100, -(10**30), 10**400],
    )
    yield "floats", [0.0, -0.0, 1e-300, float("inf"), float("-inf"), float("nan"), 1 / 3]
    yield "complex", [1j, complex(2, -3)]
    yield (
        "text",
        ["", "ascii", "line\nbreak", "Ünïcode \u20ac \U0001f600", "\ud800", "x" * 70_000, "\0\\"],
    )
    yield (
        "bytes",
        [b"", b"ascii", bytes(range(256)), bytearray(b"abc"), b"x" * 70_000, bytearray(70_000)],
    )
    yield (
        "containers",
        {"list": [[], [1, [2, [3]]]], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))},
    )
    yield "sets", [set(), {1, 2}, frozenset(), frozenset({"a"})]
    yield (
        "many_items",
        {"list": list(range(5000)), "dict": {str(n): n for n in range(5000)}, "set": set(range(5000))},
    )
    yield "shared", [(shared := {"a": 1}), shared, [shared]]
    recursive: list[object] = []
    recursive.append({"self": recursive})
    yield "recursive", recursive
    yield "slice_and_range", [range(3), range(10, 0, -2), slice(1, 2, 3)]
    yield "constants", [Ellipsis, NotImplemented]
    yield "types", [int, str, dict, type, object, type(None), list, bytearray, complex]
    yield "deep", _nested_lists(300)


def _nested_lists(depth: int) -> list[object]:
    inner: list[object] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def _collections() -> Iterator[tuple[str, object]]:
    yield "ordered_dict", collections.OrderedDict([("b", 1), ("a", collections.OrderedDict())])
    yield (
        "default_dict",
        [collections.defaultdict(kind, {"a": kind()}) for kind in (list, dict, int, set, float, str)],
    )
    yield "default_dict_none", collections.defaultdict(None, {1: 2})
    yield "counter", collections.Counter("weighbridge")
    yield "deque", [collections.deque([1, 2], 3), collections.deque()]
    yield "chain_map", collections.ChainMap({"a": 1}, {"b": 2})
    yield (
        "user_dict",
        [collections.UserDict({"a": 1}), collections.UserList([1]), collections.UserString("s")],
    )
    yield "mapping_proxy_inside", dict(types.MappingProxyType({"a": 1}))
    yield (
        "namespaces",
        [
            types.SimpleNamespace(a=1, b=[2]),
            argparse.Namespace(lr=0.1, name="x", path=pathlib.PurePosixPath("a")),
        ],
    )
    yield "array", [array.array("d", [1.0, 2.0]), array.array("b"), array.array("I", range(9))]


def _dates_and_numbers() -> Iterator[tuple[str, object]]:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    yield (
        "dates",
        [datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, 6), datetime.time(1, 2, 3)],
    )
    yield (
        "time_zones",
        [
            datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
            datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=5), "x")),
            datetime.datetime(2026, 1, 2, tzinfo=berlin),
            datetime.time(1, tzinfo=datetime.UTC),
            datetime.timedelta(days=3, microseconds=7),
        ],
    )
    yield "struct_time", time.gmtime(0)
    yield "decimals", [decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal(10) ** 50]
    yield "fractions", fractions.Fraction(1, 3)
    yield "random", random.Random(7)
    yield "random_state", random.Random(7).getstate()


def _others() -> Iterator[tuple[str, object]]:
    yield (
        "paths",
        [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:\\a"), pathlib.Path("/tmp/x")],
    )
    yield "uuid", uuid.UUID(int=5)
    yield "addresses", [ipaddress.ip_address("192.0.2.1"), ipaddress.ip_network("2001:db8::/32")]
    yield "enums", [http.HTTPStatus.OK, signal.SIGTERM, re.IGNORECASE, uuid.SafeUUID.unknown]
    yield "patterns", [re.compile("a+b"), re.compile(rb"x", re.DOTALL)]
    yield (
        "partial",
        [
            functools.partial(int, base=2),
            functools.partial(max, 1, 2),
            functools.partial(str.upper, "a"),
        ],
    )
    yield "partial_of_partial", functools.partial(functools.partial(sorted, reverse=True))
    yield (
        "functions",
        [len, abs, sum, max, print, sorted, operator.add, operator.mul, str.upper, dict.fromkeys],
    )
    yield (
        "getters",
        [
            operator.itemgetter(1),
            operator.itemgetter(0, 2),
            operator.attrgetter("a"),
            operator.methodcaller("lower"),
        ],
    )
    yield (
        "exceptions",
        [ValueError("v"), KeyError("k"), RuntimeError("a", 1), StopIteration(), OSError(2, "x", "f")],
    )
    yield (
        "iterators",
        [
            iter([1, 2]),
            iter((1,)),
            iter("ab"),
            iter({1}),
            iter(range(3)),
            enumerate([1]),
            zip([1], [2], strict=False),
        ],
    )
    yield "itertools", [itertools.count(3)]
    yield "streams", [io.BytesIO(b"abc"), io.StringIO("abc")]
    yield "template", string.Template("$a")
    yield (
        "log_level",
        {
            "level": logging.INFO,
            "record": logging.makeLogRecord({"msg": "m"}).__dict__ | {"exc_info": None},
        },
    )
    yield "url", urllib.parse.urlparse("https://example.invalid/a?b#c")
    yield "generic_alias", [list[int], dict[str, list[int]], tuple[int, ...]]
    yield "alias", [int | None]
    yield "bound_method", [{"a": 1}.get, [3].index]
    yield "partial_method_args", functools.partial(pow, exp=2)
    yield (
        "nested_model_config",
        {
            "args": argparse.Namespace(
                out=pathlib.Path("runs"), when=datetime.date(2026, 1, 1), lr=1e-3
            ),
            "history": collections.defaultdict(list, {"loss": [0.1, 0.2]}),
            "classes": collections.OrderedDict(enumerate("ab")),
        },
    )
    yield "enum_type", [enum.Enum, http.HTTPStatus]


def write(folder: Path) -> None:
    """Write each object with each protocol, by the C pickler and by the one in Python."""
    for name, value in objects():
        for protocol in range(FIRST_PROTOCOL.get(name, 0), 6):
            (folder / f"{name}.p{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
            (folder / f"{name}.p{protocol}.python.pkl").write_bytes(_dumps_in_python(value, protocol))


def _dumps_in_python(value: object, protocol: int) -> bytes:
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(value)
    return file.getvalue()
