"""What went wrong at an MLflow server, in sentences that say what to do."""

from __future__ import annotations

import os

from weighbridge.bytesource.refused import Refused
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
)
from weighbridge.fetchers.mlflow_api import ApiRefused
from weighbridge.fetchers.mlflow_servers import MlflowServer

_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "RESOURCE_NOT_FOUND", "INVALID_PARAMETER_VALUE"})
_LOG_IN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


def target_error(error: ReadError, shown: str, server: MlflowServer) -> TargetError:
    """Make the error for a target that can't be reached.

    Args:
        error: what the exchange with the server came to.
        shown: the target, for the words.
        server: that was asked.
    """
    if not isinstance(error, Refused):
        return TargetUnavailable(f"Can't reach {shown} at {server.url}: {error}. {_advice(error)}")
    match error.status:
        case 401 if not server.has_credentials:
            return AccessDenied(
                f"Can't read {shown}: {server.url} asks who we are and no credentials were given; "
                f"{_LOG_IN}"
            )
        case 401:
            return AccessDenied(
                f"Can't read {shown}: {server.url} refuses the credentials; check them, and {_LOG_IN}"
            )
        case 403:
            return AccessDenied(
                f"Can't read {shown}: {server.url} does not let this user read it (status 403); "
                "ask whoever gives permissions there"
            )
        case 400 | 404 if error.error_code in _MISSING:
            return TargetNotFound(f"There is no {shown} at {server.url}{_said(error)}")
        case 404:
            return TargetUnavailable(
                f"Can't read {shown}: {server.url} has no such part of MLflow's API (status 404). "
                "Check MLFLOW_TRACKING_URI (with its path, if it has one), and that the server hands "
                "out artifacts (--serve-artifacts)"
            )
        case _:
            return TargetUnavailable(f"Can't read {shown}: {error}. Check MLFLOW_TRACKING_URI")


def _said(refusal: Refused) -> str:
    said = refusal.said if isinstance(refusal, ApiRefused) else ""
    return f". It says: {said!r}" if said else ""


def _advice(error: ReadError) -> str:
    if "certificate" not in str(error).lower():
        return "Check the network, the proxy and MLFLOW_TRACKING_URI"
    advice = "Name the certificate to trust in MLFLOW_TRACKING_SERVER_CERT_PATH"
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
        return f"{advice}; MLFLOW_TRACKING_INSECURE_TLS is not honoured here"
    return advice
