"""From a target to where its bytes are, as the registry and the tracking server tell it.

Laws: an alias, a stage and `latest` are looked up once, and all that follows is about that version.
What a loader would lay over a run's artifacts is looked at too: to MLflow 3 `runs:/id/name` is also
the logged model of that name, and its files win over those of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from weighbridge.errors import ReadError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.mlflow_answers import LoggedModel, ModelVersion, Run
from weighbridge.fetchers.mlflow_api import ApiRefused, MlflowApi
from weighbridge.fetchers.mlflow_errors import target_error
from weighbridge.fetchers.mlflow_places import Served, Stored, place_of, shown_uri
from weighbridge.fetchers.mlflow_servers import MlflowServer, MlflowServers
from weighbridge.fetchers.mlflow_target import (
    ArtifactsTarget,
    LoggedModelTarget,
    MlflowTarget,
    RegisteredTarget,
    RunTarget,
)

_MOST_STEPS = 5
_MOST_TAGS = 32
_MOST_CHARACTERS = 200
Place = Served | Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was looked up.

    Attributes:
        name: the target as people call it, pinned to a version.
        revision: `v3` of a registered model; None where nothing was pinned.
        facts: what the registry says, word by word.
        places: where the bytes are; the first is the target's own.
    """

    name: str
    revision: str | None
    facts: Mapping[str, str]
    places: Sequence[Place]


class Lookup:
    """Asks the servers.

    Args:
        api: of both servers.
        servers: for the words, and for where artifacts without a host are.
    """

    def __init__(self, api: MlflowApi, servers: MlflowServers) -> None:
        self._api = api
        self._servers = servers

    def find(self, target: MlflowTarget) -> Found:
        """Look a target up.

        Raises:
            TargetError: it is not there, or leads where we do not go.
        """
        match target:
            case RegisteredTarget():
                version = self.pinned(target)
                name = f"models:/{version.name}/{version.version}"
                location = self.location(version)
                return Found(
                    name=name,
                    revision=f"v{version.version}",
                    facts=_bounded(_version_facts(version, location)),
                    places=self._of_uri(location, name, _MOST_STEPS),
                )
            case LoggedModelTarget(model_id):
                name = f"models:/{model_id}"
                model = self._logged_model(model_id)
                places = self._of_uri(model.artifact_uri, name, _MOST_STEPS)
                facts = _bounded(_model_facts(model))
                return Found(name=name, revision=None, facts=facts, places=places)
            case RunTarget(run_id, path):
                run, places = self._of_run(run_id, path, _MOST_STEPS)
                name = f"runs:/{run_id}/{path}".rstrip("/")
                return Found(name=name, revision=None, facts=_bounded(_run_facts(run)), places=places)
            case ArtifactsTarget(authority, path):
                # A host that the user wrote is the tracking server here: see `server_of_authority`.
                name = f"mlflow-artifacts:{f'//{authority}' if authority else ''}/{path}"
                return Found(name=name, revision=None, facts={}, places=(Served(None, path),))

    def pinned(self, target: RegisteredTarget) -> ModelVersion:
        """Return the version that a target means now.

        Raises:
            TargetError: there is none.
        """
        shown = shown_registered(target)
        with self._asking(shown, self._servers.registry):
            if target.version is not None:
                return self._api.version(target.name, target.version)
            if target.alias is not None:
                return self._api.version_of_alias(target.name, target.alias)
            version = self._api.latest(target.name, target.stage)
        if version is None:
            raise TargetNotFound(
                f"There is no {shown}: no version is there. See what there is at "
                f"{self._servers.registry.url}"
            )
        return version

    def registered_models(self) -> Sequence[str]:
        """Return the name of every registered model.

        Raises:
            TargetError: the registry does not tell.
        """
        with self._asking("the registered models", self._servers.registry):
            return list(self._api.registered_models())

    def versions(self, name: str) -> Sequence[ModelVersion]:
        """Return every version of a registered model.

        Raises:
            TargetError: the registry does not tell, or there is no such model.
        """
        shown = f"models:/{name}"
        with self._asking(shown, self._servers.registry):
            found = list(self._api.versions(name))
        if not found:
            raise TargetNotFound(f"There is no version of {shown} at {self._servers.registry.url}")
        return found

    def location(self, version: ModelVersion) -> str:
        """Return the URI from which a loader downloads a version, as the registry states it now.

        Raises:
            TargetError: the registry does not tell.
        """
        shown = f"models:/{version.name}/{version.version}"
        with self._asking(shown, self._servers.registry):
            return self._api.location(version.name, version.version) or version.source

    def _of_uri(self, uri: str, shown: str, steps: int) -> Sequence[Place]:
        if steps == 0:
            raise TargetUnavailable(
                f"Not followed: {shown} leads from one entry of the registry to the next, "
                f"more than {_MOST_STEPS} times"
            )
        place = place_of(uri, shown=shown, tracking_url=self._servers.tracking.url)
        match place:
            case Served() | Stored():
                return (place,)
            case RegisteredTarget():
                return self._of_uri(self.location(self.pinned(place)), shown, steps - 1)
            case LoggedModelTarget(model_id):
                return self._of_uri(self._logged_model(model_id).artifact_uri, shown, steps - 1)
            case RunTarget(run_id, path):
                return self._of_run(run_id, path, steps - 1)[1]
            case ArtifactsTarget(_, path):
                return (Served(None, path),)

    def _of_run(self, run_id: str, path: str, steps: int) -> tuple[Run, Sequence[Place]]:
        shown = f"runs:/{run_id}"
        with self._asking(shown, self._servers.tracking):
            run = self._api.run(run_id)
        own = self._of_uri(_joined(run.artifact_uri, path), shown, steps)
        name, _, rest = path.partition("/")
        models = [
            place
            for model in self._laid_over(run, name)
            for place in self._of_uri(_joined(model.artifact_uri, rest), shown, steps)
        ]
        return run, (*own, *models)

    def _laid_over(self, run: Run, name: str) -> Sequence[LoggedModel]:
        # MLflow gives no logged model a name with such characters.
        if not name or any(mark in name for mark in "\"'%:"):
            return ()
        with self._asking(f"runs:/{run.run_id}/{name}", self._servers.tracking):
            try:
                return self._api.logged_models(run, name)
            except ApiRefused as refusal:
                if refusal.status == 404 and refusal.error_code is None:
                    return ()  # a server from before MLflow 3
                raise

    def _logged_model(self, model_id: str) -> LoggedModel:
        with self._asking(f"models:/{model_id}", self._servers.tracking):
            return self._api.logged_model(model_id)

    @contextmanager
    def _asking(self, shown: str, server: MlflowServer) -> Iterator[None]:
        try:
            yield
        except ReadError as error:
            raise target_error(error, shown, server) from error


