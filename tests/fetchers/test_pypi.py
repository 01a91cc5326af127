"""Packages of PyPI, from a stub with the shape of its JSON API and the files on another address."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.servers.faulty import (
    METADATA,
    Answer,
    DrippingBody,
    Fault,
    FaultyServer,
    FileAnswer,
    RedirectLoop,
    RedirectTo,
    Seen,
    Status,
    Truncated,
    files,
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
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem
from weighbridge.fetchers.pypi import PypiFetcher
from weighbridge.fetchers.pypi_target import PackageTarget, chosen_index, parse_package_target

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR."
MIB = 1 << 20
IMPATIENT = FetchSettings(http=HttpSettings(attempts=1, deadline_s=0.5, slowest_bytes_per_s=64 * MIB))
WHEEL, SDIST = "acme_models-1.0-py3-none-any.whl", "acme_models-1.0.tar.gz"


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sdist(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@dataclass(slots=True)
class Index:
    """An index that holds one version of `acme-models`, and what its servers saw."""

    files: dict[str, bytes]
    info: dict[str, Any] = field(default_factory=lambda: {"name": "Acme.Models", "version": "1.0"})
    about_files: dict[str, Any] = field(default_factory=dict)
    authorization: str | None = None
    is_simple: bool = False
    api: FaultyServer = field(init=False)
    storage: FaultyServer = field(init=False)

    def answer_api(self, seen: Seen) -> Answer | None:
        if self.authorization is not None and seen.authorization != self.authorization:
            return Status(401)
        if self.is_simple:
            return self.answer_simple(seen)
        if seen.route not in ("/pypi/acme-models/json", "/pypi/acme-models/1.0/json"):
            return None
        advisories = [{"id": "PYSEC-1", "withdrawn": None}, {"id": "PYSEC-2", "withdrawn": "2026"}]
        return json_answer({"info": self.info, "urls": self.rows(), "vulnerabilities": advisories})

    def answer_simple(self, seen: Seen) -> Answer | None:
        if seen.route != "/simple/acme-models/" or "v1+json" not in seen.headers.get("accept", ""):
            return None
        files = [
            {
                "filename": row["filename"],
                "url": f"../../packages/{row['filename']}",
                "hashes": row["digests"],
                "yanked": "broken",
                "requires-python": ">=3.11",
            }
            for row in self.rows()
        ]
        body = {"meta": {"api-version": "1.0"}, "name": "acme-models", "files": files}
        return json_answer(body, {"content-type": "application/vnd.pypi.simple.v1+json"})

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "filename": name,
                "url": self.storage.url(f"/packages/{name}"),
                "size": len(data),
                "digests": {"md5": "0" * 32, "sha256": hashlib.sha256(data).hexdigest()},
                "packagetype": "bdist_wheel" if name.endswith(".whl") else "sdist",
                **self.about_files,
            }
            for name, data in self.files.items()
        ]

    def answer_storage(self, seen: Seen) -> Answer | None:
        data = self.files.get(seen.route.removeprefix("/packages/"))
        return FileAnswer(data) if data is not None else None


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    padding = {"acme/weights.bin": bytes(16 * MIB)}
    one = Index(
        {
            WHEEL: wheel({**padding, "acme/model.pkl": PAYLOAD, "acme/__init__.py": b"x = 1\n"}),
            SDIST: sdist({"acme-1.0/readme.txt": b"hello\n"}),
        }
    )
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    with ExitStack() as servers:
        one.api = servers.enter_context(running_faulty(one.answer_api))
        one.storage = servers.enter_context(running_faulty(one.answer_storage, address="127.0.0.2"))
        monkeypatch.setenv("WEIGHBRIDGE_PYPI_URL", one.api.origin)
        yield one


def fetch(target: str, settings: FetchSettings | None = None) -> Fetched:
    return PypiFetcher().fetch(target, settings or FetchSettings())


def scan(target: str) -> Report:
    return scan_target(target, ScanSettings(jobs=1))


def entries(fetched: Fetched) -> dict[str, Entry]:
    return {item.name: item for item in fetched.items if isinstance(item, Entry)}


class TestReading:
    """One question to the index, and the ranges that tell."""

    def test_a_model_in_a_wheel_fails_by_ranges(self, index: Index) -> None:
        report = scan("pypi://acme-models@1.0")

        assert "PKL002" in [
            found.rule for found in report.findings if found.path == (WHEEL, "acme/model.pkl")
        ]
        assert report.is_complete
        assert len(index.api.requests) == 1
        assert {seen.status for seen in index.storage.requests} == {206}
        assert len(index.storage.requests) == 3
        assert index.storage.sent_bytes < 300_000 < len(index.files[WHEEL]) // 50

    def test_a_clean_version_passes(self, index: Index) -> None:
        index.files = {SDIST: index.files[SDIST]}

        report = scan("pypi://acme-models")

        assert (report.findings, report.is_complete) == ((), True)
        assert report.traffic.requests == 2

    def test_the_version_and_the_digests_are_pinned(self, index: Index) -> None:
        report = scan("pypi://Acme_Models")

        assert report.origin.location == "pypi://acme-models@1.0"
        assert report.origin.revision == "1.0"
        assert {file.name: file.sha256 for file in report.files} == {
            name: hashlib.sha256(data).hexdigest() for name, data in index.files.items()
        }

    def test_what_the_index_says_of_a_version_is_a_fact(self, index: Index) -> None:
        index.info |= {"yanked": True, "yanked_reason": "broken", "license": "MIT"}
        index.about_files = {"yanked": True, "yanked_reason": None, "requires_python": ">=3.11"}

        fetched = fetch("pypi://acme-models@1.0")

        assert fetched.origin.facts == {
            "index": index.api.origin,
            "yanked": "broken",
            "license": "MIT",
            "vulnerabilities": "PYSEC-1",
        }
        assert entries(fetched)[WHEEL].origin.facts == {
            "packagetype": "bdist_wheel",
            "requires_python": ">=3.11",
            "yanked": "no reason given",
        }

    def test_a_file_that_is_not_the_one_that_the_index_states_is_a_finding(self, index: Index) -> None:
        index.files = {SDIST: index.files[SDIST]}
        index.about_files = {"digests": {"sha256": "0" * 64}}

        assert [found.rule for found in scan("pypi://acme-models").findings] == ["ORG008"]

    def test_of_too_many_files_the_rest_is_reported(self, index: Index) -> None:
        items = list(fetch("pypi://acme-models", FetchSettings(max_files=1)).items)

        assert [type(item) for item in items] == [Entry, Problem]

    @pytest.mark.parametrize("about", [{"filename": "../a.whl"}, {"filename": ""}, {"size": -1}])
    def test_what_no_file_can_be_is_reported(self, index: Index, about: dict[str, Any]) -> None:
        index.about_files = about

        assert {type(item) for item in fetch("pypi://acme-models").items} == {Problem}


class TestSimpleIndex:
    """An index that has the simple API only, as private ones do."""

    @pytest.fixture
    def simple(self, index: Index) -> Index:
        index.is_simple = True
        index.files |= {"acme_models-2.0.tar.gz": b"", "acme_models_extra-1.0.tar.gz": b"", "x.txt": b""}
        packages = {f"/packages/{name}": data for name, data in index.files.items()}
        api = index.api.answering
        index.api.answering = lambda seen: files(packages)(seen) or api(seen)
        return index

    def test_a_version_is_told_by_the_names_of_its_files(self, simple: Index) -> None:
        report = scan("pypi://acme-models@1.0.0")

        assert [file.name for file in report.files] == [WHEEL, SDIST]
        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete
        assert simple.api.sent_bytes < MIB

    @pytest.mark.parametrize(
        "name",
        [
            "acme_models-01.00-py3-none-any.whl",
            "acme_models-1.0+evil-py3-none-any.whl",
            "acme.models-1-py3-none-any.whl",
            "acme-models-v1.0.0.tar.xz",
            "ACME_MODELS-1.0.TAR",
        ],
    )
    def test_whatever_pip_could_take_for_the_version_is_looked_at(
        self, simple: Index, name: str
    ) -> None:
        simple.files[name] = b"x"

        assert name in entries(fetch("pypi://acme-models@1.0"))

    @pytest.mark.parametrize(
        "name",
        [
            "acme_models-1.0rc1-py3-none-any.whl",
            "acme_models-1.0.post1.tar.gz",
            "acme_models-1.0-1.tar.gz",
            "acme_models-1!1.0.tar.gz",
            "acme_models-1.10.tar.gz",
        ],
    )
    def test_other_versions_are_left_out(self, simple: Index, name: str) -> None:
        simple.files[name] = b"x"

        assert sorted(entries(fetch("pypi://acme-models@1.0"))) == [WHEEL, SDIST]

    def test_what_it_says_of_a_file_is_a_fact(self, simple: Index) -> None:
        origin = entries(fetch("pypi://acme-models@1.0"))[SDIST].origin

        assert origin.facts == {"packagetype": "sdist", "requires_python": ">=3.11", "yanked": "broken"}
        assert origin.sha256 == hashlib.sha256(simple.files[SDIST]).hexdigest()

    def test_the_newest_version_has_to_be_named(self, simple: Index) -> None:
        with pytest.raises(TargetUnavailable, match="write pypi://acme-models@version"):
            fetch("pypi://acme-models")

    def test_one_that_gives_pages_only_is_words(self, simple: Index) -> None:
        simple.api.fault("/simple/", Status(200, {"content-type": "text/html"}, b"<html>"))

        with pytest.raises(TargetUnavailable, match="neither PyPI's JSON API nor the simple one"):
            fetch("pypi://acme-models@1.0")

    def test_a_package_that_neither_api_knows_is_not_found(self, simple: Index) -> None:
        with pytest.raises(TargetNotFound, match="no such package or version"):
            fetch("pypi://other@1.0")


class TestSecrets:
    """What opens a private index is for that index."""

    def test_a_password_in_the_address_of_the_index_does_not_reach_its_storage(
        self, index: Index, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index.authorization = "Basic " + base64.b64encode(b"me:s@cret").decode()
        monkeypatch.delenv("WEIGHBRIDGE_PYPI_URL")
        with_password = index.api.origin.replace("http://", "http://me:s%40cret@")
        monkeypatch.setenv("PIP_INDEX_URL", f"{with_password}/simple/")

        report = scan("pypi://acme-models")

        assert report.is_complete
        assert {seen.authorization for seen in index.storage.requests} == {None}
        assert "cret" not in repr(report)

    def test_a_variable_that_holds_no_address_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEIGHBRIDGE_PYPI_URL", "file:///srv/simple")

        with pytest.raises(UsageError, match="WEIGHBRIDGE_PYPI_URL is not an address"):
            chosen_index()


class TestErrors:
    """Each is a sentence, and says what to do."""

    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            (Status(404), TargetNotFound, "has no such package or version; check the spelling"),
            (Status(401), AccessDenied, "A private index takes a name and password"),
            (Status(503), TargetUnavailable, "can't answer now"),
            (Status(200, {}, b"{}"), TargetUnavailable, "an answer that can't be read"),
            (RedirectLoop(), TargetUnavailable, "redirects more than 5 times"),
            (RedirectTo(METADATA), TargetUnavailable, "cloud metadata address"),
            (DrippingBody(0.1), TargetUnavailable, "took longer than"),
            (Truncated(3), TargetUnavailable, "closed connection"),
        ],
    )
    def test_an_index_that_breaks_becomes_words(
        self, index: Index, fault: Fault, error: type[TargetError], words: str
    ) -> None:
        index.api.fault("/pypi/", fault)

        with pytest.raises(error) as caught:
            fetch("pypi://acme-models@1.0", IMPATIENT)

        assert str(caught.value).startswith("Can't read acme-models 1.0: ")
        assert words in str(caught.value)

    @pytest.mark.parametrize(
        ("info", "words"),
        [
            ({"name": "other", "version": "1.0"}, "another package, 'other'"),
            ({"name": "acme-models", "version": "1.1"}, "another version, '1.1'"),
        ],
    )
    def test_an_answer_about_something_else_is_refused(
        self, index: Index, info: dict[str, str], words: str
    ) -> None:
        index.info = info

        with pytest.raises(TargetUnavailable, match=words):
            fetch("pypi://acme-models@1.0")

    def test_a_version_without_files_is_said(self, index: Index) -> None:
        index.files = {}

        with pytest.raises(TargetUnavailable, match=r"version '1\.0' has no files"):
            fetch("pypi://acme-models")

    def test_a_file_that_is_gone_costs_that_file_only(self, index: Index) -> None:
        index.storage.fault(r"\.tar\.gz", Status(404))

        report = scan("pypi://acme-models")

        assert "does not exist" in " ".join(
            row.detail for row in report.coverage if row.path == (SDIST,)
        )
        assert "PKL002" in [found.rule for found in report.findings]
        assert not report.is_complete

    def test_a_file_at_the_metadata_address_is_not_asked_for(self, index: Index) -> None:
        index.about_files = {"url": METADATA}

        with pytest.raises(ReadError, match="cloud metadata address"):
            _ = entries(fetch("pypi://acme-models"))[WHEEL].open().size


class TestSpelling:
    """What is a package, and what is not."""

    @pytest.mark.parametrize("address", ["pypi://A.b_C@1.0", "pypi://a-b-c==1.0", "pypi://a--B__c@1.0/"])
    def test_each_spelling_means_the_same(self, address: str) -> None:
        assert parse_package_target(address.rstrip("/")) == PackageTarget(name="a-b-c", version="1.0")

    @pytest.mark.parametrize(
        "address", ["pypi://", "pypi://a/b", "pypi://a@", "pypi://a@../b", "pypi://-a", "pypi://a?b"]
    )
    def test_what_is_no_package_is_refused(self, address: str) -> None:
        with pytest.raises(UsageError):
            parse_package_target(address)
