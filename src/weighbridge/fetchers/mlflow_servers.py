"""Where the MLflow servers are and who we are there, as MLflow's own settings say it.

Law: the user name, password and token go to the tracking server and the registry that the
environment names, to nobody else. `MLFLOW_TRACKING_INSECURE_TLS` is not honoured: a certificate
that can't be verified is refused; `MLFLOW_TRACKING_SERVER_CERT_PATH` names one to trust.
"""

from __future__ import annotations

import base64
import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weighbridge.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowServer:
    """A server and what to say to it.

    Attributes:
        url: scheme, host, port and the path that everything is below; no slash at the end.
        secret: headers that nobody else may see.
    """

    url: str
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def has_credentials(self) -> bool:
        return bool(self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowServers:
    """The server of runs and artifacts, and that of registered models; often one and the same."""

    tracking: MlflowServer
    registry: MlflowServer


def servers_of_environment() -> MlflowServers:
    """Read `MLFLOW_TRACKING_URI` and the variables around it.

    Raises:
        UsageError: it is not set, or names something that is not reached over HTTP.
    """
    tracking = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not tracking:
        raise UsageError(
            "no MLflow server is named: set MLFLOW_TRACKING_URI, for example to http://127.0.0.1:5000"
        )
    registry = os.environ.get("MLFLOW_REGISTRY_URI", "").strip() or tracking
    return MlflowServers(
        tracking=_server(tracking, "MLFLOW_TRACKING_URI"),
        registry=_server(registry, "MLFLOW_REGISTRY_URI"),
    )


def server_of_authority(authority: str) -> MlflowServer:
    """Return the server that a target names itself. Credentials are for those of the environment.

    Raises:
        UsageError: `MLFLOW_TRACKING_URI` is not that of a server.
    """
    scheme = "https"
    if os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        known = servers_of_environment().tracking
        if urlsplit(known.url).netloc.lower() == authority.lower():
            return known
        scheme = urlsplit(known.url).scheme
    return _server(f"{scheme}://{authority}", "the target", has_credentials=False)


def extra_certificates() -> Path | None:
    """Return the file of certificates that `MLFLOW_TRACKING_SERVER_CERT_PATH` names.

    Raises:
        UsageError: there is no such file.
    """
    name = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH", "").strip()
    if not name:
        return None
    if not os.path.isfile(name):
        raise UsageError(f"MLFLOW_TRACKING_SERVER_CERT_PATH names {name[:200]!r}, which is no file")
    return Path(name)


def _server(uri: str, source: str, *, has_credentials: bool = True) -> MlflowServer:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise UsageError(f"{source} is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{source} begins with {parts.scheme[:40]!r}; weighbridge asks a server over HTTP. "
            "Start one on that store (mlflow server) and name its http:// or https:// address"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    if not has_credentials:
        return MlflowServer(url=url)
    return MlflowServer(url=url, secret=_secret(parts.username, parts.password))


def _secret(username: str | None, password: str | None) -> Mapping[str, str]:
    """Headers, by MLflow's own order: a user name and password, else a token."""
    stored = _stored()
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(username or "") or stored[0]
    word = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(password or "") or stored[1]
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user and word:
        packed = base64.b64encode(f"{user}:{word}".encode()).decode("ascii")
        return {"authorization": f"Basic {packed}"}
    return {"authorization": f"Bearer {token}"} if token else {}


def _stored() -> tuple[str, str]:
    """User name and password in `~/.mlflow/credentials`; "" for what is not there."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(os.path.expanduser("~/.mlflow/credentials"), encoding="utf-8")
    except (configparser.Error, OSError, ValueError) as error:
        raise UsageError(f"~/.mlflow/credentials can't be read: {type(error).__name__}") from None
    if not parser.has_section("mlflow"):
        return "", ""
    kept = parser["mlflow"]
    return kept.get("mlflow_tracking_username", ""), kept.get("mlflow_tracking_password", "")