def shown_registered(target: RegisteredTarget) -> str:
    """Return a target in the way in which MLflow writes it."""
    if target.alias is not None:
        return f"models:/{target.name}@{target.alias}"
    return f"models:/{target.name}/{target.version or target.stage or 'latest'}"


def _joined(uri: str, path: str) -> str:
    return f"{uri.rstrip('/')}/{path}" if path else uri


def _bounded(facts: Iterator[tuple[str, str]]) -> Mapping[str, str]:
    return {name[:80]: value[:_MOST_CHARACTERS] for name, value in facts if value}


def _version_facts(version: ModelVersion, location: str) -> Iterator[tuple[str, str]]:
    yield "registered_model", version.name
    yield "version", version.version
    yield "stage", "" if version.current_stage == "None" else version.current_stage
    yield "status", version.status
    yield "aliases", ", ".join(sorted(version.aliases))
    yield "source", shown_uri(version.source)
    yield "location", shown_uri(location)
    yield "run_id", version.run_id
    yield "user", version.user_id
    yield "created", _moment(version.creation_timestamp)
    for tag in version.tags[:_MOST_TAGS]:
        yield f"tag {tag.key}", tag.value


def _model_facts(model: LoggedModel) -> Iterator[tuple[str, str]]:
    yield "logged_model", model.name
    yield "run_id", model.source_run_id
    yield "status", model.status
    yield "source", shown_uri(model.artifact_uri)
    yield "created", _moment(model.creation_timestamp_ms)


def _run_facts(run: Run) -> Iterator[tuple[str, str]]:
    yield "run_id", run.run_id
    yield "run_name", run.run_name
    yield "user", run.user_id
    yield "source", shown_uri(run.artifact_uri)


def _moment(milliseconds: int | str) -> str:
    """`2026-11-22T12:42:07+00:00`; "" for what is no time."""
    try:
        return datetime.fromtimestamp(int(milliseconds) // 1000, UTC).isoformat() if milliseconds else ""
    except (ValueError, OverflowError, OSError):
        return ""
