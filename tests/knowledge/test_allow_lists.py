"""What the allow-list says of known libraries: their classes are recognised, their loaders are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.knowledge.callables import CallableKnowledge, Judgement, Standing
from weighbridge.knowledge.locate import signatures_dir

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
ALLOW_DIR = signatures_dir() / "callables" / "allow"
GENERATED = sorted(ALLOW_DIR.glob("*.classes.txt"))
WRITTEN = sorted(set(ALLOW_DIR.glob("*.txt")) - set(GENERATED))
HARMLESS = (Standing.ALLOWED, Standing.RECOGNISED)
LARGEST_BYTES = 2_000_000


def judge(dotted: str) -> Judgement:
    module, name = dotted.split(" ")
    return KNOWLEDGE.judge(module, name, protocol=4)


def names_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", "@"))]


@pytest.mark.parametrize(
    "dotted",
    [
        "sklearn.linear_model._logistic LogisticRegression",
        "networkx.classes.digraph DiGraph",
        "networkx.classes.reportviews NodeView",
        "gensim.models.word2vec Word2Vec",
        "gensim.models.doc2vec TaggedDocument",
        "catboost.core CatBoostClassifier",
        "spacy.lang.en English",
        "spacy.strings StringStore",
        "thinc.model Model",
        "statsmodels.regression.linear_model RegressionResultsWrapper",
        "statsmodels.tsa.statespace._kalman_filter dKalmanFilter",
        "statsmodels.tsa.arima.model ARIMAResults",
        "torchvision.models.resnet ResNet",
        "diffusers.models.unets.unet_2d_condition UNet2DConditionModel",
        "peft.tuners.lora.config LoraConfig",
        "sentence_transformers.sentence_transformer.model SentenceTransformer",
        "flair.models.sequence_tagger_model SequenceTagger",
        "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint",
        "lightning.pytorch.callbacks.model_checkpoint ModelCheckpoint",
        "imblearn.pipeline Pipeline",
        "category_encoders.target_encoder TargetEncoder",
        "umap.umap_ UMAP",
        "hdbscan.hdbscan_ HDBSCAN",
        "sklearn_crfsuite.estimator CRF",
        "shap._explanation Explanation",
        "prophet.forecaster Prophet",
        "stable_baselines3.common.policies ActorCriticPolicy",
        "TTS.tts.configs.xtts_config XttsConfig",
    ],
)
def test_a_class_of_a_known_library_is_recognised(dotted: str) -> None:
    assert judge(dotted).standing is Standing.RECOGNISED


@pytest.mark.parametrize(
    "dotted",
    [
        # They load another pickle, or a file, from what they are given.
        "spacy.vocab unpickle_vocab",
        "spacy.tokens.doc unpickle_doc",
        "skorch.net NeuralNet",
        "flair.embeddings.token TransformerWordEmbeddings",
        # They write a module from a template and import it.
        "torch_geometric.nn.conv.message_passing MessagePassing",
        "torch_geometric.nn.conv.gcn_conv GCNConv",
        # It evaluates its third argument.
        "dill._dill _getattr",
        # They build what a lazy object names.
        "mmengine.config.config Config",
        "mmengine.config.lazy LazyObject",
        # They run text of their state as code when it is set: `_parse_arg_template`, a formula.
        "statsmodels.distributions.discrete zipoisson_gen",
        "statsmodels.base.data PandasData",
        # It calls a setter that its state holds.
        "spacy.tokens.underscore Underscore",
    ],
)
def test_what_loads_or_runs_more_is_not_recognised(dotted: str) -> None:
    assert judge(dotted).standing not in HARMLESS


@pytest.mark.parametrize("method", ["search", "finditer", "match", "findall"])
def test_a_method_of_a_compiled_pattern_is_no_call_of_compile(method: str) -> None:
    assert judge(f"re _compile.{method}").standing is Standing.RECOGNISED


@pytest.mark.parametrize("method", ["__globals__", "__self__.system"])
def test_other_attributes_of_a_compiled_pattern_stay_dangerous(method: str) -> None:
    assert judge(f"re _compile.{method}").standing is Standing.DANGEROUS


@pytest.mark.parametrize("method", ["system", "popen", "exec", "run_path", "import_module"])
def test_a_method_called_by_name_may_be_dangerous(method: str) -> None:
    assert f"*.{method}" in KNOWLEDGE.dangerous


def test_the_binding_of_a_method_is_harmless_only_with_a_harmless_one() -> None:
    judgement = judge("types MethodType")

    assert judgement.standing is Standing.CONDITIONAL
    assert judgement.capabilities


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: file.name)
def test_a_generated_list_holds_its_own_library_and_nothing_twice(file: Path) -> None:
    library = file.name.removesuffix(".classes.txt")
    names = names_of(file.read_text(encoding="utf-8"))

    assert names
    assert len(set(names)) == len(names)
    assert {name.partition(" ")[0].partition(".")[0] for name in names} == {library}


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.name)
def test_a_list_written_by_hand_says_where_it_is_from(file: Path) -> None:
    assert "# source: " in file.read_text(encoding="utf-8")


def test_the_lists_stay_small_enough_for_the_wheel() -> None:
    assert sum(file.stat().st_size for file in [*GENERATED, *WRITTEN]) < LARGEST_BYTES
