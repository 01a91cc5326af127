"""Files, folders and patterns on disk: everything is listed, nothing outside is followed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.report import Outcome
from weighbridge.errors import ReadError, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.glob_pattern import GlobPattern
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.local import LocalFetcher
from weighbridge.fetchers.registry import resolve

NOBODY = 65534


def fetch(target: Path | str) -> Fetched:
    return LocalFetcher().fetch(str(target), FetchSettings())


def names(target: Path | str) -> list[str]:
    return [item.name for item in fetch(target).items if isinstance(item, Entry)]


def problems(target: Path | str) -> dict[str, Problem]:
    return {item.name: item for item in fetch(target).items if isinstance(item, Problem)}


def contents(target: Path | str) -> dict[str, bytes]:
    found = {}
    for item in fetch(target).items:
        if isinstance(item, Entry):
            source = item.open()
            found[item.name] = bytes(source.read_at(0, 100))
            source.close()
    return found


def write(folder: Path, *paths: str) -> Path:
    """Write files that hold their own name."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    return folder


class TestFiles:
    """What the user names."""

    def test_a_file_is_one_entry_under_its_own_name(self, tmp_path: Path) -> None:
        file = write(tmp_path, "sub/a.pt") / "sub/a.pt"

        (entry,) = fetch(file).items

        assert isinstance(entry, Entry)
        assert (entry.name, entry.size_bytes, entry.local_path) == ("a.pt", 8, file)
        assert contents(file) == {"a.pt": b"sub/a.pt"}

    def test_a_symlink_that_the_user_names_is_followed(self, tmp_path: Path) -> None:
        write(tmp_path, "real/a.pt")
        (tmp_path / "link.pt").symlink_to("real/a.pt")
        (tmp_path / "folder").symlink_to("real")

        assert contents(tmp_path / "link.pt") == {"link.pt": b"real/a.pt"}
        assert contents(tmp_path / "folder") == {"a.pt": b"real/a.pt"}

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("missing.pt", "there is no file or folder"),
            ("dangling", "symlink to something that does not exist"),
            ("loop", "leads back to itself"),
            ("?.none", "nothing matches"),
            ("none/*.pt", "there is no folder"),
        ],
    )
    def test_what_is_not_there_is_an_error_in_words(self, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / "dangling").symlink_to("gone")
        (tmp_path / "loop").symlink_to("loop")

        with pytest.raises(TargetNotFound, match=words):
            fetch(tmp_path / name)

    def test_a_pipe_that_the_user_names_is_reported_and_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        assert names(tmp_path / "pipe") == []
        assert problems(tmp_path / "pipe")["pipe"].kind is ProblemKind.SPECIAL_FILE

    def test_a_path_with_a_nul_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError):
            fetch("a\0b")

    def test_a_file_that_goes_away_is_an_error_of_that_file(self, tmp_path: Path) -> None:
        (entry,) = fetch(write(tmp_path, "a.pt") / "a.pt").items
        (tmp_path / "a.pt").unlink()

        assert isinstance(entry, Entry)
        with pytest.raises(ReadError, match="can't open"):
            entry.open()


class TestFolders:
    """A walk in a fixed order, of everything."""

    def test_files_come_sorted_and_none_is_skipped(self, tmp_path: Path) -> None:
        write(tmp_path, "b/2.bin", "b/1.bin", "a.pt", ".hidden", ".git/objects/x", "c/.cache/y", "B.pt")

        assert names(tmp_path) == [
            ".git/objects/x",
            ".hidden",
            "B.pt",
            "a.pt",
            "b/1.bin",
            "b/2.bin",
            "c/.cache/y",
        ]
        assert problems(tmp_path) == {}

    def test_hard_names_are_data(self, tmp_path: Path) -> None:
        hard = ["\u202egpj.exe", "a\nb", "\x1b[31mred", " ", "*", os.fsdecode(b"\xff\xfe.pt")]
        for name in hard:
            (tmp_path / name).write_bytes(b"x")

        assert sorted(names(tmp_path)) == sorted(hard)
        assert names(tmp_path / "*") == ["*"]

    def test_an_empty_folder_has_nothing(self, tmp_path: Path) -> None:
        assert list(fetch(tmp_path).items) == []

    def test_special_files_are_reported_and_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            found = problems(tmp_path)

        assert {name: problem.kind for name, problem in found.items()} == {
            "pipe": ProblemKind.SPECIAL_FILE,
            "socket": ProblemKind.SPECIAL_FILE,
        }
        assert found["pipe"].detail == "a named pipe; it is never opened"
        assert found["pipe"].coverage.outcome is Outcome.FAILED
        assert [problem.finding.rule for problem in found.values() if problem.finding] == [
            "ORG007",
            "ORG007",
        ]

    def test_an_unreadable_folder_is_reported_and_the_rest_is_listed(self) -> None:
        with folder_for_nobody() as folder:
            write(folder, "a.pt", "locked/b.pt", "z.pt")
            (folder / "locked").chmod(0)
            with as_nobody():
                listed, found = names(folder), problems(folder)
            (folder / "locked").chmod(0o755)

        assert listed == ["a.pt", "z.pt"]
        assert found["locked"].detail == "can't be read: Permission denied"
        assert found["locked"].coverage.outcome is Outcome.FAILED

    def test_an_unreadable_target_is_unavailable(self) -> None:
        with folder_for_nobody() as folder:
            (folder / "locked").mkdir(mode=0)
            with as_nobody(), pytest.raises(TargetUnavailable, match="Permission denied"):
                fetch(folder / "locked")


