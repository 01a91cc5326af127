"""Where one repository of a store begins and the next."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from weighbridge.audit import grouping
from weighbridge.audit.grouping import starts_of


def roots(names: Sequence[str]) -> dict[str, str]:
    starts = starts_of(lambda: names)
    return {name: starts.root_of(name) for name in names}


def test_a_repository_begins_at_the_first_folder_that_holds_a_file() -> None:
    names = ["org/a/config.json", "org/a/unet/config.json", "org/b/c/x.bin", "org/b/c/d/y.bin"]
    assert roots(names) == {
        names[0]: "org/a",
        names[1]: "org/a",
        names[2]: "org/b/c",
        names[3]: "org/b/c",
    }


def test_a_loader_and_what_it_loads_stay_together() -> None:
    names = ["model/loader.py", "model/inner/config.json", "model/inner/tools.py"]
    assert set(roots(names).values()) == {"model"}


def test_files_at_the_root_are_a_repository_of_their_own() -> None:
    names = ["notes.txt", "a/x.bin"]
    assert roots(names) == {"notes.txt": "", "a/x.bin": "a"}


@pytest.mark.parametrize("mark", ["config.json", "MLmodel", ".git/HEAD"])
def test_a_source_that_is_a_model_itself_is_one_repository(mark: str) -> None:
    assert set(roots([mark, "a/x.bin", "a/b/y.bin"]).values()) == {""}


def test_a_stray_mark_does_not_make_one_model_of_a_large_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST_TOGETHER", 3)
    names = ["config.json", "a/1.bin", "a/2.bin", "b/1.bin", "b/2.bin"]
    assert roots(names) == {
        "config.json": "",
        "a/1.bin": "a",
        "a/2.bin": "a",
        "b/1.bin": "b",
        "b/2.bin": "b",
    }


def test_a_folder_with_too_many_files_counts_for_those_right_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "MOST_TOGETHER", 2)
    names = ["org/readme.md", "org/a/1.bin", "org/a/2.bin", "org/b/1.bin"]
    assert roots(names) == {
        "org/readme.md": "org",
        "org/a/1.bin": "org/a",
        "org/a/2.bin": "org/a",
        "org/b/1.bin": "org/b",
    }
