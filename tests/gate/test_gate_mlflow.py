"""The gate of a real MLflow registry: tags and aliases as anybody sees them over REST afterwards."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.servers.mlflow_server import Mlflow, running_mlflow
from tests.servers.programs import free_port, running
from weighbridge.cli.running import run
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.gate.mlflow import Gated, GateRequest, run_gate
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.reporters.interface import TargetResult, Unreachable

ROOT = Path(__file__).resolve().parents[2]
SIGNATURES = Signatures.installed()
PLAIN = {"plain.pkl": b"\x80\x04]\x94(K\x01K\x02e."}
SECRET = "AKIAWEIGHBRIDGEMARKR"
EVIL = {"evil.pkl": f"cposix\nsystem\n(S'echo weighbridge-marker {SECRET}'\ntR.".encode()}
HOOKS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
}
"""So that the server delivers to loopback; in production it must not."""


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    with running_mlflow(tmp_path_factory.mktemp("gate"), environment=HOOKS) as server:
        yield server


@pytest.fixture(autouse=True)
def _settings(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.url)


def scan(target: str) -> TargetResult:
    done = run((target,), ScanSettings(jobs=1), signatures=SIGNATURES, policy=Policy())
    return done.results[0]


def gate(*models: str, scan: Callable[[str], TargetResult] = scan, **asked: object) -> Gated:
    request = GateRequest(models=models, signatures_version=SIGNATURES.version)
    return run_gate(replace(request, **asked), scan, FetchSettings())  # type: ignore[arg-type]  # by name


def unread(target: str) -> TargetResult:
    """Stand for a scan where only the choice of targets matters."""
    return Unreachable(target=target, error="not looked at")


def verdicts(gated: Gated) -> dict[str, str]:
    return {result.target: result.verdict.value for result in gated.results}


def words(gated: Gated) -> str:
    return "\n".join(step.words for step in gated.steps)


def test_the_alias_moves_to_what_passes_and_the_tags_say_so(mlflow: Mlflow) -> None:
    mlflow.register_files("clean", PLAIN)
    mlflow.register_files("clean", PLAIN)
    mlflow.set_alias("clean", "champion", "1")
    mlflow.set_alias("clean", "candidate", "2")

    gated = gate("clean@candidate", alias="champion")

    assert verdicts(gated) == {"models:/clean/2": "pass"}
    assert mlflow.aliases("clean") == {"candidate": "2", "champion": "2"}
    tags = dict(mlflow.tags("clean", "2"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", tags.pop("weighbridge.scanned_at"))
    assert tags == {
        "weighbridge.verdict": "pass",
        "weighbridge.signatures": SIGNATURES.version,
        "weighbridge.findings": "none",
    }
    assert words(gated).splitlines() == [
        "Tagged models:/clean/2: weighbridge.verdict = pass, findings: none.",
        "Moved the alias champion of clean from version 1 to version 2.",
    ]
    assert gated.exit_code(0) == 0


def test_what_fails_is_tagged_without_its_evidence_and_not_promoted(mlflow: Mlflow) -> None:
    mlflow.register_files("dirty", PLAIN)
    mlflow.register_files("dirty", EVIL)
    mlflow.set_alias("dirty", "champion", "1")

    gated = gate("models:/dirty/2", alias="champion")

    assert verdicts(gated) == {"models:/dirty/2": "fail"}
    assert mlflow.aliases("dirty") == {"champion": "1"}
    tags = mlflow.tags("dirty", "2")
    assert tags["weighbridge.verdict"] == "fail"
    assert re.fullmatch(r"1 critical(, \d \w+)*: .*PKL002.*", tags["weighbridge.findings"])
    assert SECRET not in str(tags)
    assert "Left the alias champion of dirty at version 1: nothing passed." in words(gated)
    assert gated.exit_code(1) == 1


def test_an_alias_on_a_version_that_fails_is_pointed_out(mlflow: Mlflow) -> None:
    mlflow.register_files("bad", EVIL)
    mlflow.set_alias("bad", "champion", "1")

    assert "The alias champion is at models:/bad/1, which fails" in words(gate("bad", alias="champion"))


def test_a_rehearsal_writes_nothing(mlflow: Mlflow) -> None:
    mlflow.register_files("dry", PLAIN)

    gated = gate("dry", alias="champion", is_rehearsal=True)

    assert (mlflow.tags("dry", "1"), mlflow.aliases("dry")) == ({}, {})
    assert words(gated).splitlines() == [
        "Would tag models:/dry/1: weighbridge.verdict = pass, findings: none.",
        "Would move the alias champion of dry to version 1.",
    ]


def test_without_tags_the_alias_still_moves_on_a_pass_only(mlflow: Mlflow) -> None:
    mlflow.register_files("bare", PLAIN)

    gate("bare", alias="champion", is_tagging=False)

    assert (mlflow.tags("bare", "1"), mlflow.aliases("bare")) == ({}, {"champion": "1"})


def test_what_changed_during_the_scan_is_not_promoted(mlflow: Mlflow) -> None:
    mlflow.register_files("moving", PLAIN)
    tags = mlflow.get("model-versions/get", name="moving", version="1")["model_version"]
    assert isinstance(tags, dict)
    folder = tags["source"].removeprefix("mlflow-artifacts:/")

    def scan_and_add(target: str) -> TargetResult:
        result = scan(target)
        mlflow.upload(folder, EVIL)
        return result

    gated = gate("moving", alias="champion", scan=scan_and_add)

    assert mlflow.aliases("moving") == {}
    assert mlflow.tags("moving", "1")["weighbridge.verdict"] == "incomplete"
    assert "models:/moving/1 is not what was scanned any more: the file 'evil.pkl' is new" in words(
        gated
    )
    assert gated.exit_code(0) == 3


def test_a_version_that_was_swapped_for_another_of_its_number_is_not_promoted(mlflow: Mlflow) -> None:
    mlflow.register_files("swapped", PLAIN)

    def scan_and_swap(target: str) -> TargetResult:
        result = scan(target)
        url = f"{mlflow.url}/api/2.0/mlflow/registered-models/delete"
        httpx.request("DELETE", url, json={"name": "swapped"}).raise_for_status()
        mlflow.register_files("swapped", PLAIN)
        return result

    gated = gate("swapped", alias="champion", scan=scan_and_swap)

    assert mlflow.aliases("swapped") == {}
    assert "its source is another one now" in words(gated)


def test_all_new_versions_are_scanned_once_and_the_newest_that_passes_is_promoted(
    mlflow: Mlflow,
) -> None:
    for files in (PLAIN, PLAIN, EVIL):
        mlflow.register_files("many", files)

    first = gate("many", alias="champion", is_all_new=True)
    again = gate("many", alias="champion", is_all_new=True)
    mlflow.register_files("many", PLAIN)
    third = gate("many", alias="champion", is_all_new=True)
    other = gate("many", is_all_new=True, signatures_version="0.0.1", scan=unread)

    assert list(verdicts(first).values()) == ["pass", "pass", "fail"]
    assert "Moved the alias champion of many to version 2." in words(first)
    assert verdicts(again) == {}
    assert verdicts(third) == {"models:/many/4": "pass"}
    assert mlflow.aliases("many") == {"champion": "4"}
    assert len(other.results) == 4


def test_all_new_without_a_name_sweeps_the_registry(mlflow: Mlflow) -> None:
    mlflow.register_files("sweep-a", PLAIN)
    mlflow.register_files("sweep-b", EVIL)

    swept = verdicts(gate(is_all_new=True, scan=unread))

    assert {"models:/sweep-a/1", "models:/sweep-b/1"} <= swept.keys()


def test_all_new_never_moves_an_alias_back(mlflow: Mlflow) -> None:
    mlflow.register_files("newer", PLAIN)
    mlflow.register_files("newer", EVIL)
    mlflow.set_alias("newer", "champion", "2")

    gated = gate("newer", alias="champion", is_all_new=True)

    assert mlflow.aliases("newer") == {"champion": "2"}
    assert "at version 2, which is newer" in words(gated)
    assert "The alias champion is at models:/newer/2, which fails" in words(gated)


def test_what_can_not_be_read_is_said_and_the_others_are_scanned(mlflow: Mlflow) -> None:
    mlflow.register_files("here", PLAIN)

    gated = gate("absent", "here", alias="champion")

    assert isinstance(gated.results[0], Unreachable)
    assert verdicts(gated) == {"models:/absent/latest": "incomplete", "models:/here/1": "pass"}
    assert mlflow.aliases("here") == {"champion": "1"}


def test_a_name_that_is_no_target_costs_that_model_only(mlflow: Mlflow) -> None:
    mlflow.register_files("fit", PLAIN)
    mlflow.register_files("unfit", PLAIN)

    def scan_some(target: str) -> TargetResult:
        if "unfit" in target:
            raise UsageError("not the name of a model")
        return scan(target)

    gated = gate("unfit", "fit", scan=scan_some, alias="champion")

    assert verdicts(gated) == {"models:/unfit/1": "incomplete", "models:/fit/1": "pass"}
    assert (mlflow.aliases("unfit"), mlflow.aliases("fit")) == ({}, {"champion": "1"})


@pytest.mark.parametrize("alias", ["", "latest", "v3", "a/b", "a\nb", "x" * 256])
def test_an_alias_that_mlflow_would_not_take_is_refused_before_anything_is_scanned(
    alias: str,
) -> None:
    with pytest.raises(UsageError, match="is not a name that MLflow gives to an alias"):
        gate("m", scan=lambda _: pytest.fail("scanned"), alias=alias)


@pytest.mark.parametrize(
    ("models", "is_all_new", "said"),
    [
        (("a/1",), True, "names of models, without a version"),
        (("a/1", "a/2"), False, "named once"),
        (("models:/m-0123",), False, "name a registered model"),
        ((), False, "name a model, or give --all-new"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(
    models: tuple[str, ...], is_all_new: bool, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        gate(*models, alias="champion", is_all_new=is_all_new)


def _receiver(folder: Path) -> Path:
    page = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(# receiver\.py.*?)```", page, re.DOTALL)
    assert found is not None
    (folder / "receiver.py").write_text(found[1], encoding="utf-8")
    return folder / "receiver.py"


def _eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def receiver(tmp_path: Path, mlflow: Mlflow) -> Iterator[str]:
    """Run the program of docs/gates.md, and subscribe it to new versions."""
    port = free_port()
    environment = {
        "WEBHOOK_SECRET": "hook-s3cret",
        "PORT": str(port),
        "PYTHONPATH": str(ROOT / "src"),
        "MLFLOW_TRACKING_URI": mlflow.url,
    }
    command = [sys.executable, str(_receiver(tmp_path))]
    with running(command, port=port, folder=tmp_path, environment=environment):
        url = f"http://127.0.0.1:{port}/"
        event = {"entity": "MODEL_VERSION", "action": "CREATED"}
        hook = {"name": "gate", "url": url, "events": [event], "secret": "hook-s3cret"}
        made = mlflow.post("webhooks", hook)["webhook"]
        assert isinstance(made, dict)
        yield url
        hooks = f"{mlflow.url}/api/2.0/mlflow/webhooks/{made['webhook_id']}"
        httpx.request("DELETE", hooks).raise_for_status()


def test_the_documented_receiver_gates_what_mlflow_announces(mlflow: Mlflow, receiver: str) -> None:
    mlflow.register_files("hooked", PLAIN)
    mlflow.register_files("hooked", EVIL)

    assert _eventually(lambda: mlflow.tags("hooked", "2").get("weighbridge.verdict") == "fail")
    assert mlflow.tags("hooked", "1")["weighbridge.verdict"] == "pass"
    assert mlflow.aliases("hooked") == {"approved": "1"}


def _announced(url: str, *, secret: str, age_s: int = 0) -> int:
    version = {"name": "never", "version": "1"}
    body = json.dumps({"entity": "model_version", "action": "created", "data": version})
    moment = str(int(time.time()) - age_s)
    digest = hmac.new(secret.encode(), f"id.{moment}.{body}".encode(), hashlib.sha256).digest()
    headers = {
        "x-mlflow-delivery-id": "id",
        "x-mlflow-timestamp": moment,
        "x-mlflow-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return httpx.post(url, content=body, headers=headers).status_code


def test_the_documented_receiver_takes_only_what_is_signed_and_fresh(receiver: str) -> None:
    assert _announced(receiver, secret="wrong") == 401
    assert _announced(receiver, secret="hook-s3cret", age_s=3600) == 401
    assert _announced(receiver, secret="hook-s3cret") == 202
    assert httpx.post(receiver, content=b"{}").status_code == 401
