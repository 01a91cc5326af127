"""The Python that a repository is loaded with: what configurations name, and what of it runs when."""

from __future__ import annotations

import json

import pytest

from tests.analyzers.config_events import context, scan
from weighbridge.analyzers.repository import remote_code
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.repository import Repository, RepositoryFile
from weighbridge.errors import LimitReached

HARM = "exec(base64.b64decode('cHJpbnQoMSk='))"
MAKES = " def __init__(self, c):\n  self.p = Part()\n"
HEAD = "import base64, subprocess\nfrom transformers import PreTrainedModel\n"


def config(*references: str) -> str:
    return json.dumps(
        {"model_type": "x", "auto_map": {f"A{n}": one for n, one in enumerate(references)}}
    )


def judged(files: dict[str, str]) -> list[Finding]:
    """What is said of a target once each of its files was inspected."""
    data = {name: text.encode() for name, text in files.items()}

    def source_of(name: str) -> ByteSource:
        return MemorySource(data[name])

    repository = Repository(
        target="target",
        origin=Origin(kind="local", location="/target"),
        files={name: RepositoryFile(name=name, size_bytes=len(data[name])) for name in data},
        source_of=source_of,
        findings={name: tuple(scan(name, data[name])[0]) for name in data},
    )
    events = remote_code.judge(RepositoryView(repository), context())
    return [event for event in events if isinstance(event, Finding)]


def told(files: dict[str, str]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.subject) for finding in judged(files)]


def model(body: str, more: str = "") -> dict[str, str]:
    """A repository whose configuration names `m.Model`, with that class."""
    return {
        "config.json": config("m.Model"),
        "m.py": f"{HEAD}class Model(PreTrainedModel):\n{body}{more}",
    }


def test_code_that_was_read_and_is_ordinary_is_told_as_such() -> None:
    body = " def __init__(self, c):\n  super().__init__(c)\n def forward(self, x):\n  return x\n"
    [found] = judged(model(body))
    assert (found.rule, found.path, found.subject) == ("RMC030", ("config.json",), "m.Model")
    assert "m.py" in found.evidence


@pytest.mark.parametrize(
    ("body", "more", "expected"),
    [
        (f" x = {HARM}\n", "", "RMC034"),
        (f" def __init__(self, c):\n  {HARM}\n", "", "RMC034"),
        (" def __init__(self, c):\n  helper()\n", f"def helper():\n {HARM}\n", "RMC034"),
        (f" @classmethod\n def from_pretrained(cls, *a):\n  {HARM}\n", "", "RMC034"),
        (f" def _load_pretrained_model(self):\n  {HARM}\n", "", "RMC034"),
        (MAKES, f"class Part:\n def __init__(self): {HARM}\n", "RMC034"),
        (f" def forward(self, x):\n  {HARM}\n", "", "RMC035"),
        (f" def _check(self, x):\n  {HARM}\n", "", "RMC035"),
        (MAKES, f"class Part:\n def forward(self): {HARM}\n", "RMC035"),
        (" def __init__(self, c):\n  subprocess.run(['nvcc', 'k.cu'])\n", "", "RMC031"),
        (" def __init__(self, c):\n  c.load('o/r', trust_remote_code=True)\n", "", "RMC031"),
        (" def __init__(self, c):\n  __import__(c.name)\n", "", "RMC031"),
        (" def __init__(self, c):\n  import torch\n  torch.hub.load('o/r', 'm')\n", "", "RMC031"),
        (" def chat(self):\n  subprocess.run(['nvcc', 'k.cu'])\n", "", "RMC030"),
        (" pass\n", f"def nobody():\n {HARM}\n", "RMC030"),
    ],
)  # fmt: skip
def test_when_something_runs_decides(body: str, more: str, expected: str) -> None:
    assert told(model(body, more)) == [(expected, "m.Model")]


def test_the_way_from_the_key_to_the_line_is_shown() -> None:
    body = " def __init__(self, c):\n  self._prepare()\n def _prepare(self):\n  helper()\n"
    [found] = judged(model(body, f"def helper():\n {HARM}\n"))
    line = found.evidence.splitlines()[0]
    assert line.startswith(
        "/auto_map/A0 -> m.Model -> Model.__init__ -> Model._prepare -> helper -> m.py: "
    )
    assert "line 9: exec" in line


def test_a_module_that_is_imported_from_the_folder_is_read_too() -> None:
    files = model(" def __init__(self, c):\n  prepare()\n")
    files["m.py"] = "from .tables import prepare\n" + files["m.py"]
    files["tables.py"] = f"import base64\ndef prepare():\n {HARM}\n"
    [found] = judged(files)
    assert found.rule == "RMC034"
    assert "tables.py: line 3" in found.evidence


def test_what_the_import_of_a_sibling_does_is_done_at_load() -> None:
    files = model(" pass\n")
    files["m.py"] = "from .tables import x\n" + files["m.py"]
    files["tables.py"] = f"import base64\nx = {HARM}\n"
    assert told(files) == [("RMC034", "m.Model")]


