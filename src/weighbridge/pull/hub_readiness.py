"""Tell whether a locked snapshot of the hub's cache can be handed over as it is, without reading it."""

from __future__ import annotations

import os
from pathlib import Path

from weighbridge.core.version import VERSION
from weighbridge.errors import GateClosed
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.pull.hub_cache import HubCacheDestination, holds
from weighbridge.pull.lock import Lock, policy_name
from weighbridge.pull.names import LOCK_NAME, check_names, path_of
from weighbridge.pull.selection import Selection, is_code


def is_current(lock: Lock, policy: Policy, signatures: Signatures) -> bool:
    """True when the lock was decided by this policy, these signatures and this program."""
    ours = (policy_name(policy), signatures.version, VERSION)
    return (lock.policy, lock.signatures, lock.tool) == ours


def is_enough(lock: Lock, selection: Selection) -> bool:
    """True when nothing that is asked for was left out, companions that nobody looked at included."""
    if any(selection.wants(name) for name in lock.left_out):
        return False
    is_seen = lock.selection.companions or not selection.with_companions
    return is_seen or not any(map(is_code, lock.left_out))


def is_whole(lock: Lock, destination: HubCacheDestination, commit: str) -> bool:
    """Look, without reading, whether the snapshot holds what the lock names, and nothing else."""
    snapshot = destination.snapshot(commit)
    try:
        check_names(file.name for file in lock.files)
    except GateClosed:
        return False
    there = {
        Path(folder, name).relative_to(snapshot).as_posix()
        for folder, folders, files in os.walk(snapshot)
        for name in (*files, *(one for one in folders if Path(folder, one).is_symlink()))
    }
    return there == {LOCK_NAME, *lock.by_name} and all(
        holds(path_of(snapshot, file.name), file, destination.repository) for file in lock.files
    )
