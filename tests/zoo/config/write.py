"""Write what honest programs keep beside models: skops, MLflow, spaCy, Orbax, and configurations.

python write.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import sklearn.cluster
import sklearn.compose
import sklearn.datasets
import sklearn.decomposition
import sklearn.ensemble
import sklearn.feature_extraction.text
import sklearn.feature_selection
import sklearn.gaussian_process
import sklearn.linear_model
import sklearn.metrics
import sklearn.model_selection
import sklearn.naive_bayes
import sklearn.neighbors
import sklearn.neural_network
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.svm
import sklearn.tree

ROOT = Path(sys.argv[1])
X, Y = sklearn.datasets.make_classification(n_samples=80, n_features=6, random_state=0)


def folder(name: str) -> Path:
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(name: str, text: str) -> None:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def estimators() -> dict[str, object]:
    """One of each kind that skops keeps in its own way."""
    pre, ens, lin = sklearn.preprocessing, sklearn.ensemble, sklearn.linear_model
    scorer = sklearn.metrics.make_scorer(sklearn.metrics.f1_score, average="macro")
    grid = {"C": [0.1, 1.0]}
    columns = [("scaled", pre.StandardScaler(), [0, 1]), ("kept", "passthrough", [2, 3])]
    logistic = lin.LogisticRegression()
    return {
        "logistic": logistic,
        "sgd": lin.SGDClassifier(random_state=0),
        "ridge": lin.RidgeCV(),
        "huber": lin.HuberRegressor(),
        "forest": ens.RandomForestClassifier(5, random_state=0),
        "boosting": ens.GradientBoostingClassifier(n_estimators=5, random_state=0),
        "hist": ens.HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "stack": ens.StackingClassifier([("tree", sklearn.tree.DecisionTreeClassifier())], logistic),
        "isolation": ens.IsolationForest(n_estimators=5, random_state=0),
        "svc": sklearn.svm.SVC(probability=False),
        "neighbors": sklearn.neighbors.KNeighborsClassifier(),
        "mlp": sklearn.neural_network.MLPClassifier(
            (4,), max_iter=20, random_state=np.random.RandomState(0)
        ),
        "gaussian": sklearn.gaussian_process.GaussianProcessClassifier(),
        "bayes": sklearn.naive_bayes.GaussianNB(),
        "grid": sklearn.model_selection.GridSearchCV(logistic, grid, scoring=scorer, cv=2),
        "columns": sklearn.pipeline.make_pipeline(sklearn.compose.ColumnTransformer(columns), logistic),
        "function": sklearn.pipeline.make_pipeline(pre.FunctionTransformer(np.cbrt), logistic),
        "select": sklearn.pipeline.make_pipeline(sklearn.feature_selection.SelectKBest(k=3), logistic),
        "pca": sklearn.pipeline.make_pipeline(sklearn.decomposition.PCA(2), logistic),
        "kmeans": sklearn.cluster.KMeans(2, random_state=0),
        "quantile": pre.QuantileTransformer(n_quantiles=10),
        "splines": sklearn.pipeline.make_pipeline(pre.SplineTransformer(), lin.Ridge()),
    }


def write_skops() -> None:
    import operator
    from functools import partial

    import skops.io

    target = folder("skops")
    for name, estimator in estimators().items():
        try:
            skops.io.dump(estimator.fit(X, Y), target / f"{name}.skops")
        except (ValueError, TypeError) as error:
            print(f"skops can't keep {name}: {error}")
    vectorizer = sklearn.feature_extraction.text.TfidfVectorizer().fit(["a text", "another text"])
    skops.io.dump(vectorizer, target / "tfidf.skops")
    things = {
        "partial": partial(np.sum, axis=0),
        "getter": operator.itemgetter(1),
        "method": sklearn.preprocessing.StandardScaler().fit(X).transform,
        "generator": np.random.default_rng(0),
        "bytes": b"bytes",
        "array": np.arange(4),
        "types": [int, np.float32, sklearn.svm.SVC],
    }
    for name, thing in things.items():
        skops.io.dump(thing, target / f"thing-{name}.skops")


def write_mlflow() -> None:
    os.environ["MLFLOW_TRACKING_URI"] = (ROOT.parent / ".mlruns-config").as_uri()
    import mlflow
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import infer_signature

    class Doubling(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input * 2

    logistic = sklearn.linear_model.LogisticRegression().fit(X, Y)
    signature = infer_signature(X, logistic.predict(X))
    target = ROOT / "mlflow"
    target.mkdir()
    mlflow.sklearn.save_model(
        logistic, str(target / "sklearn"), signature=signature, input_example=X[:2]
    )
    mlflow.sklearn.save_model(logistic, str(target / "pickle"), serialization_format="pickle")
    code = ROOT.parent / ".config-code" / "helper"
    code.mkdir(parents=True, exist_ok=True)
    (code / "__init__.py").write_text("FACTOR = 2\n", encoding="ascii")
    mlflow.pyfunc.save_model(
        str(target / "pyfunc"),
        python_model=Doubling(),
        code_paths=[str(code)],
        pip_requirements=["mlflow", "numpy"],
        artifacts={"helper": str(code / "__init__.py")},
    )
    script = ROOT.parent / ".config-code" / "model_code.py"
    script.write_text(
        "import mlflow\n\n\nclass Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n        return model_input\n\n\n"
        "mlflow.models.set_model(Model())\n",
        encoding="ascii",
    )
    mlflow.pyfunc.save_model(str(target / "from-code"), python_model=str(script))


def write_spacy() -> None:
    import spacy
    from spacy.tokens import DocBin

    target = folder("spacy")
    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    ruler = blank.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "ORG", "pattern": "Weighbridge"}])
    blank.to_disk(target / "blank-en")
    for language, pipes in {
        "de": ("tagger", "ner"),
        "xx": ("textcat",),
        "en": ("tok2vec", "parser", "spancat"),
    }.items():
        pipeline = spacy.blank(language)
        for name in pipes:
            pipe = pipeline.add_pipe(name)
            if name in ("tagger", "textcat", "ner", "spancat", "parser"):
                pipe.add_label("ONE")
                pipe.add_label("TWO")
        pipeline.initialize()
        pipeline.to_disk(target / f"trained-{language}")
    DocBin(docs=[blank("Weighbridge stands at the gate.")]).to_disk(target / "docs.spacy")


def write_orbax() -> None:
    import jax.numpy as jnp
    import orbax.checkpoint as ocp

    state = {"params": {"w": jnp.arange(12.0).reshape(3, 4), "b": jnp.zeros(4)}, "step": 3}
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save((ROOT / "orbax" / "standard").absolute(), state)
    plain = ocp.PyTreeCheckpointer(use_ocdbt=False)
    plain.save((ROOT / "orbax" / "zarr").absolute(), state)


def write_configurations() -> None:
    from omegaconf import OmegaConf

    for path, text in TEXTS.items():
        write(f"texts/{path}", text)
    hydra = OmegaConf.create(TEXTS["hydra/config.yaml"])
    OmegaConf.save(hydra, ROOT / "texts" / "hydra" / "saved.yaml")
    write("texts/peft/adapter_config.json", json.dumps(ADAPTER, indent=2))
    write("texts/monai/inference.json", json.dumps(MONAI, indent=2))
    write("texts/ollama/manifest", json.dumps(OLLAMA))
    write("texts/gluonts/predictor.json", json.dumps(GLUONTS))


HYDRA_JOB = """\
hydra:
  run:
    dir: outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}
  launcher:
    _target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher
  sweeper:
    _target_: hydra._internal.core_plugins.basic_sweeper.BasicSweeper
    max_batch_size: null
    params: null
  job_logging:
    version: 1
    formatters:
      simple:
        format: '[%(asctime)s][%(name)s][%(levelname)s] - %(message)s'
    handlers:
      console:
        class: logging.StreamHandler
        formatter: simple
        stream: ext://sys.stdout
      file:
        class: logging.FileHandler
        formatter: simple
        filename: ${hydra.runtime.output_dir}/${hydra.job.name}.log
    root:
      level: INFO
      handlers: [console, file]
  job:
    name: train
    config: {override_dirname: {kv_sep: '=', item_sep: ','}}
  env_set: {}
