"""Objects of the standard library, numpy, pandas and scipy that people pickle."""

from __future__ import annotations

import argparse
import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import operator
import pathlib
import random
import re
import string
import types
import uuid
import zoneinfo

from record import Record


class _Plain:
    """An ordinary class: shows what protocol 0 to 2 do around it."""


class _Colour(enum.Enum):
    RED = 1


def standard(record: Record) -> None:
    """Pickle values of the standard library at every protocol."""
    values: list[object] = [
        {1},
        frozenset({1}),
        bytearray(b"x"),
        b"x",
        1j,
        range(3),
        slice(1, 2),
        object(),
        type(None),
        NotImplemented,
        Ellipsis,
        ValueError("x"),
        KeyError("x"),
        StopIteration(),
        OSError(2, "x"),
        int,
        str,
        float,
        bool,
        list,
        dict,
        tuple,
        set,
        bytes,
        complex,
        type,
        object,
        len,
        sum,
        max,
        print,
        iter([1]),
        iter((1,)),
        iter({1: 2}),
        iter("ab"),
        iter(range(3)),
        enumerate([1]),
        zip([1], [2], strict=False),
        map(str, [1]),
        filter(None, [1]),
        reversed([1]),
        {1: 2}.keys,
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.Counter("ab"),
        collections.deque([1], 3),
        collections.ChainMap({}),
        collections.UserDict(),
        collections.UserList(),
        collections.UserString("x"),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        datetime.date(2020, 1, 1),
        datetime.time(1),
        datetime.timedelta(1),
        datetime.timezone(datetime.timedelta(hours=1)),
        decimal.Decimal("1.5"),
        decimal.Context(),
        fractions.Fraction(1, 2),
        pathlib.PurePosixPath("a"),
        pathlib.PosixPath("a"),
        pathlib.PureWindowsPath("a"),
        uuid.UUID(int=1),
        ipaddress.ip_address("::1"),
        ipaddress.ip_network("10.0.0.0/8"),
        random.Random(1),
        re.compile("a"),
        array.array("d", [1.0]),
        argparse.Namespace(a=1),
        functools.partial(int, base=2),
        operator.itemgetter(1),
        operator.attrgetter("a"),
        operator.methodcaller("a"),
        types.SimpleNamespace(a=1),
        io.StringIO("a"),
        io.BytesIO(b"a"),
        string.Template("x"),
        zoneinfo.ZoneInfo("UTC"),
        _Plain(),
        _Colour.RED,
        [].append,
        "".join,
        datetime.datetime.now,
        dict.fromkeys,
        list[int],
        int | None,
        collections.abc.Sized,
        re.IGNORECASE,
        types.MappingProxyType,
        functools.lru_cache,
    ]
    for value in values:
        record.dump(value, f"standard library, {type(value).__qualname__}", (0, 1, 2, 3, 4, 5))


def numpy(record: Record) -> None:
    """Pickle arrays, dtypes, scalars, masked arrays, generators and polynomials."""
    import numpy as np

    for kind in np.sctypeDict.values():
        record.dump(kind, "numpy scalar type")
    for code in "?bhilqBHILQefdgFDGSUVOMm":
        record.dump(np.dtype(code), "numpy dtype", (2, 4, 5))
        record.dump(np.zeros(3, code), "numpy array", (2, 4, 5))
        record.dump(np.zeros((3, 3), code)[::2], "numpy view", (2, 4, 5))
    for scalar in (
        np.float64(1),
        np.int32(1),
        np.bool_(True),
        np.str_("a"),
        np.datetime64("2020-01-01"),
    ):
        record.dump(scalar, "numpy scalar")
    record.dump(np.zeros(2, [("a", "i4"), ("b", "f8")]), "numpy structured array")
    record.dump(np.rec.array([(1, 2.0)]), "numpy record array")
    record.dump(np.ma.array([1, 2], mask=[0, 1]), "numpy masked array")
    record.dump(np.ma.masked, "numpy masked constant")
    record.dump(np.ma.zeros(2, [("a", "i4")])[0], "numpy masked void")
    record.dump(np.matrix([[1]]), "numpy matrix")
    record.dump(np.char.array(["a"]), "numpy character array")
    record.dump(np.poly1d([1, 2]), "numpy poly1d")
    record.dump(np.dtypes.StringDType(), "numpy string dtype")
    record.dump(np.array(["a"], np.dtypes.StringDType()), "numpy string array")
    for name in ("Polynomial", "Chebyshev", "Hermite", "HermiteE", "Laguerre", "Legendre"):
        record.dump(getattr(np.polynomial, name)([1, 2]), "numpy polynomial")
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
        bits = getattr(np.random, name)(1)
        record.dump(bits, "numpy bit generator")
        record.dump(np.random.Generator(bits), "numpy generator")
    record.dump(np.random.RandomState(1), "numpy random state")
    record.dump(np.random.SeedSequence(1), "numpy seed sequence")
    for name in sorted(vars(np)):
        if isinstance(getattr(np, name), np.ufunc):
            record.dump(getattr(np, name), "numpy ufunc")
    for function in (np.mean, np.median, np.sum, np.linalg.norm, np.concatenate, np.asarray):
        record.dump(function, "numpy function as a parameter")


