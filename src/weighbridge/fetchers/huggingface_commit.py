"""Pin a hub revision to a commit: one request, and what the hub says of the repository.

huggingface_hub could ask too. We ask ourselves because its client follows every redirect, also to
addresses that only this machine can see, and waits for ever for a server that sends byte by byte.
It still says which names can be a repository's, and finds the token of the user's own login.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from weighbridge.core.limits import MIB
from weighbridge.errors import AccessDenied
from weighbridge.fetchers.huggingface_errors import HubErrors
from weighbridge.fetchers.huggingface_target import HubTarget
from weighbridge.fetchers.json_answer import json_answer

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient, Reply

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,95}(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]{0,95})?")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_NO_TELEMETRY = "HF_HUB_DISABLE_TELEMETRY"
_ANSWER_BYTES = 64 * MIB
"""It names every file of the repository."""
_FACTS = (
    *("author", "private", "gated", "disabled", "created_at", "last_modified"),
    *("downloads", "likes", "library_name", "pipeline_tag"),
)
_CARD_FACTS = ("license", "base_model")
"""What the card says, as the hub read it."""


class _Info(
    msgspec.Struct,
    frozen=True,
    rename={"created_at": "createdAt", "last_modified": "lastModified", "card": "cardData"},
):
    """The page of a repository at one revision."""

    id: str | None = None
    sha: str | None = None
    author: str | None = None
    private: bool | None = None
    gated: bool | str | None = None
    disabled: bool | None = None
    created_at: str | None = None
    last_modified: str | None = None
    downloads: int | None = None
    likes: int | None = None
    library_name: str | None = None
    pipeline_tag: str | None = None
    card: object = None


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


def pin(client: HttpClient, endpoint: str, target: HubTarget, errors: HubErrors) -> PinnedRepository:
    """Ask the hub for the commit that a revision means now.

    Args:
        client: its endpoint is the hub's.
        endpoint: without a slash at the end.
        target: the repository.
        errors: makes the words.

    Raises:
        UsageError: huggingface_hub does not take the name for one of a repository.
        TargetError: not found, or no access, in words.
        ReadError: not reachable, or no answer of a hub.
    """
    from weighbridge.bytesource.http_client import Ask

    _check_name(target, errors)
    at = f"/revision/{quote(target.revision, safe='')}" if target.revision is not None else ""
    url = f"{endpoint}/api/{target.repo_type.api_word}/{target.repo_id}{at}"
    ask = Ask(url=url, expected_bytes=1 * MIB)
    return _pinned(target, client.exchange(ask, lambda reply: _info(reply, errors)), errors)


def _check_name(target: HubTarget, errors: HubErrors) -> None:
    with _without_telemetry():
        from huggingface_hub.errors import HFValidationError

        # Public, but not in a list of what is exported.
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
    try:
        validate_repo_id(target.repo_id)
    except HFValidationError as error:
        raise errors.invalid_name() from error


def _info(reply: Reply, errors: HubErrors) -> _Info:
    if reply.status != 200:
        code, message = reply.headers.get("x-error-code"), reply.headers.get("x-error-message")
        raise errors.from_status(reply.status, code, message)
    return json_answer(reply, _Info, most_bytes=_ANSWER_BYTES)


def _pinned(target: HubTarget, info: _Info, errors: HubErrors) -> PinnedRepository:
    if info.sha is None or not _COMMIT.fullmatch(info.sha):
        raise errors.unavailable("it names no commit for this revision")
    facts = dict(_facts(info))
    if target.revision is not None and target.revision != info.sha:
        facts["requested_revision"] = target.revision
    repo_id = info.id if info.id is not None and _REPOSITORY.fullmatch(info.id) else target.repo_id
    if repo_id != target.repo_id:
        facts["renamed_from"] = target.repo_id
    return PinnedRepository(repo_id=repo_id, commit=info.sha, facts=facts)


def _facts(info: _Info) -> Iterator[tuple[str, str]]:
    for name in _FACTS:
        value = getattr(info, name)
        if value is not None:
            yield name, str(value)[:200]
    card = info.card if isinstance(info.card, dict) else {}
    for name in _CARD_FACTS:
        value = card.get(name)
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