"""

TEXTS = {
    "hydra/.hydra/hydra.yaml": HYDRA_JOB,
    "hydra/config.yaml": """\
seed: 42
data:
  _target_: src.data.mnist_datamodule.MNISTDataModule
  data_dir: ${oc.env:DATA_DIR,data/}
  transforms:
    _target_: torchvision.transforms.Compose
    transforms:
      - _target_: torchvision.transforms.ToTensor
      - {_target_: torchvision.transforms.Normalize, mean: [0.1307], std: [0.3081]}
model:
  _target_: src.models.mnist_module.MNISTLitModule
  net:
    _target_: timm.create_model
    model_name: resnet18
  optimizer: {_target_: torch.optim.Adam, _partial_: true, lr: 0.001}
  scheduler: {_target_: torch.optim.lr_scheduler.ReduceLROnPlateau, _partial_: true}
  loss: {_target_: torch.nn.CrossEntropyLoss}
  metric: {_target_: torchmetrics.classification.MulticlassAccuracy, num_classes: 10}
  activation: {_target_: hydra.utils.get_class, path: torch.nn.GELU}
  text_encoder:
    _target_: transformers.AutoModel.from_pretrained
    pretrained_model_name_or_path: bert-base-uncased
callbacks:
  model_checkpoint: {_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: ckpt}
  early_stopping: {_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/acc}
  bar: {_target_: lightning.pytorch.callbacks.RichProgressBar}
