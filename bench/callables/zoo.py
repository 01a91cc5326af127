"""Write a zoo of honest files: objects of many libraries by pickle, joblib, cloudpickle and dill.

    PYTHONPATH=. PYTHON bench/callables/zoo.py bench/work/callables/zoo [LIBRARY ...]

PYTHON has the libraries of `LIBRARIES`. What the real-file tests make (tests/real/writers_*.py) is made
here too, and more. One folder for each library; a file's name ends in how it was written.
"""

from __future__ import annotations

import io
import pickle
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import dill
import joblib
import zoo_objects
from tests.real import writers_boosting, writers_pandas, writers_sklearn, writers_torch

Objects = Iterator[tuple[str, object]]
OFFSET = 3


def scaled(values: list[float]) -> list[float]:
    """A function as users define them: it needs a global of its own program."""
    return [value * 2 + OFFSET for value in values]


class Cleaner:
    """A class as users define them."""

    def __init__(self, words: set[str]) -> None:
        self.words = words

    def __call__(self, text: str) -> str:
        return " ".join(word for word in text.split() if word not in self.words)


def user_objects() -> Objects:
    """Functions, closures and classes of the program that pickles: stored by value."""
    factor = 3

    def closure(value: int) -> int:
        return value * factor

    yield "function", scaled
    yield "lambda", lambda value: value + 1
    yield "closure", closure
    yield "class", Cleaner
    yield "instance", Cleaner({"a", "the"})
    yield "functions", {"scale": scaled, "plus": lambda value: value + OFFSET}
    yield "pipeline", _pipeline()
    yield "recursive", _recursive()


def _pipeline() -> object:
    import numpy as np
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    steps = FunctionTransformer(lambda table: np.log1p(np.abs(table))), StandardScaler()
    return make_pipeline(*steps).fit([[1.0], [2.0]])


def _recursive() -> Callable[[int], int]:
    def factorial(value: int) -> int:
        return 1 if value < 2 else value * factorial(value - 1)

    return factorial


def _sklearn() -> Objects:
    yield from writers_sklearn.fitted_estimators()
    yield from writers_sklearn.composed()


def _torch() -> Objects:
    for objects in (
        writers_torch.modules,
        writers_torch.wrapped_modules,
        writers_torch.checkpoints,
        writers_torch.training_state,
        writers_torch.tensors,
    ):
        yield from objects()


LIBRARIES: dict[str, Callable[[], Objects]] = {
    "sklearn": _sklearn,
    "torch": _torch,
    "pandas": writers_pandas.pandas_objects,
    "scipy": writers_pandas.scipy_objects,
    "boosting": writers_boosting.boosters,
    "catboost": zoo_objects.catboost_objects,
    "spacy": zoo_objects.spacy_objects,
    "gensim": zoo_objects.gensim_objects,
    "networkx": zoo_objects.networkx_objects,
    "statsmodels": zoo_objects.statsmodels_objects,
    "user": user_objects,
}


def _by_protocol(protocol: int) -> Callable[[object], bytes]:
    return lambda value: pickle.dumps(value, protocol=protocol)


def _to_stream(dump: Callable[..., Any], **options: object) -> Callable[[object], bytes]:
    def written(value: object) -> bytes:
        stream = io.BytesIO()
        dump(value, stream, **options)
        return stream.getvalue()

    return written


def _with_dill(dump: Callable[[object], bytes]) -> Callable[[object], bytes]:
    """Dill puts itself into Python's own pickler when it is imported, which `import datasets` does."""

    def written(value: object) -> bytes:
        dill.extend(use_dill=True)
        try:
            return dump(value)
        finally:
            dill.extend(use_dill=False)

    return written


def _torch_save(value: object) -> bytes:
    import torch

    return _to_stream(torch.save)(value)


WRITERS: dict[str, Callable[[object], bytes]] = {
    **{f"p{protocol}.pkl": _by_protocol(protocol) for protocol in range(6)},
    "joblib": _to_stream(joblib.dump),
    "z.joblib": _to_stream(joblib.dump, compress=3),
    "cloudpickle.pkl": cloudpickle.dumps,
    "dill.pkl": _with_dill(dill.dumps),
    "dill.joblib": _with_dill(_to_stream(joblib.dump)),
    "pt": _torch_save,
}


def write(library: str, folder: Path) -> tuple[int, int]:
    """Write one library's objects by every writer that takes them; return how many, and refusals."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = refused = 0
    for name, value in LIBRARIES[library]():
        for suffix, dump in WRITERS.items():
            if not _writes(suffix, library):
                continue
            try:
                data = dump(value)
            except Exception:  # any library may refuse in any way, and many do
                refused += 1
                continue
            (folder / f"{name}.{suffix}").write_bytes(data)
            written += 1
    return written, refused


def _writes(suffix: str, library: str) -> bool:
    """torch.save is for torch, whose compiled classes abort below protocol 2."""
    if library == "torch":
        return suffix not in ("p0.pkl", "p1.pkl")
    return suffix != "pt"


def main() -> None:
    warnings.simplefilter("ignore")
    dill.extend(use_dill=False)
    out, *chosen = sys.argv[1:]
    for library in chosen or LIBRARIES:
        written, refused = write(library, Path(out, library))
        print(f"{library}: {written} files, {refused} refused by their writers", flush=True)


if __name__ == "__main__":
    main()
