"""What a configuration makes its loader call: weighed by what it can do, however it is spelled."""

from __future__ import annotations

import pytest

from tests.analyzers.config_events import callables, outcome, scan, told
from weighbridge.analyzers.configuration.config_expressions import harmful_names
from weighbridge.analyzers.configuration.config_trees import interpolated, survey
from weighbridge.analyzers.configuration.target_weights import Weight, weigh_import, weigh_target
from weighbridge.core.report import Outcome
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.config_names import ConfigNames, installed_config_names
from weighbridge.knowledge.locate import signatures_dir

HONEST = """
torch.optim.AdamW torch.optim.lr_scheduler.OneCycleLR torch.nn.Linear torch.nn.functional.relu
torch.utils.data.DataLoader torch.utils.tensorboard.SummaryWriter torch.Generator
torch.distributed.fsdp.FullyShardedDataParallel torch.float32 torch.profiler.schedule
torchvision.transforms.v2.ToDtype torchvision.datasets.CIFAR10 torchvision.models.resnet50
torchaudio.transforms.MelSpectrogram torchmetrics.classification.MulticlassAccuracy
lightning.Trainer lightning.fabric.Fabric pytorch_lightning.Trainer
lightning.pytorch.loggers.wandb.WandbLogger pytorch_lightning.loggers.mlflow.MLFlowLogger
pytorch_lightning.loggers.neptune.NeptuneLogger lightning.pytorch.profilers.PyTorchProfiler
lightning.pytorch.callbacks.ModelCheckpoint
lightning.pytorch.plugins.environments.SLURMEnvironment
nemo.collections.asr.modules.ConformerEncoder timm.create_model timm.models.resnet.resnet50
timm.data.create_transform transformers.get_scheduler transformers.TrainingArguments
diffusers.UNet2DConditionModel diffusers.DDIMScheduler peft.LoraConfig accelerate.Accelerator
sklearn.linear_model.LogisticRegression sklearn.metrics.f1_score sklearn.pipeline.make_pipeline
kornia.augmentation.ColorJitter albumentations.Compose monai.transforms.LoadImaged
monai.data.CacheDataset monai.engines.SupervisedTrainer omegaconf.DictConfig
hydra._internal.core_plugins.basic_launcher.BasicLauncher hydra.utils.get_original_cwd
hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher optuna.samplers.TPESampler
ray.tune.schedulers.ASHAScheduler builtins.dict builtins.range collections.OrderedDict
functools.partial datetime.timedelta pathlib.Path operator.itemgetter math.sqrt numpy.array
logging.StreamHandler logging.Formatter os.path.join speechbrain.nnet.containers.Sequential
ldm.models.diffusion.ddpm.LatentDiffusion torch_geometric.nn.GCNConv stable_baselines3.PPO
"""

RUNNING = """
os.system builtins.exec exec subprocess.Popen torch.serialization.os.system src.utils.os.system
nemo.core.subprocess.Popen torch.distributed.fsdp.os.system torchvision.models.os.system
hydra.utils.get_method torch.hub.load importlib.import_module mlflow.projects.run
nemo.x.mlflow.projects.run runpy.run_path pip._internal.main code.InteractiveInterpreter
joblib.load pydoc.locate torch.utils.cpp_extension.load ctypes.CDLL webbrowser.open
cloudpickle.loads sympy.sympify lightning.pytorch.trainer.os.popen
"""

REACHING = """
numpy.load torch.load pickle.loads pandas.read_pickle shutil.rmtree urllib.request.urlretrieve
requests.post os.environ.get os.putenv builtins.getattr builtins.open pathlib.Path.unlink
torch.random._os torch.nn.Module.__class__.__base__.__subclasses__ torch.__loader__.load_module
torch.utils.data.datapipes.iter.FileOpener timm.models._helpers.load_state_dict
"""


@pytest.mark.parametrize("target", HONEST.split())
def test_what_frameworks_offer_to_configurations_is_known(target: str) -> None:
    assert weigh_target(target, callables()).weight is Weight.KNOWN


@pytest.mark.parametrize("target", RUNNING.split())
def test_what_runs_its_arguments_is_the_worst(target: str) -> None:
    assert weigh_target(target, callables()).weight is Weight.RUNS


