"""Drop-in replacements for `huggingface_hub` downloads that scan before they hand over a path.

    from weighbridge.guard import snapshot_download       # was: from huggingface_hub import ...

    path = snapshot_download("org/name", allow_patterns=["*.json", "*.safetensors"])

Same names, same meaning, same cache. What the policy does not let pass raises
`weighbridge.errors.GateClosed`, with `report` and `decision`; then nothing was put into the cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from weighbridge.core.version import VERSION
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import (
    DestinationError,
    GateClosed,
    TargetNotFound,
    TargetUnavailable,
    UsageError,
)
from weighbridge.fetchers.huggingface import hub_endpoint
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.pull.comparison import compare_folder
from weighbridge.pull.folder import FolderChanged, FolderDestination, write_synced
from weighbridge.pull.hub_cache import HubCacheDestination
from weighbridge.pull.hub_readiness import is_current, is_enough, is_whole
from weighbridge.pull.lock import Lock, encode_lock, policy_name, read_lock
from weighbridge.pull.names import LOCK_NAME, check_names, path_of
from weighbridge.pull.pulling import PullRequest, pull
from weighbridge.pull.quarantine import held
from weighbridge.pull.selection import Selection, patterns
from weighbridge.pull.verifying import rescan

_TRIES = 20
"""Threads that fill one folder wait for each other, and all but one of them have to look again."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KINDS = {None: "", "model": "", "dataset": "datasets/", "space": "spaces/"}
_PRESENTATION = frozenset(
    {"library_name", "library_version", "user_agent", "max_workers", "tqdm_class", "etag_timeout"}
)
"""Arguments of `huggingface_hub` that change no result: taken, and left aside."""


def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    token: bool | str | None = None,
    allow_patterns: Sequence[str] | str | None = None,
    ignore_patterns: Sequence[str] | str | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    endpoint: str | None = None,
    policy: Policy | None = None,
    settings: ScanSettings | None = None,
    **others: object,
) -> str:
    """Scan a repository, download it only if it passes, and return the folder.

    A commit that lies in the cache with a lock of the same policy and signatures is handed over as it
    is: one request finds the commit, none when `revision` is one or `local_files_only` is set.

    Args:
        repo_id: `org/name`.
        repo_type: `model`, `dataset` or `space`.
        revision: a branch, a tag or a commit.
        cache_dir: in place of the usual cache.
        local_dir: a folder in place of the cache; it must be new, empty, or an older pull of this,
            to which files are added.
        token: of the hub; None or True for the one of `hf auth login`.
        allow_patterns: only files that match one.
        ignore_patterns: no files that match one.
        local_files_only: ask no network; what is there is scanned where its lock is of other
            signatures or of another policy. HF_HUB_OFFLINE=1 sets it for all calls.
        force_download: take nothing from the cache.
        endpoint: of the hub; it must be the one of HF_ENDPOINT.
        policy: what decides; by default findings of high and critical severity, and gaps, close it.
        settings: how to scan.
        others: `library_name`, `user_agent`, `max_workers` and the like are taken and left aside.

    Raises:
        GateClosed: the policy does not let it pass. `report` and `decision` say why.
        TargetError: it can't be reached, or is not in the cache.
        DestinationError: the folder can't take it.
        TypeError: an argument that is not known here.
    """
    _check_others("snapshot_download", others)
    selection = Selection(include=patterns(allow_patterns), exclude=patterns(ignore_patterns) or ())
    asked = _Asked(
        target=_target(repo_id, repo_type, revision),
        selection=selection,
        policy=policy or Policy(),
        settings=_with_token(settings or ScanSettings(), token, endpoint),
        is_renewed=force_download,
    )
    is_local = local_files_only or _is_offline(asked.settings)
    if local_dir is not None:
        return str(_into_folder(asked, Path(local_dir), is_local=is_local))
    return str(_into_cache(asked, cache_dir, is_local=is_local))


