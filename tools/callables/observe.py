"""Print every callable that real writers name when they save real objects.

Run by a maintainer in an environment that holds the libraries (torch, numpy, scikit-learn, scipy,
pandas, joblib, xgboost, lightgbm), one part at a time:

    python tools/callables/observe.py sklearn > observed-sklearn.tsv

Columns: module, qualname, uses (call, new, name), first writer. The rows are what the maintainer
reads before writing `signatures/callables/allow/*.txt`; they are not copied blindly. Objects are
built with fixed seeds; only what was built here is pickled, and nothing is unpickled.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import observe_data
import observe_estimators
import observe_torch
from record import Record

PARTS: dict[str, Callable[[Record], None]] = {
    "standard": observe_data.standard,
    "numpy": observe_data.numpy,
    "pandas": observe_data.pandas,
    "scipy": observe_data.scipy,
    "sklearn": observe_estimators.sklearn,
    "boosting": observe_estimators.boosting,
    "torch": observe_torch.torch_objects,
}


def main() -> None:
    """Print the rows of the parts named on the command line, or of all."""
    warnings.simplefilter("ignore")
    record = Record()
    for part in sys.argv[1:] or PARTS:
        PARTS[part](record)
    for (module, name), uses in sorted(record.uses.items()):
        print(module, name, ",".join(sorted(uses)), next(iter(uses.values())), sep="\t")
    for failure in record.failures:
        print("# not pickled:", failure, file=sys.stderr)


if __name__ == "__main__":
    main()
