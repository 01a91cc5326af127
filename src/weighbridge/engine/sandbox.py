"""What a worker gives up before it sees the first hostile byte.

Everywhere with POSIX limits: memory, core dumps, size of files, open files. On Linux besides:
no new privileges and, where the kernel has Landlock, no writing outside the folder for temporary
files and no TCP. What a kernel can't do is left out: isolation by process stays.

Source: prctl(2), landlock(7), linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile

from weighbridge.core.limits import Limits

_PR_SET_NO_NEW_PRIVS = 38
_SYS_LANDLOCK = {"create": 444, "add_rule": 445, "restrict": 446}
_RULE_PATH_BENEATH = 1
# linux/landlock.h: bit 1 writes files, 4 removes folders, 5 files; 6 to 12 make nodes of each
# kind; 13 links across folders (ABI 2), 14 truncates (ABI 3). Reading and running stay.
_WRITES = {1: 0x1FF2, 2: 0x3FF2, 3: 0x7FF2}
_TCP = 0x3


def confine(limits: Limits) -> None:
    """Limit this process for the rest of its life."""
    _set_resource_limits(limits)
    if sys.platform == "linux":
        _deny_writes_and_network()


def _set_resource_limits(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows has none; the supervisor's clock still holds
        return
    # Not RLIMIT_AS: a read-only map of a 100 GB file is no memory.
    for kind, wanted in (
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.expanded_bytes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(kind, (wanted, wanted))


def has_landlock() -> bool:
    """True when this kernel can deny writes (and, from ABI 4 on, TCP)."""
    return sys.platform == "linux" and _landlock_abi(ctypes.CDLL(None)) >= 1


def _landlock_abi(libc: ctypes.CDLL) -> int:
    return int(libc.syscall(_SYS_LANDLOCK["create"], None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def _deny_writes_and_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    abi = _landlock_abi(libc)
    if abi < 1 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return
    writes = _WRITES[min(abi, 3)]
    handled = [writes, _TCP] if abi >= 4 else [writes]
    attributes = (ctypes.c_uint64 * len(handled))(*handled)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    ruleset = libc.syscall(_SYS_LANDLOCK["create"], attributes, size, ctypes.c_uint32(0))
    if ruleset < 0:
        return
    _allow_beneath(libc, ruleset, tempfile.gettempdir(), writes)
    libc.syscall(_SYS_LANDLOCK["restrict"], ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _allow_beneath(libc: ctypes.CDLL, ruleset: int, folder: str, access: int) -> None:
    class PathBeneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))

    parent = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    rule = PathBeneath(access, parent)
    libc.syscall(
        _SYS_LANDLOCK["add_rule"],
        ctypes.c_int(ruleset),
        ctypes.c_int(_RULE_PATH_BENEATH),
        ctypes.byref(rule),
        ctypes.c_uint32(0),
    )
    os.close(parent)
