"""A real MLflow server on loopback, and what a training job does there, over REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.servers.programs import free_port, program, running

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mlflow:
    """A server that answers. `url` is what MLFLOW_TRACKING_URI would say."""

    url: str
    auth: tuple[str, str] | None = None

    def get(self, method: str, **query: str) -> Mapping[str, object]:
        return self._answer("GET", method, params=query)

    def post(self, method: str, body: Json) -> Mapping[str, object]:
        return self._answer("POST", method, body=body)

    def _answer(
        self,
        verb: str,
        method: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Mapping[str, object]:
        reply = httpx.request(
            verb,
            f"{self.url}/api/2.0/mlflow/{method}",
            params=params,
            json=body,
            auth=self.auth,
            timeout=60,
        )
        assert reply.status_code == 200, f"{method}: {reply.status_code} {reply.text[:300]}"
        answer = reply.json()
        assert isinstance(answer, dict)
        return answer

    def run(self, files: Mapping[str, bytes]) -> str:
        """Make a run that has logged these artifacts; return its id."""
        made = self.post("runs/create", {"experiment_id": "0", "start_time": 1})
        run_id = _text(made, "run", "info", "run_id")
        self.upload(f"0/{run_id}/artifacts", files)
        return run_id

    def upload(self, folder: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            url = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{folder}/{quote(name)}"
            httpx.put(url, content=content, auth=self.auth, timeout=60).raise_for_status()

    def logged_model(self, run_id: str, name: str, files: Mapping[str, bytes]) -> str:
        """Log a model as MLflow 3 does: beside the run, not in it; return its id."""
        asked = {"experiment_id": "0", "name": name, "source_run_id": run_id}
        model_id = _text(self.post("logged-models", asked), "model", "info", "model_id")
        self.upload(f"0/models/{model_id}/artifacts", files)
        return model_id

    def register(self, name: str, source: str, *, run_id: str = "", model_id: str = "") -> str:
        """Register a version, with its model when that is new; return its number."""
        url = f"{self.url}/api/2.0/mlflow/registered-models/create"
        httpx.post(url, json={"name": name}, auth=self.auth, timeout=60)
        asked = {"name": name, "source": source, "run_id": run_id, "model_id": model_id}
        filled = {key: value for key, value in asked.items() if value}
        return _text(self.post("model-versions/create", filled), "model_version", "version")

    def register_files(self, name: str, files: Mapping[str, bytes]) -> str:
        """Log files in the folder `model` of a new run and register that folder."""
        run_id = self.run({f"model/{path}": content for path, content in files.items()})
        source = f"mlflow-artifacts:/0/{run_id}/artifacts/model"
        return self.register(name, source, run_id=run_id)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self.post("registered-models/alias", {"name": name, "alias": alias, "version": version})

    def aliases(self, name: str) -> Mapping[str, str]:
        model = self.get("registered-models/get", name=name)["registered_model"]
        assert isinstance(model, dict)
        return {one["alias"]: one["version"] for one in model.get("aliases", [])}

    def tags(self, name: str, version: str) -> Mapping[str, str]:
        found = self.get("model-versions/get", name=name, version=version)["model_version"]
        assert isinstance(found, dict)
        return {one["key"]: one["value"] for one in found.get("tags", [])}


def _text(answer: object, *keys: str) -> str:
    for key in keys:
        assert isinstance(answer, dict)
        answer = answer[key]
    assert isinstance(answer, str)
    return answer


@contextmanager
def running_mlflow(
    folder: Path, *, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Mlflow]:
    """Run a server whose database and artifacts are in `folder`."""
    port = free_port()
    command = [
        program("mlflow"),
        "server",
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *arguments,
    ]
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with running(command, port=port, folder=folder, environment={**quiet, **(environment or {})}):
        yield Mlflow(f"http://127.0.0.1:{port}")
