"""A callable on no list is looked for among the Python files that come with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples.recipes.assembler import build, dict_of, name, new, stream

from weighbridge import scan
from weighbridge.core.finding import Finding
from weighbridge.engine.source_files import with_source


def _finding(subject: str, rule: str = "PKL022") -> Finding:
    return Finding(rule=rule, path=("model.pt",), subject=subject, evidence="calls it")


@pytest.mark.parametrize(
    ("subject", "file"),
    [
        ("my_model.layers.Block", "my_model/layers.py"),
        ("my_model.layers.Block.inner", "my_model/layers.py"),
        ("modeling.Net", "src/modeling.py"),
        ("package.sub.Net", "package/sub/__init__.py"),
    ],
)
def test_the_file_with_the_name_of_the_module_is_named(subject: str, file: str) -> None:
    files = {"model.pt", "my_model/layers.py", "src/modeling.py", "package/sub/__init__.py", "other.py"}
    (found,) = with_source([_finding(subject)], files)
    assert found.evidence == f"calls it\nits code may be {file} of this target"
    assert found.related == (file,)


def test_a_name_without_a_file_says_so() -> None:
    (found,) = with_source([_finding("elsewhere.Net")], {"model.pt", "modeling.py"})
    assert found.evidence.endswith("no Python file of this target has its name")
    assert found.related == ()


@pytest.mark.parametrize(("rule", "files"), [("PKL002", {"a.pt", "os.py"}), ("PKL022", {"model.pt"})])
def test_other_rules_and_single_files_are_left_alone(rule: str, files: set[str]) -> None:
    before = _finding("os.system", rule)
    assert list(with_source([before], files)) == [before]


def test_a_folder_with_the_code_of_its_model_is_told(tmp_path: Path) -> None:
    made = build(new(name("weighbridge_marker.layers", "Block")), dict_of())
    (tmp_path / "model.pkl").write_bytes(stream(made))
    (tmp_path / "weighbridge_marker").mkdir()
    (tmp_path / "weighbridge_marker" / "layers.py").write_text("class Block: ...\n")
    (found,) = scan(str(tmp_path)).findings
    assert "its code may be weighbridge_marker/layers.py of this target" in found.evidence
