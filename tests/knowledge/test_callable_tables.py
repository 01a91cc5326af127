"""The formats of the tables: what parses, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import WeighbridgeError
from weighbridge.knowledge.callable_tables import (
    Capability,
    Condition,
    Standing,
    read_allow,
    read_dangerous,
)
from weighbridge.knowledge.locate import signatures_dir

CALLABLES = signatures_dir() / "callables"


def allow_file(folder: Path, text: str) -> Path:
    (folder / "library.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_group_gives_its_standing_condition_and_reason_to_each_line(tmp_path: Path) -> None:
    table = read_allow(
        allow_file(tmp_path, "# why\n@ recognised rebuilt | a class\nlib A\n# no\nlib A.B\n\n@ allowed | f\nlib g\n")
    )  # fmt: skip

    assert table.keys() == {"lib A", "lib A.B", "lib g"}
    assert table["lib A.B"].standing is Standing.RECOGNISED
    assert table["lib A.B"].condition is Condition.REBUILT
    assert table["lib g"].why == "f"


@pytest.mark.parametrize("first", ["@ allowed | x", "@ recognised rebuilt | x"])
def test_of_two_entries_the_stricter_stays(tmp_path: Path, first: str) -> None:
    strict = "@ conditional stored-result | y"

    one = read_allow(allow_file(tmp_path, f"{first}\nlib A\n{strict}\nlib A\n"))
    other = read_allow(allow_file(tmp_path, f"{strict}\nlib A\n{first}\nlib A\n"))

    assert one == other
    assert one["lib A"].condition is Condition.STORED_RESULT


@pytest.mark.parametrize(
    "text",
    ["lib A\n@ allowed | x\n", "@ dangerous | x\nlib A\n", "@ allowed sometimes | x\nlib A\n",
     "@ allowed\nlib A\n", "@ allowed | \nlib A\n", "# nothing\n"],
)  # fmt: skip
def test_a_broken_allow_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WeighbridgeError):
        read_allow(allow_file(tmp_path, text))


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
    table = read_allow(CALLABLES / "allow")

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
    ["torch load", "numpy load", "joblib load", "pandas eval", "torch.fx.graph_module reduce_graph_module",
     "threading Thread", "io open", "_io FileIO", "subprocess Popen", "torch.hub load", "builtins eval"],
)  # fmt: skip
def test_what_can_harm_with_any_arguments_is_not_on_the_allow_list(line: str) -> None:
    assert line not in read_allow(CALLABLES / "allow")
