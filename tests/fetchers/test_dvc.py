"""Data under DVC: laid out as its versions 2 and 3 do it, on disk, behind http, in a bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.faulty import METADATA, Fault, RedirectTo, Status, Truncated, running_faulty
from tests.servers.moto import CREDENTIALS, put, running_moto
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import ReadError, TargetNotFound, UsageError
from weighbridge.fetchers.dvc import DvcFetcher
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR."
MIB = 1 << 20
SETTINGS = FetchSettings(http=HttpSettings(attempts=1))


@dataclass(frozen=True, slots=True)
class Project:
    """A repository under DVC."""

    root: Path

    def configure(self, url: str, *, file: str = "config") -> None:
        text = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"
        (self.root / ".dvc" / file).write_text(text)

    def track(self, name: str, data: bytes, *, store: Path | None = None, version: int = 3) -> str:
        """Write `name.dvc`, and put the data into a cache or remote."""
        digest = self.put(data, store, version=version)
        hashed = "  hash: md5\n" if version == 3 else ""
        self.write(
            f"{name}.dvc", f"outs:\n- md5: {digest}\n  size: {len(data)}\n{hashed}  path: {name}\n"
        )
        return digest

    def put(self, data: bytes, store: Path | None, *, version: int = 3, suffix: str = "") -> str:
        digest = hashlib.md5(data).hexdigest()
        if store is not None:
            place = store / ("files/md5" if version == 3 else ".") / digest[:2] / (digest[2:] + suffix)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return digest + suffix

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def cache(self) -> Path:
        return self.root / ".dvc" / "cache"

    @property
    def target(self) -> str:
        return f"dvc://{self.root}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("WEIGHBRIDGE_DVC_REMOTE", raising=False)
    (tmp_path / "project" / ".dvc").mkdir(parents=True)
    return Project(tmp_path / "project")


def fetch(target: str, settings: FetchSettings = SETTINGS) -> Fetched:
    return DvcFetcher().fetch(target, settings)


def scan(target: str) -> Report:
    return scan_target(target, ScanSettings(jobs=1))


def read(target: str) -> dict[str, bytes]:
    found = {}
    for item in fetch(target).items:
        assert isinstance(item, Entry)
        source = item.open()
        found[item.name] = bytes(source.read_at(0, source.size))
        source.close()
    return found


def problems(target: str) -> dict[str, str]:
    return {item.name: item.detail for item in fetch(target).items if isinstance(item, Problem)}


def served_files(folder: Path) -> dict[str, bytes | Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"/{path.relative_to(folder).as_posix()}": path for path in files}


class TestReading:
    """What DVC's files stand for is scanned, wherever it is."""

    def test_dirty_data_in_the_cache_fails(self, project: Project) -> None:
        digest = project.track("model.pkl", PAYLOAD, store=project.cache)

        report = scan(f"{project.target}/model.pkl.dvc")

        assert {found.rule for found in report.findings if found.path == ("model.pkl",)} >= {"PKL002"}
        assert report.is_complete
        entry = next(iter(fetch(project.target).items))
        assert isinstance(entry, Entry)
        assert entry.origin.facts == {"md5": digest}

    def test_clean_data_passes(self, project: Project) -> None:
        project.track("data/config.json", b"{}", store=project.cache)

        report = scan(project.target)

        assert (report.findings, report.is_complete) == ((), True)
        assert [file.name for file in report.files] == ["data/data/config.json"]

    def test_other_bytes_in_the_cache_are_not_taken_for_those_that_dvc_would_fetch(
        self, project: Project
    ) -> None:
        digest = project.track("model.pkl", PAYLOAD)
        decoy = project.cache / "files" / "md5" / digest[:2] / digest[2:]
        decoy.parent.mkdir(parents=True)
        decoy.write_bytes(b"N." + b" " * (len(PAYLOAD) - 2))

        report = scan(project.target)

        assert "ORG008" in [found.rule for found in report.findings]
        assert not report.is_complete

    def test_version_2_forgets_line_ends(self, project: Project) -> None:
        project.track("a.csv", b"a,b\n", store=project.cache, version=2)
        (path,) = (path for path in project.cache.rglob("*") if path.is_file())
        path.write_bytes(b"a,b\r\n")

        assert problems(project.target) == {}

    def test_two_files_that_mean_one_place_are_said(self, project: Project) -> None:
        project.track("model.pkl", b"N.", store=project.cache)
        digest = project.put(PAYLOAD, project.cache)
        project.write("z.dvc", f"outs:\n- md5: {digest}\n  hash: md5\n  path: model.pkl\n")

        assert problems(project.target) == {
            "model.pkl": "a second file of one name, which was not looked at"
        }

    @pytest.mark.parametrize("version", [2, 3])
    def test_a_remote_inside_of_the_repository_is_read_in_both_layouts(
        self, project: Project, version: int
    ) -> None:
        project.configure("../storage")
        project.track("a.bin", b"abc", store=project.root / "storage", version=version)

        assert read(project.target) == {"a.bin": b"abc"}

    def test_a_pipeline_is_read_by_its_lock(self, project: Project) -> None:
        digest = project.put(b"abc", project.cache)
        out = f"{{path: m/a.bin, hash: md5, md5: {digest}}}"
        project.write("dvc.lock", f"schema: '2.0'\nstages: {{train: {{cmd: x, outs: [{out}]}}}}\n")
        project.write("dvc.yaml", "stages: {train: {cmd: x, outs: [m/a.bin]}}\n")
        project.write("other/dvc.yaml", "stages: {}\n")

        items = {item.name: item for item in fetch(project.target).items}

        assert isinstance(items["m/a.bin"], Entry)
        assert isinstance(items["other/dvc.yaml"], Problem)

    def test_a_folder_is_read_by_its_listing(self, project: Project) -> None:
        members = [{"md5": project.put(b"x", project.cache), "relpath": "sub/x.bin"}]
        digest = project.put(json.dumps(members).encode(), project.cache, suffix=".dir")
        project.write("data.dvc", f"outs:\n- md5: {digest}\n  hash: md5\n  path: data\n")

        assert read(project.target) == {"data/sub/x.bin": b"x"}

    def test_a_remote_that_the_user_names_is_read_by_ranges(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        torch_zip(tmp_path / "big.pt", 32 * MIB, payload=PAYLOAD[:-1] + b"0")
        project.track("big.pt", (tmp_path / "big.pt").read_bytes(), store=tmp_path / "remote")
        with running_faulty(served_files(tmp_path / "remote")) as server:
            address = server.origin.replace("http://", "http://me:s3cret@")
            monkeypatch.setenv("WEIGHBRIDGE_DVC_REMOTE", address)

            report = scan(project.target)

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete
        assert [seen.status for seen in server.requests] == [206, 206]
        assert server.sent_bytes == report.traffic.bytes_received < 140_000
        expected = "Basic " + base64.b64encode(b"me:s3cret").decode()
        assert {seen.authorization for seen in server.requests} == {expected}
        assert "s3cret" not in repr(report)

    def test_a_bucket_that_the_user_names_is_read_by_the_fetcher_of_buckets(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest = project.track("model.pkl", PAYLOAD)
        with running_moto(tmp_path) as endpoint:
            put(endpoint, "bucket", {f"dvc/files/md5/{digest[:2]}/{digest[2:]}": PAYLOAD})
            for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("WEIGHBRIDGE_DVC_REMOTE", "s3://bucket/dvc/")

            report = scan(project.target)

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete

    def test_data_of_the_older_layout_is_found_behind_http_too(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.track("a.bin", b"abc")
        project.put(b"abc", tmp_path / "remote", version=2)
        with running_faulty(served_files(tmp_path / "remote")) as server:
            monkeypatch.setenv("WEIGHBRIDGE_DVC_REMOTE", server.origin)

            assert read(project.target) == {"a.bin": b"abc"}


class TestWishes:
    """Where the repository's own configuration points is its author's wish."""

    @pytest.mark.parametrize(
        "url",
        [
            "/etc",
            "../../../elsewhere",
            "s3://bucket/path",
            "azure://container",
            "ssh://host/path",
            "http://127.0.0.1:9/x",
            "https://me:pa55@example.invalid/x",
            METADATA,
        ],
    )
    @pytest.mark.parametrize("file", ["config", "config.local"])
    def test_what_lies_outside_is_not_followed(self, project: Project, url: str, file: str) -> None:
        project.track("a.bin", b"abc")
        project.configure(url, file=file)
        (entry,) = fetch(project.target).items
        assert isinstance(entry, Entry)

        with pytest.raises(ReadError) as caught:
            entry.open()

        assert "is its author's wish and was not followed; set WEIGHBRIDGE_DVC_REMOTE" in str(
            caught.value
        )
        assert "pa55" not in str(caught.value)

    def test_an_https_address_that_is_not_public_is_not_asked(self, project: Project) -> None:
        project.track("a.bin", b"abc")
        with running_faulty({}) as server:
            project.configure(server.origin.replace("http://", "https://"))
            (entry,) = fetch(project.target).items
            assert isinstance(entry, Entry)

            with pytest.raises(ReadError, match="loopback address"):
                _ = entry.open().size

            assert server.requests == []

    def test_a_refused_remote_costs_its_data_and_the_rest_is_scanned(self, project: Project) -> None:
        project.configure("s3://bucket/path")
        project.track("far.bin", b"abc")
        project.track("near.pkl", PAYLOAD, store=project.cache)

        report = scan(project.target)

        assert "PKL002" in [found.rule for found in report.findings]
        rows = {row.artifact: row.outcome for row in report.coverage}
        assert rows["far.bin"] is Outcome.FAILED
        assert not report.is_complete

    def test_a_link_to_a_folder_outside_is_not_followed(self, project: Project, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        project.track("a.bin", b"abc", store=elsewhere)
        (project.root / "storage").symlink_to(elsewhere)
        (project.root / ".dvc" / "cache").symlink_to(elsewhere)
        project.configure("../storage")
        (entry,) = fetch(project.target).items
        assert isinstance(entry, Entry)

        with pytest.raises(ReadError, match="author's wish"):
            entry.open()

    def test_a_digest_that_is_a_link_out_of_the_cache_is_not_followed(self, project: Project) -> None:
        digest = project.track("a.bin", b"abc", store=project.cache)
        place = project.cache / "files/md5" / digest[:2] / digest[2:]
        place.unlink()
        place.symlink_to("/etc/hostname")

        with pytest.raises(ReadError, match="no remote of DVC is configured"):
            read(project.target)

    def test_offline_asks_nobody(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        project.track("a.bin", b"abc")
        monkeypatch.setenv("WEIGHBRIDGE_DVC_REMOTE", "https://example.invalid/x")
        (entry,) = fetch(project.target, FetchSettings(is_offline=True)).items
        assert isinstance(entry, Entry)

        with pytest.raises(ReadError, match="--offline is set"):
            entry.open()


class TestOddFiles:
    """Every file of DVC is hostile until it was read."""

    @pytest.mark.parametrize(
        ("text", "name", "words"),
        [
            ("outs: [{path: /etc/passwd, md5: %s}]", "/etc/passwd", "outside of"),
            ("outs: [{path: ../../x, md5: %s}]", "../../x", "outside of"),
            ("{wdir: ../.., outs: [{path: x, md5: %s}]}", "x", "outside of"),
            ("outs: [{path: x}]", "x", "kept without a digest"),
            ("outs: [{path: x, md5: zz}]", "x", "kept without a digest"),
            ("outs: [{md5: %s}]", "outs", "an entry without a path"),
            (
                "{deps: [{path: y, repo: {url: z}}], outs: [{path: x, md5: %s}]}",
                "x",
                "another repository",
            ),
            ("[1, 2]", "a.dvc", "can't be read: not a mapping"),
            ("outs: [", "a.dvc", "can't be read: not YAML"),
            ("outs: " + "[" * 1000, "a.dvc", "can't be read"),
            (
                "a: &a [x, x]\nb: &b [*a, *a]\n" + "c: [" + "*b, " * 400_000 + "*b]",
                "a.dvc",
                "can't be read",
            ),
        ],
    )
    def test_what_can_not_be_meant_is_said(
        self, project: Project, text: str, name: str, words: str
    ) -> None:
        project.write("a.dvc", text.replace("%s", "0" * 32))

        assert words in problems(project.target)[name]

    @pytest.mark.parametrize(
        "listing",
        [
            b"{}",
            b"[",
            b'[{"md5": "x", "relpath": "a"}]',
            b'[{"md5": "' + b"0" * 32 + b'", "relpath": "../a"}]',
        ],
    )
    def test_a_listing_that_is_none_is_said(self, project: Project, listing: bytes) -> None:
        digest = project.put(listing, project.cache, suffix=".dir")
        project.write("data.dvc", f"outs:\n- md5: {digest}\n  hash: md5\n  path: data\n")

        assert len(problems(project.target)) == 1

    def test_a_listing_that_was_changed_is_said_and_read(self, project: Project) -> None:
        digest = project.put(b"[]", project.cache, suffix=".dir")
        members = [{"md5": project.put(b"x", project.cache), "relpath": "x.bin"}]
        place = project.cache / "files/md5" / digest[:2] / digest[2:]
        place.write_text(json.dumps(members))
        project.write("data.dvc", f"outs:\n- md5: {digest}\n  hash: md5\n  path: data\n")

        names = {item.name: type(item) for item in fetch(project.target).items}

        assert names == {"data": Problem, "data/x.bin": Entry}

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Status(403), "refuses access"),
            (Status(404), "does not exist"),
            (RedirectTo(METADATA), "cloud metadata address"),
            (Truncated(1), "closed connection"),
        ],
    )
    def test_a_remote_that_breaks_is_words(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, fault: Fault, words: str
    ) -> None:
        digest = project.track("a.bin", b"abc")
        with running_faulty({f"/files/md5/{digest[:2]}/{digest[2:]}": b"abc"}) as server:
            server.fault("/", fault)
            monkeypatch.setenv("WEIGHBRIDGE_DVC_REMOTE", server.origin)

            with pytest.raises(ReadError, match=words):
                read(project.target)

    def test_links_and_other_folders_are_not_entered(self, project: Project) -> None:
        project.track("a.bin", b"abc", store=project.cache)
        project.write(".dvc/tmp/b.dvc", "outs: []")
        os.symlink("/etc", project.root / "link.dvc")

        names = {item.name: type(item) for item in fetch(project.target).items}

        assert names == {"a.bin": Entry, "link.dvc": Problem}

    def test_nothing_to_scan_is_not_found(self, project: Project) -> None:
        with pytest.raises(TargetNotFound, match=r"no \.dvc file and no dvc\.lock"):
            fetch(project.target)
        with pytest.raises(TargetNotFound, match="there is no file or folder"):
            fetch(f"{project.target}/nothing")
        with pytest.raises(UsageError):
            fetch("dvc://a\0b")