def pandas(record: Record) -> None:
    """Pickle frames, series and indexes of every dtype."""
    import numpy as np
    import pandas as pd

    arrays = {
        "int": [1, 2],
        "float": [1.0, 2.0],
        "bool": [True, False],
        "text": ["a", "b"],
        "object": [{}, []],
        "category": pd.Categorical(["a", "b"]),
        "ordered": pd.Categorical(["a", "b"], ordered=True),
        "time": pd.to_datetime(["2020-01-01", "2020-01-02"]),
        "zoned": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("Europe/Paris"),
        "utc": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC"),
        "delta": pd.to_timedelta([1, 2], "D"),
        "period": pd.period_range("2020", periods=2, freq="M"),
        "interval": pd.interval_range(0, 2),
        "Int64": pd.array([1, None], "Int64"),
        "Float64": pd.array([1, None], "Float64"),
        "boolean": pd.array([True, None], "boolean"),
        "string": pd.array(["a", None], "string"),
        "sparse": pd.arrays.SparseArray([0, 1]),
        "numpy": pd.arrays.NumpyExtensionArray(np.array([1, 2])),
    }
    for name, values in arrays.items():
        series = pd.Series(values, name=name)
        for value in (series, pd.DataFrame({name: values}), series.array, series.dtype, series.iloc[0]):
            record.dump(value, f"pandas {name}", (2, 4, 5))
        if name not in ("object", "sparse"):
            record.dump(pd.Index(values), f"pandas index of {name}")
    frame = pd.DataFrame({name: values for name, values in arrays.items() if name != "interval"})
    record.dump(frame, "pandas frame")
    record.dump(pd.MultiIndex.from_product([[1, 2], ["a"]]), "pandas multi-index")
    record.dump(pd.RangeIndex(3), "pandas range index")
    for name in (
        "Int8Dtype",
        "Int16Dtype",
        "Int32Dtype",
        "Int64Dtype",
        "UInt8Dtype",
        "UInt16Dtype",
        "UInt32Dtype",
        "UInt64Dtype",
        "Float32Dtype",
        "Float64Dtype",
        "BooleanDtype",
        "StringDtype",
        "CategoricalDtype",
    ):
        record.dump(getattr(pd, name)(), "pandas dtype")
        record.dump(pd.Series([], dtype=getattr(pd, name)()), "pandas dtype")
    record.dump(pd.Interval(0, 1), "pandas scalar")
    record.dump(pd.Timestamp("2020-01-01"), "pandas scalar")
    record.dump(pd.Timedelta(1), "pandas scalar")
    record.dump(pd.Period("2020", "M"), "pandas scalar")
    record.dump(pd.NaT, "pandas scalar")
    record.dump(pd.NA, "pandas scalar")
    record.dump(pd.Flags(frame, allows_duplicate_labels=True), "pandas flags")
    for name in pd.offsets.__all__:
        try:
            record.dump(getattr(pd.offsets, name)(), "pandas offset")
        except TypeError:
            continue
    record.dump(frame.groupby("int"), "pandas group-by")


def scipy(record: Record) -> None:
    """Pickle sparse matrices, distributions, interpolators and spatial trees."""
    import numpy as np
    from scipy import interpolate, optimize, signal, sparse, spatial, stats

    for layout in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil"):
        for kind in ("matrix", "array"):
            value = getattr(sparse, f"{layout}_{kind}")(np.eye(2))
            record.dump(value, f"scipy sparse {layout}", (2, 4, 5))
    for name in sorted(set(stats._continuous_distns.__all__) | set(stats._discrete_distns.__all__)):
        record.dump(getattr(stats, name, None), "scipy distribution")
    record.dump(stats.norm(0, 1), "scipy frozen distribution")
    record.dump(stats.poisson(1), "scipy frozen distribution")
    record.dump(stats.gaussian_kde([1.0, 2.0, 3.0]), "scipy kernel density")
    record.dump(stats.multivariate_normal([0], [1]), "scipy frozen multivariate")
    grid = np.arange(6.0)
    record.dump(interpolate.interp1d(grid, grid), "scipy interpolator")
    record.dump(interpolate.CubicSpline(grid, grid), "scipy interpolator")
    record.dump(interpolate.PchipInterpolator(grid, grid), "scipy interpolator")
    record.dump(interpolate.Akima1DInterpolator(grid, grid), "scipy interpolator")
    record.dump(interpolate.UnivariateSpline(grid, grid), "scipy interpolator")
    record.dump(interpolate.make_interp_spline(grid, grid), "scipy interpolator")
    record.dump(interpolate.RegularGridInterpolator((grid,), grid), "scipy interpolator")
    record.dump(interpolate.RBFInterpolator(grid[:, None], grid), "scipy interpolator")
    record.dump(spatial.KDTree(grid[:, None]), "scipy tree")
    record.dump(spatial.cKDTree(grid[:, None]), "scipy tree")
    record.dump(spatial.transform.Rotation.identity(), "scipy rotation")
    record.dump(optimize.minimize(lambda x: x @ x, [1.0]), "scipy optimum")
    record.dump(stats.ttest_1samp(grid, 0), "scipy test result")
    record.dump(signal.lti([1], [1]), "scipy filter")
