"""Inspect bytes in this process as a worker would, and say what must not have happened."""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.limits import MIB, Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.core.repository import Repository, RepositoryFile
from weighbridge.engine.repository import judge_repository
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

_Event = Fact
LIMITS = Limits(wall_s=10, expanded_bytes=64 * MIB, entries=20_000, memory_bytes=768 * MIB)
_SLOW_S = 20
_BROKE = "the analysis broke"
_STARVED = "needs more memory"


class Hang(BaseException):
    """A case took far longer than its own limit. Not an `Exception`: the engine must not catch it."""


def confine() -> None:
    """Give this process little memory, so that what asks for much is seen."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    allowed = max(LIMITS.memory_bytes, 2 * used) + 512 * MIB
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    signal.signal(signal.SIGALRM, _hang)
    sys.setswitchinterval(1)


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang


def load_knowledge() -> CallableKnowledge:
    """Return the tables that every case shares."""
    return CallableKnowledge.load(signatures_dir() / "callables")


def trouble(name: str, data: bytes, knowledge: CallableKnowledge) -> str | None:
    """Inspect one case; return what is wrong with us, or None. What is wrong with the file is fine."""
    artifact = Artifact((name,), MemorySource(data))
    events: list[_Event] = []
    wrong = _run(
        lambda: inspect_tree(artifact, Context(Budget(LIMITS), knowledge), events.append), events
    )
    if wrong is None and not any(isinstance(one, Coverage) and len(one.path) == 1 for one in events):
        return "has no coverage row"
    return wrong


def repository_trouble(
    files: Mapping[str, bytes], base: Mapping[str, bytes] | None, knowledge: CallableKnowledge
) -> str | None:
    """Judge files together; return what is wrong with us, or None."""
    events: list[_Event] = []
    repository = _repository(files, _repository(base, None) if base is not None else None)
    context = Context(Budget(LIMITS), knowledge)
    return _run(lambda: judge_repository(repository, context, events.append), events)


def _repository(files: Mapping[str, bytes], base: Repository | None) -> Repository:
    return Repository(
        target="hf://acme/fuzzed",
        origin=Origin(kind="huggingface", location="hf://acme/fuzzed@0", revision="0" * 40),
        files={name: RepositoryFile(name=name, size_bytes=len(data)) for name, data in files.items()},
        source_of=lambda name: MemorySource(files[name]),
        base=base,
    )


def _run(step: Callable[[], None], events: Sequence[_Event]) -> str | None:
    """Run a step within bounds; return what is wrong with it, or with the events that it gave."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, 6 * _SLOW_S)
    try:
        step()
    except Hang:
        return "hangs"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    spent = time.process_time() - began
    if spent > _SLOW_S:
        return f"takes {spent:.0f} s of CPU with a limit of {LIMITS.wall_s:g} s"
    for event in events:
        if isinstance(event, Coverage) and (_BROKE in event.detail or _STARVED in event.detail):
            return f"{event.artifact}: {event.detail}"
    return None