logger:
  wandb: {_target_: lightning.pytorch.loggers.wandb.WandbLogger, project: x}
  mlflow: {_target_: lightning.pytorch.loggers.mlflow.MLFlowLogger, tracking_uri: logs}
  csv: {_target_: lightning.pytorch.loggers.csv_logs.CSVLogger, save_dir: logs}
trainer: {_target_: lightning.pytorch.trainer.Trainer, max_epochs: 10}
""",
    "nemo/model_config.yaml": """\
sample_rate: 16000
train_ds:
  manifest_filepath: /data/train_manifest.json
  batch_size: 16
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  normalize: per_feature
  features: 80
spec_augment: {_target_: nemo.collections.asr.modules.SpectrogramAugmentation, freq_masks: 2}
encoder: {_target_: nemo.collections.asr.modules.ConformerEncoder, d_model: 512}
decoder: {_target_: nemo.collections.asr.modules.RNNTDecoder}
joint: {_target_: nemo.collections.asr.modules.RNNTJoint}
tokenizer: {dir: /tok, type: bpe, model_path: 'nemo:6a1f_tokenizer.model'}
target: nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel
nemo_version: 1.23.0
""",
    "ldm/v1-inference.yaml": """\
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    scheduler_config: {target: ldm.lr_scheduler.LambdaLinearScheduler, params: {warm_up_steps: [10000]}}
    unet_config: {target: ldm.modules.diffusionmodules.openaimodel.UNetModel, params: {image_size: 32}}
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params: {embed_dim: 4, lossconfig: {target: torch.nn.Identity}}
    cond_stage_config: {target: ldm.modules.encoders.modules.FrozenCLIPEmbedder}
""",
    "lightning/config.yaml": """\
seed_everything: 1
trainer:
  callbacks:
    - class_path: lightning.pytorch.callbacks.LearningRateMonitor
      init_args: {logging_interval: step}
  logger: {class_path: lightning.pytorch.loggers.TensorBoardLogger, init_args: {save_dir: logs}}
model: {class_path: my_package.models.LitModel, init_args: {lr: 0.001}}
optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.001}}
""",
    "lightning/hparams.yaml": """\
lr: 0.001
data_dir: !!python/object/apply:pathlib.PosixPath
- data
- mnist
args: !!python/object:argparse.Namespace
  epochs: 3
device: !!python/object/apply:torch.device
- cpu
betas: !!python/tuple
- 0.9
- 0.999
""",
    "docs/mkdocs.yml": """\
site_name: Docs
theme: {name: material}
markdown_extensions:
  - pymdownx.superfences:
      custom_fences:
        - {name: mermaid, class: mermaid, format: !!python/name:pymdownx.superfences.fence_code_format }
  - pymdownx.emoji:
      emoji_index: !!python/name:material.extensions.emoji.twemoji
      emoji_generator: !!python/name:material.extensions.emoji.to_svg
plugins: [search]
extra: {token: !ENV [TOKEN, none]}
""",
    "speechbrain/hyperparams.yaml": """\
