"""The answers of MLflow's REST API, as far as we read them. What is not named here is passed over.

Source: https://mlflow.org/docs/latest/api_reference/rest-api.html; looked up in MLflow 3.17.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

NUMBER = re.compile(r"[0-9]{1,18}")


class Tag(msgspec.Struct, frozen=True):
    key: str = ""
    value: str = ""


class ModelVersion(msgspec.Struct, frozen=True):
    """One version of a registered model, as the registry describes it. `source` is its own word."""

    name: str
    version: str
    source: str = ""
    run_id: str = ""
    user_id: str = ""
    current_stage: str = ""
    status: str = ""
    creation_timestamp: int | str = 0
    tags: Sequence[Tag] = ()
    aliases: Sequence[str] = ()

    @property
    def number(self) -> int:
        return int(self.version)

    @property
    def tag_values(self) -> Mapping[str, str]:
        return {tag.key: tag.value for tag in self.tags}


class Run(msgspec.Struct, frozen=True):
    """What is kept of a run: where its artifacts are, and whose it is."""

    run_id: str = ""
    experiment_id: str = ""
    artifact_uri: str = ""
    user_id: str = ""
    run_name: str = ""


class LoggedModel(msgspec.Struct, frozen=True):
    """A logged model of MLflow 3: artifacts of its own, outside of those of its run."""

    model_id: str = ""
    name: str = ""
    artifact_uri: str = ""
    source_run_id: str = ""
    status: str = ""
    creation_timestamp_ms: int | str = 0


class ListedArtifact(msgspec.Struct, frozen=True):
    """One row of a listing. `path` is a name in the folder that was asked about."""

    path: str
    is_dir: bool = False
    file_size: int | str | None = None

    @property
    def size_bytes(self) -> int | None:
        """None when the server does not say, or says what is no size."""
        if isinstance(self.file_size, str):
            return int(self.file_size) if NUMBER.fullmatch(self.file_size) else None
        return self.file_size


class Failure(msgspec.Struct, frozen=True):
    error_code: str = ""
    message: str = ""


class OneVersion(msgspec.Struct, frozen=True):
    model_version: ModelVersion


class Versions(msgspec.Struct, frozen=True):
    model_versions: Sequence[ModelVersion] = ()
    next_page_token: str = ""


class NamedModel(msgspec.Struct, frozen=True):
    name: str


class RegisteredModels(msgspec.Struct, frozen=True):
    registered_models: Sequence[NamedModel] = ()
    next_page_token: str = ""


class Location(msgspec.Struct, frozen=True):
    artifact_uri: str = ""


class RunInfo(msgspec.Struct, frozen=True):
    info: Run


class OneRun(msgspec.Struct, frozen=True):
    run: RunInfo


class ModelInfo(msgspec.Struct, frozen=True):
    info: LoggedModel


class OneModel(msgspec.Struct, frozen=True):
    model: ModelInfo


class Models(msgspec.Struct, frozen=True):
    models: Sequence[ModelInfo] = ()
    next_page_token: str = ""


class Listing(msgspec.Struct, frozen=True):
    files: Sequence[ListedArtifact] = ()


class SignedAddress(msgspec.Struct, frozen=True):
    """An address in the store of the server, and what it wants to be sent there."""

    url: str
    headers: Mapping[str, str] = {}


class Nothing(msgspec.Struct, frozen=True):
    """An answer whose content we have no use for."""
