"""Models as xgboost and lightgbm of some years ago save them: the binary layout, and older texts."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost

RNG = np.random.default_rng(7)
NUMBERS = RNG.random((120, 4))
CLASSES = (NUMBERS[:, 0] > 0.5).astype(int)


def write_xgboost(folder: Path) -> None:
    """Each booster in each layout that this version writes."""
    data = xgboost.DMatrix(NUMBERS, CLASSES)
    settings: dict[str, dict[str, Any]] = {
        "logistic": {"objective": "binary:logistic", "max_depth": 4},
        "linear": {"booster": "gblinear"},
        "dart": {"booster": "dart", "rate_drop": 0.3},
        "softprob": {"objective": "multi:softprob", "num_class": 2},
        "poisson": {"objective": "count:poisson"},
        "forest": {"num_parallel_tree": 3, "subsample": 0.7},
        "pruned": {"gamma": 0.4, "max_depth": 7, "tree_method": "exact"},
    }
    for name, more in settings.items():
        model = xgboost.train(more, data, 4)
        model.set_attr(best_iteration="2")
        for suffix in ("deprecated", "model", "json", "ubj"):
            model.save_model(folder / f"{name}.{suffix}")


def write_lightgbm(folder: Path) -> None:
    """Texts of version 3."""
    kinds: dict[str, dict[str, Any]] = {
        "binary": {"objective": "binary"},
        "dart": {"boosting": "dart"},
        "linear": {"linear_tree": True},
    }
    for name, more in kinds.items():
        data = lightgbm.Dataset(NUMBERS, CLASSES, params={"verbose": -1})
        settings = {"verbose": -1, "min_data_in_leaf": 3, **more}
        lightgbm.train(settings, data, 5).save_model(str(folder / f"{name}.txt"))


def main() -> None:
    target = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    for name, write in (("xgboost", write_xgboost), ("lightgbm", write_lightgbm)):
        folder = target / name
        folder.mkdir(parents=True)
        write(folder)


if __name__ == "__main__":
    main()
