"""Models, runs and artifacts of a real MLflow server, scanned end to end by byte ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.sparse_models import torch_zip
from tests.servers.mlflow_server import Mlflow, running_mlflow
from tests.servers.moto import CREDENTIALS, put, running_moto
from weighbridge.core.report import Report
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import AccessDenied, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.fetchers.mlflow import MlflowFetcher

MIB = 1 << 20
PAYLOAD = b"cposix\nsystem\n" + b"X\x17\0\0\0echo weighbridge-marker\x85R0"
EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."
MLMODEL = b"artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.pytorch\n"


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(autouse=True)
def _settings(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.url)
    for name in ("REGISTRY_URI", "TRACKING_USERNAME", "TRACKING_PASSWORD", "TRACKING_TOKEN"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)


def scan(target: str) -> Report:
    return scan_target(target, ScanSettings(jobs=2))


def names(target: str) -> list[str]:
    fetched = MlflowFetcher().fetch(target, FetchSettings())
    found = [item.name for item in fetched.items]
    fetched.close()
    return found


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def torch_model(folder: Path, *, payload: bytes = b"") -> dict[str, bytes]:
    torch_zip(folder / "model.pth", 8 * MIB, payload=payload)
    return {"MLmodel": MLMODEL, "data/model.pth": (folder / "model.pth").read_bytes()}


@pytest.mark.parametrize(("payload", "is_found"), [(b"", False), (PAYLOAD, True)])
def test_a_version_of_eight_megabytes_costs_seven_requests_and_140_kilobytes(
    mlflow: Mlflow, tmp_path: Path, payload: bytes, is_found: bool
) -> None:
    version = mlflow.register_files("torch", torch_model(tmp_path, payload=payload))

    report = scan(f"models:/torch/{version}")

    assert report.is_complete
    assert ("PKL002" in rules(report)) is is_found
    read = {row.artifact: row.bytes_read for row in report.coverage if "!/" not in row.artifact}
    assert read["MLmodel"] == len(MLMODEL)
    assert 131_000 < read["data/model.pth"] < 139_000
    # The version, its location, two folders, the small file, and head and tail of the large one.
    assert report.traffic.requests == 7
    assert report.traffic.bytes_received < 140_000


def test_what_the_registry_says_is_kept_with_the_report(mlflow: Mlflow) -> None:
    version = mlflow.register_files("told", {"plain.pkl": PLAIN})
    mlflow.set_alias("told", "champion", version)
    tag = {"name": "told", "version": version, "key": "team", "value": "risk"}
    mlflow.post("model-versions/set-tag", tag)

    origin = scan("models:/told@champion").origin

    assert (origin.kind, origin.location, origin.revision) == ("mlflow", "models:/told/1", "v1")
    facts = dict(origin.facts)
    assert facts.pop("created").startswith("20")
    run_id = facts.pop("run_id")
    source = f"mlflow-artifacts:/0/{run_id}/artifacts/model"
    assert facts == {
        "server": mlflow.url,
        "registered_model": "told",
        "version": "1",
        "status": "READY",
        "aliases": "champion",
        "source": source,
        "location": source,
        "tag team": "risk",
    }


def test_every_way_to_name_a_version_leads_to_the_right_one(mlflow: Mlflow) -> None:
    for number in (1, 2, 3):
        mlflow.register_files("three", {f"{number}.pkl": PLAIN})
    mlflow.set_alias("three", "champion", "2")
    stage = {"name": "three", "version": "1", "stage": "Production"}
    mlflow.post("model-versions/transition-stage", stage)

    assert names("models:/three/2") == ["2.pkl"]
    assert names("models:/three@champion") == ["2.pkl"]
    assert names("models:/three/Production") == names("models:/three/production") == ["1.pkl"]
    assert names("models:/three/latest") == names("models:/three") == ["3.pkl"]


def test_versions_that_point_to_runs_models_and_other_versions_are_followed(mlflow: Mlflow) -> None:
    run_id = mlflow.run({"net/a.pkl": PLAIN})
    mlflow.register("linked", f"runs:/{run_id}/net", run_id=run_id)
    mlflow.register("linked", "models:/linked/1")
    model_id = mlflow.logged_model(run_id, "other", {"b.pkl": PLAIN})
    mlflow.register("linked", f"models:/{model_id}", model_id=model_id)

    assert names("models:/linked/1") == names("models:/linked/2") == ["a.pkl"]
    assert names("models:/linked/3") == names(f"models:/{model_id}") == ["b.pkl"]


def test_runs_artifacts_folders_and_single_files(mlflow: Mlflow) -> None:
    run_id = mlflow.run({"top.pkl": PLAIN, "deep/er/a b%.pkl": PLAIN, "deep/z.txt": b"z"})
    root = f"/0/{run_id}/artifacts"
    authority = mlflow.url.removeprefix("http:")

    assert names(f"runs:/{run_id}") == ["top.pkl", "deep/z.txt", "deep/er/a b%.pkl"]
    assert names(f"runs:/{run_id}/deep") == ["z.txt", "er/a b%.pkl"]
    assert names(f"mlflow-artifacts:{root}/deep/er") == ["a b%.pkl"]
    assert names(f"mlflow-artifacts:{authority}{root}/top.pkl") == ["top.pkl"]
    assert scan(f"runs:/{run_id}").is_complete


def test_a_logged_model_that_a_loader_would_lay_over_the_run_is_scanned_too(mlflow: Mlflow) -> None:
    run_id = mlflow.run({"model/data.pkl": PLAIN})
    mlflow.logged_model(run_id, "model", {"data.pkl": EVIL})
    mlflow.register("overlaid", f"runs:/{run_id}/model", run_id=run_id)

    report = scan("models:/overlaid/1")

    assert [file.name for file in report.files] == ["data.pkl", "logged-model-1/data.pkl"]
    assert {finding.path[0] for finding in report.findings if finding.rule == "PKL002"} == {
        "logged-model-1/data.pkl"
    }


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("models:/told/99", r"Model Version \(name=told, version=99\) not found"),
        ("models:/absent/1", r"Model Version \(name=absent, version=1\) not found"),
        ("models:/told@absent", "alias absent not found"),
        ("models:/told/Somewhere", "Invalid Model Version stage: Somewhere"),
        ("models:/told/Staging", "no version is there"),
        ("models:/m-0123", "ID 'm-0123' not found"),
        ("runs:/ffff/model", "Run with id=ffff not found"),
        ("mlflow-artifacts:/absent", "lists no files there"),
    ],
)
def test_what_is_not_there_is_said_in_words(mlflow: Mlflow, target: str, said: str) -> None:
    mlflow.register_files("told", {"plain.pkl": PLAIN})

    with pytest.raises(TargetNotFound, match=said):
        MlflowFetcher().fetch(target, FetchSettings())


def test_a_version_in_a_bucket_is_read_by_the_fetcher_for_buckets(
    mlflow: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = mlflow.register("stored", "s3://models/stored")
    with running_moto(tmp_path) as endpoint:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        put(
            endpoint,
            "models",
            {f"stored/{k}": v for k, v in torch_model(tmp_path, payload=PAYLOAD).items()},
        )

        report = scan(f"models:/stored/{version}")

    assert "PKL002" in rules(report)
    assert [file.name for file in report.files] == ["MLmodel", "data/model.pth"]
    assert (report.origin.kind, report.origin.facts["location"]) == ("mlflow", "s3://models/stored")
    assert report.traffic.requests == 6
    assert report.traffic.bytes_received < 150_000


def test_a_bucket_that_the_registry_spells_wrong_is_no_error_of_the_user(mlflow: Mlflow) -> None:
    version = mlflow.register("misspelt", "s3://models/a//b")

    with pytest.raises(TargetUnavailable, match=r"The registry says where models:/misspelt/1 lies, but"):
        MlflowFetcher().fetch(f"models:/misspelt/{version}", FetchSettings())


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """A server with the basic-auth app, and one user in it."""
    folder = tmp_path_factory.mktemp("users")
    settings = folder / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"admin_password = weighbridge-1234\ndatabase_uri = sqlite:///{folder}/users.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "key"}
    arguments = ("--app-name", "basic-auth")
    with running_mlflow(folder, environment=environment, arguments=arguments) as server:
        yield Mlflow(server.url, ("admin", "weighbridge-1234"))


def test_a_server_with_users_wants_the_right_password(
    guarded: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.register_files("guarded", {"evil.pkl": EVIL})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded.url)

    with pytest.raises(AccessDenied, match="no credentials were given; set MLFLOW_TRACKING_USERNAME"):
        scan("models:/guarded/1")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(AccessDenied, match="refuses the credentials") as refused:
        scan("models:/guarded/1")
    assert "wrong" not in str(refused.value)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "weighbridge-1234")
    assert "PKL002" in rules(scan("models:/guarded/1"))
