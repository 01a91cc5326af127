"""pandas and scipy objects, pickled by every protocol and by to_pickle with every compressor."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import scipy.interpolate
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.spatial
import scipy.stats


def pandas_objects() -> Iterator[tuple[str, object]]:
    """Frames, series and indexes of every type of column."""
    days = pd.date_range("2026-01-01", periods=4, tz="Europe/Berlin")
    columns = {
        "int": [1, 2, 3, 4],
        "float": [1.5, np.nan, 2.0, 3.0],
        "text": ["a", "b", "c", "d"],
        "bool": [True, False, True, False],
        "object": pd.Series([{"a": 1}, [1], None, "x"], dtype=object),
        "when": pd.date_range("2026-01-01", periods=4),
        "zoned": days,
        "fixed_zone": pd.date_range("2026-01-01", periods=4, tz="UTC"),
        "offset_zone": pd.to_datetime(["2026-01-01T00:00:00+05:30"] * 4),
        "delta": pd.to_timedelta([1, 2, 3, 4], unit="D"),
        "category": pd.Categorical(["a", "b", "a", "c"], ordered=True),
        "period": pd.period_range("2026-01", periods=4, freq="M"),
        "interval": pd.interval_range(0, 4),
        "sparse": pd.arrays.SparseArray([0, 0, 1, 2]),
        "nullable_int": pd.array([1, None, 3, 4], dtype="Int64"),
        "nullable_float": pd.array([1.5, None, 3.0, 4.0], dtype="Float32"),
        "nullable_bool": pd.array([True, None, False, True], dtype="boolean"),
        "string": pd.array(["a", None, "c", "d"], dtype="string"),
        "complex": [1j, 2j, 3j, 4j],
    }
    for name, values in columns.items():
        yield f"series_{name}", pd.Series(values, name=name)
        yield f"frame_{name}", pd.DataFrame({name: values})
    yield "mixed_frame", pd.DataFrame(columns)
    yield (
        "multi_index",
        pd.DataFrame(
            {"a": range(4)}, index=pd.MultiIndex.from_product([["x", "y"], [1, 2]], names=["k", "n"])
        ),
    )
    yield (
        "multi_columns",
        pd.DataFrame(np.ones((2, 4)), columns=pd.MultiIndex.from_product([["a", "b"], ["c", "d"]])),
    )
    yield (
        "indexes",
        [
            pd.Index([1, 2]),
            pd.Index(["a"]),
            pd.RangeIndex(5),
            pd.Index([1.5]),
            days,
            pd.CategoricalIndex(["a", "b"]),
            pd.period_range("2026", periods=2, freq="Y"),
            pd.timedelta_range("1D", periods=2),
            pd.interval_range(0, 2),
            pd.Index([True]),
        ],
    )
    yield "empty", [pd.DataFrame(), pd.Series(dtype=float), pd.DataFrame(columns=["a"])]
    yield "with_attributes", pd.DataFrame({"a": [1]}).rename_axis("i")
    yield (
        "scalars",
        [
            pd.Timestamp("2026-01-02 03:04", tz="Europe/Berlin"),
            pd.Timedelta(3),
            pd.Period("2026-01"),
            pd.NaT,
            pd.NA,
            pd.Interval(0, 1),
        ],
    )
    yield (
        "dtypes",
        [
            pd.CategoricalDtype(["a"]),
            pd.DatetimeTZDtype(tz="UTC"),
            pd.Int64Dtype(),
            pd.StringDtype(),
            pd.PeriodDtype("M"),
            pd.SparseDtype(),
        ],
    )
    yield (
        "offsets",
        [
            pd.offsets.MonthEnd(2),
            pd.offsets.BDay(),
            pd.DateOffset(months=1),
            pd.offsets.Hour(3),
            pd.offsets.Week(weekday=2),
        ],
    )
    yield "grouping", pd.Grouper(freq="D")
    yield "types", [pd.DataFrame, pd.Series, pd.Timestamp]
    yield (
        "frame_in_model",
        {
            "columns": pd.Index(["a", "b"]),
            "model": [pd.DataFrame({"a": [1]})],
            "means": pd.Series({"a": 1.0}),
        },
    )


def scipy_objects() -> Iterator[tuple[str, object]]:
    """Sparse matrices, distributions, interpolators, and results of optimisers."""
    dense = np.eye(4)
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        yield f"sparse_matrix_{form}", getattr(scipy.sparse, f"{form}_matrix")(dense)
        yield f"sparse_array_{form}", getattr(scipy.sparse, f"{form}_array")(dense)
    for name in (
        "norm",
        "uniform",
        "expon",
        "gamma",
        "beta",
        "t",
        "lognorm",
        "poisson",
        "randint",
        "binom",
    ):
        arguments = {
            "gamma": (1,),
            "beta": (1, 2),
            "t": (3,),
            "lognorm": (1,),
            "poisson": (2,),
            "randint": (1, 5),
            "binom": (5, 0.5),
        }
        yield f"frozen_{name}", getattr(scipy.stats, name)(*arguments.get(name, ()))
    yield (
        "distributions",
        [scipy.stats.norm, scipy.stats.randint, scipy.stats.gaussian_kde([1.0, 2.0, 4.0])],
    )
    yield (
        "multivariate",
        [scipy.stats.multivariate_normal([0, 0]), scipy.stats.rv_histogram(np.histogram([1, 2, 2, 3]))],
    )
    x = np.linspace(0, 1, 6)
    yield (
        "interpolators",
        [
            scipy.interpolate.interp1d(x, x**2),
            scipy.interpolate.CubicSpline(x, x),
            scipy.interpolate.PchipInterpolator(x, x),
            scipy.interpolate.UnivariateSpline(x, x),
            scipy.interpolate.RegularGridInterpolator((x, x), np.ones((6, 6))),
            scipy.interpolate.make_interp_spline(x, x),
            scipy.interpolate.RBFInterpolator(x[:, None], x),
            scipy.interpolate.Akima1DInterpolator(x, x),
            scipy.interpolate.LinearNDInterpolator(np.random.default_rng(0).random((6, 2)), x),
            scipy.interpolate.BarycentricInterpolator(x, x),
        ],
    )
    yield (
        "spatial",
        [
            scipy.spatial.cKDTree(dense),
            scipy.spatial.KDTree(dense),
            scipy.spatial.transform.Rotation.from_quat([0, 0, 0, 1]),
        ],
    )
    yield "optimize", [scipy.optimize.minimize(lambda v: v @ v, [1.0]), scipy.optimize.Bounds([0], [1])]
    yield (
        "test_results",
        [scipy.stats.linregress([1, 2, 3], [1, 2, 4]), scipy.stats.spearmanr([1, 2, 3], [1, 3, 2])],
    )
    yield (
        "signal",
        [
            scipy.signal.TransferFunction([1], [1, 2]),
            scipy.signal.StateSpace([[1]], [[1]], [[1]], [[0]]),
        ],
    )


def write_pandas(folder: Path) -> None:
    """Each object by protocols 0 to 5 and by to_pickle with every compressor that pandas has."""
    for name, value in pandas_objects():
        _write_pickles(folder, name, value)
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})
    for suffix in (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"):
        frame.to_pickle(folder / f"frame.pkl{suffix}")
    frame.to_pickle(folder / "undisguised.pkl", compression="gzip")


def write_scipy(folder: Path) -> None:
    """Each object by protocols 2 to 5 and by joblib; sparse matrices also as .npz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in scipy_objects():
            _write_pickles(folder, name, value, first_protocol=2)
            joblib.dump(value, folder / f"{name}.joblib", compress=1)
    scipy.sparse.save_npz(folder / "csr.npz", scipy.sparse.csr_matrix(np.eye(3)))


def _write_pickles(folder: Path, name: str, value: object, *, first_protocol: int = 0) -> None:
    for protocol in range(first_protocol, 6):
        (folder / f"{name}.p{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
