"""Files at addresses of the web, from a server on loopback that also breaks in every way it can."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.engine.sparse_models import torch_zip
from tests.servers.faulty import (
    METADATA,
    Compressed,
    DrippingBody,
    DrippingHeaders,
    Endless,
    Fault,
    FaultyServer,
    IgnoresRange,
    RedirectLoop,
    RedirectTo,
    Reset,
    Status,
    Truncated,
    UnstatedRange,
    WrongRange,
    running_faulty,
)
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.cli.main import commands
from weighbridge.core.address import shown_address
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
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings
from weighbridge.fetchers.registry import resolve
from weighbridge.fetchers.web import WebFetcher

PAYLOAD = b"cposix\nsystem\n(X\x17\0\0\0echo weighbridge-markertR0"
MIB = 1 << 20
IMPATIENT = FetchSettings(http=HttpSettings(attempts=1, deadline_s=0.5, slowest_bytes_per_s=64 * MIB))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyServer]:
    torch_zip(tmp_path / "dirty.pt", 32 * MIB, payload=PAYLOAD)
    torch_zip(tmp_path / "clean.pt", 32 * MIB)
    contents: dict[str, bytes | Path] = {
        "/models/dirty.pt": tmp_path / "dirty.pt",
        "/models/clean.pt": tmp_path / "clean.pt",
        "/small.pkl": PAYLOAD[:-1] + b".",
        "/page": b"\n<!DOCTYPE html><title>Sign in</title>",
        "/page.html": b"<!DOCTYPE html><title>Docs</title>",
    }
    with running_faulty(contents) as running:
        yield running


def fetch(address: str, settings: FetchSettings | None = None) -> Fetched:
    return WebFetcher().fetch(address, settings or FetchSettings())


def scan(address: str) -> Report:
    return scan_target(address, ScanSettings(jobs=1))


def only(fetched: Fetched) -> Entry:
    (entry,) = fetched.items
    assert isinstance(entry, Entry)
    return entry


class TestReading:
    """A large file costs its directory and its pickle."""

    def test_a_dirty_checkpoint_fails_by_three_ranges(self, server: FaultyServer) -> None:
        report = scan(server.url("/models/dirty.pt"))

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete
        assert [seen.status for seen in server.requests] == [206] * 2
        assert server.sent_bytes == report.traffic.bytes_received < 140_000
        assert report.traffic.requests == 2

    def test_a_clean_one_passes_for_the_same_price(self, server: FaultyServer) -> None:
        report = scan(server.url("/models/clean.pt"))

        assert [found.rule for found in report.findings] == []
        assert report.is_complete
        assert len(server.requests) == 2

    def test_a_zip_whose_name_does_not_tell_is_read_by_ranges_too(
        self, server: FaultyServer, tmp_path: Path
    ) -> None:
        with zipfile.ZipFile(tmp_path / "x", "w") as archive:
            archive.writestr("padding", bytes(4 * MIB))
            archive.writestr("model.pkl", PAYLOAD[:-1] + b".")
        with running_faulty({"/download": tmp_path / "x"}) as other:
            report = scan(other.url("/download?id=5"))

        assert "download!/model.pkl" in [found.artifact for found in report.findings]
        assert report.traffic.bytes_received < 200_000

    def test_a_redirect_is_followed_and_its_location_kept(self, server: FaultyServer) -> None:
        with running_faulty({}, address="127.0.0.2") as front:
            front.fault("/latest", RedirectTo(server.url("/models/dirty.pt?Signature=abc")))

            report = scan(front.url("/latest.pt"))

        assert "PKL002" in [found.rule for found in report.findings]
        assert (len(front.requests), len(server.requests)) == (1, 2)
        assert "Signature" not in repr(report)

    def test_a_location_that_expires_is_asked_for_again(self, server: FaultyServer) -> None:
        with running_faulty({}, address="127.0.0.2") as front:
            front.fault("/latest", RedirectTo(server.url("/models/dirty.pt")))
            source = only(fetch(front.url("/latest.pt"))).open()
            server.fault("/models", Status(403), times=1)

            assert len(source.read_at(16 * MIB, 10)) == 10

        assert len(front.requests) == 2

    def test_http_without_encryption_is_said(self, server: FaultyServer) -> None:
        origin = fetch(server.url("/small.pkl")).origin

        assert origin.facts["transport"].startswith("http: whoever stands between")


class TestSecrets:
    """What opens an address is sent to its origin, and shown to nobody."""

    def test_a_name_and_password_are_sent_to_their_origin_only(self, server: FaultyServer) -> None:
        with running_faulty({}, address="127.0.0.2") as front:
            front.fault("/", RedirectTo(server.url("/small.pkl")))
            address = front.url("/small.pkl").replace("http://", "http://me:s%40cret@")

            report = scan(address)

        expected = "Basic " + base64.b64encode(b"me:s@cret").decode()
        assert {seen.authorization for seen in front.requests} == {expected}
        assert {seen.authorization for seen in server.requests} == {None}
        assert "cret" not in repr(report)

    def test_a_signed_address_is_shown_without_its_values(self, server: FaultyServer) -> None:
        address = server.url("/small.pkl?X-Amz-Signature=abc123&id=7&naked")

        report = scan(address)
        fetched = fetch(address)

        shown = server.url("/small.pkl?X-Amz-Signature=***&id=***&***")
        assert (report.target, report.origin.location, fetched.display_name) == (shown,) * 3
        assert "abc123" not in repr(report)
        assert server.requests[0].query["X-Amz-Signature"] == "abc123"

    @pytest.mark.parametrize("options", [[], ["-f", "json"], ["-f", "sarif"]])
    def test_no_secret_reaches_the_terminal_or_a_report(
        self, server: FaultyServer, options: list[str]
    ) -> None:
        address = server.url("/small.pkl?sig=s3cret").replace("http://", "http://me:pa55@")

        said = CliRunner().invoke(commands, ["scan", address, *options])

        assert said.exit_code == 1
        assert "small.pkl" in said.output
        assert [word for word in ("s3cret", "pa55") if word in said.output] == []

    @pytest.mark.parametrize(
        "path", ["/nothing.pkl?sig=s3cret", "/page?sig=s3cret", "/models/?sig=s3cret"]
    )
    def test_no_secret_is_in_the_words_of_an_error(self, server: FaultyServer, path: str) -> None:
        address = server.url(path).replace("http://", "http://me:pa55@")

        with pytest.raises((TargetError, UsageError)) as caught:
            fetch(address)

        assert "127.0.0.1" in str(caught.value)
        assert [word for word in ("s3cret", "pa55") if word in str(caught.value)] == []

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("https://u:p@host/a?b=c#d", "https://***@host/a?b=***"),
            ("https://u@host?t0ken", "https://***@host?***"),
            ("https://host/a@b", "https://host/a@b"),
            ("git+https://u:p@host/a@main", "git+https://***@host/a@main"),
            ("s3://bucket/a?b", "s3://bucket/a?b"),
            ("hf://org/name@main", "hf://org/name@main"),
            ("folder/a?b=c", "folder/a?b=c"),
            ("https://h/a.pt#access_token=k", "https://h/a.pt#***"),
            ("https://h/a.pt#b?c=k", "https://h/a.pt#***?c=***"),
            (" https://name:word@h/a.pt", " https://***@h/a.pt"),
            ("https://name:wo/rd@h/a.pt", "https://***@h/a.pt"),
            ("git+https://name:wo/rd@h/a.git", "git+https://***@h/a.git"),
            ("git+https://[::1]:80/a@main", "git+https://[::1]:80/a@main"),
            ("git+file:///srv/a@main", "git+file:///srv/a@main"),
            ("pypi://name:word@h/a", "pypi://***@h/a"),
            ("models:/churn@champion", "models:/churn@champion"),
            ("hf://org/name@refs/pr/1", "hf://org/name@refs/pr/1"),
            ("oci://h:5000/a@sha256:0b", "oci://h:5000/a@sha256:0b"),
        ],
    )
    def test_what_an_address_is_shown_as(self, address: str, shown: str) -> None:
        assert shown_address(address) == shown


class TestBrokenServers:
    """The target can't be met: words, and exit 2."""

    @pytest.mark.parametrize(
        ("fault", "error", "words"),
        [
            (Status(404), TargetNotFound, "does not exist (status 404); check the address"),
            (Status(410), TargetNotFound, "does not exist (status 410)"),
            (Status(401), AccessDenied, "A name and password can be given"),
            (Status(500), TargetUnavailable, "can't answer now (status 500)"),
            (Status(429, {"retry-after": "9999"}), TargetUnavailable, "limits the rate"),
            (Status(204), TargetUnavailable, "answered with status 204"),
            (RedirectLoop(), TargetUnavailable, "redirects more than 5 times"),
            (RedirectTo(METADATA), TargetUnavailable, "cloud metadata address"),
            (RedirectTo("file:///etc/passwd"), TargetUnavailable, "not plain http or https"),
            (DrippingBody(0.1), TargetUnavailable, "took longer than"),
            (DrippingHeaders(0.1), TargetUnavailable, "took longer than"),
            (Truncated(10), TargetUnavailable, "closed connection"),
            (Reset(), TargetUnavailable, "the connection to 127.0.0.1 failed"),
            (WrongRange(5), TargetUnavailable, "asked for were 0-"),
            (UnstatedRange(), TargetUnavailable, "without saying which"),
            (Compressed(), TargetUnavailable, "compressed"),
            (Endless(), TargetUnavailable, "does not say how large the file is"),
        ],
    )
    def test_a_fault_becomes_words(
        self, server: FaultyServer, fault: Fault, error: type[TargetError], words: str
    ) -> None:
        server.fault("/models", fault)

        with pytest.raises(error) as caught:
            fetch(server.url("/models/dirty.pt"), IMPATIENT)

        assert words in str(caught.value)
        assert str(caught.value).startswith(f"Can't read {server.origin}/models/dirty.pt: ")

    def test_a_signature_that_has_run_out_is_told_from_a_password(self, server: FaultyServer) -> None:
        server.fault("/models", Status(403))

        with pytest.raises(AccessDenied, match="valid for a while only; get a new one"):
            fetch(server.url("/models/dirty.pt?Signature=x"))

    def test_a_file_that_is_not_there_is_exit_2(self, server: FaultyServer) -> None:
        server.fault("/small", Status(404))

        said = CliRunner().invoke(commands, ["scan", server.url("/small.pkl")])

        assert said.exit_code == 2
        assert "does not exist (status 404); check the address" in " ".join(said.output.split())

    def test_a_server_that_ignores_ranges_of_a_large_file_is_exit_3(self, server: FaultyServer) -> None:
        server.fault("/models", IgnoresRange())

        said = CliRunner().invoke(commands, ["scan", server.url("/models/dirty.pt")])

        assert said.exit_code == 3
        assert "the server ignores range requests" in " ".join(said.output.split())

    def test_a_small_file_is_taken_whole_from_a_server_that_ignores_ranges(
        self, server: FaultyServer
    ) -> None:
        server.fault("/small", IgnoresRange())

        report = scan(server.url("/small.pkl"))

        assert "PKL002" in [found.rule for found in report.findings]
        assert report.is_complete

    def test_a_file_that_changes_while_it_is_read_is_not_mixed(self, tmp_path: Path) -> None:
        contents: dict[str, bytes | Path] = {"/a.bin": bytes(MIB)}
        with running_faulty(contents) as server:
            source = only(fetch(server.url("/a.bin"))).open()
            contents["/a.bin"] = bytes(2 * MIB)

            with pytest.raises(ReadError, match="changed its size from 1,048,576 to 2,097,152"):
                source.read_at(MIB - 10, 10)


