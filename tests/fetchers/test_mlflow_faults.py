"""MLflow servers and registries that lie, break off, drip or lead astray: words, and nothing lost."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.mlflow_stub import Stub, running_stub, self_signed
from tests.servers.programs import free_port
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.report import Outcome, Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import TargetError, TargetNotFound, TargetUnavailable, UsageError
from weighbridge.fetchers.interface import Entry, FetchSettings, Problem
from weighbridge.fetchers.mlflow import MlflowFetcher

EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."
IMPATIENT = HttpSettings(inactivity_s=2, deadline_s=1, attempts=1, slowest_bytes_per_s=1 << 22)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    for name in ("REGISTRY_URI", "TRACKING_USERNAME", "TRACKING_PASSWORD", "TRACKING_TOKEN"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    with running_stub() as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        server.files = {"store/m/evil.pkl": EVIL, "store/m/plain.pkl": PLAIN}
        yield server


def fetched(target: str = "models:/m/1") -> list[Entry | Problem]:
    found = MlflowFetcher().fetch(target, FetchSettings(http=IMPATIENT))
    items = list(found.items)
    found.close()
    return items


def scan(target: str = "models:/m/1") -> Report:
    return scan_target(target, ScanSettings(jobs=1, fetch=FetchSettings(http=IMPATIENT)))


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def row(report: Report, name: str) -> tuple[Outcome, str]:
    return next((one.outcome, one.detail) for one in report.coverage if one.artifact == name)


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc",
        "file://localhost/etc/passwd",
        "/etc",
        "etc/passwd",
        "../../etc",
        "//proc/self/root",  # CVE-2023-6977
        "FILE:/etc",
        "C:\\Users",
        "\\\\host\\share",
        "",
    ],
)
def test_a_source_in_the_file_system_of_this_machine_is_never_followed(stub: Stub, source: str) -> None:
    stub.source = source

    with pytest.raises(TargetUnavailable, match=r"Not followed: the registry says .* file system"):
        fetched()


@pytest.mark.parametrize(
    "source",
    [
        "dbfs:/databricks/m",
        "hdfs://name/m",
        "ftp://files.example.invalid/m",
        "https://files.example.invalid/model.pkl",
        "https://name:word@files.example.invalid/api/2.0/mlflow-artifacts/artifacts/m",
        "mlflow-artifacts:/store/../other",
        "mlflow-artifacts:/store/%2e%2e/other",
        "mlflow-artifacts:/store/m?x=1",
        "mlflow-artifacts://[broken/m",
        "s3://bucket/m?versionId=1",
        "s3://key:word@bucket/m",
        "wasbs://account.blob.core.windows.net/m",
        "javascript:alert(1)",
        "http:///#/../../../etc/",  # CVE-2024-1483
        "hf://org/name",
        "runs://host/x",
    ],
)
def test_other_places_that_are_not_plain_are_not_followed(stub: Stub, source: str) -> None:
    stub.source = source

    with pytest.raises(TargetUnavailable, match="Not followed") as refused:
        fetched()

    assert "word" not in str(refused.value).replace("password", "")
    assert stub.paths("mlflow-artifacts/artifacts") == []


def test_a_source_on_another_host_gets_no_credentials(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with running_stub("127.0.0.2") as other:
        other.files = {"there/evil.pkl": EVIL}
        stub.source = f"{other.url}/api/2.0/mlflow-artifacts/artifacts/there"
        assert "PKL002" in rules(scan())
        stub.source = other.url.replace("http:", "mlflow-artifacts:") + "/there"
        assert "PKL002" in rules(scan())

        assert {header for _, _, header in stub.seen} == {"Bearer t0ken"}
        assert {header for _, _, header in other.seen} == {None}


@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "[fd00:ec2::254]"])
def test_a_source_on_a_private_network_or_at_a_metadata_address_is_refused(
    stub: Stub, host: str
) -> None:
    stub.source = f"http://{host}/api/2.0/mlflow-artifacts/artifacts/latest"

    with pytest.raises(TargetUnavailable, match=r"Not followed.*as if .* had redirected there.*refused"):
        fetched()


def test_a_token_or_a_name_in_the_address_is_sent_to_the_tracking_server_only(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    basic = "Basic " + base64.b64encode(b"anna:s3cret").decode()
    stub.authorization = basic
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stub.url.replace("//", "//anna:s3cret@"))

    report = scan()

    assert {header for _, _, header in stub.seen} == {basic}
    assert "s3cret" not in str(report)
    stub.authorization = "Bearer other"
    with pytest.raises(TargetError, match="refuses the credentials") as refused:
        fetched()
    assert "s3cret" not in str(refused.value)


def test_the_file_that_mlflow_keeps_credentials_in_is_read(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    file = tmp_path / ".mlflow" / "credentials"
    file.write_text("[mlflow]\nmlflow_tracking_username = anna\nmlflow_tracking_password = s3%cret\n")
    stub.authorization = "Basic " + base64.b64encode(b"anna:s3%cret").decode()
    assert len(fetched()) == 2
    file.write_text("[mlflow\nmlflow_tracking_password = s3cret")
    with pytest.raises(UsageError, match=r"~/\.mlflow/credentials can't be read") as broken:
        fetched()
    assert "s3cret" not in str(broken.value)


def test_a_server_that_the_target_names_gets_the_credentials_of_no_other(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    authority = stub.url.removeprefix("http://")
    fetched(f"mlflow-artifacts://{authority}/store/m")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example.invalid")
    fetched(f"mlflow-artifacts://{authority}/store/m")

    assert [header for _, _, header in stub.seen] == ["Bearer t0ken", None]


def test_entries_that_lead_to_each_other_come_to_an_end(stub: Stub) -> None:
    stub.source = "models:/m/1"

    with pytest.raises(TargetUnavailable, match="from one entry of the registry to the next"):
        fetched()


def test_a_listing_that_lists_itself_is_cut_and_said(stub: Stub) -> None:
    again = {"files": [{"path": "m", "is_dir": True}, {"path": "evil.pkl", "file_size": len(EVIL)}]}
    stub.listings = {"/".join(["store", *["m"] * depth]): again for depth in range(1, 40)}
    stub.files |= {f"store/{'m/' * depth}evil.pkl": EVIL for depth in range(1, 40)}

    report = scan()

    assert "PKL002" in rules(report)
    assert "m/" * 32 + "m" in [one.artifact for one in report.coverage]
    assert row(report, "m/" * 32 + "m") == (
        Outcome.LIMITED,
        "lies more than 32 folders deep; not looked at",
    )


@pytest.mark.parametrize("name", ["../x", "..", ".", "", "/etc/passwd", "a/b", "x\0y"])
def test_a_name_that_no_file_can_have_is_not_read_and_the_rest_is(stub: Stub, name: str) -> None:
    evil = {"path": "evil.pkl", "file_size": str(len(EVIL))}
    stub.listings["store/m"] = {"files": [{"path": name, "file_size": 4}, evil]}

    report = scan()

    assert "PKL002" in rules(report)
    assert not report.is_complete
    assert [path for path in stub.paths("artifacts/store") if "evil.pkl" not in path] == []


def test_a_folder_that_cannot_be_listed_costs_only_itself(stub: Stub) -> None:
    stub.files = {"store/m/bad/x.pkl": PLAIN, "store/m/good/evil.pkl": EVIL}
    stub.statuses[r"path=store%2Fm%2Fbad"] = 403

    report = scan()

    assert "PKL002" in rules(report)
    outcome, detail = row(report, "bad")
    assert outcome is Outcome.FAILED
    assert "this folder can't be listed: 127.0.0.1 answered with status 403" in detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[1, 2", "not MLflow's"),
        (b'{"files": [{"path": 7}]}', "not MLflow's"),
        (b'{"files": "all of them"}', "not MLflow's"),
        (b"[" * 100_000, "not MLflow's"),
        (b"<html>", "not MLflow's"),
    ],
)
def test_an_answer_that_is_not_mlflows_is_said(stub: Stub, body: bytes, said: str) -> None:
    stub.bodies[r"artifacts\?path="] = body

    with pytest.raises(TargetUnavailable, match=said):
        fetched()


def test_too_many_files_are_cut_and_said(stub: Stub) -> None:
    found = MlflowFetcher().fetch("models:/m/1", FetchSettings(max_files=1))

    last = list(found.items)[-1]

    assert isinstance(last, Problem)
    assert last.detail == "the target has more than 1 files; the rest was not looked at"
    found.close()


def test_a_truncated_answer_costs_one_file(stub: Stub) -> None:
    stub.files = {"store/m/evil.pkl": EVIL, "store/m/weights.bin": b"w" * 300_000}
    stub.sends_only_bytes = len(EVIL)

    report = scan()

    assert row(report, "weights.bin")[0] is Outcome.FAILED
    assert "PKL002" in rules(report)


@pytest.fixture
def whole(stub: Stub, tmp_path: Path) -> Stub:
    """A server that sends whole files only, and among them one of 12 MiB with a small pickle in it."""
    torch_zip(tmp_path / "m.pth", 12 << 20, payload=PAYLOAD)
    stub.files = {"store/m/m.pth": (tmp_path / "m.pth").read_bytes()}
    stub.ignores_range = True
    return stub


def test_from_a_server_without_ranges_a_file_is_taken_whole_and_once(whole: Stub) -> None:
    report = scan()

    assert "PKL002" in rules(report)
    assert report.is_complete
    # The first answer shows that ranges are ignored, the second is the file.
    assert len(whole.paths(r"artifacts/store/m/m\.pth")) == 2


def test_what_came_whole_with_the_first_answer_is_not_asked_for_again(
    whole: Stub, tmp_path: Path
) -> None:
    torch_zip(tmp_path / "small.pth", 6 << 20, payload=PAYLOAD)
    whole.files = {"store/m/m.pth": (tmp_path / "small.pth").read_bytes()}

    assert "PKL002" in rules(scan())
    assert len(whole.paths(r"artifacts/store/m/m\.pth")) == 1


def test_where_the_store_hands_out_a_file_it_is_read_there_by_ranges(
    whole: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with running_stub("127.0.0.2") as store:
        store.files = whole.files
        whole.signed = f"{store.url}/api/2.0/mlflow-artifacts/artifactsPATH?signature=1"
        report = scan()
        assert {header for _, _, header in store.seen} == {None}

    assert "PKL002" in rules(report)
    assert report.traffic.bytes_received < 300_000
    assert len(whole.paths(r"artifacts/store/m/m\.pth")) == 1
    assert "signature" not in str(report)


def test_an_address_that_ran_out_is_asked_for_again(whole: Stub) -> None:
    with running_stub("127.0.0.2") as store:
        store.files = whole.files
        address = f"{store.url}/api/2.0/mlflow-artifacts/artifactsPATH?signature="
        whole.signed = f"{address}1"
        found = MlflowFetcher().fetch("models:/m/1", FetchSettings(http=IMPATIENT))
        (entry,) = found.items
        assert isinstance(entry, Entry)
        source = entry.open()
        assert source.size == len(whole.files["store/m/m.pth"])
        store.statuses["signature=1"] = 403
        whole.signed = f"{address}2"
        assert source.read_at(0, 4) == b"PK\x03\x04"
        found.close()

    assert store.paths("signature=2") != []


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest", "file:///etc/passwd", "http://127.0.0.1:1/gone", "", "http://["],
)
def test_a_store_that_can_not_or_may_not_be_reached_costs_a_whole_file(
    whole: Stub, address: str
) -> None:
    whole.signed = address

    report = scan()

    assert "PKL002" in rules(report)
    assert report.is_complete


def test_a_whole_file_that_breaks_off_is_not_taken_for_a_file(whole: Stub) -> None:
    whole.sends_only_bytes = 2 << 20

    assert row(scan(), "m.pth")[0] is Outcome.FAILED


def test_redirects_in_a_circle_end_in_words(stub: Stub) -> None:
    stub.redirects[r"evil\.pkl"] = "/api/2.0/mlflow-artifacts/artifacts/store/m/evil.pkl"

    outcome, detail = row(scan(), "evil.pkl")

    assert outcome is Outcome.FAILED
    assert "redirects more than 5 times" in detail


def test_a_body_that_drips_runs_into_the_deadline(stub: Stub) -> None:
    stub.drip_s = 0.5

    report = scan()

    assert {row(report, name)[0] for name in ("evil.pkl", "plain.pkl")} == {Outcome.FAILED}
    assert "took longer than" in row(report, "evil.pkl")[1]


def test_a_server_that_is_down_is_said(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(TargetUnavailable, match=r"Can't reach models:/m/1 at http://127\.0\.0\.1"):
        fetched()


def test_a_certificate_is_believed_when_its_own_variable_names_it(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "own.pem"
    with running_stub(tls=self_signed(certificate)) as server:
        server.files = {"store/m/evil.pkl": EVIL}
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        with pytest.raises(TargetUnavailable, match="MLFLOW_TRACKING_INSECURE_TLS is not honoured here"):
            fetched()
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        assert [item.name for item in fetched()] == ["evil.pkl"]
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "nowhere.pem")
        with pytest.raises(UsageError, match=r"names 'nowhere\.pem', which is no file"):
            fetched()


def test_a_server_without_that_part_of_the_api_is_said(stub: Stub) -> None:
    with pytest.raises(TargetUnavailable, match="has no such part of MLflow's API"):
        fetched("models:/m-0123")


def test_an_empty_place_is_not_a_pass(stub: Stub) -> None:
    stub.source = "mlflow-artifacts:/nothing"

    with pytest.raises(TargetNotFound, match="lists no files there"):
        fetched()


@pytest.mark.parametrize(
    "target",
    [
        "models:/",
        "models://m/1",
        "models:/m/1/2",
        "models:/m@",
        "models:/m@a b",
        "models:/a:b/1",
        "runs:/",
        "runs:/a b/c",
        "runs:/abc/../d",
        "mlflow-artifacts:/a/../b",
        "mlflow-artifacts://5000/a",
        "mlflow-artifacts://name:word@host/a",
        "mlflow-artifacts:/a?b",
    ],
)
def test_a_target_that_is_spelt_wrong_is_said(stub: Stub, target: str) -> None:
    with pytest.raises(UsageError, match=target[:8]):
        fetched(target)

    assert stub.seen == []


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db", "./mlruns", "databricks", "http://"])
def test_without_a_server_that_speaks_http_the_user_is_told(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI"):
        fetched()
