"""The formats of the tables: what parses, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.callable_tables import (
    AllowList,
    Capability,
    Condition,
    Standing,
    read_dangerous,
)
from weighbridge.knowledge.locate import signatures_dir

CALLABLES = signatures_dir() / "callables"


def allow_file(folder: Path, text: str) -> Path:
    (folder / "library.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_group_gives_its_standing_condition_and_reason_to_each_line(tmp_path: Path) -> None:
    classes = "# why\n@ recognised rebuilt | a class\nlib A\n# no\nlib A.B\n"

    table = AllowList.load(allow_file(tmp_path, classes + "\n@ allowed | f\nlib g\n")).everything()

    assert table.keys() == {"lib A", "lib A.B", "lib g"}
    assert table["lib A.B"].standing is Standing.RECOGNISED
    assert table["lib A.B"].condition is Condition.REBUILT
    assert table["lib g"].why == "f"


def test_what_a_person_wrote_wins_over_a_list_read_from_source(tmp_path: Path) -> None:
    (tmp_path / "lib.classes.txt").write_text(
        "@ recognised rebuilt | x\nlib A\nlib B\n", encoding="utf-8"
    )
    allow = AllowList.load(allow_file(tmp_path, "@ conditional stored-result | y\nlib A\n"))

    strict, listed = allow.find("lib", "A"), allow.find("lib", "B")

    assert strict is not None
    assert strict.condition is Condition.STORED_RESULT
    assert listed is not None
    assert listed.condition is Condition.REBUILT


def test_a_list_of_classes_holds_one_library() -> None:
    files = sorted((CALLABLES / "allow").glob("*.classes.txt"))
    lines = {
        (file.name.removesuffix(".classes.txt"), line.partition(" ")[0].partition(".")[0])
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and line[0] not in "#@"
    }

    assert len(files) > 5
    assert [pair for pair in lines if pair[0] != pair[1]] == []


@pytest.mark.parametrize(
    "text",
    ["lib A\n@ allowed | x\n", "@ dangerous | x\nlib A\n", "@ allowed sometimes | x\nlib A\n",
     "@ allowed\nlib A\n", "@ allowed | \nlib A\n", "# nothing\n"],
)  # fmt: skip
def test_a_broken_allow_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WeighbridgeError):
        AllowList.load(allow_file(tmp_path, text))


@pytest.mark.parametrize("row", ["os\t*\tspawns_process", "os\t*\tflies\twhy", "os\t*\t\twhy"])
def test_a_broken_row_of_dangers_is_refused(tmp_path: Path, row: str) -> None:
    file = tmp_path / "dangerous.tsv"
    file.write_text(row + "\n", encoding="utf-8")

    with pytest.raises(WeighbridgeError):
        read_dangerous(file)


def test_every_capability_is_used_by_some_row() -> None:
    rows = read_dangerous(CALLABLES / "dangerous.tsv").values()

    assert {capability for row in rows for capability in row.capabilities} == set(Capability)


def test_the_allow_list_holds_plain_exact_names() -> None:
    table = AllowList.load(CALLABLES / "allow").everything()

    odd = [
        line
        for line in table
        if line.count(" ") != 1
        or not all(part.isidentifier() for part in line.replace(" ", ".").split("."))
    ]

    assert len(table) > 5000
    assert odd == []


@pytest.mark.parametrize(
    "line",
    [
        "torch load",
        "numpy load",
        "joblib load",
        "pandas eval",
        "torch.fx.graph_module reduce_graph_module",
        "threading Thread",
        "io open",
        "_io FileIO",
        "subprocess Popen",
        "torch.hub load",
        "builtins eval",
        "xgboost.core DMatrix",
    ],
)
def test_what_can_harm_with_any_arguments_is_not_on_the_allow_list(line: str) -> None:
    assert line not in AllowList.load(CALLABLES / "allow").everything()