def hf_hub_download(
    repo_id: str,
    filename: str,
    *,
    subfolder: str | None = None,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_dir: str | Path | None = None,
    token: bool | str | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    endpoint: str | None = None,
    policy: Policy | None = None,
    settings: ScanSettings | None = None,
    **others: object,
) -> str:
    """Scan one file of a repository, download it only if it passes, and return its path.

    The repository's small files of code and configuration (up to 1 MiB each, 500 of them) are looked
    at with it, by range, because a configuration names code in other files; they are not downloaded.

    Args:
        repo_id: `org/name`.
        filename: inside the repository.
        subfolder: what stands before `filename`.
        repo_type: see `snapshot_download`, and so for all that follow.
        revision: a branch, a tag or a commit.
        cache_dir: in place of the usual cache.
        local_dir: a folder in place of the cache.
        token: of the hub.
        local_files_only: ask no network.
        force_download: take nothing from the cache.
        endpoint: of the hub; it must be the one of HF_ENDPOINT.
        policy: what decides.
        settings: how to scan.
        others: `library_name`, `user_agent` and the like are taken and left aside.

    Raises:
        GateClosed: the policy does not let it pass. `report` and `decision` say why.
        TargetError: it can't be reached, or is not in the cache.
        DestinationError: the folder can't take it.
        TypeError: an argument that is not known here.
    """
    _check_others("hf_hub_download", others)
    name = f"{subfolder}/{filename}" if subfolder else filename
    check_names([name])
    asked = _Asked(
        target=_target(repo_id, repo_type, revision),
        selection=Selection(include=(_literally(name),), with_companions=True),
        policy=policy or Policy(),
        settings=_with_token(settings or ScanSettings(), token, endpoint),
        is_renewed=force_download,
    )
    is_local = local_files_only or _is_offline(asked.settings)
    if local_dir is not None:
        folder = _into_folder(asked, Path(local_dir), is_local=is_local)
    else:
        folder = _into_cache(asked, cache_dir, is_local=is_local)
    path = path_of(folder, name)
    if not path.is_file():
        raise TargetNotFound(f"{asked.target} has no file {name!r} on this machine")
    return str(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call."""

    target: str
    selection: Selection
    policy: Policy
    settings: ScanSettings
    is_renewed: bool

    def request(self, destination: HubCacheDestination | FolderDestination) -> PullRequest:
        return PullRequest(
            target=self.target,
            destination=destination,
            policy=self.policy,
            scan=self.settings,
            selection=self.selection,
            waits=True,
        )


def _is_offline(settings: ScanSettings) -> bool:
    """As `huggingface_hub` does, take HF_HUB_OFFLINE as `local_files_only` of every call."""
    from weighbridge.fetchers.huggingface_commit import is_offline

    return settings.fetch.is_offline or is_offline()


def _into_cache(asked: _Asked, cache_dir: str | Path | None, *, is_local: bool) -> Path:
    cache = Path(cache_dir) if cache_dir is not None else None
    destination = HubCacheDestination(asked.target, cache, renews=asked.is_renewed)
    signatures = Signatures.installed()
    if is_local:
        return _from_cache(asked, destination, signatures)
    if not asked.is_renewed:
        commit = _resolved(asked, destination)
        if _is_ready(asked, destination, commit, signatures):
            destination.point_at(commit)
            return destination.snapshot(commit)
    return pull(asked.request(destination), signatures).folder


def _resolved(asked: _Asked, destination: HubCacheDestination) -> str:
    """Return the commit of the revision, asked for when it is not one itself."""
    if _COMMIT.fullmatch(destination.revision):
        return destination.revision
    from weighbridge.pull.hub_commit import commit_of

    return commit_of(asked.target, asked.settings.fetch)


def _is_ready(
    asked: _Asked, destination: HubCacheDestination, commit: str, signatures: Signatures
) -> bool:
    lock = destination.locked_at(commit)
    return (
        lock is not None
        and is_current(lock, asked.policy, signatures)
        and is_enough(lock, asked.selection)
        and is_whole(lock, destination, commit)
    )


def _from_cache(asked: _Asked, destination: HubCacheDestination, signatures: Signatures) -> Path:
    """Hand over what is in the cache, scanned again when its lock is not of now."""
    revision = destination.revision
    commit = revision if _COMMIT.fullmatch(revision) else destination.commit_of_ref()
    if commit is None or not _COMMIT.fullmatch(commit):
        raise TargetUnavailable(
            f"{asked.target} is not in the cache, and local_files_only or HF_HUB_OFFLINE is set: "
            "call once without"
        )
    snapshot, lock = destination.snapshot(commit), destination.locked_at(commit)
    selection = replace(asked.selection, with_companions=False)  # what is not here can't be run
    if lock is None or not is_enough(lock, selection) or not is_whole(lock, destination, commit):
        raise TargetUnavailable(
            f"{asked.target} lies in the cache, if at all, without a lock that covers it, and "
            "local_files_only or HF_HUB_OFFLINE is set: call once without, "
            "or run: weighbridge pull --hf-cache"
        )
    if not is_current(lock, asked.policy, signatures):
        _relock(asked, destination, lock, signatures=signatures, snapshot=snapshot)
    return snapshot


def _relock(
    asked: _Asked,
    destination: HubCacheDestination,
    lock: Lock,
    *,
    signatures: Signatures,
    snapshot: Path,
) -> None:
    with held(destination.quarantine, waits=True) as quarantine:
        _check_same(snapshot, lock)
        rescan(snapshot, lock, policy=asked.policy, settings=asked.settings, signatures=signatures)
        renewed = msgspec.structs.replace(
            lock, policy=policy_name(asked.policy), signatures=signatures.version, tool=VERSION
        )
        written = quarantine.root / LOCK_NAME
        write_synced(written, encode_lock(renewed))
        os.replace(written, snapshot / LOCK_NAME)


def _check_same(folder: Path, lock: Lock) -> None:
    """Raises GateClosed when the folder is not what its lock says."""
    differences = compare_folder(folder, lock).differences
    if differences:
        names = ", ".join(f"{one.name} ({one.kind.value})" for one in differences[:5])
        raise GateClosed(f"{str(folder)!r} is not what its lock says: {names}", exit_code=1)


def _into_folder(asked: _Asked, folder: Path, *, is_local: bool) -> Path:
    signatures = Signatures.installed()
    if is_local:
        lock = read_lock(folder / LOCK_NAME)
        _check_same(folder, lock)
        rescan(folder, lock, policy=asked.policy, settings=asked.settings, signatures=signatures)
        return folder
    for _ in range(_TRIES):
        with suppress(FolderChanged):
            request = _adding(asked, folder).request(FolderDestination(folder, update=True))
            return pull(request, signatures).folder
    raise DestinationError(f"others keep changing {str(folder)!r}; try again when they have ended")


def _adding(asked: _Asked, folder: Path) -> _Asked:
    """Ask for what earlier calls have put there, too: calls add up in a folder."""
    if not (folder / LOCK_NAME).is_file():
        return asked
    try:
        there = read_lock(folder / LOCK_NAME).by_name
    except UsageError:
        return asked  # the destination says what is wrong with it
    return replace(asked, selection=replace(asked.selection, also=frozenset(there)))


def _target(repo_id: str, repo_type: str | None, revision: str | None) -> str:
    if repo_type not in _KINDS:
        raise UsageError(f"repo_type is {repo_type!r}; it can be model, dataset or space")
    at = f"@{revision.replace('/', '%2F')}" if revision is not None else ""
    return f"hf://{_KINDS[repo_type]}{repo_id}{at}"


def _literally(name: str) -> str:
    """Write a name as a pattern that matches it alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _with_token(settings: ScanSettings, token: bool | str | None, endpoint: str | None) -> ScanSettings:
    if endpoint is not None and endpoint.rstrip("/") != hub_endpoint():
        raise UsageError(
            f"endpoint is {endpoint[:200]!r}: set HF_ENDPOINT to it, for all of the program"
        )
    if token is False:
        raise UsageError("token=False: set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to send none")
    if not isinstance(token, str):
        return settings
    return replace(settings, fetch=replace(settings.fetch, token=token))


def _check_others(function: str, others: Mapping[str, object]) -> None:
    unknown = sorted(others.keys() - _PRESENTATION)
    if unknown:
        raise TypeError(
            f"weighbridge.guard.{function} takes no argument {unknown[0]!r}; "
            "headers, dry_run and what changes where bytes come from are not supported"
        )
