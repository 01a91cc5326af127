"""MLflow's REST API, as far as a scan and a gate need it: typed answers, bounded, in words.

The shapes of the answers are in `mlflow_answers.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from weighbridge.bytesource.http_client import Ask, HttpClient, Reply
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.mlflow_answers import (
    NUMBER,
    Failure,
    ListedArtifact,
    Listing,
    Location,
    LoggedModel,
    Models,
    ModelVersion,
    Nothing,
    OneModel,
    OneRun,
    OneVersion,
    RegisteredModels,
    Run,
    SignedAddress,
    Versions,
)

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_SIGNED = "/api/2.0/mlflow-artifacts/presigned"
_API = "/api/2.0/mlflow"
_ANSWER_BYTES = 64 * MIB
_ERROR_BYTES = 64 * KIB
_PAGE = 200
_MOST_PAGES = 500
_T = TypeVar("_T")


class ApiRefused(Refused):
    """The server said no. `said` is its own sentence, which is data."""

    def __init__(self, reply: Reply, failure: Failure) -> None:
        self.said = failure.message[:300]
        words = f": {self.said!r}" if self.said else ""
        super().__init__(
            f"{reply.host} answered with status {reply.status}{words}",
            status=reply.status,
            error_code=failure.error_code[:80] or None,
            from_endpoint=reply.from_endpoint,
        )


@dataclass(frozen=True, slots=True)
class ArtifactApi:
    """Artifacts that a server hands on. `url` is where its API begins."""

    client: HttpClient
    url: str

    def listing(self, folder: str) -> Sequence[ListedArtifact]:
        """List one folder; nothing for a file, and nothing for what is not there.

        Raises:
            ReadError: no listing; `ApiRefused` when the server says so.
        """
        query = f"?{urlencode({'path': folder})}" if folder else ""
        try:
            return _get(self.client, f"{self.url}{ARTIFACTS}{query}", Listing).files
        except ApiRefused as refusal:
            if refusal.status == 404 and refusal.error_code == "RESOURCE_DOES_NOT_EXIST":
                return ()
            raise

    def signed(self, path: str) -> SignedAddress:
        """Ask for an address at which the store itself hands out a file, for some minutes.

        Raises:
            ReadError: none is given: the server keeps its files itself, or is too old.
        """
        return _get(self.client, f"{self.url}{_SIGNED}/{quote(path)}", SignedAddress)

    def file_url(self, path: str) -> str:
        return f"{self.url}{ARTIFACTS}/{quote(path)}"


class MlflowApi:
    """Registered models at one server, runs and logged models at another or the same.

    Every method raises ReadError when there is no answer that can be read, and `ApiRefused` when
    the server says no.
    """

    def __init__(
        self, registry: HttpClient, registry_url: str, *, tracking: HttpClient, tracking_url: str
    ) -> None:
        self._registry = registry
        self._registry_url = f"{registry_url}{_API}"
        self._tracking = tracking
        self._tracking_url = f"{tracking_url}{_API}"

    def version(self, name: str, version: str) -> ModelVersion:
        url = self._registered("model-versions/get", name=name, version=version)
        return _checked(_get(self._registry, url, OneVersion).model_version)

    def version_of_alias(self, name: str, alias: str) -> ModelVersion:
        url = self._registered("registered-models/alias", name=name, alias=alias)
        return _checked(_get(self._registry, url, OneVersion).model_version)

    def latest(self, name: str, stage: str | None) -> ModelVersion | None:
        """Return the version with the highest number, of one stage or of all; None without any."""
        asked = {"name": name} if stage is None else {"name": name, "stages": [stage]}
        url = self._registered("registered-models/get-latest-versions")
        found = _post(self._registry, url, asked, Versions).model_versions
        return max(map(_checked, found), key=lambda one: one.number, default=None)

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """Find every version. Names with both kinds of quotation marks can't be asked for."""
        mark = '"' if "'" in name else "'"
        query = {"filter": f"name={mark}{name}{mark}", "max_results": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            page = _get(self._registry, self._registered("model-versions/search", **query), Versions)
            yield from map(_checked, page.model_versions)
            if not page.next_page_token:
                return
            query["page_token"] = page.next_page_token
        raise ReadError(f"the list of versions of {name[:80]!r} does not end")

    def registered_models(self) -> Iterator[str]:
        """Find the name of every registered model."""
        query = {"max_results": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            url = self._registered("registered-models/search", **query)
            page = _get(self._registry, url, RegisteredModels)
            yield from (model.name for model in page.registered_models)
            if not page.next_page_token:
                return
            query["page_token"] = page.next_page_token
        raise ReadError("the list of registered models does not end")

    def location(self, name: str, version: str) -> str:
        """Return the URI from which a loader would download this version."""
        url = self._registered("model-versions/get-download-uri", name=name, version=version)
        return _get(self._registry, url, Location).artifact_uri

    def run(self, run_id: str) -> Run:
        url = f"{self._tracking_url}/runs/get?{urlencode({'run_id': run_id})}"
        return _get(self._tracking, url, OneRun).run.info

    def logged_model(self, model_id: str) -> LoggedModel:
        url = f"{self._tracking_url}/logged-models/{quote(model_id, safe='')}"
        return _get(self._tracking, url, OneModel).model.info

    def logged_models(self, run: Run, name: str) -> Sequence[LoggedModel]:
        """Find the logged models of a run that bear this name."""
        asked: dict[str, object] = {
            "experiment_ids": [run.experiment_id],
            "filter": f"source_run_id = '{run.run_id}' AND name = {_quoted(name)}",
        }
        page = _post(self._tracking, f"{self._tracking_url}/logged-models/search", asked, Models)
        return [one.info for one in page.models if one.info.name == name]

    def set_tag(self, version: ModelVersion, key: str, value: str) -> None:
        url = self._registered("model-versions/set-tag")
        tag = {"name": version.name, "version": version.version, "key": key, "value": value}
        _post(self._registry, url, tag, Nothing)

    def set_alias(self, version: ModelVersion, alias: str) -> None:
        url = self._registered("registered-models/alias")
        moved = {"name": version.name, "version": version.version, "alias": alias}
        _post(self._registry, url, moved, Nothing)

    def _registered(self, method: str, **query: str) -> str:
        return f"{self._registry_url}/{method}{'?' if query else ''}{urlencode(query)}"


def _quoted(name: str) -> str:
    return f'"{name}"' if "'" in name else f"'{name}'"


def _checked(version: ModelVersion) -> ModelVersion:
    if not NUMBER.fullmatch(version.version):
        raise ReadError(f"the registry names a version {version.version[:40]!r}, which is no number")
    return version


def _get(client: HttpClient, url: str, kind: type[_T]) -> _T:
    return client.exchange(Ask(url=url, expected_bytes=MIB), lambda reply: _decode(reply, kind))


def _post(client: HttpClient, url: str, value: object, kind: type[_T]) -> _T:
    ask = Ask(
        url=url,
        method="POST",
        headers={"content-type": "application/json"},
        content=msgspec.json.encode(value),
        expected_bytes=MIB,
    )
    return client.exchange(ask, lambda reply: _decode(reply, kind))


def _decode(reply: Reply, kind: type[_T]) -> _T:
    if reply.status != 200:
        raise ApiRefused(reply, _failure(reply.read(_ERROR_BYTES)))
    body = reply.read(_ANSWER_BYTES + 1)
    if len(body) > _ANSWER_BYTES:
        raise ReadError(f"{reply.host} sent an answer of more than {_ANSWER_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReadError(f"{reply.host} sent an answer that is not MLflow's: {error}") from error


def _failure(body: bytes) -> Failure:
    try:
        return msgspec.json.decode(body, type=Failure)
    except (msgspec.DecodeError, RecursionError):
        return Failure()
