"""Git LFS: pushed by a real git-lfs client, read by range from a storage on another address."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.faulty import (
    METADATA,
    DrippingBody,
    IgnoresRange,
    RedirectLoop,
    RedirectTo,
    Status,
    Truncated,
    running_faulty,
)
from tests.servers.git_http import CLEAN, WHO, GitServer, commit, git, running_git
from tests.servers.lfs_server import LfsHost, running_lfs
from tests.servers.programs import program
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import ReadError
from weighbridge.fetchers.git import GitFetcher
from weighbridge.fetchers.interface import Entry, FetchSettings, Problem
from weighbridge.fetchers.lfs import lfs_object

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR0"
MIB = 1 << 20
IMPATIENT = FetchSettings(http=HttpSettings(attempts=1, deadline_s=1.0, slowest_bytes_per_s=64 * MIB))


@dataclass(frozen=True, slots=True)
class Place:
    """A repository with one large file behind LFS, and its servers."""

    git: GitServer
    lfs: LfsHost
    oid: str
    size: int

    @property
    def target(self) -> str:
        return f"git+{self.git.url('acme/model.git')}"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push has left: the folder of the repositories, the working copy, the objects of LFS."""

    served: Path
    copy: Path
    objects: dict[str, bytes]


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    """Push a checkpoint of eight megabytes by git-lfs, once."""
    program("git-lfs")
    folder = tmp_path_factory.mktemp("lfs")
    served, copy = folder / "served", folder / "copy"
    served.mkdir()
    copy.mkdir()
    torch_zip(copy / "model.pt", 8 * MIB, payload=PAYLOAD)
    with running_git(served) as server, running_lfs() as lfs:
        server.create("acme/model.git")
        push(copy, server.url("acme/model.git"), lfs)
    return Pushed(served, copy, lfs.objects)