class TestSymlinks:
    """A link of the tree leads us nowhere but to what is listed anyway."""

    def test_a_link_to_a_file_of_the_tree_is_noted_and_the_file_listed_once(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path, "real/a.pt")
        (tmp_path / "a-link").symlink_to("real/a.pt")
        (tmp_path / "z-link").symlink_to(tmp_path / "real")

        found = problems(tmp_path)

        assert names(tmp_path) == ["real/a.pt"]
        assert {problem.kind for problem in found.values()} == {ProblemKind.SYMLINK_TO_ENTRY}
        assert sorted(found) == ["a-link", "z-link"]
        assert found["a-link"].coverage.outcome.is_complete
        assert found["a-link"].finding is None

    @pytest.mark.parametrize(
        "leads_to", ["../secret", "../secrets", "../gone", "/etc/passwd", "/", "sub/../../secret"]
    )
    def test_a_link_out_of_the_tree_is_a_finding_and_not_followed(
        self, tmp_path: Path, leads_to: str
    ) -> None:
        write(tmp_path, "secret", "secrets/x", "tree/a.pt", "tree/sub/b.pt")
        (tmp_path / "tree/link").symlink_to(leads_to)

        problem = problems(tmp_path / "tree")["link"]

        assert names(tmp_path / "tree") == ["a.pt", "sub/b.pt"]
        assert problem.kind is ProblemKind.SYMLINK_OUTSIDE
        assert problem.coverage.outcome is Outcome.FAILED
        assert problem.finding is not None
        assert problem.finding.rule == "ORG006"

    def test_a_folder_with_a_longer_name_is_outside(self, tmp_path: Path) -> None:
        write(tmp_path, "tree/a.pt", "tree-2/b.pt")
        (tmp_path / "tree/link").symlink_to("../tree-2/b.pt")

        assert problems(tmp_path / "tree")["link"].kind is ProblemKind.SYMLINK_OUTSIDE

    @pytest.mark.parametrize(
        ("links", "loop"),
        [
            ({"self": "self"}, "self"),
            ({"x": "y", "y": "x"}, "x"),
            ({"here": "."}, "here"),
            ({"sub/up": ".."}, "sub/up"),
        ],
    )
    def test_a_loop_is_reported_and_ends(self, tmp_path: Path, links: dict[str, str], loop: str) -> None:
        write(tmp_path, "sub/a.pt")
        for name, leads_to in links.items():
            (tmp_path / name).symlink_to(leads_to)

        problem = problems(tmp_path)[loop]

        assert names(tmp_path) == ["sub/a.pt"]
        assert problem.kind is ProblemKind.SYMLINK_LOOP
        assert "a loop; not followed" in problem.detail
        assert problem.coverage.outcome is Outcome.FAILED

    def test_a_dangling_link_inside_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("gone.pt")

        problem = problems(tmp_path)["link"]

        assert problem.kind is ProblemKind.SYMLINK_DANGLING
        assert problem.detail == "a symlink to 'gone.pt', which does not exist"

    def test_a_link_to_a_pipe_is_reported_and_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to("pipe")

        assert problems(tmp_path)["link"].kind is ProblemKind.SPECIAL_FILE