def test_a_base_class_in_another_file_brings_its_constructor() -> None:
    files = {
        "config.json": config("m.Model"),
        "m.py": "from .base import Base\nclass Model(Base):\n pass\n",
        "base.py": f"import base64\nclass Base:\n def __init__(self, c):\n  {HARM}\n",
    }
    assert told(files) == [("RMC034", "m.Model")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class Other: pass\n", "has no Model"),
        ("class Model(:\n", "does not parse"),
        ("from .gone import x\nclass Model: pass\n", "gone, which is not there"),
        ("from ..above import x\nclass Model: pass\n", "..above.x, which is not there"),
    ],
)
def test_code_that_was_not_seen_is_not_called_harmless(text: str, words: str) -> None:
    [found] = judged({"config.json": config("m.Model"), "m.py": text})
    assert found.rule == "RMC032"
    assert words in found.evidence


@pytest.mark.parametrize(
    "text", ["from transformers import X as Model\n", "Model = object\n", "from x import *\n"]
)
def test_a_class_may_come_by_another_name(text: str) -> None:
    assert told({"config.json": config("m.Model"), "m.py": text}) == [("RMC030", "m.Model")]


def test_a_module_that_is_not_there_is_told_unless_the_file_is_alone() -> None:
    assert told({"config.json": config("m.Model"), "README.md": "x"}) == [("RMC033", "m.Model")]
    assert told({"config.json": config("m.Model")}) == []


def test_a_part_whose_module_is_not_there_comes_from_a_package() -> None:
    index = json.dumps({"_class_name": "P", "unet": ["my_unet", "UNet"]})
    assert told({"model_index.json": index}) == [("RMC012", "my_unet")]
    files = {"model_index.json": index, "unet/my_unet.py": "class UNet: pass\n"}
    assert told(files) == [("RMC030", "my_unet.UNet")]


def test_each_folder_is_judged_for_itself() -> None:
    files = {f"{name}/config.json": config("m.Model") for name in "ab"}
    files |= {"a/m.py": "class Model: pass\n", "b/m.py": f"import base64\nclass Model:\n x = {HARM}\n"}
    found = {(one.rule, one.path[0]) for one in judged(files)}
    assert found == {("RMC030", "a/config.json"), ("RMC034", "b/config.json")}


def test_a_module_may_lie_above_the_folder_of_the_configuration() -> None:
    files = {"part/config.json": config("m.Model"), "m.py": "class Model: pass\n"}
    assert told(files) == [("RMC030", "m.Model")]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("hubconf.py", f"import base64\ndef tiny():\n {HARM}\n", "RMC034"),
        ("hubconf.py", "def tiny():\n return 1\n", "RMC030"),
        ("handler.py", f"import base64\nclass EndpointHandler:\n x = {HARM}\n", "RMC034"),
        ("custom_generate/generate.py", f"import base64\ndef generate(model):\n {HARM}\n", "RMC035"),
        (
            "rows.py",
            "import base64, datasets\nclass R(datasets.GeneratorBasedBuilder):\n"
            f" def _info(self):\n  {HARM}\n",
            "RMC034",
        ),
    ],
)  # fmt: skip
def test_files_that_loaders_take_by_their_name(name: str, text: str, expected: str) -> None:
    [found] = judged({name: text})
    assert (found.rule, found.path) == (expected, (name,))


def test_a_helper_beside_a_handler_is_found_without_a_dot() -> None:
    files = {
        "handler.py": "import helper\nclass EndpointHandler:\n def __init__(self):\n  helper.go()\n",
        "helper.py": f"import base64\ndef go():\n {HARM}\n",
    }
    assert [rule for rule, _ in told(files)] == ["RMC034"]


def test_the_module_that_mlflow_imports_is_read() -> None:
    flavor = "flavors:\n  python_function:\n    loader_module: own.loader\n    code: code\n"
    files = {
        "MLmodel": f"{flavor}run_id: a\n",
        "code/own/loader.py": f"import base64\ndef _load_pyfunc(path):\n {HARM}\n",
    }
    assert told(files) == [("RMC034", "own.loader")]


def test_a_card_that_answers_the_question_is_told() -> None:
    files = model(" pass\n") | {"README.md": "AutoModel.from_pretrained(x, trust_remote_code=True)"}
    [found] = judged(files)
    assert "README.md says to load it with trust_remote_code=True" in found.evidence


def test_a_file_with_other_high_findings_is_not_called_harmless() -> None:
    files = {"config.json": config("m.Model"), "m.py": "# coding: rot13\npynff Zbqry: cnff\n"}
    assert "RMC030" not in [rule for rule, _ in told(files)]


def test_more_names_than_any_collection_has_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_code, "_MOST_ENTRIES", 1)
    with pytest.raises(LimitReached):
        judged({"config.json": config("m.A", "m.B"), "m.py": "class A: pass\nclass B: pass\n"})


def test_files_that_nothing_names_are_not_judged_again() -> None:
    assert told({"modeling_x.py": f"import base64\nclass Model:\n x = {HARM}\n"}) == []
