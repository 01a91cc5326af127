"""Releases on GitHub, from a stub with the shapes of its API: an API, a site, and a storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.faulty import (
    METADATA,
    Answer,
    Fault,
    FaultyServer,
    FileAnswer,
    RedirectTo,
    Reset,
    Seen,
    Status,
    json_answer,
    running_faulty,
)
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.github import GithubReleaseFetcher
from weighbridge.fetchers.github_target import ReleaseTarget, is_release_target, parse_release_target
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR0"
TOKEN = "ghp_weighbridge_test"
MIB = 1 << 20
IMPATIENT = FetchSettings(http=HttpSettings(attempts=1))


@dataclass(slots=True)
class GitHub:
    """One repository with one release, and what the servers saw."""

    files: dict[str, Path | bytes]
    tag: str = "v1.0"
    is_private: bool = False
    states: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    signature: str = "one"
    api: FaultyServer = field(init=False)
    site: FaultyServer = field(init=False)
    storage: FaultyServer = field(init=False)

    def answer_api(self, seen: Seen) -> Answer | None:
        home = "/repos/acme/models/releases"
        if self.is_private and seen.authorization != f"Bearer {TOKEN}":
            return Status(404)
        if seen.route in (f"{home}/latest", f"{home}/tags/{self.tag}"):
            return json_answer({"id": 7, "tag_name": self.tag, "published_at": "2026-01-01T00:00:00Z"})
        if seen.route == f"{home}/7/assets":
            page = int(seen.query["page"])
            return json_answer(self.rows()[(page - 1) * 100 : page * 100])
        if not seen.route.startswith(f"{home}/assets/"):
            return None
        number = int(seen.route.rpartition("/")[2])
        if seen.headers.get("accept") != "application/octet-stream":
            return json_answer({})
        return Status(302, {"location": self.storage_url(sorted(self.files)[number])})

    def rows(self) -> list[dict[str, Any]]:
        return [self.row(number, name) for number, name in enumerate(sorted(self.files))]

    def row(self, number: int, name: str) -> dict[str, Any]:
        content = self.files[name]
        return {
            "id": number,
            "name": name,
            "size": len(content) if isinstance(content, bytes) else content.stat().st_size,
            "state": self.states.get(name, "uploaded"),
            "digest": self.digests.get(name),
            "browser_download_url": self.site.url(f"/acme/models/releases/download/{self.tag}/{name}"),
            "uploader": {"login": "someone"},
        }

    def answer_site(self, seen: Seen) -> Answer | None:
        name = seen.route.rpartition("/")[2]
        return Status(302, {"location": self.storage_url(name)}) if not self.is_private else None

    def storage_url(self, name: str) -> str:
        return self.storage.url(f"/{name}?sig={self.signature}")

    def answer_storage(self, seen: Seen) -> Answer | None:
        if seen.query.get("sig") != self.signature:
            return Status(403)
        content = self.files.get(seen.route[1:])
        return FileAnswer(content) if content is not None else None

    def seen(self) -> tuple[int, int, int]:
        return len(self.api.requests), len(self.site.requests), len(self.storage.requests)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    torch_zip(tmp_path / "dirty.pt", 32 * MIB, payload=PAYLOAD)
    github = GitHub({"dirty.pt": tmp_path / "dirty.pt", "vocab.json": b"{}"})
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as servers:
        github.api = servers.enter_context(running_faulty(github.answer_api))
        github.site = servers.enter_context(running_faulty(github.answer_site, address="127.0.0.2"))
        github.storage = servers.enter_context(
            running_faulty(github.answer_storage, address="127.0.0.3")
        )
        monkeypatch.setenv("GITHUB_API_URL", github.api.origin)
        yield github


def fetch(target: str, settings: FetchSettings | None = None) -> Fetched:
    return GithubReleaseFetcher().fetch(target, settings or FetchSettings())


def scan(target: str) -> Report:
    return scan_target(target, ScanSettings(jobs=1))


def entries(fetched: Fetched) -> dict[str, Entry]:
    return {item.name: item for item in fetched.items if isinstance(item, Entry)}


class TestReading:
    """Two questions to the API, and the ranges that tell."""

    def test_a_dirty_release_fails_by_ranges(self, hub: GitHub) -> None:
        report = scan("github://acme/models@v1.0")

        assert {found.path[0] for found in report.findings if found.rule == "PKL002"} == {"dirty.pt"}
        assert report.is_complete
        assert hub.seen() == (2, 2, 3)
        assert report.traffic.requests == 7
        assert hub.storage.sent_bytes < 140_000

    def test_a_clean_release_passes(self, hub: GitHub) -> None:
        hub.files = {"vocab.json": b"{}", "notes.txt": b"hello"}

        report = scan("github://acme/models")

        assert (report.findings, report.is_complete) == ((), True)
        assert report.origin.location == "https://github.com/acme/models/releases/tag/v1.0"
        assert report.origin.revision == "v1.0"

    def test_the_digest_that_the_registry_states_is_kept_and_compared(self, hub: GitHub) -> None:
        right = hashlib.sha256(b"{}").hexdigest()
        hub.files = {"a.json": b"{}", "b.json": b"{}", "c.json": b"{}"}
        hub.digests = {"a.json": f"sha256:{right}", "b.json": "sha256:" + "0" * 64, "c.json": "md5:0"}

        report = scan("github://acme/models")

        assert {file.name: file.sha256 for file in report.files} == {
            "a.json": right,
            "b.json": "0" * 64,
            "c.json": None,
        }
        assert [(found.rule, found.artifact) for found in report.findings] == [("ORG008", "b.json")]

    def test_one_file_of_a_release_is_read_alone(
        self, hub: GitHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = "https://github.com/acme/models/releases/download/v1.0/vocab.json"

        assert list(entries(fetch(address))) == ["vocab.json"]
        with pytest.raises(TargetUnavailable, match=r"has no file 'nope\.bin'"):
            fetch(address.replace("vocab.json", "nope.bin"))

    def test_a_location_that_expires_is_asked_for_again(self, hub: GitHub) -> None:
        source = entries(fetch("github://acme/models"))["dirty.pt"].open()
        assert source.size > 32 * MIB - 1000
        hub.signature = "two"

        assert len(source.read_at(16 * MIB, 10)) == 10
        assert len(hub.site.requests) == 2

    def test_of_many_files_every_page_is_asked_for(self, hub: GitHub) -> None:
        hub.files = {f"{number:03}.txt": b"x" for number in range(250)}

        fetched = fetch("github://acme/models")
        some = list(fetch("github://acme/models", FetchSettings(max_files=5)).items)

        assert len(entries(fetched)) == 250
        assert len(hub.api.seen("/assets")) == 6
        assert (len(some), type(some[-1])) == (6, Problem)

    def test_what_was_not_uploaded_to_its_end_is_reported(self, hub: GitHub) -> None:
        hub.states["vocab.json"] = "starter"

        items = list(fetch("github://acme/models").items)

        assert [item.detail for item in items if isinstance(item, Problem)] == [
            "not uploaded to its end (state 'starter')"
        ]


class TestToken:
    """It goes to the API, and nowhere else."""

    def test_a_private_release_is_read_by_way_of_the_api(
        self, hub: GitHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.is_private = True
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)

        report = scan("github://acme/models")

        assert report.is_complete
        assert hub.seen() == (4, 0, 3)
        assert {seen.authorization for seen in hub.api.requests} == {f"Bearer {TOKEN}"}
        assert {seen.authorization for seen in hub.storage.requests} == {None}
        assert {seen.headers["accept"] for seen in hub.storage.requests} == {"*/*"}

    def test_the_token_is_not_for_a_server_that_the_environment_does_not_name(
        self, hub: GitHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)

        target = parse_release_target("github://ghe.example.invalid/acme/models@v1")

        assert target == ReleaseTarget(
            api="https://ghe.example.invalid/api/v3",
            server="ghe.example.invalid",
            owner="acme",
            name="models",
            tag="v1",
            is_default=False,
        )

    def test_without_one_the_files_are_asked_for_at_the_site(self, hub: GitHub) -> None:
        assert entries(fetch("github://acme/models"))["vocab.json"].open().size == 2

        assert hub.seen() == (2, 1, 1)


class TestErrors:
    """Each is a sentence, and says what to do."""

    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            (Status(404), TargetNotFound, "no release 'v1.0', or does not exist. If it is private, set"),
            (Status(401), AccessDenied, "refuses access (status 401)"),
            (Status(403), AccessDenied, "refuses access (status 403)"),
            (Status(403, {"x-ratelimit-remaining": "0"}), TargetUnavailable, "limits the rate"),
            (Status(502), TargetUnavailable, "can't answer now"),
            (Status(200, {}, b"<html>"), TargetUnavailable, "an answer that can't be read"),
            (Status(200, {}, b"[" * 100_000), TargetUnavailable, "an answer that can't be read"),
            (
                Status(200, {}, b'{"id": 1, "tag_name": "v2"}'),
                TargetUnavailable,
                "another release, 'v2'",
            ),
            (RedirectTo(METADATA), TargetUnavailable, "cloud metadata address"),
            (Reset(), TargetUnavailable, "failed"),
        ],
    )
    def test_an_api_that_breaks_becomes_words(
        self, hub: GitHub, fault: Fault, error: type[TargetError], words: str
    ) -> None:
        hub.api.fault("/tags/", fault)

        with pytest.raises(error) as caught:
            fetch("github://acme/models@v1.0", IMPATIENT)

        assert words in str(caught.value)

    def test_a_list_of_files_without_end_is_not_cut_in_silence(self, hub: GitHub) -> None:
        answer, row = hub.api.answering, hub.row(0, "vocab.json")
        hub.api.answering = lambda seen: (
            json_answer([row] * 100) if seen.route.endswith("/assets") else answer(seen)
        )

        with pytest.raises(TargetUnavailable, match="list of files does not end"):
            fetch("github://acme/models")

    def test_a_release_without_files_says_where_the_source_is(self, hub: GitHub) -> None:
        hub.files = {}

        with pytest.raises(TargetUnavailable, match=r"git\+https://github\.com/acme/models@v1\.0"):
            fetch("github://acme/models")

    def test_a_file_that_its_storage_does_not_give_costs_that_file_only(self, hub: GitHub) -> None:
        hub.storage.fault("/vocab", Status(404))

        report = scan("github://acme/models")

        rows = {row.artifact: row for row in report.coverage}
        assert "does not exist (status 404)" in rows["vocab.json"].detail
        assert "PKL002" in [found.rule for found in report.findings]
        assert not report.is_complete

    def test_a_site_that_leads_to_the_metadata_address_is_not_followed(self, hub: GitHub) -> None:
        hub.site.fault("/", RedirectTo(METADATA))

        with pytest.raises(ReadError, match="cloud metadata address"):
            _ = entries(fetch("github://acme/models"))["vocab.json"].open().size


class TestSpelling:
    """What is a release, and what is not."""

    @pytest.mark.parametrize(
        ("address", "tag", "asset"),
        [
            ("github://o/r", None, None),
            ("github://o/r@models/v1", "models/v1", None),
            ("https://github.com/o/r/releases", None, None),
            ("https://github.com/o/r/releases/latest", None, None),
            ("https://github.com/o/r/releases/tag/models%2Fv1", "models/v1", None),
            ("https://github.com/o/r/releases/download/v1/a%20b.pt", "v1", "a b.pt"),
            ("https://github.com/o/r/releases/latest/download/a.pt", None, "a.pt"),
        ],
    )
    def test_each_spelling_means_a_release(
        self, address: str, tag: str | None, asset: str | None
    ) -> None:
        target = parse_release_target(address)

        assert (target.owner, target.name, target.tag, target.asset) == ("o", "r", tag, asset)

    @pytest.mark.parametrize(
        "address",
        ["github://o", "github://o/..", "github://o/r@", "github://a b/o/r", "github://o/r/s/t"],
    )
    def test_what_names_no_repository_is_refused(self, address: str) -> None:
        with pytest.raises(UsageError):
            parse_release_target(address)

    @pytest.mark.parametrize(
        "address",
        [
            "https://github.com/o/r",
            "https://github.com/o/r/raw/x",
            "https://example.invalid/o/r/releases",
        ],
    )
    def test_other_pages_are_not_releases(self, address: str) -> None:
        assert not is_release_target(address)