@pytest.fixture
def place(pushed: Pushed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Serve what was pushed, and say where the server is."""
    shutil.copytree(pushed.served, tmp_path / "served")
    with running_git(tmp_path / "served") as server, running_lfs() as lfs:
        lfs.objects |= pushed.objects
        monkeypatch.setenv("WEIGHBRIDGE_LFS_URL", lfs.url)
        ((oid, data),) = pushed.objects.items()
        yield Place(server, lfs, oid, len(data))


def push(copy: Path, url: str, lfs: LfsHost) -> None:
    files = {".gitattributes": b"*.pt filter=lfs diff=lfs merge=lfs -text\n", "config.json": b"{}"}
    git("init", "-q", "-b", "main", str(copy))
    for name, value in (("url", lfs.url), ("locksverify", "false")):
        git("config", f"lfs.{name}", value, at=copy)
    lfs_command("install", "--local", "--force", at=copy)
    commit(copy, files)
    git("remote", "add", "origin", url, at=copy)
    lfs_command("push", "origin", "main", at=copy)
    git("push", "-q", "--no-verify", "origin", "main", at=copy)


def lfs_command(*arguments: str, at: Path) -> None:
    done = subprocess.run(
        [program("git-lfs"), *arguments],
        cwd=at,
        env={**os.environ, **CLEAN, **WHO},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def scan(place: Place) -> Report:
    return scan_target(place.target, ScanSettings(jobs=2))


def the_file(target: str, settings: FetchSettings | None = None) -> Entry:
    fetched = GitFetcher().fetch(target, settings or FetchSettings())
    return next(item for item in fetched.items if isinstance(item, Entry) and item.name == "model.pt")


def reason(report: Report) -> str:
    """Why the file was not looked at."""
    assert not report.is_complete
    return " ".join(row.detail for row in report.coverage if row.path == ("model.pt",))


class TestReading:
    """The content is read where it is, and as little of it as tells what it does."""

    def test_a_checkpoint_behind_lfs_fails_by_ranges(self, place: Place) -> None:
        report = scan(place)

        assert "PKL002" in [found.rule for found in report.findings]
        assert {found.path[0] for found in report.findings if found.rule == "PKL002"} == {"model.pt"}
        assert report.is_complete
        assert len(place.lfs.api.requests) == 1
        assert {seen.status for seen in place.lfs.storage.requests} == {206}
        assert len(place.lfs.storage.requests) == 2
        assert place.lfs.storage.sent_bytes < 140_000 < place.size // 50
        assert report.traffic.requests == 5 + 1 + 2

    def test_the_digest_of_the_pointer_is_what_the_registry_states(self, place: Place) -> None:
        entry = the_file(place.target)

        assert (entry.origin.sha256, entry.size_bytes) == (place.oid, place.size)
        assert [file.sha256 for file in scan(place).files if file.name == "model.pt"] == [place.oid]

    def test_the_header_of_an_action_goes_to_the_storage_and_not_to_where_it_redirects(
        self, place: Place
    ) -> None:
        place.lfs.header = "authorization"
        with running_faulty(place.lfs.store, address="127.0.0.3") as other:
            place.lfs.storage.fault("/objects/", RedirectTo(other.url(f"/objects/{place.oid}")))

            with pytest.raises(ReadError):
                _ = the_file(place.target).open().size

            assert {seen.authorization for seen in place.lfs.storage.requests} == {"0"}
            assert {seen.authorization for seen in other.requests} == {None}

    def test_what_opens_the_repository_is_not_shown_to_an_lfs_server_elsewhere(
        self, place: Place
    ) -> None:
        assert the_file(place.target, FetchSettings(token="s3cret")).open().size == place.size

        assert {asked.authorization is None for asked in place.git.requests} == {False}
        assert {seen.authorization for seen in place.lfs.api.requests} == {None}
        assert {seen.authorization for seen in place.lfs.storage.requests} == {None}

    def test_the_store_of_a_repository_on_this_machine_is_read(self, pushed: Pushed) -> None:
        report = scan_target(f"git+file://{pushed.copy}", ScanSettings(jobs=2))

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete


class TestExpiry:
    """An action is good for a while."""

    def test_one_that_the_storage_refuses_is_asked_for_again(self, place: Place) -> None:
        entry = the_file(place.target)
        source = entry.open()
        assert source.size == place.size
        place.lfs.expire()

        assert len(source.read_at(MIB, 10)) == 10
        assert len(place.lfs.api.requests) == 2

    def test_one_that_says_so_itself_is_not_tried(self, place: Place) -> None:
        place.lfs.expires_in = 1
        source = the_file(place.target).open()
        place.lfs.expires_in = 3600

        assert source.size == place.size
        assert [seen.status for seen in place.lfs.storage.requests] == [206]
        assert len(place.lfs.api.requests) == 2

    def test_one_that_never_works_ends_in_words(self, place: Place) -> None:
        place.lfs.storage.fault("/objects/", Status(403))

        with pytest.raises(ReadError, match=r"127\.0\.0\.2 refuses access"):
            _ = the_file(place.target).open().size

        assert len(place.lfs.api.requests) == 4


class TestAbsence:
    """Where the content can't be had, the pointer is what there is, and the scan is not complete."""

    def missing(self, place: Place) -> str:
        """Fetch, and return why the content is not there; the pointer is."""
        items = list(GitFetcher().fetch(place.target, FetchSettings()).items)
        problem, pointer = (item for item in items if item.name == "model.pt")
        assert isinstance(problem, Problem)
        assert isinstance(pointer, Entry)
        assert pointer.origin.sha256 is None
        assert "config.json" in [item.name for item in items]
        return problem.detail

    def test_an_object_that_the_server_does_not_have(self, place: Place) -> None:
        place.lfs.gone.add(place.oid)

        report = scan(place)

        assert "the LFS server does not have this object: only its pointer is there" in reason(report)
        assert [found.rule for found in report.findings if found.path == ("model.pt",)] == ["ORG001"]

    def test_a_server_that_refuses(self, place: Place) -> None:
        place.lfs.authorization = "Basic eDp5"

        assert "refuses access (status 401); see WEIGHBRIDGE_GIT_TOKEN" in self.missing(place)

    def test_a_repository_without_a_server(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WEIGHBRIDGE_LFS_URL")

        assert "127.0.0.1 has no LFS server for this repository" in self.missing(place)
        assert [asked.path for asked in place.git.requests][
            -1
        ] == "/acme/model.git/info/lfs/objects/batch"

    def test_a_server_at_the_repositorys_own_host_is_shown_what_opens_it(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WEIGHBRIDGE_LFS_URL")

        list(GitFetcher().fetch(place.target, FetchSettings(token="s3cret")).items)

        asked = {one.authorization for one in place.git.requests if "/lfs/" in one.path}
        assert asked == {"Basic " + base64.b64encode(b"x-access-token:s3cret").decode()}

    def test_a_server_that_only_the_repository_names_is_not_asked(
        self, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WEIGHBRIDGE_LFS_URL")
        git("clone", "-q", place.git.url("acme/model.git"), str(tmp_path / "copy"))
        commit(tmp_path / "copy", {".lfsconfig": f"[lfs]\n\turl = {place.lfs.url}\n".encode()})
        git("push", "-q", "--no-verify", "origin", "main", at=tmp_path / "copy")

        assert f"another LFS server, {place.lfs.url!r}, which was not asked" in self.missing(place)
        assert place.lfs.api.requests == []

    def test_a_pointer_that_lies_about_the_size(self, place: Place) -> None:
        place.lfs.stated_sizes[place.oid] = 5

        assert "has 5 bytes under this digest" in self.missing(place)

    @pytest.mark.parametrize(
        "body",
        [b"[]", b"{", b'{"objects": 1}', b'{"objects": [], "transfer": "ssh"}', b'{"objects": []}'],
    )
    def test_an_answer_that_is_none(self, place: Place, body: bytes) -> None:
        place.lfs.api.fault("/batch", Status(200, {}, body))

        assert "kept by Git LFS: " in self.missing(place)


class TestStorageThatBreaks:
    """Clear words, one artifact lost, the rest scanned."""

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (RedirectLoop(), "redirects more than 5 times"),
            (RedirectTo(METADATA), "cloud metadata address"),
            (DrippingBody(0.2), "took longer than"),
            (Truncated(10), "closed connection"),
            (Status(500), "can't answer now"),
        ],
    )
    def test_a_fault_becomes_words(self, place: Place, fault: RedirectLoop, words: str) -> None:
        place.lfs.storage.fault("/objects/", fault)

        with pytest.raises(ReadError) as caught:
            _ = the_file(place.target, IMPATIENT).open().size

        assert words in str(caught.value)

    def test_one_that_hangs_up_costs_one_file_of_the_scan(self, place: Place) -> None:
        place.lfs.storage.fault("/objects/", Truncated(10))

        report = scan_target(place.target, ScanSettings(jobs=2, fetch=IMPATIENT))

        assert "closed connection" in reason(report)
        rows = {row.artifact: row.outcome for row in report.coverage}
        assert rows["model.pt"] is Outcome.FAILED
        assert rows["config.json"].is_complete

    def test_one_that_ignores_ranges_is_read_from_the_start(self, place: Place) -> None:
        place.lfs.storage.fault("/objects/", IgnoresRange())

        source = the_file(place.target).open()

        assert bytes(source.read_at(0, 4)) == b"PK\3\4"
        assert source.size == place.size

    @pytest.mark.parametrize("href", ["file:///etc/passwd", "http://a:b@127.0.0.2/x", "//x"])
    def test_an_action_that_is_no_address_is_refused(self, place: Place, href: str) -> None:
        place.lfs.href = href

        assert "something that is not a plain http or https address; refused" in TestAbsence().missing(
            place
        )

    def test_an_action_that_leads_to_the_metadata_address_is_refused(self, place: Place) -> None:
        place.lfs.href = METADATA

        with pytest.raises(ReadError, match="cloud metadata address 169"):
            _ = the_file(place.target).open().size


def test_a_pointer_with_more_behind_it_is_a_file_of_its_own(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"
    commit(tmp_path / "copy", {"a.pt": pointer + b"c" * 50, "b.pt": pointer})

    items = list(GitFetcher().fetch(f"git+file://{tmp_path}/copy", FetchSettings()).items)

    assert [(item.name, type(item)) for item in items] == [
        ("a.pt", Entry),
        ("b.pt", Problem),
        ("b.pt", Entry),
    ]


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


@pytest.mark.parametrize(
    "text",
    [
        POINTER,
        "\n" * 700 + POINTER,
        "\u00a0 \x0b" + POINTER,
        POINTER.replace("\n", "\r\n\n"),
        POINTER.replace("{size}", "+000{size}\t\u2003"),
        POINTER.replace("https://git-lfs", "https://hawser"),
        POINTER.replace("https://git-lfs.github.com/spec/v1", "http://git-media.io/v/2"),
        "# " + POINTER,
        POINTER.replace("https", "http"),
        POINTER.replace("\n", "\r"),
        POINTER + "x y\n",
        POINTER.replace("{size}", "x{size}"),
    ],
)
def test_what_git_lfs_takes_for_a_pointer_is_one(tmp_path: Path, text: str) -> None:
    content = b"weighbridge-marker"
    oid = hashlib.sha256(content).hexdigest()
    git("init", "-q", str(tmp_path))
    place = tmp_path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    pointer = text.format(oid=oid, size=len(content)).encode()

    written = subprocess.run(
        [program("git-lfs"), "smudge"],
        cwd=tmp_path,
        input=pointer,
        env={**os.environ, **CLEAN},
        capture_output=True,
        check=False,
    )

    assert (lfs_object(pointer) is not None) == (written.stdout == content)


@pytest.mark.parametrize("lead", [b"\n", b" \t" * 300, b"\xc2\xa0"])
def test_a_pointer_behind_white_space_is_not_taken_for_a_text(tmp_path: Path, lead: bytes) -> None:
    (tmp_path / "model").write_bytes(lead + POINTER.format(oid="0" * 64, size=5).encode())

    report = scan_target(str(tmp_path), ScanSettings(jobs=1))

    assert [row.outcome for row in report.coverage] == [Outcome.UNSUPPORTED]
    assert [found.rule for found in report.findings] == ["ORG001"]


def test_an_action_that_is_over_before_it_begins_is_asked_for_again_only_once(place: Place) -> None:
    place.lfs.expires_in = -3600
    source = the_file(place.target).open()

    for offset in range(0, 3 * MIB, MIB):
        source.read_at(offset, 10)

    assert len(place.lfs.api.requests) == 2


def test_an_object_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"weighbridge-marker")
    oid = "ab" * 32
    commit(tmp_path / "copy", {"a.pt": POINTER.format(oid=oid, size=18).encode()})
    place = tmp_path / "copy" / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)

    items = list(GitFetcher().fetch(f"git+file://{tmp_path}/copy", FetchSettings()).items)

    assert [type(item) for item in items] == [Problem, Entry]
