"""The ways to write a repository of the Hugging Face hub.

    hf://[datasets/|spaces/|models/]org/name[@revision][/path/inside]
    hf://name[@revision]                               a model from before there were namespaces
    https://huggingface.co/[datasets/|spaces/]org/name[/tree|blob|resolve|raw/REVISION[/path]]

A `/` inside a revision is written `%2F`; `refs/pr/N` and `refs/convert/NAME` are known as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote, urlsplit

from weighbridge.errors import UsageError

DEFAULT_ENDPOINT = "https://huggingface.co"

_SCHEME = "hf://"
_HUB_HOSTS = frozenset({"huggingface.co", "hf.co"})
_VIEWS = frozenset({"tree", "blob", "resolve", "raw"})
_REPOSITORY_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,95}")
_SLASHED_REVISION = re.compile(r"refs/(?:pr|convert)/[^/]+")
_OTHER_KINDS = frozenset({"buckets", "kernels", "collections", "papers", "docs", "organizations"})


class RepoType(Enum):
    """Kinds of repository. The value is the word of the hub's API."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"

    @property
    def api_word(self) -> str:
        """The plural in API paths."""
        return f"{self.value}s"

    @property
    def url_prefix(self) -> str:
        """What stands before the repository's id in page and file URLs."""
        return "" if self is RepoType.MODEL else f"{self.value}s/"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubTarget:
    """A repository, and what of it.

    Attributes:
        revision: branch, tag or commit; None for the default branch.
        path: a file or folder inside; "" for all.
    """

    repo_type: RepoType
    repo_id: str
    revision: str | None = None
    path: str = ""

    @property
    def display_name(self) -> str:
        """`org/name`, with the kind before it for what is not a model."""
        return f"{self.repo_type.url_prefix}{self.repo_id}"


def is_hub_target(target: str, endpoint: str) -> bool:
    """Tell whether the target is written in one of the hub's ways."""
    return target.startswith(_SCHEME) or _url_path(target, endpoint) is not None


def parse_hub_target(target: str, endpoint: str) -> HubTarget:
    """Parse a target that `is_hub_target` accepts.

    Raises:
        UsageError: it names no repository.
    """
    path = _url_path(target, endpoint)
    if path is None:
        return _parse_reference(target.removeprefix(_SCHEME), target)
    return _parse_page(path, target)


def _url_path(target: str, endpoint: str) -> str | None:
    """Return what follows the hub's own address, or None when the address is another's."""
    try:
        url, own = urlsplit(target), urlsplit(endpoint)
        is_own = (url.scheme, url.hostname, url.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return None
    base = own.path.rstrip("/")
    if is_own and url.path.startswith(f"{base}/"):
        return url.path[len(base) :]
    is_hub = url.scheme in ("http", "https") and url.hostname in _HUB_HOSTS and not url.port
    return url.path if is_hub else None


def _parse_reference(text: str, target: str) -> HubTarget:
    repo_type, parts = _split_type(text.split("/"), target)
    if "@" in parts[0] or len(parts) == 1:
        names, rest = parts[:1], parts[1:]
    else:
        names, rest = parts[:2], parts[2:]
    last, at, revision = names[-1].partition("@")
    names[-1] = last
    if at:
        revision, rest = _join_slashed(revision, rest)
    if at and not revision:
        raise UsageError(f"{_shown(target)}: no revision after the @")
    return _target(repo_type, names, unquote(revision) or None, "/".join(rest), target)


def _parse_page(path: str, target: str) -> HubTarget:
    repo_type, parts = _split_type(path.strip("/").split("/"), target)
    size = 1 if len(parts) == 1 or parts[1] in (*_VIEWS, "commit") else 2
    names, rest = parts[:size], parts[size:]
    if not rest:
        return _target(repo_type, names, None, "", target)
    if len(rest) < 2 or rest[0] not in (*_VIEWS, "commit"):
        raise UsageError(f"{_shown(target)}: not the page of a repository, a folder or a file")
    revision, inside = _join_slashed(rest[1], rest[2:])
    return _target(repo_type, names, unquote(revision), unquote("/".join(inside)), target)


def _split_type(parts: list[str], target: str) -> tuple[RepoType, list[str]]:
    kinds = {kind.api_word: kind for kind in RepoType}
    if parts[0] in _OTHER_KINDS:
        raise UsageError(
            f"{_shown(target)}: {parts[0]} can't be scanned, only models, datasets and spaces"
        )
    if parts[0] in kinds:
        kind, parts = kinds[parts[0]], parts[1:]
    else:
        kind = RepoType.MODEL
    if not parts or not parts[0]:
        raise UsageError(f"{_shown(target)}: name a repository, such as hf://org/name")
    return kind, parts


def _join_slashed(revision: str, rest: list[str]) -> tuple[str, list[str]]:
    joined = "/".join((revision, *rest[:2]))
    if _SLASHED_REVISION.fullmatch(joined):
        return joined, rest[2:]
    return revision, rest


def _target(
    repo_type: RepoType, names: list[str], revision: str | None, path: str, target: str
) -> HubTarget:
    if not all(_REPOSITORY_PART.fullmatch(name) for name in names):
        raise UsageError(f"{_shown(target)}: {'/'.join(names)[:200]!r} is not the name of a repository")
    path = path.strip("/")
    if any(part in ("", ".", "..") for part in path.split("/")) and path:
        raise UsageError(f"{_shown(target)}: {path[:200]!r} is not a path inside a repository")
    return HubTarget(repo_type=repo_type, repo_id="/".join(names), revision=revision, path=path)


def _shown(target: str) -> str:
    return repr(target[:200])
