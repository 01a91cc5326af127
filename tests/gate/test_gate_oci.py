"""The gate of a real registry: the report attached to what was scanned, a tag on PASS only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.servers.docker_registry import (
    PASSWORD,
    USERNAME,
    Layer,
    Registry,
    digest_of,
    manifest_of,
    running_registry,
)
from tests.servers.oci_stub import running_stub
from weighbridge.cli.main import commands
from weighbridge.cli.running import run
from weighbridge.engine.scan import ScanSettings
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.gate.oci import GateRequest, gate_oci
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.reporters.interface import Run

BAD = Layer(
    content=b"cposix\nsystem\nX\x17\0\0\0echo weighbridge-marker\x85R0N.",
    media_type="application/vnd.cncf.model.weight.v1.raw",
    annotations={"org.cncf.model.filepath": "model.pkl"},
)
GOOD = Layer(
    content=b'{"model_type": "bert"}',
    media_type="application/vnd.cncf.model.weight.config.v1.raw",
    annotations={"org.cncf.model.filepath": "config.json"},
)
CUT = Layer(
    content=b"\x80\x04\x95\xff",
    media_type="application/vnd.cncf.model.weight.v1.raw",
    annotations={"org.cncf.model.filepath": "model.pkl"},
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry"), is_closed=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _login(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("WEIGHBRIDGE_OCI_REGISTRY", registry.host)
    monkeypatch.setenv("WEIGHBRIDGE_OCI_USERNAME", USERNAME)
    monkeypatch.setenv("WEIGHBRIDGE_OCI_PASSWORD", PASSWORD)


def gate(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["gate", "oci", "-j", "1", *arguments])
    return done.exit_code, done.output


def tags(registry: Registry, name: str) -> set[str]:
    return set(json.loads(registry.get(f"/v2/{name}/tags/list"))["tags"])


def referrers(registry: Registry, name: str, digest: str) -> list[dict[str, object]]:
    listed = json.loads(registry.get(f"/v2/{name}/manifests/{digest.replace(':', '-')}"))
    rows: list[dict[str, object]] = listed["manifests"]
    return rows


class TestPromotion:
    """A tag goes to the bytes that were scanned, and only when they pass."""

    def test_what_passes_gets_the_tag(self, registry: Registry) -> None:
        digest = registry.push("acme/good", "candidate", [GOOD])

        code, output = gate(f"oci://{registry.host}/acme/good:candidate", "--promote", "stable")

        assert code == 0
        assert f"Gave the tag stable to {registry.host}/acme/good@{digest[:19]}…." in output
        assert digest_of(registry.get("/v2/acme/good/manifests/stable")) == digest

    @pytest.mark.parametrize(
        ("layer", "code", "word"), [(BAD, 1, "FAIL"), (CUT, 3, "INCOMPLETE")], ids=["bad", "cut"]
    )
    def test_what_does_not_pass_gets_none(
        self, registry: Registry, layer: Layer, code: int, word: str
    ) -> None:
        name = f"acme/{word.lower()}"
        registry.push(name, "candidate", [layer])

        actual, output = gate(f"oci://{registry.host}/{name}:candidate", "--promote", "stable")

        assert actual == code
        assert f"Left the tag stable where it is: the verdict on {registry.host}/{name}@" in output
        assert f"is {word}." in output
        assert tags(registry, name) == {"candidate"}

    def test_a_tag_that_moves_during_the_scan_promotes_what_was_scanned(
        self, registry: Registry
    ) -> None:
        scanned = registry.push("acme/race", "candidate", [GOOD])

        def scan(target: str) -> Run:
            done = run(
                (target,), ScanSettings(jobs=1), signatures=Signatures.installed(), policy=Policy()
            )
            registry.push("acme/race", "candidate", [BAD])
            return done

        target = f"oci://{registry.host}/acme/race:candidate"
        gated = gate_oci(GateRequest(target=target, promote="stable"), scan, FetchSettings())

        assert gated.exit_code == 0
        assert digest_of(registry.get("/v2/acme/race/manifests/stable")) == scanned
        assert digest_of(registry.get("/v2/acme/race/manifests/candidate")) != scanned

    def test_a_rehearsal_writes_nothing(self, registry: Registry) -> None:
        registry.push("acme/dry", "candidate", [GOOD])

        target = f"oci://{registry.host}/acme/dry:candidate"
        code, output = gate(target, "--promote", "stable", "--attach", "--dry-run")

        assert code == 0
        assert "Would attach the report" in output
        assert "Would give the tag stable" in output
        assert tags(registry, "acme/dry") == {"candidate"}


class TestReports:
    """The report refers to what it is about."""

    def test_the_report_is_listed_under_the_tag_of_its_subject(self, registry: Registry) -> None:
        digest = registry.push("acme/report", "1", [BAD])

        code, output = gate(f"oci://{registry.host}/acme/report:1", "--attach")

        [row] = referrers(registry, "acme/report", digest)
        assert code == 1
        assert f"listed under the tag {digest.replace(':', '-')[:19]}…" in output
        assert row["artifactType"] == "application/vnd.weighbridge.report.v1+json"
        assert isinstance(row["annotations"], dict)
        assert row["annotations"]["weighbridge.verdict"] == "fail"

    def test_the_report_can_be_read_back(self, registry: Registry, tmp_path: Path) -> None:
        digest = registry.push("acme/back", "1", [BAD])
        gate(f"oci://{registry.host}/acme/back:1", "--attach")
        [row] = referrers(registry, "acme/back", digest)

        manifest = json.loads(registry.get(f"/v2/acme/back/manifests/{row['digest']}"))
        report = registry.get(f"/v2/acme/back/blobs/{manifest['layers'][0]['digest']}")

        assert manifest["subject"]["digest"] == digest
        assert json.loads(report)["targets"][0]["origin"]["revision"] == digest
        names = [one["annotations"]["org.opencontainers.image.title"] for one in manifest["layers"]]
        assert names == ["report.json", "report.sarif"]
        assert str(tmp_path).encode() not in report
        assert PASSWORD.encode() not in report

    def test_a_second_report_stands_beside_the_first_and_those_of_others(
        self, registry: Registry
    ) -> None:
        digest = registry.push("acme/twice", "1", [GOOD])
        other = registry.push("acme/twice", "signature", [BAD])
        size = len(manifest_of([BAD]))
        row = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": other, "size": size}
        listed = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [{**row, "x-unknown": 1}],
            }
        )
        registry.put_manifest(
            "acme/twice",
            digest.replace(":", "-"),
            listed.encode(),
            "application/vnd.oci.image.index.v1+json",
        )

        gate(f"oci://{registry.host}/acme/twice:1", "--attach")
        gate(f"oci://{registry.host}/acme/twice:1", "--attach", "-v")

        rows = referrers(registry, "acme/twice", digest)
        assert rows[0] == {**row, "x-unknown": 1}
        assert len({str(one["digest"]) for one in rows}) >= 2

    def test_the_report_itself_can_be_scanned(self, registry: Registry) -> None:
        digest = registry.push("acme/self", "1", [GOOD])
        gate(f"oci://{registry.host}/acme/self:1", "--attach")
        [row] = referrers(registry, "acme/self", digest)

        code, output = gate(f"oci://{registry.host}/acme/self@{row['digest']}")

        assert code == 0, output

    def test_a_registry_that_lists_referrers_itself_gets_no_tag_for_them(self) -> None:
        with running_stub() as stub:
            stub.takes_pushes = stub.knows_subjects = True
            digest = stub.put("1", [GOOD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach")

        assert code == 0
        assert "Attached the report to" in output
        assert "listed under" not in output
        assert digest.replace(":", "-") not in stub.documents


class TestErrors:
    """What can't be written is said; what was found is told all the same."""

    def test_a_registry_that_takes_nothing_is_said_after_the_report(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running_stub() as stub:
            stub.put("1", [GOOD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--promote", "stable")

        assert code == 2
        assert output.startswith("PASS")
        assert "Could not give the tag stable to" in output

    def test_a_failed_attachment_leaves_the_tag(self) -> None:
        with running_stub() as stub:
            stub.put("1", [GOOD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach", "--promote", "stable")

        assert code == 2
        assert "Could not attach the report, and gave it no tag, to" in output
        assert "Gave the tag" not in output

    def test_an_upload_goes_to_no_other_host(self) -> None:
        with running_stub() as stub:
            stub.takes_pushes = stub.uploads_elsewhere = True
            stub.put("1", [GOOD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach")

        assert code == 2
        assert "wants uploads to go to another host; refused" in output
        assert stub.to(stub.elsewhere) == []

    def test_a_login_that_may_only_read_is_said(self) -> None:
        with running_stub() as stub:
            stub.put("1", [GOOD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach")

        assert code == 2
        assert "status 403, DENIED" in output
        assert "may not write to this repository" in " ".join(output.split())

    def test_a_tag_for_referrers_that_is_something_else_is_left(self) -> None:
        with running_stub() as stub:
            stub.takes_pushes = True
            digest = stub.put("1", [GOOD])
            tag = digest.replace(":", "-")
            stub.documents[tag] = manifest_of([BAD])
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach")

        assert code == 2
        assert "is no list of referrers" in output
        assert stub.documents[tag] == manifest_of([BAD])

    def test_a_list_of_referrers_with_a_row_that_is_none_is_left(self) -> None:
        with running_stub() as stub:
            stub.takes_pushes = True
            tag = stub.put("1", [GOOD]).replace(":", "-")
            stub.documents[tag] = b'{"schemaVersion": 2, "manifests": [7]}'
            code, output = gate(f"oci://{stub.host}/acme/m:1", "--attach")

        assert code == 2
        assert "is no list of referrers" in output

    def test_a_target_that_is_not_there_is_said(self, registry: Registry) -> None:
        code, output = gate(f"oci://{registry.host}/acme/absent:1", "--promote", "stable")

        assert code == 2
        assert "There is no repository" in output
        assert "Wrote nothing to the registry" in output

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["hf://a/b"], "give an artifact of a registry"),
            (["oci://r.example.invalid/m", "--promote", "../x"], "is not a tag"),
        ],
    )
    def test_what_can_not_be_gated_is_said(self, arguments: list[str], words: str) -> None:
        done = CliRunner().invoke(commands, ["gate", "oci", *arguments])

        assert words in str(done.exception)