# Pretrained model
pretrained_path: speechbrain/spkrec-ecapa-voxceleb
seed: 1234
__set_seed: !apply:torch.manual_seed [!ref <seed>]
__seeds: !apply:speechbrain.utils.seed_everything [!ref <seed>]
n_mels: 80
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [1024, 1024]
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier {input_size: 192, out_neurons: 7205}
modules: {compute_features: !ref <compute_features>, embedding_model: !ref <embedding_model>}
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
tokenizer: !new:sentencepiece.SentencePieceProcessor
log_softmax: !new:speechbrain.nnet.activations.Softmax {apply_log: true}
ctc_cost: !name:speechbrain.nnet.losses.ctc_loss {blank_index: 0}
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {embedding_model: !ref <embedding_model>, label_encoder: !ref <label_encoder>}
    paths: {embedding_model: !ref <pretrained_path>/embedding_model.ckpt}
""",
    "pyannote/config.yaml": """\
version: 3.1.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params: {clustering: AgglomerativeClustering, embedding: pyannote/wespeaker-voxceleb-resnet34-LM}
params: {clustering: {method: centroid, threshold: 0.7}}
""",
    "torchtune/recipe.yaml": """\
model: {_component_: torchtune.models.llama3_1.lora_llama3_1_8b, lora_rank: 8}
tokenizer: {_component_: torchtune.models.llama3.llama3_tokenizer, path: /tmp/tokenizer.model}
checkpointer: {_component_: torchtune.training.FullModelHFCheckpointer, checkpoint_dir: /tmp/llama}
optimizer: {_component_: torch.optim.AdamW, fused: true}
lr_scheduler: {_component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup}
loss: {_component_: torchtune.modules.loss.CEWithChunkedOutputLoss}
dataset: {_component_: torchtune.datasets.alpaca_cleaned_dataset, packed: false}
metric_logger: {_component_: torchtune.training.metric_logging.DiskLogger, log_dir: logs}
profiler: {_component_: torchtune.training.setup_torch_profiler, enabled: false}
""",
    "rasa/config.yml": """\
recipe: default.v1
assistant_id: 20250101-weighty-gate
language: en
pipeline:
- name: WhitespaceTokenizer
- name: RegexFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
- name: DIETClassifier
  epochs: 100
- name: rasa.nlu.extractors.duckling_entity_extractor.DucklingEntityExtractor
policies:
- name: MemoizationPolicy
- name: TEDPolicy
""",
    "rasa/domain.yml": "version: '3.1'\nintents: [greet]\nresponses: {utter_greet: [{text: Hey!}]}\n",
    "triton/config.pbtxt": """\
name: "ensemble"
platform: "ensemble"
max_batch_size: 8
input [ { name: "TEXT" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "SCORES" data_type: TYPE_FP32 dims: [ -1 ] } ]
ensemble_scheduling {
  step [ { model_name: "tokenizer" model_version: -1 input_map { key: "TEXT" value: "TEXT" } } ]
}
""",
    "triton-python/config.pbtxt": """\
name: "tokenizer"
backend: "python"
instance_group [{ kind: KIND_CPU }]
parameters: { key: "EXECUTION_ENV_PATH", value: {string_value: "$$TRITON_MODEL_DIRECTORY/env.tar.gz"} }
""",
    "bento/bentofile.yaml": """\
service: "service:Summarization"
labels: {owner: team, stage: dev}
include: ["*.py"]
python:
  packages: [torch, transformers]
  lock_packages: false
docker: {distro: debian, python_version: "3.11"}
models: ["summary:latest"]
""",
    "ollama/Modelfile": """\
FROM ./model-q4.gguf
ADAPTER ./lora.gguf
PARAMETER temperature 0.7
TEMPLATE \"\"\"{{ if .System }}<|system|>{{ .System }}<|end|>{{ end }}\"\"\"
SYSTEM \"\"\"You are a helpful assistant.\"\"\"
""",
    "allennlp/config.json": """\
{"dataset_reader": {"type": "snli", "tokenizer": {"type": "spacy"}},
 "model": {"type": "decomposable_attention", "text_field_embedder": {"token_embedders": {}}},
 "trainer": {"optimizer": {"type": "adagrad"}, "num_epochs": 3}}
