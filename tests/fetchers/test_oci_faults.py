"""Registries that misbehave: clear words, the login for nobody else, nothing lost, no false pass."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.sparse_models import torch_zip
from tests.servers.docker_registry import Layer, digest_of, index_of, manifest_of
from tests.servers.oci_stub import Stub, running_stub
from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, wait_silently
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import AccessDenied, ReadError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.interface import FetchSettings, Problem
from weighbridge.fetchers.oci.credentials import FoundLogin, Login
from weighbridge.fetchers.oci.reference import parse_oci_target
from weighbridge.fetchers.oci.tokens import TokenService, is_of_same_domain, parse_challenge
from weighbridge.fetchers.oci.verified import VerifiedSource
from weighbridge.fetchers.registry import fetch

PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0N."
RAW = "application/vnd.cncf.model.weight.v1.raw"
FILE = "org.cncf.model.filepath"
BAD = Layer(content=PAYLOAD, media_type=RAW, annotations={FILE: "bad.pkl"})
PATIENT = HttpSettings(attempts=1)
LOGIN = Login(username="reader", password="secret-word")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stub]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with running_stub() as running:
        yield running


def large(name: str, content: bytes = b"") -> Layer:
    content = content or bytes(range(256)) * 8192
    return Layer(content=content, media_type=RAW, annotations={FILE: name})


def log_in(monkeypatch: pytest.MonkeyPatch, stub: Stub) -> str:
    """Give the user a login for the registry; return what it looks like on the wire."""
    monkeypatch.setenv("WEIGHBRIDGE_OCI_REGISTRY", stub.host)
    monkeypatch.setenv("WEIGHBRIDGE_OCI_USERNAME", LOGIN.username)
    monkeypatch.setenv("WEIGHBRIDGE_OCI_PASSWORD", LOGIN.password)
    return LOGIN.basic


def scan(stub: Stub, name: str = "acme/m:1", http: HttpSettings = PATIENT) -> Report:
    return scan_target(f"oci://{stub.host}/{name}", ScanSettings(jobs=1, fetch=FetchSettings(http=http)))


def row(report: Report, name: str) -> tuple[Outcome, str]:
    return next((one.outcome, one.detail) for one in report.coverage if one.artifact == name)


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def child(digest: str, system: str = "", machine: str = "") -> Mapping[str, object]:
    return {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": 1,
        "platform": {"os": system, "architecture": machine},
    }


class TestLogins:
    """A login goes to the registry and to its own token service, and to nobody else."""

    def test_a_token_is_fetched_once_and_renewed_when_it_has_run_out(self, stub: Stub) -> None:
        stub.realm, stub.uses = "{here}/token", 2
        stub.put("1", [BAD, large("a.bin"), large("b.bin", bytes(3_000_000))])

        report = scan(stub)

        assert "PKL002" in rules(report)
        assert {one.outcome for one in report.coverage} <= {Outcome.ANALYZED, Outcome.OPAQUE}
        assert stub.tokens > 1

    def test_a_login_is_sent_to_the_token_service_at_the_registry_itself(
        self, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stub.realm, stub.needs_login = "{here}/token", True
        stub.put("1", [BAD])
        basic = log_in(monkeypatch, stub)

        assert "PKL002" in rules(scan(stub))

        asked = [one for one in stub.seen if one.path.startswith("/token")]
        assert [one.authorization for one in asked] == [basic]
        assert "scope=repository%3Aacme%2Fm%3Apull" in asked[0].path
        assert "hostile" not in asked[0].path

    def test_a_token_service_elsewhere_does_not_get_the_login(
        self, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stub.realm, stub.needs_login = "{elsewhere}/token", True
        stub.put("1", [BAD])
        log_in(monkeypatch, stub)

        with pytest.raises(AccessDenied, match="not of its own domain, so the login was not sent"):
            scan(stub)

        assert [one.authorization for one in stub.to(stub.elsewhere)] == [None]

    def test_storage_that_asks_for_a_login_gets_none(
        self, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stub.realm, stub.stores_elsewhere, stub.storage_asks_for_login = "{here}/token", True, True
        stub.put("1", [BAD])
        log_in(monkeypatch, stub)

        report = scan(stub)

        assert row(report, "bad.pkl")[0] is Outcome.FAILED
        assert stub.to(stub.elsewhere)
        assert {one.authorization for one in stub.to(stub.elsewhere)} == {None}
        assert not [one for one in stub.to(stub.elsewhere) if "/token" in one.path]

    def test_a_login_of_another_registry_is_not_tried(
        self, stub: Stub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stub.challenge = 'Basic realm="stub"'
        stub.put("1", [BAD])
        log_in(monkeypatch, stub)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_REGISTRY", "registry.example.invalid")

        with pytest.raises(AccessDenied, match="WEIGHBRIDGE_OCI_PASSWORD is for another registry"):
            scan(stub)

        assert {one.authorization for one in stub.seen} == {None}

    def test_a_credential_helper_is_named_and_not_run(self, stub: Stub, tmp_path: Path) -> None:
        stub.challenge = 'Basic realm="stub"'
        stub.put("1", [BAD])
        (tmp_path / "config.json").write_text('{"auths": {}, "credsStore": "desktop"}')

        with pytest.raises(AccessDenied, match="docker-credential-desktop, and we run no programs"):
            scan(stub)

    def test_the_password_is_in_no_message(
        self, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stub.realm, stub.needs_login, stub.uses = "{here}/token", True, 0
        stub.put("1", [BAD])
        pair = base64.b64encode(b"reader:secret-word").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {stub.host: {"auth": pair}}}))

        with pytest.raises(AccessDenied, match="refused, or may not read") as caught:
            scan(stub)

        assert "secret-word" not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert pair not in str(caught.value)


class TestTokenServices:
    """Where a public registry may send us for a token."""

    def service(self, target: str, traffic: TrafficCounter) -> TokenService:
        return TokenService(
            parse_oci_target(target),
            FoundLogin(login=LOGIN, note="of a test"),
            actions="pull",
            settings=PATIENT,
            traffic=traffic,
            on_wait=wait_silently,
        )

    @pytest.mark.parametrize(
        ("realm", "words"),
        [
            ("http://registry.example.invalid/token", "without TLS"),
            ("https://user@registry.example.invalid/token", "not a plain URL"),
            ("file:///etc/passwd", "not a plain URL"),
            ("https://[", "not a URL"),
        ],
    )
    def test_an_address_that_is_no_service_over_tls_is_never_asked(self, realm: str, words: str) -> None:
        traffic = TrafficCounter()
        service = self.service("oci://registry.example.invalid/m", traffic)

        with pytest.raises(ReadError, match=words):
            service.authorization(f'Bearer realm="{realm}"')

        assert traffic.snapshot().requests == 0

    def test_a_public_registry_can_not_send_us_to_this_machine(self, stub: Stub) -> None:
        service = self.service("oci://registry.example.invalid/m", TrafficCounter())

        with pytest.raises(ReadError, match="loopback address"):
            service.authorization(f'Bearer realm="https://{stub.host}/token"')

        assert stub.seen == []

    @pytest.mark.parametrize(
        ("host", "registry", "expected"),
        [
            ("auth.docker.io", "registry-1.docker.io", True),
            ("gitlab.com", "registry.gitlab.com", True),
            ("auth.ghcr.io", "ghcr.io", True),
            ("evil.example", "ghcr.io", False),
            ("evil-docker.io", "registry-1.docker.io", False),
            ("evil.co.uk", "models.co.uk", False),
            ("10.0.0.2", "10.0.0.1", False),
            ("evil.0.0.1", "10.0.0.1", False),
            ("localhost", "localhost", False),
        ],
    )
    def test_a_service_of_the_same_domain_is_the_registrys_own(
        self, host: str, registry: str, expected: bool
    ) -> None:
        assert is_of_same_domain(host, registry) is expected

    @pytest.mark.parametrize(
        "header", ["", "Negotiate", "Bearer", 'Bearer service="x"', "Bearer " * 9999]
    )
    def test_a_challenge_that_names_no_service_asks_for_nothing(self, header: str) -> None:
        assert parse_challenge(header) is None


class TestManifests:
    """What is not what it says is not scanned in its stead."""

    def test_a_manifest_with_another_digest_is_refused(self, stub: Stub) -> None:
        wanted = stub.put("1", [BAD])
        stub.documents[wanted] = manifest_of([large("harmless.bin")])

        with pytest.raises(TargetUnavailable, match="Nothing was scanned"):
            scan(stub, f"acme/m@{wanted}")

    def test_a_tag_whose_stated_digest_is_another_is_refused(self, stub: Stub) -> None:
        stub.put("1", [BAD])
        stub.headers = {"docker-content-digest": f"sha256:{'0' * 64}"}

        with pytest.raises(TargetUnavailable, match=f"states sha256:{'0' * 64}"):
            scan(stub)

    def test_a_child_of_an_index_with_another_digest_is_a_finding(self, stub: Stub) -> None:
        wanted = stub.put("1", [BAD])
        good = stub.put("2", [large("b.bin")])
        stub.documents[wanted] = manifest_of([large("harmless.bin")])
        stub.documents["all"] = index_of([child(wanted), child(good, "linux", "arm64")])

        report = scan(stub, "acme/m:all")

        assert "ORG008" in rules(report)
        assert row(report, f"sha256-{wanted[7:19]}/oci-manifest.json")[0] is Outcome.FAILED
        assert row(report, "linux-arm64/b.bin")[0] is Outcome.OPAQUE

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"<html>", "not a manifest"),
            (b"[" * 100_000, "not a manifest"),
            (b'{"schemaVersion": 2}', "lists nothing"),
            (b'{"layers": [{"size": "many"}]}', "not a manifest"),
            (b'{"layers": [], "layers": [{}]}', "stands more than once"),
            (b'{"layers": [{}], "Layers": [{}]}', "stands more than once"),
            (b'{"layers": [{"digest": "a", "Digest": "b"}]}', "stands more than once"),
            (b'{"layers": [{}], "manifests": [{}]}', "at once"),
            (b" " * (4 * 1024 * 1024 + 1), "more than 4,194,304 bytes"),
        ],
    )
    def test_what_clients_read_differently_is_refused(
        self, stub: Stub, content: bytes, words: str
    ) -> None:
        stub.documents["1"] = content

        with pytest.raises(TargetUnavailable, match=words):
            scan(stub)

    def test_indexes_without_end_are_not_followed(self, stub: Stub) -> None:
        digest = stub.put("0", [BAD])
        for depth in range(1, 6):
            index = index_of([child(digest)])
            digest = digest_of(index)
            stub.documents[str(depth)] = stub.documents[digest] = index

        report = scan(stub, "acme/m:5")

        assert [one.outcome for one in report.coverage].count(Outcome.FAILED) == 1
        assert "deep in each other" in next(
            one.detail for one in report.coverage if one.outcome is Outcome.FAILED
        )

    def test_more_manifests_than_anybody_has_are_not_asked_for(self, stub: Stub) -> None:
        digest = stub.put("1", [BAD])
        stub.documents["all"] = index_of([child(digest)] * 1_001)

        with closing(fetch(f"oci://{stub.host}/acme/m:all", FetchSettings(http=PATIENT))) as fetched:
            problems = [item for item in fetched.items if isinstance(item, Problem)]

        assert [problem.detail for problem in problems] == [
            "the artifact has more than 1,000 manifests, or 67,108,864 bytes or 500,000 "
            "objects of them; the rest was not looked at"
        ]
        assert len(stub.seen) == 2

    @pytest.mark.parametrize("size", [-1, 1 << 63, 1 << 70])
    def test_a_size_that_no_file_has_is_said(self, stub: Stub, size: int) -> None:
        layer = {"mediaType": RAW, "digest": BAD.digest, "size": size}
        stub.documents["1"] = json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()

        report = scan(stub)

        assert row(report, "layer-01")[0] is Outcome.FAILED


class TestNames:
    """Whoever pushes chooses the names; none of them hides a file or leads anywhere."""

    @pytest.mark.parametrize(
        ("name", "rule"),
        [("../../etc/x.pkl", "ARC001"), ("/etc/x.pkl", "ARC002"), ("C:\\x.pkl", "ARC002")],
    )
    def test_a_hostile_name_is_a_finding_and_its_content_is_looked_at(
        self, stub: Stub, name: str, rule: str
    ) -> None:
        layer = Layer(content=PAYLOAD, media_type=RAW, annotations={FILE: name})
        stub.put("1", [layer])

        report = scan(stub)

        assert rules(report) >= {rule, "PKL002"}
        safe = f"sha256-{layer.digest[7:19]}"
        assert {finding.path[0] for finding in report.findings} <= {safe, "*"}
        assert Outcome.FAILED in {one.outcome for one in report.coverage if one.artifact == safe}

    def test_of_two_layers_with_one_name_both_are_looked_at(self, stub: Stub) -> None:
        twin = Layer(content=b"\x80\x04N.", media_type=RAW, annotations={FILE: "bad.pkl"})
        squatter = Layer(
            content=b"\x80\x04]. ",
            media_type=RAW,
            annotations={FILE: f"{BAD.digest.replace(':', '-')}/bad.pkl"},
        )
        stub.put("1", [twin, squatter, BAD])

        report = scan(stub)

        found = {finding.path[0] for finding in report.findings if finding.rule == "PKL002"}
        assert found == {f"{BAD.digest.replace(':', '-')}-2/bad.pkl"}

    def test_a_layer_without_a_digest_is_said(self, stub: Stub) -> None:
        layer = {"mediaType": RAW, "digest": "sha256:../../x", "size": 4}
        stub.documents["1"] = json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()

        report = scan(stub)

        assert row(report, "layer-01")[0] is Outcome.FAILED
        assert "which is no digest" in row(report, "layer-01")[1]

    def test_more_layers_than_the_limit_are_said(self, stub: Stub) -> None:
        stub.put("1", [large(f"{number}.bin", bytes([number])) for number in range(20)])
        settings = ScanSettings(jobs=1, fetch=FetchSettings(max_files=5))

        report = scan_target(f"oci://{stub.host}/acme/m:1", settings)

        assert row(report, "...") == (
            Outcome.LIMITED,
            "the artifact has more than 5 files; the rest was not looked at",
        )


class TestVerification:
    """A digest is compared when all bytes came by, in whatever steps."""

    CONTENT = bytes(range(256)) * 40

    @given(st.lists(st.tuples(st.integers(0, 10_500), st.integers(0, 4_000)), max_size=20))
    def test_ranges_in_any_order_are_given_and_a_whole_reading_is_compared(
        self, ranges: list[tuple[int, int]]
    ) -> None:
        source = VerifiedSource(MemorySource(self.CONTENT), digest_of(self.CONTENT))

        read = [bytes(source.read_at(start, length)) for start, length in ranges]
        whole = b"".join(bytes(source.read_at(start, 1_000)) for start in range(0, 11_000, 1_000))

        assert read == [self.CONTENT[start : start + length] for start, length in ranges]
        assert whole == self.CONTENT

    @given(st.lists(st.tuples(st.integers(0, 10_200), st.integers(0, 4_000)), max_size=20))
    def test_whatever_was_read_before_other_bytes_are_not_given_to_the_end(
        self, ranges: list[tuple[int, int]]
    ) -> None:
        source = VerifiedSource(MemorySource(self.CONTENT), digest_of(b"others"))

        with suppress(ReadError):
            for start, length in [*ranges, (0, len(self.CONTENT))]:
                source.read_at(start, length)
        with pytest.raises(ReadError, match="do not use them"):
            source.read_at(0, 1)


class TestBlobs:
    """Bytes that do not come, or are others, make the verdict incomplete and lose nothing."""

    def test_a_small_blob_with_other_bytes_is_a_finding(self, stub: Stub) -> None:
        layer = Layer(content=b"{}\n", media_type=RAW, annotations={FILE: "config.json"})
        stub.put("1", [layer])
        stub.blobs[layer.digest] = b"[]\n"

        assert "ORG008" in rules(scan(stub))

    def test_a_large_blob_that_is_streamed_is_compared_at_its_end(self, stub: Stub) -> None:
        content = random.Random(7).randbytes(2_000_000)
        layer = Layer(
            content=gzip.compress(content, 1, mtime=0),
            media_type="application/vnd.kitops.modelkit.dataset.v1.tar+gzip",
        )
        stub.put("1", [layer])
        stub.blobs[layer.digest] = gzip.compress(content[::-1], 1, mtime=0)
        assert len(stub.blobs[layer.digest]) == len(layer.content)

        outcome, detail = row(scan(stub), "dataset-01.tar.gz")

        assert outcome is Outcome.FAILED
        assert "damaged or exchanged" in detail

    def test_of_a_blob_read_by_ranges_nothing_is_said_about_its_digest(
        self, stub: Stub, tmp_path: Path
    ) -> None:
        torch_zip(tmp_path / "m.bin", 4 << 20)
        layer = large("m.bin", (tmp_path / "m.bin").read_bytes())
        stub.put("1", [layer])
        stub.blobs[layer.digest] = layer.content[:2_000_000] + b"\1" + layer.content[2_000_001:]

        report = scan(stub)

        assert {one.outcome for one in report.coverage} <= {Outcome.ANALYZED, Outcome.OPAQUE}
        assert report.files[0].sha256 == layer.digest[7:]

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ({"loops": True}, "redirects more than 5 times"),
            ({"cut_after_bytes": 10}, "failed|stopped|closed"),
        ],
    )
    def test_a_blob_that_does_not_come_fails_and_the_others_are_read(
        self, stub: Stub, fault: Mapping[str, object], words: str
    ) -> None:
        stub.put("1", [BAD])
        for name, value in fault.items():
            setattr(stub, name, value)

        outcome, detail = row(scan(stub), "bad.pkl")

        assert outcome is Outcome.FAILED
        assert re.search(words, detail)

    def test_a_body_that_drips_is_given_up(self, stub: Stub) -> None:
        stub.put("1", [BAD])
        stub.drip_s = 0.2
        hasty = HttpSettings(attempts=1, deadline_s=0.5, slowest_bytes_per_s=100_000_000)

        outcome, detail = row(scan(stub, http=hasty), "bad.pkl")

        assert outcome is Outcome.FAILED
        assert "took longer than" in detail

    def test_a_server_that_ignores_ranges_still_shows_the_pickle(self, stub: Stub) -> None:
        stub.ignores_range = True
        stub.put("1", [BAD, large("z.bin", PAYLOAD + bytes(3_000_000))])

        assert {one.path[0] for one in scan(stub).findings if one.rule == "PKL002"} == {
            "bad.pkl",
            "z.bin",
        }

    def test_storage_elsewhere_is_read_without_the_token(self, stub: Stub) -> None:
        stub.realm, stub.stores_elsewhere = "{here}/token", True
        stub.put("1", [BAD])

        assert "PKL002" in rules(scan(stub))

        assert {one.authorization for one in stub.to(stub.elsewhere)} == {None}

    def test_a_missing_tag_is_said_with_what_to_check(self, stub: Stub) -> None:
        with pytest.raises(TargetNotFound, match="There is no repository"):
            scan(stub, "acme/absent:1")