@pytest.mark.parametrize("target", REACHING.split())
def test_what_gets_at_files_pickles_network_or_code_is_high(target: str) -> None:
    assert weigh_target(target, callables()).weight >= Weight.REACHES


def test_a_namespace_makes_only_an_unknown_name_harmless() -> None:
    names = ConfigNames({"os": "pretend", "nobody": "pretend"}, {}, ())
    assert weigh_target("nobody.at.Home", callables(), names).weight is Weight.KNOWN
    assert weigh_target("os.system", callables(), names).weight is Weight.RUNS


def test_a_look_alike_is_never_known() -> None:
    assert weigh_target("torch.nn.L\u0456near", callables()).weight is Weight.UNKNOWN
    assert weigh_target("os.\u0455ystem", callables()).weight >= Weight.UNKNOWN


def test_a_pattern_never_speaks_for_a_private_part() -> None:
    names = installed_config_names()
    assert names.review("torch.nn.Linear") is not None
    assert names.review("torch.nn._x.Linear") is None


def test_the_tables_hold_no_row_twice() -> None:
    folder = signatures_dir() / "config"
    files = [folder / "namespaces.tsv", folder / "targets.tsv"]
    names = [
        line.partition("\t")[0]
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert names
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "tree",
    [
        {"_target_": "os.system"},
        {"a": [{"b": {"__target__": "os.system"}}]},
        {"_component_": "os.system"},
        {"target": "os.system", "params": {}},
        {"class_path": "os.system"},
        {"__kind__": "type", "class": "os.system"},
        {"py/object": "os.system"},
        {"x": "os", "y": "${x}.system", "_target_": "${y}"},
        {"m": {"name": "os.system", "_target_": "${.name}"}},
        {"_target_": " os.system "},
        {"_target_": "os:system"},
        {"_target_": "hydra.utils.get_method", "path": "os.system"},
        {"_target_": "hydra.utils.get_object", "_args_": ["os.system"]},
        {"_target_": "hydra.utils.get_method", "path": "${oc.env:X}"},
        {"dataset_reader": {}, "model": {"type": "os.system"}},
    ],
)
def test_every_way_to_name_a_call_is_critical(tree: object) -> None:
    assert told("config.json", tree) == ["CFG001"]


@pytest.mark.parametrize("key", ["type", "func", "()", "cls", "callable"])
def test_a_key_that_may_mean_a_call_is_told_for_what_has_no_other_meaning(key: str) -> None:
    assert told("config.json", {key: "subprocess.Popen"}) == ["CFG002"]
    assert told("config.json", {key: "code.block"}) == []


def test_a_target_that_can_not_be_resolved_is_said() -> None:
    assert told("config.json", {"_target_": "${oc.env:NAME}"}) == ["CFG009"]
    assert told("config.json", {"a": "${b}", "b": "${a}", "_target_": "${a}"}) == ["CFG009"]


def test_a_thousand_layers_of_one_package_are_one_finding() -> None:
    layers = [{"_target_": f"mine.layers.Layer{n}"} for n in range(1_000)]
    findings, _ = scan("config.json", {"layers": layers})
    assert [(one.rule, one.subject) for one in findings] == [("CFG003", "mine")]
    assert "999 more" in findings[0].evidence


def test_the_evidence_shows_the_call_and_its_arguments() -> None:
    findings, _ = scan("c.json", {"m": {"_target_": "os.system", "command": "echo weighbridge-marker"}})
    assert findings[0].route == "/m/_target_"
    assert findings[0].evidence.startswith(
        "_target_: 'os.system' with command=\"echo weighbridge-marker\""
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("__import__('os').system('x')", ("__import__",)),
        ("import subprocess as s; s.run('x')", ("subprocess.run",)),
        ("from os import popen\npopen('x')", ("os.popen",)),
        ("exec('x')", ("exec",)),
        ("().__class__.__base__.__subclasses__()", ("object.__class__.__base__.__subclasses__",)),
        ("os.path.join(a, 'b')", ()),
        ("torch.distributed.init_process_group('nccl')", ()),
        ("sorted(glob.glob(a + '/*.nii'))", ()),
        ("lambda x: x['image'] * 2", ()),
        ("not Python at all", ()),
        ("(" * 5_000, ()),
    ],
)
def test_expressions_are_told_for_what_they_run(text: str, names: tuple[str, ...]) -> None:
    assert harmful_names(text, callables()) == names


