"""Repositories of a hub: through the real huggingface_hub client, against a hub on loopback."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.repository import HubFile, file_on_disk
from tests.hub.server import Hub, running_hub
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.huggingface import HuggingFaceFetcher
from weighbridge.fetchers.huggingface_target import (
    HubTarget,
    RepoType,
    is_hub_target,
    parse_hub_target,
)
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem

GIB = 1 << 30
HUB = "https://huggingface.co"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
        yield running


@pytest.fixture
def files(tmp_path: Path) -> dict[str, HubFile]:
    return {
        "config.json": file_on_disk(tmp_path, "config.json", b"{}"),
        "pytorch_model.bin": file_on_disk(tmp_path, "pytorch_model.bin", b"PK\x03\x04", size=2 * GIB),
        "unet/model.safetensors": file_on_disk(tmp_path, "unet/model.safetensors", size=GIB),
    }


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Serve every request with this body as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def fetch(target: str, settings: FetchSettings | None = None) -> Fetched:
    return HuggingFaceFetcher().fetch(target, settings or FetchSettings())


def entries(fetched: Fetched) -> dict[str, Entry]:
    return {item.name: item for item in fetched.items if isinstance(item, Entry)}


def read_all(fetched: Fetched) -> dict[str, bytes]:
    """Read the first and the last bytes of every file."""
    found = {}
    for name, entry in entries(fetched).items():
        source = entry.open()
        found[name] = bytes(source.read_at(0, 4)) + bytes(source.read_at(max(4, source.size - 4), 4))
        source.close()
    fetched.close()
    return found


class TestListing:
    """A repository becomes entries with their provenance."""

    def test_a_repository_is_pinned_to_a_commit_and_listed(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        repository = hub.add("acme/model", files)

        fetched = fetch("hf://acme/model")

        assert fetched.display_name == "acme/model"
        assert fetched.origin.revision == repository.commit
        assert fetched.origin.location == f"hf://acme/model@{repository.commit}"
        assert list(entries(fetched)) == ["config.json", "pytorch_model.bin", "unet/model.safetensors"]

    def test_an_entry_carries_what_the_registry_states(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        hub.add("acme/model", files)

        found = entries(fetch("hf://acme/model"))

        large = found["pytorch_model.bin"].origin
        assert (large.size_bytes, large.sha256) == (2 * GIB, files["pytorch_model.bin"].oid)
        assert found["config.json"].origin.sha256 is None
        assert found["config.json"].size_bytes == 2

    def test_bytes_come_from_both_hosts(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files)

        assert read_all(fetch("hf://acme/model")) == {
            "config.json": b"{}",
            "pytorch_model.bin": b"PK\x03\x04" + bytes(4),
            "unet/model.safetensors": bytes(8),
        }

    def test_twenty_gigabytes_cost_two_megabytes_and_three_requests_per_file(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        names = [f"shard-{n}.bin" for n in range(10)]
        hub.add("acme/big", {name: file_on_disk(tmp_path, name, size=2 * GIB) for name in names})

        fetched = fetch("hf://acme/big")
        read_all(fetched)

        assert hub.sent_bytes < 2_000_000
        assert len(hub.seen("/resolve/")) == 10
        assert (
            max(len(hub.seen(file.oid)) for file in hub.repositories["models/acme/big"].files.values())
            == 2
        )
        assert fetched.traffic.snapshot().requests == len(hub.requests)

    def test_the_token_is_sent_to_the_hub_and_never_to_the_second_host(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        hub.add("acme/private", files).is_private = True

        read_all(fetch("hf://acme/private", FetchSettings(token=hub.token)))

        assert {request.authorization for request in hub.by_host(hub.endpoint)} == {
            f"Bearer {hub.token}"
        }
        assert {request.authorization for request in hub.by_host(hub.storage)} == {None}

    def test_the_token_of_the_users_login_is_used(
        self, hub: Hub, files: dict[str, HubFile], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hub.add("acme/private", files).is_private = True
        monkeypatch.delenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")
        monkeypatch.setenv("HF_TOKEN", hub.token)

        assert "config.json" in entries(fetch("hf://acme/private"))

    def test_a_long_listing_is_read_page_by_page_at_the_endpoint(self, hub: Hub, tmp_path: Path) -> None:
        hub.page_size, hub.foreign_links = 7, True
        hub.add("acme/many", {f"{n:02}.txt": file_on_disk(tmp_path, f"{n}", b"x") for n in range(20)})

        fetched = fetch("hf://acme/many", FetchSettings(token=hub.token))

        assert len(entries(fetched)) == 20
        assert len(hub.seen("/tree/")) == 3

    def test_of_too_many_files_the_rest_is_reported(self, hub: Hub, tmp_path: Path) -> None:
        hub.add("acme/many", {f"{n:02}.txt": file_on_disk(tmp_path, f"{n}", b"x") for n in range(5)})

        items = list(fetch("hf://acme/many", FetchSettings(max_files=3)).items)

        problems = [item for item in items if isinstance(item, Problem)]
        assert len(items) == 4
        assert [problem.coverage.outcome for problem in problems] == [Outcome.LIMITED]

    def test_names_that_no_file_can_have_are_reported_and_not_asked_for(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        hub.add("acme/odd", {"../up.bin": file_on_disk(tmp_path, "up", b"x")})

        items = list(fetch("hf://acme/odd").items)

        assert [type(item) for item in items] == [Problem]
        assert hub.seen("/resolve/") == []

    def test_hard_names_are_data(self, hub: Hub, tmp_path: Path) -> None:
        name = "d\u202eir/na me%2F?#\u200b\x1b[31m.bin"
        hub.add("acme/odd", {name: file_on_disk(tmp_path, "odd", b"odd bytes")})

        assert read_all(fetch("hf://acme/odd")) == {name: b"odd ytes"}

    @pytest.mark.parametrize(("kind", "prefix"), [("datasets", "datasets/"), ("spaces", "spaces/")])
    def test_datasets_and_spaces_are_read_too(
        self, hub: Hub, files: dict[str, HubFile], kind: str, prefix: str
    ) -> None:
        hub.add("acme/data", files, kind=kind)

        fetched = fetch(f"hf://{prefix}acme/data")

        assert fetched.display_name == f"{prefix}acme/data"
        assert read_all(fetched)["config.json"] == b"{}"

    def test_a_model_without_a_namespace_is_read(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("gpt2", files)

        assert read_all(fetch("hf://gpt2@main"))["config.json"] == b"{}"

    @pytest.mark.parametrize(
        ("inside", "names"),
        [("unet", ["unet/model.safetensors"]), ("config.json", ["config.json"])],
    )
    def test_a_path_inside_limits_what_is_listed(
        self, hub: Hub, files: dict[str, HubFile], inside: str, names: list[str]
    ) -> None:
        hub.add("acme/model", files)

        assert list(entries(fetch(f"hf://acme/model@main/{inside}"))) == names

    def test_a_revision_with_slashes_is_found(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files).branches = ("main", "refs/pr/1", "feature/x")

        assert fetch("hf://acme/model@refs/pr/1/unet").origin.facts["requested_revision"] == "refs/pr/1"
        assert fetch("hf://acme/model@feature%2Fx").origin.facts["requested_revision"] == "feature/x"

    def test_a_renamed_repository_is_read_under_its_new_name(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        hub.add("acme/new", files)
        hub.renames["models/acme/old"] = "acme/new"

        fetched = fetch("hf://acme/old")

        assert fetched.display_name == "acme/new"
        assert fetched.origin.facts["renamed_from"] == "acme/old"
        assert read_all(fetched)["config.json"] == b"{}"

    def test_a_location_that_expires_in_mid_scan_is_asked_for_again(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        content = random.Random(1).randbytes(1_000_000)
        hub.add("acme/model", {"a.bin": file_on_disk(tmp_path, "a", content)})
        source = entries(fetch("hf://acme/model"))["a.bin"].open()
        source.read_at(0, 1)
        hub.expire_signatures()

        assert bytes(source.read_at(500_000, 100)) == content[500_000:500_100]

    def test_the_first_files_first_bytes_are_fetched_once(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        hub.add("acme/model", files)
        first = entries(fetch("hf://acme/model"))["config.json"]
        before = len(hub.requests)

        assert bytes(first.open().read_at(0, 2)) == b"{}"
        assert len(hub.requests) == before
        assert bytes(first.open().read_at(0, 2)) == b"{}"

    def test_telemetry_stays_off_and_the_environment_as_it_was(
        self, hub: Hub, files: dict[str, HubFile], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
        hub.add("acme/model", files)

        fetch("hf://acme/model")

        assert "HF_HUB_DISABLE_TELEMETRY" not in os.environ
        assert {request.user_agent.partition("/")[0] for request in hub.requests} == {"weighbridge"}


class TestVerdicts:
    """What the hub's own scanners say is kept word by word, from every vendor."""

    def test_every_vendors_verdict_on_a_risky_file_is_kept(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        files["pytorch_model.bin"].verdicts = {
            "status": "unsafe",
            "avScan": {"status": "safe", "version": "1"},
            "pickleImportScan": {"status": "unsafe", "pickleImports": [{"module": "os"}]},
            "protectAiScan": {"status": "queued"},
            "jFrogScan": None,
        }
        hub.add("acme/model", files)

        found = entries(fetch("hf://acme/model"))

        assert found["pytorch_model.bin"].origin.registry_verdicts == {
            "status": "unsafe",
            "avScan": "safe",
            "pickleImportScan": "unsafe",
            "protectAiScan": "queued",
        }
        assert found["config.json"].origin.registry_verdicts == {}
        assert len(hub.seen("/paths-info/")) == 1

    def test_going_without_the_verdicts_is_no_error(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files)
        hub.fail("/paths-info/", 404, times=10)

        assert len(entries(fetch("hf://acme/model"))) == 3


class TestErrors:
    """Each way to fail is a sentence that says what to do."""

    @pytest.mark.parametrize(
        ("token", "words"),
        [
            (None, "or it is private and no token was given: set HF_TOKEN"),
            ("hf_other", "this token may not"),
        ],
    )
    def test_not_found(self, hub: Hub, token: str | None, words: str) -> None:
        with pytest.raises(TargetNotFound, match=f"There is no model acme/none at http://.*{words}"):
            fetch("hf://acme/none", FetchSettings(token=token))

    def test_a_missing_revision(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files)

        with pytest.raises(TargetNotFound, match="acme/model has no revision 'v9'"):
            fetch("hf://acme/model@v9")

    def test_a_missing_path(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files)

        with pytest.raises(TargetNotFound, match="has no file or folder 'nothing/here'"):
            fetch("hf://acme/model/nothing/here")

    @pytest.mark.parametrize("gates_api", [False, True])
    @pytest.mark.parametrize(
        ("token", "words"),
        [(None, "no token was given"), ("hf_other", "this token has not been granted it")],
    )
    def test_a_gated_repository(
        self, hub: Hub, files: dict[str, HubFile], token: str | None, words: str, gates_api: bool
    ) -> None:
        repository = hub.add("acme/gated", files)
        repository.gated, repository.gates_api = "manual", gates_api

        with pytest.raises(AccessDenied, match=f"gated and {words}.*then set HF_TOKEN or run: hf auth"):
            fetch("hf://acme/gated", FetchSettings(token=token))

    def test_a_refused_token(self, hub: Hub, files: dict[str, HubFile]) -> None:
        hub.add("acme/model", files)
        refused = {"x-error-message": "Invalid credentials in Authorization header"}
        hub.fail("/api/models", 401, headers=refused)

        with pytest.raises(AccessDenied, match="the token is refused"):
            fetch("hf://acme/model", FetchSettings(token="hf_bad"))

    def test_offline_by_choice(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

        with pytest.raises(TargetUnavailable, match="HF_HUB_OFFLINE"):
            fetch("hf://acme/model")
        assert hub.requests == []

    def test_offline_by_accident(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")

        with pytest.raises(TargetUnavailable, match=r"Can't reach acme/model at .*Check the network"):
            fetch("hf://acme/model", FetchSettings(http=HttpSettings(attempts=1)))

    @pytest.mark.parametrize("place", ["/api/models/acme/model$", "/tree/", "/resolve/"])
    def test_a_rate_limit_is_waited_for_and_said(
        self, hub: Hub, files: dict[str, HubFile], place: str
    ) -> None:
        hub.add("acme/model", files)
        hub.fail(place, 429, headers={"ratelimit": '"api";r=0;t=1'})
        told: list[float] = []

        fetched = fetch(
            "hf://acme/model", FetchSettings(on_wait=lambda seconds, reason: told.append(seconds))
        )

        assert told == [1.0]
        assert len(entries(fetched)) == 3

    @pytest.mark.parametrize("place", ["/api/models/acme/model$", "/tree/"])
    def test_a_rate_limit_beyond_all_patience(
        self, hub: Hub, files: dict[str, HubFile], place: str
    ) -> None:
        hub.add("acme/model", files)
        hub.fail(place, 429, headers={"retry-after": "9999"})

        with pytest.raises(TargetUnavailable, match="asks us to wait 9,999 s"):
            fetch("hf://acme/model")

    @pytest.mark.parametrize("place", ["/api/models/acme/model$", "/tree/"])
    def test_a_broken_server(self, hub: Hub, files: dict[str, HubFile], place: str) -> None:
        hub.add("acme/model", files)
        hub.fail(place, 500, times=100)

        with pytest.raises(TargetUnavailable, match="500"):
            fetch("hf://acme/model", FetchSettings(http=HttpSettings(attempts=2)))

    def test_one_file_that_can_not_be_read_costs_that_file_only(
        self, hub: Hub, files: dict[str, HubFile]
    ) -> None:
        hub.add("acme/model", files)
        hub.fail("config.json", 404, times=100)

        found = entries(fetch("hf://acme/model"))

        with pytest.raises(ReadError, match="does not exist"):
            found["config.json"].open().read_at(0, 1)
        assert bytes(found["pytorch_model.bin"].open().read_at(0, 2)) == b"PK"

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"id": 3, "sha": []}', b"\xff"])
    def test_an_answer_that_no_hub_gives(self, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
        with answering(body) as url:
            monkeypatch.setenv("HF_ENDPOINT", url)
            monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")

            with pytest.raises(TargetUnavailable, match="Can't reach"):
                fetch("hf://acme/model", FetchSettings(http=HttpSettings(attempts=1)))


class TestTargets:
    """The ways to write a repository."""

    @pytest.mark.parametrize(
        ("text", "kind", "repo_id", "revision", "path"),
        [
            ("hf://org/name", "model", "org/name", None, ""),
            ("hf://models/org/name", "model", "org/name", None, ""),
            ("hf://gpt2", "model", "gpt2", None, ""),
            ("hf://gpt2@v1/sub/f.bin", "model", "gpt2", "v1", "sub/f.bin"),
            ("hf://org/name@rev", "model", "org/name", "rev", ""),
            ("hf://org/name@rev/a/b.bin", "model", "org/name", "rev", "a/b.bin"),
            ("hf://org/name/a/b.bin", "model", "org/name", None, "a/b.bin"),
            ("hf://org/name@refs/pr/1", "model", "org/name", "refs/pr/1", ""),
            ("hf://org/name@refs%2Fpr%2F1/x", "model", "org/name", "refs/pr/1", "x"),
            ("hf://org/name@refs/convert/pq/d/0.pq", "model", "org/name", "refs/convert/pq", "d/0.pq"),
            ("hf://datasets/org/name@v1", "dataset", "org/name", "v1", ""),
            ("hf://datasets/squad", "dataset", "squad", None, ""),
            ("hf://spaces/org/name/app.py", "space", "org/name", None, "app.py"),
            (f"{HUB}/org/name", "model", "org/name", None, ""),
            (f"{HUB}/org/name/", "model", "org/name", None, ""),
            (f"{HUB}/gpt2/tree/main", "model", "gpt2", "main", ""),
            (f"{HUB}/org/name/tree/main/sub", "model", "org/name", "main", "sub"),
            (f"{HUB}/org/name/blob/main/a%20b.bin", "model", "org/name", "main", "a b.bin"),
            (f"{HUB}/o/n/resolve/refs%2Fpr%2F1/f?download=true", "model", "o/n", "refs/pr/1", "f"),
            (f"{HUB}/org/name/tree/refs/pr/1/sub", "model", "org/name", "refs/pr/1", "sub"),
            (f"{HUB}/org/name/commit/abc", "model", "org/name", "abc", ""),
            (f"{HUB}/datasets/org/name/blob/main/d.csv", "dataset", "org/name", "main", "d.csv"),
            (f"{HUB}/spaces/org/name", "space", "org/name", None, ""),
            ("https://hf.co/org/name", "model", "org/name", None, ""),
            ("http://mirror.example.invalid:81/hf/org/name", "model", "org/name", None, ""),
        ],
    )  # fmt: skip
    def test_a_target_names_a_repository(
        self, text: str, kind: str, repo_id: str, revision: str | None, path: str
    ) -> None:
        mirror = "http://mirror.example.invalid:81/hf"

        assert is_hub_target(text, mirror)
        assert parse_hub_target(text, mirror) == HubTarget(
            repo_type=RepoType(kind), repo_id=repo_id, revision=revision, path=path
        )

    @pytest.mark.parametrize(
        "text",
        [
            "hf://",
            "hf://datasets",
            "hf://datasets/",
            "hf:///name",
            "hf://org/",
            "hf://org/na me",
            "hf://org/name@",
            "hf://org/name@/x",
            "hf://org/name@main/../../x",
            "hf://buckets/org/name",
            f"{HUB}/",
            f"{HUB}/org/name/discussions/1",
            f"{HUB}/org/name/tree",
            f"{HUB}/docs/hub",
        ],
    )
    def test_what_names_none_is_a_usage_error(self, text: str) -> None:
        assert is_hub_target(text, HUB)
        with pytest.raises(UsageError, match=r"^'h"):
            parse_hub_target(text, HUB)

    @pytest.mark.parametrize(
        "text", ["model.pt", "./hf/x", "s3://b/k", "https://example.invalid/org/name", "http://[", ""]
    )
    def test_other_targets_are_not_ours(self, text: str) -> None:
        assert not is_hub_target(text, HUB)

    @given(st.text(alphabet="ahf:/.@%2-_ \0\u202e"), st.sampled_from(["hf://", f"{HUB}/"]))
    def test_any_text_is_parsed_or_a_usage_error(self, text: str, start: str) -> None:
        try:
            parsed = parse_hub_target(start + text, HUB)
        except UsageError:
            return
        assert 1 <= len(parsed.repo_id.split("/")) <= 2
        assert ".." not in parsed.path.split("/")

    def test_a_name_that_huggingface_hub_refuses_is_a_usage_error(self, hub: Hub) -> None:
        with pytest.raises(UsageError, match="is not the name of a repository"):
            fetch("hf://org/na--me")


def test_every_error_of_a_target_leaves_as_a_target_error(hub: Hub, files: dict[str, HubFile]) -> None:
    hub.add("acme/model", files)
    hub.fail(".", 418, times=100)

    with pytest.raises(TargetError, match="status 418"):
        fetch("hf://acme/model")
