"""Repositories behind git: Debian's git as client and as server, over HTTP on loopback and from disk."""

from __future__ import annotations

import base64
import os
import random
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.faulty import (
    DrippingBody,
    Fault,
    RedirectLoop,
    Reset,
    Status,
    Truncated,
    running_faulty,
)
from tests.servers.git_http import GitServer, commit, commit_tree, git, running_git
from tests.servers.programs import program
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.git import GitFetcher
from weighbridge.fetchers.git_command import GitLimits
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR."
MIB = 1 << 20
IMPATIENT = FetchSettings(http=HttpSettings(attempts=1, inactivity_s=1.0))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    program("git")
    folder = tmp_path / "served"
    folder.mkdir()
    with running_git(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEIGHBRIDGE_GIT_TOKEN", "WEIGHBRIDGE_GIT_HOST", "GITHUB_TOKEN", "WEIGHBRIDGE_LFS_URL"):
        monkeypatch.delenv(name, raising=False)


def published(
    server: GitServer, folder: Path, files: dict[str, bytes], *, is_plain: bool = False
) -> str:
    """Commit files to a working copy, push it to a new repository, and return the commit."""
    made = commit(folder, files)
    server.create("acme/model.git", is_plain=is_plain)
    git("push", "-q", server.url("acme/model.git"), "main", at=folder)
    server.requests.clear()
    server.sent_bytes = 0
    return made


def target(server: GitServer, ref: str = "") -> str:
    return f"git+{server.url('acme/model.git')}{ref}"


def fetch(
    address: str, settings: FetchSettings | None = None, limits: GitLimits | None = None
) -> Fetched:
    return GitFetcher(limits).fetch(address, settings or FetchSettings())


def listed(fetched: Fetched) -> dict[str, Entry | Problem]:
    return {item.name: item for item in fetched.items}


def content(item: Entry | Problem) -> bytes:
    assert isinstance(item, Entry)
    source = item.open()
    data = bytes(source.read_at(0, source.size))
    source.close()
    return data


def read(address: str, settings: FetchSettings | None = None) -> dict[str, bytes]:
    fetched = fetch(address, settings)
    found = {name: content(item) for name, item in listed(fetched).items()}
    fetched.close()
    return found


def scan(address: str) -> Report:
    return scan_target(address, ScanSettings(jobs=2))


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class TestScanning:
    """What a user sees of a repository."""

    def test_a_dirty_repository_fails_by_what_lies_in_its_commit(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        made = published(server, tmp_path / "copy", {"model.pkl": PAYLOAD, "config.json": b"{}"})

        report = scan(target(server))

        assert report.origin.revision == made
        assert report.origin.location == f"git+{server.url('acme/model.git')}@{made}"
        assert "PKL002" in [found.rule for found in report.findings if found.artifact == "model.pkl"]
        assert report.is_complete

    def test_a_clean_repository_has_no_findings_and_costs_five_requests(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        published(server, tmp_path / "copy", {f"{n}.json": b'{"a": %d}' % n for n in range(50)})

        report = scan(target(server))

        assert [found.rule for found in report.findings] == []
        assert report.is_complete
        assert len(report.files) == 50
        assert report.traffic.requests == len(server.requests) == 5
        assert report.traffic.bytes_received <= server.sent_bytes < 20_000

    def test_a_repository_of_this_machine_needs_no_server(self, tmp_path: Path) -> None:
        commit(tmp_path / "copy", {"model.pkl": PAYLOAD})

        report = scan(f"git+file://{tmp_path}/copy")

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.traffic.requests == 0

    def test_only_the_commit_is_read_and_not_what_lies_in_the_working_copy(self, tmp_path: Path) -> None:
        commit(tmp_path / "copy", {"a.json": b"{}"})
        (tmp_path / "copy" / "untracked.pkl").write_bytes(PAYLOAD)

        assert read(f"git+file://{tmp_path}/copy") == {"a.json": b"{}"}

    def test_nothing_is_left_behind(
        self, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})
        place = tmp_path / "place"
        place.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(place))

        fetched = fetch(target(server))
        assert [path.name[:15] for path in place.iterdir()] == ["weighbridge-git"]
        fetched.close()
        with pytest.raises(TargetNotFound):
            fetch(target(server, "@nope"))

        assert list(place.iterdir()) == []


class TestRevisions:
    """Branches, tags and commits."""

    def test_each_kind_of_name_leads_to_its_commit(self, server: GitServer, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        first = published(server, copy, {"a.txt": b"1"})
        git("tag", "v1", at=copy)
        git("tag", "-a", "v1-signed", "-m", "x", at=copy)
        git("branch", "feature/x", at=copy)
        commit(copy, {"a.txt": b"2"})
        git("push", "-q", "--all", server.url("acme/model.git"), at=copy)
        git("push", "-q", "--tags", server.url("acme/model.git"), at=copy)

        names = ["@v1", "@v1-signed", "@feature/x", f"@{first}", "@refs/tags/v1"]

        assert [fetch(target(server, name)).origin.revision for name in names] == [first] * len(names)
        assert read(target(server)) == {"a.txt": b"2"}

    def test_what_was_asked_for_is_kept_beside_the_commit(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        made = published(server, tmp_path / "copy", {"a.txt": b"1"})

        assert fetch(target(server, "@main")).origin.facts == {"requested_revision": "main"}
        assert fetch(target(server, f"@{made}")).origin.facts == {}

    def test_a_name_that_is_a_branch_and_another_tag_is_refused(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copy"
        published(server, copy, {"a.txt": b"1"})
        git("tag", "twice", at=copy)
        commit(copy, {"a.txt": b"2"})
        git("push", "-q", server.url("acme/model.git"), "main:refs/heads/twice", "twice", at=copy)

        with pytest.raises(TargetUnavailable, match="write refs/heads/twice or refs/tags/twice"):
            fetch(target(server, "@twice"))

    def test_a_repository_that_hashes_by_sha256_is_read(self, server: GitServer) -> None:
        repository = server.create("acme/model.git", algorithm="sha256")
        made = commit_tree(repository, [("100644", "a.txt", b"1")])

        fetched = fetch(target(server))

        assert (fetched.origin.revision, len(made)) == (made, 64)
        assert fetch(target(server, f"@{made}")).origin.revision == made
        assert content(listed(fetched)["a.txt"]) == b"1"

    @pytest.mark.parametrize(
        "ref",
        [
            "--upload-pack=x",
            "a b",
            "a..b",
            "a^",
            "a:b",
            "@",
            "",
            "a~1",
            "a.lock",
            "/a",
            "a//b",
            "a\\b",
            ".a",
        ],
    )
    def test_what_git_would_not_take_for_a_name_is_refused_before_git_sees_it(self, ref: str) -> None:
        with pytest.raises(UsageError):
            fetch(f"git+https://example.invalid/a/b@{ref}")


class TestTransfer:
    """Small files come at once, large ones when they are read."""

    def test_a_large_file_is_fetched_when_it_is_read_and_not_before(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        large = random.Random(1).randbytes(3 * MIB)
        published(server, tmp_path / "copy", {"large.bin": large, "small.json": b"{}"})

        fetched = fetch(target(server))
        items = listed(fetched)
        before = server.sent_bytes

        assert before < 10_000
        assert [item.size_bytes for item in items.values() if isinstance(item, Entry)] == [None, 2]
        assert content(items["large.bin"]) == large
        assert 3 * MIB < server.sent_bytes - before < 3 * MIB + 10_000
        assert fetched.traffic.snapshot().requests == len(server.requests)
        fetched.close()

    def test_a_server_without_filters_sends_all_at_once(self, server: GitServer, tmp_path: Path) -> None:
        large = random.Random(1).randbytes(3 * MIB)
        published(server, tmp_path / "copy", {"large.bin": large}, is_plain=True)

        fetched = fetch(target(server))
        before = len(server.requests)

        assert content(listed(fetched)["large.bin"]) == large
        assert len(server.requests) == before

    def test_a_file_of_more_than_eight_megabytes_is_read_from_disk(self, tmp_path: Path) -> None:
        large = random.Random(1).randbytes(9 * MIB)
        commit(tmp_path / "copy", {"large.bin": large})

        assert read(f"git+file://{tmp_path}/copy") == {"large.bin": large}

    def test_more_than_the_limit_is_refused_in_words(self, server: GitServer, tmp_path: Path) -> None:
        published(
            server, tmp_path / "copy", {"large.bin": random.Random(1).randbytes(3 * MIB)}, is_plain=True
        )

        with pytest.raises(TargetUnavailable, match=r"more than the 1,048,576 bytes .* clone it"):
            fetch(target(server), limits=GitLimits(pack_bytes=MIB))

    def test_one_file_above_the_limit_costs_that_file_only(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        large = random.Random(1).randbytes(3 * MIB)
        published(server, tmp_path / "copy", {"large.bin": large, "small.json": b"{}"})

        items = listed(fetch(target(server), limits=GitLimits(pack_bytes=2 * MIB)))

        assert content(items["small.json"]) == b"{}"
        with pytest.raises(ReadError, match="larger than the 2,097,152 bytes"):
            content(items["large.bin"])

    def test_all_files_together_are_bounded_too(self, server: GitServer, tmp_path: Path) -> None:
        files = {f"{n}.bin": random.Random(n).randbytes(2 * MIB) for n in range(2)}
        published(server, tmp_path / "copy", files)

        items = listed(fetch(target(server), limits=GitLimits(total_bytes=MIB)))

        assert content(items["0.bin"]) == files["0.bin"]
        with pytest.raises(ReadError, match="of the 1,048,576 that are fetched of one repository"):
            content(items["1.bin"])

    def test_a_file_that_unpacks_to_more_than_the_limit_is_not_read(self, tmp_path: Path) -> None:
        commit(tmp_path / "copy", {"zeros.bin": bytes(4 * MIB)})

        fetched = fetch(f"git+file://{tmp_path}/copy", limits=GitLimits(blob_bytes=MIB))

        with pytest.raises(ReadError, match="4,194,304 bytes, more than the 1,048,576"):
            content(listed(fetched)["zeros.bin"])

    def test_of_ten_thousand_files_all_are_listed_and_of_too_many_the_rest_is_reported(
        self, server: GitServer
    ) -> None:
        repository = server.create("acme/model.git")
        tree = b"".join(b"100644 %05d\0" % n + bytes.fromhex(EMPTY_BLOB) for n in range(10_000))
        git("hash-object", "-w", "-t", "blob", "--stdin", at=repository)
        made = (
            git("hash-object", "-w", "-t", "tree", "--stdin", at=repository, feed=tree).decode().strip()
        )
        head = git("commit-tree", "-m", "x", made, at=repository).decode().strip()
        git("update-ref", "refs/heads/main", head, at=repository)

        fetched = fetch(target(server))
        some = list(fetch(target(server), FetchSettings(max_files=10)).items)

        assert fetched.count == 10_000
        assert [item.coverage.outcome for item in some if isinstance(item, Problem)] == [Outcome.LIMITED]
        assert len(some) == 11


EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


class TestHostileRepositories:
    """Built with git itself, out of what no working copy could hold."""

    def test_names_are_data(self, server: GitServer) -> None:
        names = ["two\nlines", "-rf", "tab\there", "\udcff.bin", "bidi\u202e.pkl", "--upload-pack=x"]
        repository = server.create("acme/model.git")
        commit_tree(repository, [("100644", name, b"1") for name in names])

        assert read(target(server)) == dict.fromkeys(sorted(names, key=os.fsencode), b"1")

    def test_names_that_no_file_can_have_are_reported_and_the_rest_is_read(
        self, server: GitServer
    ) -> None:
        repository = server.create("acme/model.git")
        inner = git("hash-object", "-w", "--stdin", at=repository, feed=b"1").decode().strip()
        below = git("mktree", at=repository, feed=f"100644 blob {inner}\tx\n".encode()).decode().strip()
        rows = b"40000 ..\0" + bytes.fromhex(below) + b"100644 a.txt\0" + bytes.fromhex(inner)
        tree = git("hash-object", "--literally", "-w", "-t", "tree", "--stdin", at=repository, feed=rows)
        made = git("commit-tree", "-m", "x", tree.decode().strip(), at=repository).decode().strip()
        git("update-ref", "refs/heads/main", made, at=repository)

        items = listed(fetch(target(server)))

        assert isinstance(items["../x"], Problem)
        assert content(items["a.txt"]) == b"1"

    def test_a_second_file_of_one_name_is_reported(self, server: GitServer) -> None:
        repository = server.create("acme/model.git")
        blob = git("hash-object", "-w", "--stdin", at=repository, feed=b"1").decode().strip()
        rows = (b"100644 a\0" + bytes.fromhex(blob)) * 2
        tree = git("hash-object", "--literally", "-w", "-t", "tree", "--stdin", at=repository, feed=rows)
        made = git("commit-tree", "-m", "x", tree.decode().strip(), at=repository).decode().strip()
        git("update-ref", "refs/heads/main", made, at=repository)

        first, second = fetch(target(server)).items

        assert content(first) == b"1"
        assert isinstance(second, Problem)
        assert second.coverage.outcome is Outcome.FAILED

    def test_symlinks_are_read_as_texts_and_followed_nowhere(self, server: GitServer) -> None:
        links = {
            "inside": b"folder/a.txt",
            "folder-link": b"folder",
            "through": b"folder-link/a.txt",
            "absolute": b"/etc/passwd",
            "up": b"folder/../../etc/passwd",
            "gone": b"nothing",
            "loop": b"loop",
        }
        repository = server.create("acme/model.git")
        commit_tree(repository, [("120000", name, text) for name, text in links.items()])
        tree = git("ls-tree", "main", at=repository)
        inner = git("hash-object", "-w", "--stdin", at=repository, feed=b"1").decode().strip()
        below = (
            git("mktree", at=repository, feed=f"100644 blob {inner}\ta.txt\n".encode()).decode().strip()
        )
        whole = git("mktree", at=repository, feed=tree + f"040000 tree {below}\tfolder\n".encode())
        made = git("commit-tree", "-m", "x", whole.decode().strip(), at=repository).decode().strip()
        git("update-ref", "refs/heads/main", made, at=repository)

        items = listed(fetch(target(server)))

        kinds = {name: item.kind for name, item in items.items() if isinstance(item, Problem)}
        entry, outside = ProblemKind.SYMLINK_TO_ENTRY, ProblemKind.SYMLINK_OUTSIDE
        assert kinds == {
            **dict.fromkeys(("inside", "folder-link", "through"), entry),
            **dict.fromkeys(("absolute", "up"), outside),
            "gone": ProblemKind.SYMLINK_DANGLING,
            "loop": ProblemKind.SYMLINK_LOOP,
        }

    def test_a_submodule_is_said_and_not_fetched(self, server: GitServer, tmp_path: Path) -> None:
        marker = tmp_path / "marker"
        modules = f'[submodule "x"]\n\tpath = x\n\turl = "--upload-pack=touch {marker}"\n'.encode()
        repository = server.create("acme/model.git")
        rows = [("100644", ".gitmodules", modules), ("160000", "x", b"1" * 40)]
        commit_tree(repository, rows)

        items = listed(fetch(target(server)))

        assert isinstance(items["x"], Problem)
        assert "commit " + "1" * 40 in items["x"].detail
        assert content(items[".gitmodules"]) == modules
        assert not marker.exists()
        assert len(server.requests) == 5

    def test_the_configuration_of_whoever_scans_is_not_used(
        self, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(server, tmp_path / "copy", {"a.txt": b"1"})
        home = tmp_path / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            f'[url "{server.origin}/other"]\n\tinsteadOf = {server.origin}\n'
        )
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'http.proxy=http://127.0.0.1:1'")

        assert read(target(server)) == {"a.txt": b"1"}


class TestSecrets:
    """What opens the host of the target is shown to that host, and to nobody else."""

    def test_a_password_in_the_address_opens_it_and_is_shown_nowhere(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})
        server.authorization = basic("me", "s3cret/word")
        address = target(server).replace("http://", "http://me:s3cret%2Fword@")

        report = scan(address)

        assert report.is_complete
        assert "s3cret" not in repr(report)
        assert report.target.startswith("git+http://***@127.0.0.1")

    def test_the_token_of_the_environment_goes_to_its_host_only(
        self, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})
        monkeypatch.setenv("WEIGHBRIDGE_GIT_TOKEN", "t0ken")
        monkeypatch.setenv("WEIGHBRIDGE_GIT_HOST", "git.example.invalid")
        monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
        read(target(server))
        unopened = {asked.authorization for asked in server.requests}

        server.authorization = basic("x-access-token", "t0ken")
        monkeypatch.setenv("WEIGHBRIDGE_GIT_HOST", server.origin.removeprefix("http://"))

        assert unopened == {None}
        assert read(target(server)) == {"a.json": b"{}"}

    def test_no_secret_and_no_address_is_an_argument_of_a_process(
        self, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})
        real = program("git")
        seen = tmp_path / "arguments"
        wrapped = tmp_path / "bin" / "git"
        wrapped.parent.mkdir()
        wrapped.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {seen}\nexec {real} "$@"\n')
        wrapped.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapped.parent}:{os.environ['PATH']}")

        read(target(server), FetchSettings(token="s3cret"))

        lines = seen.read_text().splitlines()
        assert len(lines) >= 5
        assert [line for line in lines if "s3cret" in line or server.origin in line] == []


class TestErrors:
    """Each is a sentence, and says what to do."""

    @pytest.mark.parametrize(
        ("status", "error", "words"),
        [
            (401, AccessDenied, "refuses access. If it is private, set WEIGHBRIDGE_GIT_HOST="),
            (403, AccessDenied, "refuses access"),
            (404, TargetNotFound, "there is no such repository, or this user may not see it"),
            (429, TargetUnavailable, "limits the rate of requests"),
            (500, TargetUnavailable, "can't answer now"),
            (418, TargetUnavailable, "418"),
        ],
    )
    def test_a_status_becomes_words(
        self, server: GitServer, status: int, error: type[TargetError], words: str
    ) -> None:
        server.answer = lambda _: (status, {})

        with pytest.raises(error) as caught:
            fetch(target(server), IMPATIENT)

        assert words in str(caught.value)

    def test_a_host_that_can_not_answer_just_now_is_asked_again(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})
        answers: Iterator[tuple[int, dict[str, str]]] = iter([(503, {})])
        server.answer = lambda _: next(answers, None)

        assert read(target(server)) == {"a.json": b"{}"}

    def test_a_redirect_is_not_followed(self, server: GitServer, tmp_path: Path) -> None:
        with running_git(tmp_path, address="127.0.0.2") as other:
            server.answer = lambda asked: (301, {"location": other.url(asked.path.lstrip("/"))})

            with pytest.raises(TargetUnavailable, match="redirects to another address"):
                fetch(target(server))

            assert other.requests == []

    def test_a_missing_repository_branch_or_commit_is_not_found(
        self, server: GitServer, tmp_path: Path
    ) -> None:
        published(server, tmp_path / "copy", {"a.json": b"{}"})

        with pytest.raises(TargetNotFound, match="no such repository"):
            fetch(f"git+{server.url('acme/other.git')}")
        with pytest.raises(TargetNotFound, match="no branch or tag 'nope'"):
            fetch(target(server, "@nope"))
        with pytest.raises(TargetNotFound, match="it has no commit 1111"):
            fetch(target(server, "@" + "1" * 40))
        with pytest.raises(TargetNotFound, match="no such repository"):
            fetch(f"git+file://{tmp_path}/nothing")

    def test_an_empty_repository_is_not_found(self, server: GitServer) -> None:
        server.create("acme/model.git")

        with pytest.raises(TargetNotFound, match="it is empty"):
            fetch(target(server))

    def test_nobody_at_home_and_silence_are_words(self, server: GitServer) -> None:
        with pytest.raises(TargetUnavailable, match=r"Failed to connect|Couldn't connect"):
            fetch("git+http://127.0.0.1:1/a/b")
        with pytest.raises(TargetUnavailable, match="took longer than"):
            fetch(target(server), limits=GitLimits(wall_s=0.001))

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (DrippingBody(0.05), "Operation too slow"),
            (Truncated(100), "transfer closed"),
            (Reset(), "reset"),
            (RedirectLoop(), "redirects to another address"),
            (Status(200, {}, b"<html>"), "it is empty, or not a git repository"),
        ],
    )
    def test_a_server_that_breaks_becomes_words(self, fault: Fault, words: str) -> None:
        with running_faulty({"/acme/model.git/info/refs": b"0" * 5000}) as broken:
            broken.fault("/info/refs", fault)

            with pytest.raises(TargetError) as caught:
                fetch(f"git+{broken.url('/acme/model.git')}", IMPATIENT)

        assert words in str(caught.value)

    def test_without_git_it_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")

        with pytest.raises(TargetUnavailable, match="git is not installed here"):
            fetch("git+https://example.invalid/a/b")

    @pytest.mark.parametrize(
        "address",
        [
            "git+ssh://git@example.invalid/a/b",
            "git+https://example.invalid",
            "git+https:///a/b",
            "git+https://example.invalid/a?b=c",
            "git+https://example.invalid/a/b#egg=c",
            "git+file://relative/a",
            "git+https://example.invalid:99999/a/b",
            "git+https://example.invalid/a\nb",
        ],
    )
    def test_an_address_that_can_not_be_meant_is_refused(self, address: str) -> None:
        with pytest.raises(UsageError):
            fetch(address)


def self_signed(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1 that nobody else believes, and a server's context with it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", *command.split(), "-keyout", str(key), "-out", str(certificate)],
        capture_output=True,
        check=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def test_git_believes_the_certificates_that_the_user_names_and_no_others(tmp_path: Path) -> None:
    certificate, context = self_signed(tmp_path)
    trusting = FetchSettings(http=HttpSettings(attempts=1, ca_bundle=certificate))
    (tmp_path / "served").mkdir()
    with running_git(tmp_path / "served", tls=context) as server:
        commit_tree(server.create("acme/model.git"), [("100644", "a.txt", b"1")])

        assert read(target(server), trusting) == {"a.txt": b"1"}
        with pytest.raises(TargetUnavailable, match="certificate"):
            fetch(target(server), IMPATIENT)