""",
    "yolo/data.yaml": "path: ../datasets/coco\ntrain: images/train\nnc: 2\nnames: {0: person, 1: car}\n",
    "yolo/args.yaml": "task: detect\nmode: train\nmodel: yolov8n.pt\ndevice: null\nworkers: 8\n",
    "deploy/values.yaml": """\
image: {repository: vllm/vllm-openai, tag: v0.6.0}
env:
  - name: HF_TOKEN
    valueFrom: {secretKeyRef: {name: hf, key: token}}
""",
    "deploy/template.yaml": "{{- if .Values.enabled }}\nkind: Service\n{{- end }}\n",
    "ci/workflow.yml": """\
name: ci
on: {push: {branches: [main]}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          pip install -e .
          pytest
""",
    "env/conda.yaml": """\
channels: [conda-forge]
dependencies:
- python=3.11.7
- pip<=24.0
- pip: [mlflow==3.1.0, scikit-learn==1.5.0]
name: mlflow-env
""",
    "env/requirements.txt": """\
--extra-index-url https://download.pytorch.org/whl/cu121
torch==2.3.0+cu121
git+https://github.com/huggingface/transformers@v4.44.0
-r base.txt
numpy>=1.26,<3  # see https://numpy.org
""",
    "env/pyproject.toml": '[project]\nname = "x"\nversion = "1"\n[tool.ruff]\ntarget = "py311"\n',
    "lm-eval/task.yaml": """\
task: my_task
dataset_path: org/data
doc_to_text: "{{question}}"
process_docs: !function utils.process_docs
metric_list: [{metric: acc, aggregation: mean}]
""",
    "uniad/model.toml": "[model]\nhidden = 3\nactivation = 'gelu'\n",
}

ADAPTER = {
    "alpha_pattern": {},
    "auto_mapping": {
        "base_model_class": "BertForSequenceClassification",
        "parent_library": "transformers.models.bert.modeling_bert",
    },
    "base_model_name_or_path": "bert-base-uncased",
    "bias": "none",
    "inference_mode": True,
    "lora_alpha": 16,
    "modules_to_save": ["classifier", "score"],
    "peft_type": "LORA",
    "r": 8,
    "target_modules": ["query", "value"],
    "task_type": "SEQ_CLS",
}

MONAI = {
    "imports": ["$import glob", "$import os", "$import torch"],
    "bundle_root": "/workspace/bundle",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "ckpt_path": "$@bundle_root + '/models/model.pt'",
    "datalist": "$list(sorted(glob.glob(@dataset_dir + '/imagesTs/*.nii.gz')))",
    "network_def": {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "norm": "batch"},
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [{"_target_": "LoadImaged", "keys": "image"}, {"_target_": "SaveImaged"}],
    },
    "dataset": {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]"},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [96, 96, 96]},
    "handlers": [{"_target_": "CheckpointLoader", "load_path": "@ckpt_path"}],
    "setup": [
        "$torch.distributed.init_process_group('nccl')",
        "$setattr(torch.backends.cudnn, 'benchmark', True)",
    ],
    "model": {"_target_": "monai.networks.nets.SwinUNETR", "img_size": 96},
    "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device"},
    "run": ["$@evaluator.run()"],
}

OLLAMA = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "digest": "sha256:" + "3f" * 32,
        "size": 485,
    },
    "layers": [
        {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": "sha256:" + "a1" * 32, "size": 9}
        for kind in ("model", "template", "system", "license", "params")
    ],
}

GLUONTS = {
    "__kind__": "instance",
    "class": "gluonts.torch.model.predictor.PyTorchPredictor",
    "args": [],
    "kwargs": {
        "prediction_length": 24,
        "device": {"__kind__": "instance", "class": "torch.device", "args": ["cpu"]},
        "forecast_generator": {
            "__kind__": "instance",
            "class": "gluonts.model.forecast_generator.SampleForecastGenerator",
        },
    },
}


def main() -> None:
    skipped = []
    for part in (write_skops, write_mlflow, write_spacy, write_orbax, write_configurations):
        try:
            part()
        except ImportError as error:
            skipped.append(f"{part.__name__}: {error}")
    if skipped:
        ROOT.with_name(f"{ROOT.name}.skipped").write_text("\n".join(skipped) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
