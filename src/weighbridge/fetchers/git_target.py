"""What a git target is spelt like, and who may be shown which token."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from weighbridge.core.address import shown_address
from weighbridge.errors import UsageError
from weighbridge.fetchers.basic_credentials import basic_authorization

SCHEMES: Final = ("https", "http", "file")
TOKEN, TOKEN_HOST, GITHUB_TOKEN = "WEIGHBRIDGE_GIT_TOKEN", "WEIGHBRIDGE_GIT_HOST", "GITHUB_TOKEN"
_PREFIX: Final = "git+"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)")
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class GitTarget:
    """A repository, and what of it.

    Attributes:
        url: without userinfo, query and fragment.
        ref: a branch, tag or commit; None for what the repository's HEAD names.
        userinfo: a name and a password that stood in the address; a secret.
    """

    url: str
    ref: str | None
    userinfo: str | None = None

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0]

    @property
    def host(self) -> str:
        """With its port, when it has one."""
        return urlsplit(self.url).netloc

    @property
    def display_name(self) -> str:
        """`host/path`, without the scheme."""
        return self.url.partition("://")[2].removesuffix(".git")

    @property
    def is_commit(self) -> bool:
        return self.ref is not None and _COMMIT.fullmatch(self.ref) is not None


def parse_git_target(target: str) -> GitTarget:
    """Read `git+https://host/path[@ref]`.

    Raises:
        UsageError: it is spelt in a way that can't be meant, or git over another way than these.
    """
    scheme, _, rest = target.removeprefix(_PREFIX).partition("://")
    if scheme not in SCHEMES:
        raise UsageError(
            f"can't fetch {shown_address(target)[:200]!r}: git is read over git+https, git+http and "
            "git+file. For a repository behind ssh, clone it yourself and scan the folder"
        )
    if len(target) > _LONGEST or any(ord(character) < 33 or ord(character) == 127 for character in rest):
        raise UsageError(f"not the address of a git repository: {shown_address(target)[:200]!r}")
    authority, _, path = rest.partition("/")
    path, at, ref = path.rpartition("@") if "@" in path else (path, "", "")
    if at:
        _check_ref(unquote(ref))
    parts = _split(f"{scheme}://{authority}/{path}", target)
    userinfo, _, host = parts.netloc.rpartition("@")
    url = f"{scheme}://{host}{parts.path.rstrip('/')}"
    return GitTarget(url=url, ref=unquote(ref) if at else None, userinfo=userinfo or None)


def _split(url: str, target: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = parts.port != 0 and (bool(parts.hostname) or parts.scheme == "file")
    except ValueError:
        is_whole = False
    if not is_whole or parts.query or parts.fragment or parts.path in ("", "/"):
        raise UsageError(
            f"not the address of a git repository: {shown_address(target)[:200]!r}; write "
            "git+https://host/path/to/repository[@branch, tag or commit]"
        )
    if parts.scheme == "file" and parts.netloc:
        raise UsageError("git+file takes an absolute path: git+file:///path/to/repository")
    return parts


def _check_ref(ref: str) -> None:
    """Source: git-check-ref-format(1)."""
    if (
        not ref
        or ref.startswith(("-", "/", "."))
        or ref.endswith(("/", "."))
        or ref == "@"
        or _FORBIDDEN.search(ref)
    ):
        raise UsageError(f"{ref[:200]!r} is not a name that git gives to a branch, a tag or a commit")


def authorization(target: GitTarget, token: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the value of the header that opens the target's own host; None without a secret for it.

    A token of the environment goes to the host that it is said to be for, and never in the clear.

    Args:
        target: what is fetched.
        token: given for this target by whoever calls.
        environment: of this process.
    """
    if target.scheme == "file":
        return None
    if target.userinfo is not None:
        return basic_authorization(target.userinfo)
    token = token or _from_environment(target, environment)
    return basic_authorization(f"x-access-token:{quote(token, safe='')}") if token else None


def _from_environment(target: GitTarget, environment: Mapping[str, str]) -> str | None:
    host = environment.get(TOKEN_HOST, "").strip().lower()
    if host and target.host.lower() == host and environment.get(TOKEN):
        return environment[TOKEN] if _is_sealed(target) else None
    if target.host.lower() == "github.com" and target.scheme == "https":
        return environment.get(GITHUB_TOKEN) or None
    return None


def _is_sealed(target: GitTarget) -> bool:
    """Nobody between here and there can read it: TLS, or this machine."""
    hostname = urlsplit(target.url).hostname or ""
    return target.scheme == "https" or hostname in ("localhost", "::1") or hostname.startswith("127.")


def environment_authorization(target: GitTarget, token: str | None) -> str | None:
    """The same, with the environment of this process."""
    return authorization(target, token, os.environ)
