"""`weighbridge capability`: what we know of a name, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_scan import weighbridge


def test_a_listed_callable_shows_what_it_can_do(tmp_path: Path) -> None:
    said = weighbridge("capability", "os.system", cwd=tmp_path)

    assert said.returncode == 0
    assert "dangerous: on the hand-written list" in said.stdout
    assert "start programs" in said.stdout


def test_an_alias_through_another_module_is_told_by_what_it_means(tmp_path: Path) -> None:
    said = weighbridge("capability", "random._os.system", cwd=tmp_path).stdout

    assert "  Means     os.system" in said.splitlines()


def test_the_way_through_the_source_is_shown_with_the_version_that_was_read(tmp_path: Path) -> None:
    said = " ".join(weighbridge("capability", "timeit.timeit", cwd=tmp_path).stdout.split())

    assert "run code: timeit.timeit -> timeit.Timer.__init__ -> builtins.exec" in said
    assert "Source the standard libraries of Python 3." in said


def test_several_names_make_one_array_of_json(tmp_path: Path) -> None:
    said = weighbridge(
        "capability", "pydoc:pipepager", "foo.bar", "--format", "json", cwd=tmp_path
    ).stdout

    first, second = json.loads(said)
    assert first["source"]["ways"]["spawns_process"][-1] == "_posixsubprocess.fork_exec"
    assert (second["standing"], second["source"]) == ("unknown", None)


def test_a_name_without_dots_is_a_builtin(tmp_path: Path) -> None:
    assert "run code" in weighbridge("capability", "eval", cwd=tmp_path).stdout


def test_no_name_is_a_mistake_in_the_command(tmp_path: Path) -> None:
    assert weighbridge("capability", cwd=tmp_path).returncode == 2
