"""xgboost and lightgbm: boosters and wrappers; transformers: arguments, configurations, batches."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import torch
import transformers
import xgboost


def boosters() -> Iterator[tuple[str, object]]:
    """Every class that people publish, trained on a few rows."""
    rng = np.random.default_rng(0)
    features, labels = rng.random((40, 3)), rng.integers(0, 2, 40)
    matrix = xgboost.DMatrix(features, labels, feature_names=["a", "b", "c"])
    yield "xgboost_booster", xgboost.train({"objective": "binary:logistic"}, matrix, 3)
    for kind in (
        xgboost.XGBClassifier,
        xgboost.XGBRegressor,
        xgboost.XGBRFClassifier,
        xgboost.XGBRFRegressor,
    ):
        yield kind.__name__, kind(n_estimators=3, max_depth=2).fit(features, labels)
    yield "XGBRanker", xgboost.XGBRanker(n_estimators=2).fit(features, labels, qid=np.zeros(40))
    yield (
        "xgboost_callbacks",
        xgboost.XGBClassifier(
            n_estimators=3, callbacks=[xgboost.callback.EarlyStopping(2)], eval_metric="auc"
        ).fit(features, labels, eval_set=[(features, labels)], verbose=False),
    )
    quiet = {"verbose": -1, "n_estimators": 3, "min_child_samples": 2}
    dataset = lightgbm.Dataset(features, labels, params={"verbose": -1})
    yield "lightgbm_booster", lightgbm.train({"verbose": -1, "objective": "binary"}, dataset, 3)
    for kind in (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor):
        yield kind.__name__, kind(**quiet).fit(features, labels)
    yield "LGBMRanker", lightgbm.LGBMRanker(**quiet).fit(features, labels, group=[40])
    yield (
        "lightgbm_with_evaluation",
        lightgbm.LGBMClassifier(**quiet).fit(features, labels, eval_set=[(features, labels)]),
    )


def transformers_objects(folder: Path) -> Iterator[tuple[str, object]]:
    """What the Trainer and the configurations leave in pickles."""
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "never-made"), report_to=[], use_cpu=True
    )
    yield "training_args", arguments
    yield (
        "seq2seq_training_args",
        transformers.Seq2SeqTrainingArguments(
            output_dir=str(folder / "never-made"), report_to=[], use_cpu=True
        ),
    )
    for kind in (
        transformers.BertConfig,
        transformers.GPT2Config,
        transformers.LlamaConfig,
        transformers.T5Config,
        transformers.ViTConfig,
    ):
        yield kind.__name__, kind()
    yield "generation_config", transformers.GenerationConfig(max_length=5)
    yield "batch_encoding", transformers.BatchEncoding({"input_ids": torch.ones(1, 3, dtype=torch.long)})
    yield (
        "model_output",
        transformers.modeling_outputs.BaseModelOutput(last_hidden_state=torch.ones(1, 2)),
    )
    tiny = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20
    )
    yield "bert", transformers.BertModel(tiny)
    small = transformers.GPT2Config(
        n_embd=8, n_layer=1, n_head=2, vocab_size=20, bos_token_id=0, eos_token_id=0
    )
    yield "gpt2", transformers.GPT2LMHeadModel(small)
    yield "trainer_state", transformers.TrainerState()


def write_boosters(folder: Path) -> None:
    """Pickle protocols 0 to 5 and joblib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in boosters():
            _write(folder, name, value, range(6))


def write_transformers(folder: Path) -> None:
    """torch.save, pickle protocols 2 to 5 and joblib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in transformers_objects(folder):
            _write(folder, name, value, range(2, 6))
            torch.save(value, folder / f"{name}.bin")


def _write(folder: Path, name: str, value: object, protocols: range) -> None:
    for protocol in protocols:
        (folder / f"{name}.p{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    joblib.dump(value, folder / f"{name}.joblib")
    joblib.dump(value, folder / f"{name}.z.joblib", compress=3)