def test_a_dollar_is_an_expression_only_beside_a_call() -> None:
    hostile = "$__import__('os').system('echo weighbridge-marker')"
    assert told("c.json", {"a": hostile, "b": {"_target_": "UNet"}}) == ["CFG004", "CFG008"]
    assert told("c.json", {"a": hostile}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("${x.y}", "v"),
        ("${.z}-${x.y}", "w-v"),
        ("${..x.y}", "v"),
        ("${l.0}", "i"),
        ("${l[0]}", "i"),
        ("${x}", None),
        ("${nowhere}", None),
        ("${oc.env:A}", None),
        ("${loop}", None),
    ],
)
def test_references_are_resolved_as_omegaconf_does(text: str, expected: str | None) -> None:
    root: Json = {"x": {"y": "v"}, "m": {"z": "w"}, "l": ["i"], "loop": "${loop}"}
    assert interpolated(text, root, "/m") == expected


def test_a_survey_sees_every_level_once() -> None:
    found = survey(
        {"a": [{"kvstore": 1}, ["${x}"]], "type": "b"}, frozenset({"kvstore"}), frozenset({"type"})
    )
    assert (found.keys, found.references, found.nemo) == ({"kvstore"}, True, False)


def test_a_class_that_is_rebuilt_is_not_judged_by_its_constructor() -> None:
    module, name = "lightning.pytorch.loggers.tensorboard", "TensorBoardLogger"
    assert weigh_import(module, name, callables(), is_rebuilt=True).weight is Weight.KNOWN


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.yaml", "a: 1\n", Outcome.OPAQUE),
        ("a.yaml", "_target_: torch.nn.Linear\n", Outcome.ANALYZED),
        ("a.yaml", "{% if x %}\na: 1\n{% endif %}\n", Outcome.OPAQUE),
        ("a.yaml", "_target_: x.y\nb: [\n", Outcome.FAILED),
        ("a.yaml", "b: [\n# !!python/name:os.system\n", Outcome.FAILED),
        ("a.md", "use `!!python/object/apply:os.system` never\n", Outcome.OPAQUE),
        ("a", "prose: with _target_ in it\n", Outcome.OPAQUE),
    ],
)
def test_a_text_is_read_as_yaml_when_a_loader_would(name: str, text: str, expected: Outcome) -> None:
    assert outcome(name, text) is expected


def test_large_yaml_without_code_is_opaque_and_with_code_is_read_as_far_as_it_goes() -> None:
    filler = "- x: 0.123456789\n" * 260_000
    assert len(filler) > 4 << 20
    assert outcome("a.yaml", filler) is Outcome.OPAQUE


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("!!python/object/apply:os.system [x]", ["CFG010"]),
        ("!!python/object/new:subprocess.Popen [x]", ["CFG010"]),
        ("!!python/name:os.system ''", ["CFG010"]),
        ("!!python/module:runpy.run_path ''", ["CFG010"]),
        ("!!python/object/apply:torch.load [x]", ["CFG011"]),
        ("!!python/object/apply:nobody.knows [x]", ["CFG011"]),
        ("!!python/object:nobody.Knows {x: 1}", ["CFG012"]),
        ("!!python/object:argparse.Namespace {x: 1}", ["CFG012"]),
        ("!!python/tuple [1]", []),
        ("!!python/unicode x", []),
        ("!ruby/object:Gem::Installer {i: x}", ["CFG013"]),
        ("!ruby/sym x", []),
        ("!!javax.script.ScriptEngineManager []", ["CFG013"]),
        ("!!js/function 'f'", ["CFG013"]),
        ("!!js/regexp /x/", []),
        ("!apply:os.system [x]", ["CFG001"]),
        ("!new:shutil.rmtree {path: x}", ["CFG002"]),
        ("!name:mine.loss ''", ["CFG003"]),
        ("!new:torch.nn.Linear {}", ["CFG004"]),
        ("!function utils.process", ["CFG003"]),
        ("!Ref x", []),
    ],
)
def test_tags_are_weighed_by_what_they_name(text: str, rules: list[str]) -> None:
    assert told("a.yaml", f"a: {text}\n") == rules
