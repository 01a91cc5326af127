"""What went wrong with a git repository, in sentences that say what to do."""

from __future__ import annotations

import re
from typing import Final

from weighbridge.errors import AccessDenied, ReadError, TargetError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.git_command import GitFailed, GitLimits
from weighbridge.fetchers.git_repository import TOO_LARGE, RefAmbiguous, RefMissing
from weighbridge.fetchers.git_target import GitTarget

_STATUS: Final = re.compile(r"returned error: ([0-9]{3})")
_DENIED: Final = ("Authentication failed", "could not read Username", "terminal prompts disabled")
_UNKNOWN_COMMIT: Final = ("not our ref", "unadvertised object", "no such remote ref")
_NO_REPOSITORY: Final = ("not found", "does not appear to be a git repository", "does not exist")
_PREFIX: Final = re.compile(r"\A(?:fatal|error|remote): ")
_SHOWN: Final = 300


def status_of(error: GitFailed) -> int | None:
    """Return the HTTP status that git could do nothing with."""
    found = _STATUS.search(error.said)
    return int(found[1]) if found is not None else None


def from_read_error(error: ReadError, target: GitTarget, limits: GitLimits) -> TargetError:
    """Make the error for a target that can't be fetched."""
    name = f"Can't read {target.display_name}: "
    match error:
        case RefMissing():
            return TargetNotFound(f"{name}{error}; check the spelling")
        case RefAmbiguous():
            return TargetUnavailable(f"{name}{error}")
        case GitFailed():
            return _from_git(error, target, limits, name)
        case _:
            return TargetUnavailable(f"{name}{error}")


def _from_git(error: GitFailed, target: GitTarget, limits: GitLimits, name: str) -> TargetError:
    said, status = error.said, status_of(error)
    if status in (401, 403) or any(words in said for words in _DENIED):
        return AccessDenied(f"{name}{target.host} refuses access. {_advice(target)}")
    if status is not None and 300 <= status < 400:
        return TargetUnavailable(
            f"{name}{target.host} redirects to another address, which git is not let follow; give "
            "the address where the repository is now"
        )
    if any(words in said for words in _UNKNOWN_COMMIT):
        return TargetNotFound(f"{name}it has no commit {target.ref}, or does not give it by itself")
    if "dubious ownership" in said:
        return TargetUnavailable(
            f"{name}the folder belongs to another user; clone it, and scan the clone"
        )
    if TOO_LARGE in said:
        return TargetUnavailable(
            f"{name}it holds more than the {limits.pack_bytes:,} bytes that are fetched at once; "
            "clone it and scan the folder"
        )
    if status == 404 or any(words in said for words in _NO_REPOSITORY):
        return TargetNotFound(
            f"{name}there is no such repository, or this user may not see it. {_advice(target)}"
        )
    return TargetUnavailable(f"{name}{_last_words(error)}")


def _advice(target: GitTarget) -> str:
    if target.scheme == "file":
        return "Check the path"
    if target.host.lower() == "github.com":
        return "If it is private, set GITHUB_TOKEN"
    return f"If it is private, set WEIGHBRIDGE_GIT_HOST={target.host} and WEIGHBRIDGE_GIT_TOKEN"


def _last_words(error: GitFailed) -> str:
    lines = [line.strip() for line in error.said.splitlines() if line.startswith(("fatal:", "error:"))]
    if not lines:
        return str(error)
    return _PREFIX.sub("", lines[0])[:_SHOWN]
