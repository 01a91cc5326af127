"""The table of names that ordinary code uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import UsageError
from weighbridge.knowledge.callable_tables import Capability
from weighbridge.knowledge.code_names import CodeNames, installed_code_names


@pytest.mark.parametrize(
    ("dotted", "capability"),
    [
        ("os.system", Capability.SPAWNS_PROCESS),
        ("os.remove", Capability.WRITES_FILES),
        ("os.getcwd", None),
        ("posixpath", None),
        ("os.environ.get", Capability.READS_FILES),
    ],
)
def test_a_name_means_what_its_row_or_that_of_its_module_says(
    dotted: str, capability: Capability | None
) -> None:
    meaning = installed_code_names().find(dotted)

    assert meaning is not None
    assert meaning.capability is capability


@pytest.mark.parametrize("dotted", ["subprocess.Popen", "os", "my_os.system", ""])
def test_names_that_the_table_does_not_speak_of(dotted: str) -> None:
    found = installed_code_names().find(dotted)

    assert found is None or found.capability is None


def test_a_name_without_a_row_in_a_module_without_a_row_for_all_has_no_meaning() -> None:
    assert installed_code_names().find("subprocess.Popen") is None


@pytest.mark.parametrize("line", ["os\tsystem\tspawns_process", "os\tsystem\tno_such\twhy", "one"])
def test_a_wrong_line_is_said_with_the_file(tmp_path: Path, line: str) -> None:
    table = tmp_path / "everyday.tsv"
    table.write_text(f"# comment\n\n{line}\n", encoding="utf-8")

    with pytest.raises(UsageError, match=r"everyday\.tsv"):
        CodeNames.load(table)
