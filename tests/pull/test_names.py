"""No name of a target becomes a path elsewhere, or two files one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import GateClosed
from weighbridge.pull.names import check_names, path_of

REFUSED = {
    "../up": "leaves its folder",
    "a/../../up": "leaves its folder",
    "/etc/passwd": "absolute",
    "C:\\Windows\\x": "absolute",
    "C:/x": "absolute",
    "a//b": "empty part",
    "a/./b": "empty part",
    "": "empty part",
    "a\\b": "backslash",
    "a\x00b": "control characters",
    "a\nb": "control characters",
    ".git/config": "a git repository",
    "sub/.GIT/hooks/post-checkout": "a git repository",
    ".g\u200cit/config": "a git repository",
    "git~1/config": "a git repository",
    "con": "reserved for a device",
    "sub/NUL.txt": "reserved for a device",
    "name.": "ends in a blank or a dot",
    "x" * 256: "too long",
    "ü" * 128: "too long",
    "/".join(["deep"] * 1000): "too long",
    "/".join("d" * 100): "folders deep",
    "\udc80": "not Unicode",
    "weighbridge.lock": "our own lock",
    "WeighBridge.Lock": "our own lock",
    "weighbridge.lock/x": "our own lock",
}


@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_a_name_is_refused_in_words(name: str, why: str) -> None:
    with pytest.raises(GateClosed, match=why) as closed:
        check_names(["config.json", name])

    assert closed.value.exit_code == 1


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["README.md", "readme.md"], "same name"),
        (["straße", "STRASSE"], "same name"),
        (["e\u0301.txt", "\u00e9.txt"], "same name"),
        (["a", "a/b"], "needs a folder"),
        (["A", "a/b"], "needs a folder"),
        (["Sub/x", "sub/y"], "in a folder that is"),
    ],
)
def test_names_that_collide_are_refused(names: list[str], why: str) -> None:
    with pytest.raises(GateClosed, match=why):
        check_names(names)


def test_ordinary_names_are_let_through() -> None:
    check_names(
        ["config.json", ".gitattributes", "1/2/3.bin", "weights 2026-01-01T10:00.pt", "日本.txt"]
    )


@given(st.lists(st.text(alphabet="abAB./\\\u0301é \x00:~", max_size=12), max_size=4))
def test_whatever_is_let_through_stays_below_its_folder(names: list[str]) -> None:
    root = Path("/quarantine/tree")
    try:
        check_names(names)
    except GateClosed:
        return
    paths = [path_of(root, name) for name in names]
    assert all(path.is_relative_to(root) and ".." not in path.parts for path in paths)
    assert len({str(path).casefold() for path in paths}) == len(names)


def test_files_that_tell_git_about_a_folder_are_no_repository() -> None:
    check_names([".gitattributes", ".gitignore", "git/config", ".github/x.yml"])