class TestAddresses:
    """What can be asked for, and what is a page instead of a file."""

    def test_a_page_to_log_in_is_not_taken_for_the_file(self, server: FaultyServer) -> None:
        with pytest.raises(TargetUnavailable, match="sends a web page and not the file"):
            fetch(server.url("/page"))

        assert only(fetch(server.url("/page.html"))).name == "page.html"

    @pytest.mark.parametrize(
        "address",
        [
            "https://h/a/",
            "https://h",
            "https://h/",
            "https:///a",
            "https://h:0/a",
            "https://h:x/a",
            "https://h/..",
        ],
    )
    def test_a_folder_and_what_is_no_address_are_refused(self, address: str) -> None:
        with pytest.raises(UsageError):
            fetch(address)

    def test_an_escaped_name_is_data(self, server: FaultyServer) -> None:
        with running_faulty({"/a/../b/c.pkl": b"x", "/dir/x\ny.pkl": b"x"}) as other:
            assert only(fetch(other.url("/a/..%2Fb%2Fc.pkl"))).name == ".._b_c.pkl"
            assert only(fetch(other.url("/dir/x%0Ay.pkl"))).name == "x\ny.pkl"

    def test_the_registry_gives_other_addresses_to_others(self) -> None:
        names = [
            type(resolve(address)).__name__
            for address in (
                "https://example.invalid/a.pkl",
                "https://github.com/o/r/releases/tag/v1",
                "https://github.com/o/r/raw/main/a.pkl",
                "https://huggingface.co/o/r",
            )
        ]

        assert names == ["WebFetcher", "GithubReleaseFetcher", "WebFetcher", "HuggingFaceFetcher"]
