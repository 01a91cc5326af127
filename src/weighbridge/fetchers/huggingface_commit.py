"""Pin a hub revision to a commit, through huggingface_hub: names, tokens, gates, renames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from weighbridge.bytesource.http_patience import TRY_LATER, Patience, Pause
from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.core.version import VERSION
from weighbridge.errors import AccessDenied, ReadError
from weighbridge.fetchers.huggingface_errors import HubErrors
from weighbridge.fetchers.huggingface_target import HubTarget

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,95}(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]{0,95})?")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_NO_TELEMETRY = "HF_HUB_DISABLE_TELEMETRY"
_TIMEOUT_S = 30.0
_FACTS = (
    *("author", "private", "gated", "disabled", "created_at", "last_modified"),
    *("downloads", "likes", "library_name", "pipeline_tag"),
)
_CARD_FACTS = ("license", "base_model")
"""What the card says, as the hub read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedRepository:
    """A repository at one commit.

    Attributes:
        repo_id: the id as the hub spells it now; another one than asked for after a rename.
        commit: hex id.
        facts: see `Origin.facts`.
    """

    repo_id: str
    commit: str
    facts: dict[str, str]


def is_offline() -> bool:
    """Tell whether the user's environment forbids huggingface_hub the network, as of now."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in _TRUE


def stored_token() -> str | None:
    """Return the token of the user's own login (HF_TOKEN, or the file of `hf auth login`).

    Raises:
        AccessDenied: the user asked for another way to get one, and that failed.
    """
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in _TRUE:
        return None
    with _without_telemetry():
        from huggingface_hub import errors, get_token
    # Known to version 2 only: a token that is exchanged for the identity of a CI job.
    exchange_error: type[Exception] = getattr(errors, "OIDCError", OSError)
    try:
        return get_token()
    except (exchange_error, OSError, ValueError) as error:
        raise AccessDenied(f"Can't get the Hugging Face token of this machine: {error}") from error


def pin(
    target: HubTarget,
    endpoint: str,
    token: str | None,
    *,
    patience: Patience,
    traffic: TrafficCounter,
    errors: HubErrors,
) -> PinnedRepository:
    """Ask the hub for the commit that a revision means now.

    Raises:
        UsageError: huggingface_hub does not take the name for one of a repository.
        TargetError: not found, no access, or not reachable, in words.
    """
    with _without_telemetry():
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    transport_error = _root_error(HfHubHTTPError)
    api = HfApi(
        endpoint=endpoint, token=token or False, library_name="weighbridge", library_version=VERSION
    )
    while True:
        traffic.count_request(to_endpoint=True)
        try:
            info = api.repo_info(
                target.repo_id,
                revision=target.revision,
                repo_type=target.repo_type.value,
                timeout=_TIMEOUT_S,
            )
            return _pinned(target, info, errors)
        except HFValidationError as error:
            raise errors.invalid_name() from error
        except OfflineModeIsEnabled as error:
            raise errors.offline() from error
        except HfHubHTTPError as error:
            pause = _pause_after(error.response.status_code, error.response.headers, patience, errors)
        except transport_error as error:
            pause = _pause_after_failure(error, patience, errors)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # What its client makes of an answer that is not what the hub sends.
            raise errors.unavailable(f"its answer can't be read ({type(error).__name__})") from error
        patience.wait(pause)


def _root_error(hub_error: type[Exception]) -> type[Exception]:
    """Return the HTTP library's own root of errors: of httpx under version 1, of httpx2 under 2."""
    base = hub_error.__mro__[1]
    return base if issubclass(base, Exception) else hub_error


def _pause_after(
    status: int, headers: Mapping[str, str], patience: Patience, errors: HubErrors
) -> Pause:
    if status not in TRY_LATER:
        raise errors.from_status(
            status, headers.get("x-error-code"), headers.get("x-error-message")
        ) from None
    try:
        return patience.after_status(status, headers, host="the hub")
    except ReadError as error:
        raise errors.unavailable(str(error)) from None


def _pause_after_failure(failure: Exception, patience: Patience, errors: HubErrors) -> Pause:
    try:
        return patience.after_failure(failure, host="the hub")
    except ReadError as error:
        raise errors.unavailable(str(error)) from None


def _pinned(target: HubTarget, info: _RepositoryInfo, errors: HubErrors) -> PinnedRepository:
    commit, repo_id = info.sha, info.id
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise errors.unavailable("it names no commit for this revision")
    facts = dict(_facts(info))
    if target.revision is not None and target.revision != commit:
        facts["requested_revision"] = target.revision
    if not isinstance(repo_id, str) or not _REPOSITORY.fullmatch(repo_id):
        repo_id = target.repo_id
    if repo_id != target.repo_id:
        facts["renamed_from"] = target.repo_id
    return PinnedRepository(repo_id=repo_id, commit=commit, facts=facts)


class _RepositoryInfo(Protocol):
    """What the three kinds of information that huggingface_hub gives have in common."""

    id: str
    sha: str | None


def _facts(info: _RepositoryInfo) -> Iterator[tuple[str, str]]:
    for name in _FACTS:
        value = getattr(info, name, None)
        if value is not None:
            yield name, str(value)[:200]
    card = getattr(info, "card_data", None)
    for name in _CARD_FACTS:
        value = getattr(card, name, None)
        words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if words:
            yield name, ", ".join(str(word) for word in words[:10])[:200]


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Import huggingface_hub with its telemetry off, and leave the environment as it was.

    It reads the variable once, when it is imported. Where the program around us has imported it
    already, that program's choice stands.
    """
    if _NO_TELEMETRY in os.environ:
        yield
        return
    os.environ[_NO_TELEMETRY] = "1"
    try:
        import huggingface_hub.constants  # noqa: F401

        yield
    finally:
        os.environ.pop(_NO_TELEMETRY, None)
