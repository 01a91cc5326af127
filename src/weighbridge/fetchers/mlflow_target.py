"""The ways to write something that an MLflow server keeps.

    models:/name/3   models:/name@alias   models:/name/Staging   models:/name/latest   models:/name
    models:/m-0a1b…                             a logged model of MLflow 3
    runs:/run_id[/path]
    mlflow-artifacts:/path                      at the tracking server
    mlflow-artifacts://host[:port]/path         at a server that the target itself names

Source: mlflow.store.artifact.utils.models and runs_artifact_repo of MLflow 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from weighbridge.core.address import shown_address
from weighbridge.errors import UsageError

SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
_VERSION = re.compile(r"[0-9]{1,18}")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MODEL_ID = re.compile(r"m-[A-Za-z0-9-]{1,64}")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_NAME = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredTarget:
    """A version of a registered model. Of the last three at most one is set; none is the latest."""

    name: str
    version: str | None = None
    alias: str | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedModelTarget:
    """A model that was logged and need not be registered."""

    model_id: str


@dataclass(frozen=True, slots=True)
class RunTarget:
    """Artifacts of a run. `path` is "" for all."""

    run_id: str
    path: str


@dataclass(frozen=True, slots=True)
class ArtifactsTarget:
    """A place in an artifact store behind a server; without an authority it is the tracking server's."""

    authority: str | None
    path: str


MlflowTarget = RegisteredTarget | LoggedModelTarget | RunTarget | ArtifactsTarget


def parse_mlflow_target(target: str) -> MlflowTarget:
    """Parse a target that begins with one of `SCHEMES`.

    Raises:
        UsageError: it names nothing that a server can keep.
    """
    scheme, _, rest = target.partition(":")
    if rest.startswith("//") and scheme != "mlflow-artifacts":
        raise UsageError(
            f"{_shown(target)}: the server is not part of such a target: write {scheme}:/… "
            "and set MLFLOW_TRACKING_URI"
        )
    match scheme:
        case "models":
            return _parse_model(rest.removeprefix("/"), target)
        case "runs":
            run_id, _, path = rest.removeprefix("/").partition("/")
            if not _RUN_ID.fullmatch(run_id):
                raise UsageError(f"{_shown(target)}: write runs:/RUN_ID/PATH")
            return RunTarget(run_id, _checked_path(path, target))
        case "mlflow-artifacts":
            return _parse_artifacts(target)
        case _:
            raise UsageError(f"{_shown(target)}: begin with models:/, runs:/ or mlflow-artifacts:/")


def parse_registered(text: str) -> RegisteredTarget:
    """Parse `name`, `name/3`, `name@alias`, `name/Staging`, with or without `models:/`.

    Raises:
        UsageError: it is no version of a registered model.
    """
    target = _parse_model(text.removeprefix("models:/"), text)
    if not isinstance(target, RegisteredTarget):
        raise UsageError(f"{_shown(text)}: a logged model has no versions; name a registered model")
    return target


def _parse_model(text: str, target: str) -> RegisteredTarget | LoggedModelTarget:
    if _MODEL_ID.fullmatch(text):
        return LoggedModelTarget(text)
    name, slash, suffix = text.partition("/")
    if slash:
        return _with_suffix(_checked_name(name, target), suffix, target)
    name, at, alias = text.rpartition("@")
    if not at:
        return RegisteredTarget(name=_checked_name(text, target))
    if not _ALIAS.fullmatch(alias):
        raise UsageError(f"{_shown(target)}: {alias[:80]!r} is not the name of an alias")
    return RegisteredTarget(name=_checked_name(name, target), alias=alias)


def _with_suffix(name: str, suffix: str, target: str) -> RegisteredTarget:
    if _VERSION.fullmatch(suffix):
        return RegisteredTarget(name=name, version=str(int(suffix)))
    if suffix.lower() == "latest":
        return RegisteredTarget(name=name)
    if not suffix.isascii() or not suffix.isalpha():
        raise UsageError(
            f"{_shown(target)}: after the name stands a version, a stage or latest: models:/name/3"
        )
    return RegisteredTarget(name=name, stage=suffix)


def _parse_artifacts(target: str) -> ArtifactsTarget:
    try:
        parts = urlsplit(target)
        # `mlflow-artifacts://5000/path`: MLflow, too, takes a bare number for a forgotten host.
        is_wrong = parts.username is not None or (parts.hostname or "").isdigit()
        _ = parts.port
    except ValueError:
        is_wrong = True
    if is_wrong or "?" in target or "#" in target:
        raise UsageError(f"{_shown(target)}: write mlflow-artifacts:/PATH, or //HOST:PORT/PATH")
    return ArtifactsTarget(parts.netloc or None, _checked_path(parts.path.strip("/"), target))


def _checked_name(name: str, target: str) -> str:
    if not name.strip() or ":" in name or len(name) > _LONGEST_NAME:
        raise UsageError(f"{_shown(target)}: name a registered model, such as models:/name/3")
    return name


def _checked_path(path: str, target: str) -> str:
    path = path.strip("/")
    if path and not all(is_plain_name(part) for part in path.split("/")):
        raise UsageError(f"{_shown(target)}: {path[:200]!r} is not a path of artifacts")
    return path


def is_alias(name: str) -> bool:
    """Tell whether MLflow takes a text for an alias; `latest` and `v3` mean versions."""
    return bool(_ALIAS.fullmatch(name)) and not re.fullmatch(r"latest|v[0-9]+", name, re.IGNORECASE)


def is_plain_name(name: str) -> bool:
    """Tell whether a text can be one part of a path: no folder, no way out of one."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _shown(target: str) -> str:
    return repr(shown_address(target)[:200])
