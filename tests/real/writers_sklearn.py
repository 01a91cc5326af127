"""scikit-learn estimators, fitted, as people publish them."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
from sklearn import (
    base,
    cluster,
    compose,
    datasets,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.utils import all_estimators

_TEXTS = ["the cat sat", "the dog ran", "a cat ran", "dogs and cats"] * 5


def fitted_estimators() -> Iterator[tuple[str, object]]:
    """Every estimator of the library, fitted on small data where it fits."""
    features, labels = datasets.make_classification(40, 6, random_state=0)
    for name, kind in all_estimators():
        made = _construct(kind)
        if made is not None:
            yield name, _fit(made, np.abs(features), labels)


def _construct(kind: type[base.BaseEstimator]) -> base.BaseEstimator | None:
    classifier, regressor = linear_model.LogisticRegression(), linear_model.Ridge()
    for arguments in (
        (),
        (classifier,),
        (regressor,),
        ([("a", classifier)],),
        ([("a", regressor)],),
        ([("a", preprocessing.StandardScaler(), [0])],),
        (classifier, {"C": [1.0]}),
        (classifier, {"C": [1.0, 2.0]}),
    ):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    return None


def _fit(estimator: base.BaseEstimator, features: np.ndarray, labels: np.ndarray) -> object:
    targets = (labels, labels.astype(float) + 0.5, np.column_stack([labels, 1 - labels]), features[:, 0])
    for target in targets:
        try:
            return base.clone(estimator).fit(features, target)
        except (ValueError, TypeError, AttributeError, IndexError, NotImplementedError, RuntimeError):
            continue
    return estimator


def composed() -> Iterator[tuple[str, object]]:
    """Pipelines, searches, ensembles, vectorizers, and parameters that are functions."""
    features, labels = datasets.make_classification(60, 6, random_state=1)
    positive = np.abs(features)
    logistic, forest = linear_model.LogisticRegression(), ensemble.RandomForestClassifier(5)
    yield (
        "pipeline",
        pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(2), logistic).fit(
            features, labels
        ),
    )
    yield (
        "column_transformer",
        compose.ColumnTransformer(
            [
                ("n", preprocessing.StandardScaler(), [0, 1]),
                ("c", preprocessing.OneHotEncoder(), [2]),
                ("d", "drop", [3]),
            ],
            remainder="passthrough",
        ).fit(np.round(features)),
    )
    yield "selector", compose.make_column_selector(dtype_include=np.number)
    yield (
        "grid_search",
        model_selection.GridSearchCV(svm.SVC(), {"C": [1, 2], "kernel": ["rbf", "linear"]}).fit(
            features, labels
        ),
    )
    yield "random_search", _random_search().fit(features, labels)
    for function in (np.log1p, np.sqrt, np.abs, np.exp, None):
        name = getattr(function, "__name__", "none")
        yield f"function_{name}", preprocessing.FunctionTransformer(function).fit(positive)
    yield (
        "function_inverse",
        preprocessing.FunctionTransformer(np.log1p, np.expm1, validate=True).fit(positive),
    )
    yield (
        "function_with_arguments",
        preprocessing.FunctionTransformer(np.round, kw_args={"decimals": 1}).fit(positive),
    )
    estimators = [("a", logistic), ("b", forest)]
    yield "voting", ensemble.VotingClassifier(estimators).fit(features, labels)
    yield "stacking", ensemble.StackingClassifier(estimators, cv=2).fit(features, labels)
    yield "bagging", ensemble.BaggingClassifier(tree.DecisionTreeClassifier(), 3).fit(features, labels)
    yield "one_vs_rest", multiclass.OneVsRestClassifier(svm.SVC()).fit(features, labels)
    yield (
        "union",
        pipeline.FeatureUnion(
            [("p", decomposition.PCA(2)), ("k", feature_selection.SelectKBest(k=2))]
        ).fit(features, labels),
    )
    for name in ("f_classif", "chi2", "mutual_info_classif"):
        score = getattr(feature_selection, name)
        yield f"select_{name}", feature_selection.SelectKBest(score, k=2).fit(positive, labels)
    yield (
        "scorers",
        [
            metrics.make_scorer(metrics.f1_score),
            metrics.get_scorer("roc_auc"),
            metrics.get_scorer("neg_mean_squared_error"),
        ],
    )
    yield (
        "calibrated",
        __import__("sklearn.calibration", fromlist=["x"])
        .CalibratedClassifierCV(svm.LinearSVC(), cv=2)
        .fit(features, labels),
    )
    yield (
        "target_transform",
        compose.TransformedTargetRegressor(
            linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
        ).fit(features, positive[:, 0]),
    )
    kernel = gaussian_process.kernels.RBF() * 2.0 + gaussian_process.kernels.WhiteKernel()
    yield "gaussian_process", gaussian_process.GaussianProcessRegressor(kernel).fit(features, labels)
    yield (
        "imputer",
        pipeline.make_pipeline(impute.KNNImputer(), naive_bayes.GaussianNB()).fit(features, labels),
    )
    for metric in ("minkowski", "manhattan", "haversine", "mahalanobis"):
        yield f"neighbors_{metric}", _neighbors(metric)
    yield (
        "ball_tree",
        [
            neighbors.BallTree(features),
            neighbors.KDTree(features),
            neighbors.KernelDensity().fit(features),
        ],
    )
    yield (
        "boosting",
        [
            ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(
                np.round(positive), labels
            ),
            ensemble.GradientBoostingRegressor(n_estimators=3).fit(features, labels),
            ensemble.AdaBoostClassifier(n_estimators=3).fit(features, labels),
        ],
    )
    yield "isolation_forest", ensemble.IsolationForest(n_estimators=3).fit(features)
    yield (
        "network",
        neural_network.MLPClassifier((4,), max_iter=5, early_stopping=True).fit(features, labels),
    )
    yield (
        "sgd",
        [
            linear_model.SGDClassifier(loss=loss).fit(features, labels)
            for loss in ("hinge", "log_loss", "modified_huber", "huber")
        ],
    )
    yield (
        "clustering",
        [
            cluster.KMeans(2, n_init=1).fit(features),
            cluster.DBSCAN().fit(features),
            cluster.Birch().fit(features),
        ],
    )
    yield (
        "random_states",
        [
            ensemble.RandomForestClassifier(2, random_state=np.random.RandomState(3)).fit(
                features, labels
            )
        ],
    )
    yield (
        "cross_validators",
        [
            model_selection.KFold(3),
            model_selection.StratifiedShuffleSplit(2),
            model_selection.TimeSeriesSplit(),
        ],
    )
    yield from _text()
    yield "bunch", datasets.load_iris()
    yield "string_labels", logistic.fit(features, np.where(labels, "spam", "ham"))
    yield (
        "object_labels",
        tree.DecisionTreeClassifier().fit(features, np.where(labels, "spam", "ham").astype(object)),
    )


def _random_search() -> model_selection.RandomizedSearchCV:
    import scipy.stats

    choices = {"C": scipy.stats.loguniform(0.1, 10), "max_iter": scipy.stats.randint(100, 200)}
    return model_selection.RandomizedSearchCV(
        linear_model.LogisticRegression(), choices, n_iter=2, random_state=0
    )


def _neighbors(metric: str) -> object:
    points = np.random.default_rng(0).random((30, 2))
    parameters = {"V": np.cov(points.T)} if metric == "mahalanobis" else None
    return neighbors.KNeighborsClassifier(
        metric=metric, metric_params=parameters, algorithm="ball_tree" if parameters is None else "brute"
    ).fit(points, points[:, 0] > 0.5)


def _text() -> Iterator[tuple[str, object]]:
    text = feature_extraction.text
    for kind in (text.CountVectorizer, text.TfidfVectorizer, text.HashingVectorizer):
        yield f"text_{kind.__name__}", kind(stop_words="english").fit(_TEXTS)
    yield (
        "text_characters",
        text.TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 2), dtype=np.float32).fit(_TEXTS),
    )
    yield (
        "text_tokenizer",
        text.CountVectorizer(tokenizer=str.split, preprocessor=str.lower, token_pattern=None).fit(
            _TEXTS
        ),
    )
    yield (
        "text_pipeline",
        pipeline.make_pipeline(text.TfidfVectorizer(), naive_bayes.MultinomialNB()).fit(
            _TEXTS, [0, 1, 0, 1] * 5
        ),
    )
    yield "dictionary", feature_extraction.DictVectorizer().fit([{"a": 1, "b": "x"}, {"a": 2}])
    yield (
        "topics",
        decomposition.LatentDirichletAllocation(2, max_iter=1).fit(
            text.CountVectorizer().fit_transform(_TEXTS)
        ),
    )


def write(folder: Path) -> None:
    """Each estimator by protocols 2, 4 and 5 and by joblib plain and compressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for objects in (fitted_estimators, composed):
            for name, value in objects():
                for protocol in (2, 4, 5):
                    (folder / f"{name}.p{protocol}.pkl").write_bytes(
                        pickle.dumps(value, protocol=protocol)
                    )
                joblib.dump(value, folder / f"{name}.joblib", compress=0)
                joblib.dump(value, folder / f"{name}.z.joblib", compress=3)