class TestHuggingFaceCache:
    """snapshots/<commit>/file -> ../../blobs/<sha256>."""

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        repository = tmp_path / "hub/models--acme--model"
        write(repository, "blobs/aaa", "blobs/bbb", "blobs/orphan", "refs/main")
        for commit in ("1111", "2222"):
            (repository / "snapshots" / commit / "sub").mkdir(parents=True)
            (repository / "snapshots" / commit / "model.bin").symlink_to("../../blobs/aaa")
        (repository / "snapshots/2222/sub/config.json").symlink_to("../../../blobs/bbb")
        return repository

    def test_a_snapshot_gives_its_blobs_their_names(self, repository: Path) -> None:
        assert contents(repository / "snapshots/2222") == {
            "model.bin": b"blobs/aaa",
            "sub/config.json": b"blobs/bbb",
        }
        assert problems(repository / "snapshots/2222") == {}

    @pytest.mark.parametrize("above", [".", ".."])
    def test_a_cached_repository_lists_every_blob_once(self, repository: Path, above: str) -> None:
        root = Path(os.path.normpath(repository / above))
        prefix = "" if above == "." else "models--acme--model/"

        assert contents(root) == {
            f"{prefix}snapshots/1111/model.bin": b"blobs/aaa",
            f"{prefix}snapshots/2222/sub/config.json": b"blobs/bbb",
            f"{prefix}blobs/orphan": b"blobs/orphan",
            f"{prefix}refs/main": b"refs/main",
        }
        assert list(problems(root)) == [f"{prefix}snapshots/2222/model.bin"]

    def test_a_snapshot_link_to_another_repositorys_blobs_leaves_the_tree(
        self, repository: Path
    ) -> None:
        write(repository.parent, "models--other--model/blobs/ccc")
        link = repository / "snapshots/1111/stolen"
        link.symlink_to("../../../models--other--model/blobs/ccc")

        assert problems(repository)["snapshots/1111/stolen"].kind is ProblemKind.SYMLINK_OUTSIDE

    def test_one_file_of_a_snapshot_keeps_its_name(self, repository: Path) -> None:
        assert contents(repository / "snapshots/1111/model.bin") == {"model.bin": b"blobs/aaa"}


class TestPatterns:
    """Globs that no shell expanded."""

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("*.pt", ["a.pt", "b.pt"]),
            ("[ab].pt", ["a.pt", "b.pt"]),
            ("*/*.bin", ["sub/c.bin"]),
            ("**/*.pt", ["a.pt", "b.pt", "sub/deep/d.pt"]),
            ("s*", ["sub/c.bin", "sub/deep/d.pt"]),
            ("sub/**", ["c.bin", "deep/d.pt"]),
            ("**/deep", ["sub/deep/d.pt"]),
        ],
    )
    def test_a_pattern_lists_what_matches(
        self, tmp_path: Path, pattern: str, expected: list[str]
    ) -> None:
        write(tmp_path, "a.pt", "b.pt", "sub/c.bin", "sub/deep/d.pt")

        assert names(tmp_path / pattern) == expected

    def test_hidden_files_match_a_star(self, tmp_path: Path) -> None:
        write(tmp_path, ".hidden.pt")

        assert names(tmp_path / "*.pt") == [".hidden.pt"]

    def test_a_link_that_matches_is_read_where_its_target_does_not(self, tmp_path: Path) -> None:
        write(tmp_path, "store/blob")
        (tmp_path / "model.pt").symlink_to("store/blob")

        assert contents(tmp_path / "*.pt") == {"model.pt": b"store/blob"}

    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self, tmp_path: Path) -> None:
        write(tmp_path, "a[1].pt", "a1.pt")

        assert names(tmp_path / "a[1].pt") == ["a[1].pt"]

    @given(
        st.text(alphabet="ab*?[]!/.-", min_size=1, max_size=12).filter(GlobPattern.is_pattern),
        st.lists(st.sampled_from(["a", "b", "ab", "[", ".a"]), min_size=1, max_size=4),
    )
    def test_a_file_that_matches_lies_in_folders_that_are_entered(
        self, text: str, parts: list[str]
    ) -> None:
        pattern = GlobPattern(text)
        entered = all(pattern.may_lie_below(parts[:depth]) for depth in range(1, len(parts)))

        assert entered or not pattern.matches(parts)


@pytest.mark.parametrize("target", ["gopher://host/key", ""])
def test_a_target_that_nothing_fetches_is_a_usage_error(target: str) -> None:
    with pytest.raises(UsageError, match="can't fetch"):
        resolve(target)


def test_each_kind_of_target_has_its_fetcher() -> None:
    kinds = [type(resolve(target)).__name__ for target in ("model.pt", "hf://org/name", "no/such/*.pt")]

    assert kinds == ["LocalFetcher", "HuggingFaceFetcher", "LocalFetcher"]


@contextmanager
def folder_for_nobody() -> Iterator[Path]:
    """A folder that an unprivileged user can reach; pytest's own, and a TMPDIR, may be closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(os.path.realpath(name))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop the rights of root, who may read everything; without them there is nothing to drop."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_choosing_a_fetcher_loads_no_http_library() -> None:
    code = (
        "import sys; from weighbridge.fetchers.registry import resolve; resolve('hf://a/b');"
        "print(sorted({'httpx', 'httpx2', 'huggingface_hub', 'msgspec'} & set(sys.modules)))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert printed.stdout == "[]\n"
