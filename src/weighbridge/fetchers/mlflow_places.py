"""Where the word of a registry may lead: the rules for the source of a model version.

Whoever may register a model writes these URIs, so they are hostile input:

    mlflow-artifacts:/path, and http(s)://…/api/2.0/mlflow-artifacts/artifacts/path
        read at that server. Another host than the tracking server's gets no credentials, must not
        be on a private network unless the tracking server is, and never falls from https to http.
    s3://, gs://, wasbs://, abfss://
        read by the fetcher for object stores, with the credentials that the user allows it.
    models:/name/3, models:/m-…, runs:/id/path
        looked up at the same servers, for a few steps.
    everything else: file:, a path, dbfs:, hdfs:, ftp:, a plain web address …
        refused. A path would be one of the machine that scans: `file:///etc` would be read here.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from weighbridge.errors import TargetUnavailable, UsageError
from weighbridge.fetchers.mlflow_api import ARTIFACTS
from weighbridge.fetchers.mlflow_target import ArtifactsTarget, MlflowTarget, parse_mlflow_target

_BLOB, _LAKE = ".blob.core.windows.net", ".dfs.core.windows.net"
_AZURE = {"wasbs": _BLOB, "wasb": _BLOB, "abfss": _LAKE, "abfs": _LAKE}
_AZURE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_AMBIGUOUS = re.compile(r"[%?#\\\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Served:
    """A path below the artifacts of a server; None is the tracking server."""

    url: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A target of the fetcher for object stores."""

    target: str


def place_of(uri: str, *, shown: str, tracking_url: str) -> Served | Stored | MlflowTarget:
    """Decide where a URI of a registry leads.

    Args:
        uri: as the registry states it.
        shown: what it is the location of, for the words.
        tracking_url: where artifacts without a host are.

    Raises:
        TargetUnavailable: it leads where we do not go.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise _refused(shown, uri, "that is no URI") from None
    scheme = "" if _DRIVE.match(uri) else parts.scheme
    match scheme:
        case "" | "file":
            raise _local(shown, uri)
        case "models" | "runs" | "mlflow-artifacts":
            return _of_mlflow(uri, shown, tracking_url)
        case "http" | "https":
            return _of_web(parts, uri, shown=shown, tracking_url=tracking_url)
        case "s3" | "gs" | "wasbs" | "wasb" | "abfss" | "abfs":
            return _of_store(parts, uri, shown=shown)
        case _:
            raise _refused(shown, uri, f"weighbridge does not read {scheme[:40]}: from a registry")


def shown_uri(uri: str) -> str:
    """Return a URI for people and reports: without user name, password, query and fragment."""
    head, mark, rest = uri.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        is_azure = head in _AZURE
        uri = f"{head}://{authority if is_azure else authority.rpartition('@')[2]}{slash}{path}"
    return re.split(r"[?#]", uri, maxsplit=1)[0][:500]


def _of_mlflow(uri: str, shown: str, tracking_url: str) -> Served | MlflowTarget:
    if _AMBIGUOUS.search(uri):
        raise _refused(shown, uri, "clients read such a path in more than one way")
    try:
        target = parse_mlflow_target(uri)
    except UsageError as error:
        raise _refused(shown, uri, str(error)) from error
    if not isinstance(target, ArtifactsTarget):
        return target
    if target.authority is None:
        return Served(None, target.path)
    return Served(f"{urlsplit(tracking_url).scheme}://{target.authority}", target.path)


def _of_web(parts: SplitResult, uri: str, *, shown: str, tracking_url: str) -> Served:
    base, found, path = parts.path.partition(ARTIFACTS)
    if not found or parts.username is not None or parts.query or not parts.hostname:
        raise _refused(
            shown, uri, "of web addresses, only the artifacts of an MLflow server are followed"
        )
    target = _of_mlflow(f"mlflow-artifacts:/{unquote(path).strip('/')}", shown, tracking_url)
    if not isinstance(target, Served):
        raise _refused(shown, uri, "that is no path of artifacts")
    return Served(f"{parts.scheme}://{parts.netloc}{base}", target.path)


def _of_store(parts: SplitResult, uri: str, *, shown: str) -> Stored:
    if parts.query or parts.fragment or not parts.hostname:
        raise _refused(shown, uri, "that is no plain address in an object store")
    if parts.scheme not in _AZURE:
        if "@" in parts.netloc or ":" in parts.netloc:
            raise _refused(shown, uri, "that is no plain address in an object store")
        return Stored(uri)
    account = parts.hostname.removesuffix(_AZURE[parts.scheme])
    container = parts.username or ""
    if not (_AZURE_NAME.fullmatch(account) and _AZURE_NAME.fullmatch(container)):
        raise _refused(shown, uri, "that names no container of an Azure account")
    known = os.environ.get("AZURE_STORAGE_ACCOUNT") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if known is not None and known != account:
        # With the variable, `az://account/container` would be a container of the other account.
        raise _refused(shown, uri, "AZURE_STORAGE_ACCOUNT names another account")
    return Stored(f"az://{account}/{container}{parts.path}")


def _local(shown: str, uri: str) -> TargetUnavailable:
    return TargetUnavailable(
        f"Not followed: the registry says that {shown} lies at {shown_uri(uri)!r}, a path in some file "
        "system. Whoever may register a model chooses that path, and on this machine it could be any "
        "file. If you know the folder, scan it: weighbridge scan FOLDER. Better: let the tracking "
        "server hand out its artifacts (mlflow server --artifacts-destination)"
    )


def _refused(shown: str, uri: str, reason: str) -> TargetUnavailable:
    return TargetUnavailable(
        f"Not followed: the registry says that {shown} lies at {shown_uri(uri)!r}, but {reason}. "
        "Copy the model to where weighbridge can read it, and scan it there"
    )
