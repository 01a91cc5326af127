"""Models of xgboost, lightgbm, catboost and gguf-py, and R objects, as people save them."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import gguf
import lightgbm
import numpy as np
import pandas as pd
import pyreadr
import rdata
import xgboost

ROWS = 120
RNG = np.random.default_rng(7)
NUMBERS = RNG.random((ROWS, 5))
TARGET = NUMBERS[:, 0] * 2 + NUMBERS[:, 1]
CLASSES = (TARGET.mean() < TARGET).astype(int)
THREE = np.digitize(TARGET, [0.9, 1.8])
NAMES = ["age", "sex[0]", "weight kg", "größe", "https://example.invalid/x"]


def write_xgboost(folder: Path) -> None:
    """Every booster and layout of a model, in JSON and UBJSON, with and without names."""
    frame = pd.DataFrame(NUMBERS, columns=["age", "sex", "weight kg", "größe", "x"])
    frame["group"] = pd.Categorical(np.array(["a", "b", "c"])[THREE])
    plain = xgboost.DMatrix(NUMBERS, CLASSES)
    models: dict[str, Any] = {}
    objectives: dict[str, tuple[str, Any, dict[str, Any]]] = {
        "logistic": ("binary:logistic", CLASSES, {}),
        "softprob": ("multi:softprob", THREE, {"num_class": 3}),
        "squared": ("reg:squarederror", TARGET, {}),
        "quantile": ("reg:quantileerror", TARGET, {"quantile_alpha": [0.1, 0.5, 0.9]}),
        "poisson": ("count:poisson", THREE, {}),
        "tweedie": ("reg:tweedie", TARGET, {}),
        "cox": ("survival:cox", TARGET, {}),
        "huber": ("reg:pseudohubererror", TARGET, {}),
        "absolute": ("reg:absoluteerror", TARGET, {}),
    }
    for name, (objective, labels, more) in objectives.items():
        data = xgboost.DMatrix(NUMBERS, labels)
        models[name] = xgboost.train({"objective": objective, "max_depth": 3, **more}, data, 4)
    for booster in ("gblinear", "dart"):
        models[booster] = xgboost.train({"booster": booster, "objective": "binary:logistic"}, plain, 4)
    forest = {"num_parallel_tree": 3, "subsample": 0.7, "objective": "reg:squarederror"}
    models["forest"] = xgboost.train(forest, plain, 3)
    models["constant"] = xgboost.train({"max_depth": 1, "gamma": 1e9}, plain, 2)
    named = xgboost.DMatrix(NUMBERS, CLASSES, feature_names=["a", "b b", "größe", "d", "e"])
    models["named"] = xgboost.train({"max_depth": 9, "min_child_weight": 0}, named, 5)
    models["named"].set_attr(best_iteration="3", note="see https://example.invalid/")
    both = np.stack([TARGET, 1 - TARGET], axis=1)
    outputs = {"multi_strategy": "multi_output_tree", "tree_method": "hist", "max_depth": 3}
    models["multi-output"] = xgboost.train(outputs, xgboost.DMatrix(NUMBERS, both), 4)
    categories = xgboost.DMatrix(frame, CLASSES, enable_categorical=True)
    for limit in (1, 10):
        settings = {"max_cat_to_onehot": limit, "tree_method": "hist"}
        models[f"categorical-{limit}"] = xgboost.train(settings, categories, 4)
    missing = NUMBERS.copy()
    missing[::3, 2] = np.nan
    models["missing"] = xgboost.train({}, xgboost.DMatrix(missing, CLASSES), 4)
    models["pruned"] = xgboost.train(
        {"gamma": 0.3, "max_depth": 8, "updater": "grow_colmaker,prune", "tree_method": "exact"},
        plain,
        6,
    )
    models["untrained"] = xgboost.train({}, plain, 0)
    for name, model in models.items():
        for suffix in ("json", "ubj"):
            model.save_model(folder / f"{name}.{suffix}")
        (folder / f"{name}.config.json").write_text(model.save_config(), encoding="utf-8")
    for kind in (xgboost.XGBClassifier, xgboost.XGBRegressor):
        kind(n_estimators=3).fit(NUMBERS, CLASSES).save_model(folder / f"{kind.__name__}.ubj")
    models["logistic"].dump_model(folder / "dump.txt", with_stats=True)
    models["logistic"].dump_model(folder / "dump.json", dump_format="json")


def write_lightgbm(folder: Path) -> None:
    """Text models of every kind of booster, and the JSON dump."""
    frame = pd.DataFrame(NUMBERS, columns=["age", "sex", "weight", "size", "x"])
    frame["group"] = pd.Categorical(np.array(["a", "b", "c"])[THREE])
    quiet = {"verbose": -1, "min_data_in_leaf": 3, "num_leaves": 7}
    settings: dict[str, tuple[dict[str, Any], Any, Any]] = {
        "binary": ({"objective": "binary"}, NUMBERS, CLASSES),
        "multiclass": ({"objective": "multiclass", "num_class": 3}, NUMBERS, THREE),
        "regression": ({"objective": "regression"}, NUMBERS, TARGET),
        "quantile": ({"objective": "quantile", "alpha": 0.3}, NUMBERS, TARGET),
        "dart": ({"boosting": "dart", "objective": "binary"}, NUMBERS, CLASSES),
        "goss": ({"data_sample_strategy": "goss", "objective": "binary"}, NUMBERS, CLASSES),
        "forest": (
            {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7},
            NUMBERS,
            TARGET,
        ),
        "linear": ({"linear_tree": True, "objective": "regression"}, NUMBERS, TARGET),
        "categorical": ({"objective": "binary"}, frame, CLASSES),
        "stumps": ({"num_leaves": 2}, NUMBERS, TARGET),
        "constant": ({"min_data_in_leaf": 1000}, NUMBERS, TARGET),
        "monotone": ({"monotone_constraints": [1, 0, 0, 0, -1]}, NUMBERS, TARGET),
        "extra": ({"extra_trees": True, "max_depth": 3}, NUMBERS, TARGET),
    }
    for name, (more, features, labels) in settings.items():
        data = lightgbm.Dataset(features, labels, params={"verbose": -1})
        model = lightgbm.train({**quiet, **more}, data, 6)
        model.save_model(folder / f"{name}.txt")
        (folder / f"{name}.dump.json").write_text(_json(model.dump_model()), encoding="utf-8")
    model.save_model(folder / "named-model.model")
    data = lightgbm.Dataset(NUMBERS, CLASSES, feature_name=["a", "b_b", "gro", "d", "e"])
    stopped = lightgbm.train(
        {**quiet, "objective": "binary"},
        data,
        6,
        valid_sets=[data],
        callbacks=[lightgbm.early_stopping(2, verbose=False)],
    )
    stopped.save_model(folder / "early-stopping.txt", num_iteration=3, importance_type="gain")


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def write_catboost(folder: Path) -> None:
    """Binary and JSON models with numbers, categories, text and embeddings."""
    frame = pd.DataFrame(NUMBERS, columns=NAMES)
    frame["group"] = np.array(["a", "b", "c"])[THREE]
    frame["words"] = [f"word{index % 7} and word{index % 3}" for index in range(ROWS)]
    quiet = {"iterations": 5, "depth": 3, "silent": True, "allow_writing_files": False}
    models = {
        "numbers": catboost.CatBoostClassifier(**quiet).fit(NUMBERS, CLASSES),
        "classes": catboost.CatBoostClassifier(**quiet).fit(NUMBERS, THREE),
        "regression": catboost.CatBoostRegressor(**quiet).fit(NUMBERS, TARGET),
        "quantiles": catboost.CatBoostRegressor(
            loss_function="MultiQuantile:alpha=0.1,0.9", **quiet
        ).fit(NUMBERS, TARGET),
        "categories": catboost.CatBoostClassifier(one_hot_max_size=1, **quiet).fit(
            frame.drop(columns="words"), CLASSES, cat_features=["group"]
        ),
        "one-hot": catboost.CatBoostClassifier(one_hot_max_size=9, **quiet).fit(
            frame.drop(columns="words"), CLASSES, cat_features=["group"]
        ),
        "text": catboost.CatBoostClassifier(**quiet).fit(
            frame, CLASSES, cat_features=["group"], text_features=["words"]
        ),
        "lossguide": catboost.CatBoostClassifier(grow_policy="Lossguide", **quiet).fit(NUMBERS, CLASSES),
        "ranker": catboost.CatBoostRanker(**quiet).fit(NUMBERS, TARGET, group_id=np.zeros(ROWS, int)),
    }
    vectors = pd.DataFrame({"vector": [list(row) for row in NUMBERS]})
    models["embeddings"] = catboost.CatBoostClassifier(**quiet).fit(
        vectors, CLASSES, embedding_features=["vector"]
    )
    for name, model in models.items():
        model.save_model(str(folder / f"{name}.cbm"))
        if name not in ("text", "embeddings"):
            model.save_model(str(folder / f"{name}.json"), format="json")
    models["numbers"].save_model(str(folder / "numbers.py"), format="python")
    models["numbers"].save_model(str(folder / "numbers.cpp"), format="cpp")
    models["numbers"].save_model(str(folder / "numbers.coreml"), format="coreml")


def write_gguf(folder: Path) -> None:
    """A language model, an adapter, a vision projector and one with everything in its metadata."""
    model = gguf.GGUFWriter(folder / "llama.gguf", "llama")
    model.add_name("tiny")
    model.add_description('See https://example.invalid/tiny; run ./main -m tiny.gguf -p "hello"')
    model.add_source_url("https://example.invalid/tiny")
    model.add_license("apache-2.0")
    model.add_tags(["text-generation", "code"])
    model.add_block_count(1)
    model.add_tokenizer_model("llama")
    model.add_token_list([b"<unk>", b"<s>", b"</s>", b"$(rm", b"import os", b"<script>"])
    model.add_token_scores([0.0] * 6)
    model.add_token_types([2, 3, 3, 1, 1, 1])
    model.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}")
    model.add_string("quantize.imatrix.file", "/models/imatrix/tiny.dat")
    model.add_string("quantize.imatrix.dataset", "C:\\data\\calibration.txt")
    model.add_tensor("token_embd.weight", np.zeros((6, 32), np.float32))
    model.add_tensor("blk.0.attn_q.weight", np.zeros((32, 32), np.float16))
    _finish(model)
    adapter = gguf.GGUFWriter(folder / "adapter.gguf", "llama")
    adapter.add_type("adapter")
    adapter.add_string("adapter.type", "lora")
    adapter.add_float32("adapter.lora.alpha", 16.0)
    adapter.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((4, 32), np.float32))
    adapter.add_tensor("blk.0.attn_q.weight.lora_b", np.zeros((32, 4), np.float32))
    _finish(adapter)
    projector = gguf.GGUFWriter(folder / "mmproj.gguf", "clip")
    projector.add_bool("clip.has_vision_encoder", True)
    projector.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    projector.add_tensor("v.patch_embd.weight", np.zeros((8, 3, 2, 2), np.float32))
    _finish(projector)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_r(folder: Path) -> None:
    """Tables and lists by two writers, in each spelling and compression; models that R itself wrote."""
    frame = pd.DataFrame(NUMBERS, columns=["a", "b", "c", "d", "e"])
    frame["words"] = [f"word {index}" for index in range(ROWS)]
    pyreadr.write_rds(str(folder / "table.rds"), frame, compress="gzip")
    pyreadr.write_rds(str(folder / "table-plain.rds"), frame)
    pyreadr.write_rdata(str(folder / "table.RData"), frame, df_name="table")
    values = {"weights": NUMBERS, "names": np.array(["a", "b"]), "nested": [1, 2.5, "x", None]}
    for kind in ("xdr", "ascii"):
        for compression in ("gzip", "bzip2", "xz"):
            name = folder / f"list-{kind}-{compression}.rds"
            rdata.write_rds(str(name), values, file_format=kind, compression=compression)
    rdata.write_rda(str(folder / "list.rda"), {"model": values})
    for path in sorted((Path(rdata.__file__).parent / "tests" / "data").glob("*.rd?")):
        shutil.copy(path, folder / f"from-r-{path.name}")


WRITERS: dict[str, Callable[[Path], None]] = {
    "xgboost": write_xgboost,
    "lightgbm": write_lightgbm,
    "catboost": write_catboost,
    "gguf": write_gguf,
    "r": write_r,
}


def main() -> None:
    target = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    for name, write in WRITERS.items():
        folder = target / name
        folder.mkdir(parents=True)
        write(folder)
    skipped = (
        "h2o: its writer needs Java; Weka, Spark ML and DL4J too. R itself: files of rdata's tests\n"
    )
    target.with_suffix(".skipped").write_text(skipped, encoding="utf-8")


if __name__ == "__main__":
    main()
