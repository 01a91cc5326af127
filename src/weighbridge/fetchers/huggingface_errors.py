"""What went wrong at the hub, in sentences that say what to do."""

from __future__ import annotations

from weighbridge.bytesource.refused import Refused
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.huggingface_target import HubTarget

LOG_IN = "set HF_TOKEN or run: hf auth login"


class HubErrors:
    """Makes the error for one target.

    Args:
        target: for the words.
        endpoint: where it is.
        has_token: whether requests carried a token.
        log_in: what to do to be let in.
    """

    def __init__(
        self, target: HubTarget, endpoint: str, *, has_token: bool, log_in: str = LOG_IN
    ) -> None:
        self._target = target
        self._name = target.display_name
        self._endpoint = endpoint
        self._has_token = has_token
        self._log_in = log_in

    def from_status(self, status: int, code: str | None, message: str | None = None) -> TargetError:
        """Make the error for a status.

        Args:
            status: of HTTP.
            code: the hub's `X-Error-Code`.
            message: the hub's `X-Error-Message`; the API has no code for some refusals.
        """
        match status, code:
            case _, "GatedRepo":
                return self._gated()
            case _, "RevisionNotFound":
                return self.revision_missing()
            case _, "EntryNotFound":
                return self.path_missing()
            case 401, _ if message == "Invalid credentials in Authorization header":
                return AccessDenied(f"Can't read {self._name}: the token is refused; {self._log_in}")
            case ((401 | 404), _):
                return self._repository_missing()
            case 403, _:
                return self._refused(status)
            case _:
                return self.unavailable(f"it answered with status {status}")

    def from_read_error(self, error: ReadError) -> TargetError:
        if isinstance(error, Refused):
            return self.from_status(error.status, error.error_code)
        return self.unavailable(str(error))

    def access_refused(self, refusal: Refused) -> AccessDenied:
        """Make the error for a repository whose files are listed but not given out."""
        return self._gated() if refusal.error_code == "GatedRepo" else self._refused(refusal.status)

    def unavailable(self, reason: str) -> TargetUnavailable:
        return TargetUnavailable(
            f"Can't reach {self._name} at {self._endpoint}: {reason}. "
            "Check the network, the proxy and HF_ENDPOINT, or try again later"
        )

    def offline(self) -> TargetUnavailable:
        return TargetUnavailable(
            f"Can't reach {self._name}: HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set. "
            "Unset it, or scan the downloaded files: weighbridge scan FOLDER"
        )

    def invalid_name(self) -> UsageError:
        return UsageError(f"{self._name!r} is not the name of a repository; write hf://org/name")

    def revision_missing(self) -> TargetNotFound:
        return TargetNotFound(
            f"{self._name} has no revision {self._target.revision or 'main'!r}: "
            f"see the branches and tags at {self._page()}"
        )

    def path_missing(self) -> TargetNotFound:
        return TargetNotFound(
            f"{self._name} has no file or folder {self._target.path!r} at that revision"
        )

    def _refused(self, status: int) -> AccessDenied:
        return AccessDenied(
            f"Can't read {self._name}: {self._endpoint} refuses access (status {status}). "
            f"Check the repository's page and what the token may read; to log in, {self._log_in}"
        )

    def _repository_missing(self) -> TargetNotFound:
        token = (
            "this token may not read it" if self._has_token else f"no token was given: {self._log_in}"
        )
        kind = self._target.repo_type.value
        return TargetNotFound(
            f"There is no {kind} {self._name} at {self._endpoint}, or it is private and {token}"
        )

    def _gated(self) -> AccessDenied:
        why = "this token has not been granted it" if self._has_token else "no token was given"
        return AccessDenied(
            f"Can't read {self._name}: access is gated and {why}. "
            f"Ask for access at {self._page()}, then {self._log_in}"
        )

    def _page(self) -> str:
        return f"{self._endpoint}/{self._name}"
