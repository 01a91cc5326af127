"""Fitted scikit-learn, xgboost and lightgbm models."""

from __future__ import annotations

import functools
from typing import Any

from record import Record


def _fit(estimator: Any, tables: list[tuple[Any, Any]]) -> Any:
    """Fit on the first table that the estimator takes; unfitted if it takes none."""
    for features, target in tables:
        try:
            return estimator.fit(features, target)
        except Exception:  # estimators refuse data in every possible way
            continue
    return estimator


def sklearn(record: Record) -> None:
    """Pickle the whole estimator zoo, pipelines and what grid search leaves behind."""
    import numpy as np
    import sklearn.utils
    from sklearn import (
        ensemble,
        gaussian_process,
        linear_model,
        metrics,
        model_selection,
        neighbors,
        pipeline,
        preprocessing,
        tree,
    )
    from sklearn.utils import discovery

    random = np.random.RandomState(0)
    features = random.rand(40, 4)
    counts = random.randint(0, 5, (40, 4))
    target = np.arange(40) % 2
    tables = [
        (features, target),
        (counts, target),
        (features, features[:, :2]),
        (["a b", "b c"] * 20, target),
        ([{"a": 1}] * 40, target),
        (features[:, 0], target),
        (features @ features.T, target),
    ]
    for name, kind in discovery.all_estimators():
        try:
            estimator = _testing_instance(kind)
        except Exception as error:
            record.failures.append(f"sklearn {name}: {error}")
            continue
        record.dump(_fit(estimator, tables), f"scikit-learn {name}", (2, 4))
    grid = model_selection.GridSearchCV(
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        {"logisticregression__C": [0.1, 1.0]},
        scoring=metrics.make_scorer(metrics.f1_score),
    )
    record.dump(grid.fit(features, target), "scikit-learn grid search")
    for loss in ("squared_error", "absolute_error", "poisson", "gamma", "quantile"):
        extra = {"quantile": 0.5} if loss == "quantile" else {}
        model = ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=2, **extra)
        record.dump(model.fit(features, target + 1), "scikit-learn histogram boosting")
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        model = ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2)
        record.dump(model.fit(features, target), "scikit-learn gradient boosting")
    for loss in ("log_loss", "exponential"):
        model = ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2)
        record.dump(model.fit(features, target), "scikit-learn gradient boosting")
    for loss in linear_model.SGDClassifier.loss_functions:
        record.dump(linear_model.SGDClassifier(loss=loss).fit(features, target), "scikit-learn SGD")
    for criterion in ("gini", "entropy", "log_loss"):
        record.dump(tree.DecisionTreeClassifier(criterion=criterion).fit(features, target), "tree")
    record.dump(tree.DecisionTreeClassifier(random_state=random).fit(features, target).tree_, "tree")
    for name in metrics.get_scorer_names():
        record.dump(metrics.get_scorer(name), "scikit-learn scorer")
    for name in sorted(neighbors.VALID_METRICS["ball_tree"]):
        try:
            record.dump(neighbors.BallTree(abs(features), metric=name), "scikit-learn ball tree")
            record.dump(neighbors.KDTree(features, metric=name), "scikit-learn k-d tree")
        except (TypeError, ValueError):
            continue
    for name in gaussian_process.kernels.__dict__:
        kernel = getattr(gaussian_process.kernels, name)
        if isinstance(kernel, type) and issubclass(kernel, gaussian_process.kernels.Kernel):
            try:
                record.dump(kernel(), "scikit-learn kernel")
            except TypeError:
                continue
    for name in model_selection.__all__:
        kind = getattr(model_selection, name)
        if not isinstance(kind, type):
            continue
        try:
            record.dump(kind(), "scikit-learn splitter")
        except TypeError:
            continue
    record.dump(sklearn.utils.Bunch(a=1), "scikit-learn bunch")
    record.dump(functools.partial(np.mean, axis=0), "partial")
    record.dump(preprocessing.FunctionTransformer(np.log1p), "scikit-learn function transformer")


def _testing_instance(kind: Any) -> Any:
    from sklearn.utils._test_common.instance_generator import _construct_instances

    return next(iter(_construct_instances(kind)))


def boosting(record: Record) -> None:
    """Pickle xgboost and lightgbm boosters and their scikit-learn wrappers."""
    import lightgbm
    import numpy as np
    import xgboost

    features = np.random.RandomState(0).rand(40, 4)
    target = np.arange(40) % 2
    group = [20, 20]
    for library, tag in ((xgboost, "XGB"), (lightgbm, "LGBM")):
        name = library.__name__
        for kind in ("Classifier", "Regressor"):
            model = getattr(library, tag + kind)(n_estimators=2).fit(features, target)
            record.dump(model, name)
        record.dump(
            getattr(library, tag + "Ranker")(n_estimators=2).fit(features, target, group=group), name
        )
    record.dump(
        xgboost.XGBClassifier(
            n_estimators=2,
            callbacks=[xgboost.callback.EarlyStopping(2), xgboost.callback.EvaluationMonitor()],
        ),
        "xgboost",
    )
    record.dump(xgboost.XGBRFClassifier(n_estimators=2).fit(features, target), "xgboost")
    record.dump(xgboost.XGBRFRegressor(n_estimators=2).fit(features, target), "xgboost")
    record.dump(xgboost.train({}, xgboost.DMatrix(features, target), 2), "xgboost booster")
    record.dump(
        lightgbm.train({"verbose": -1}, lightgbm.Dataset(features, target), 2), "lightgbm booster"
    )
    record.dump(lightgbm.early_stopping(1), "lightgbm callback")
