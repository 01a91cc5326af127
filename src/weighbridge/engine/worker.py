"""One worker process: inspects the artifacts that the supervisor names, one at a time.

It starts with an empty environment, closes the door behind itself (`sandbox.py`), and has no way
to the network: bytes of remote artifacts come from the supervisor over the pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import IO

from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.local import LocalFile
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget
from weighbridge.core.report import Coverage, Outcome
from weighbridge.engine import wire
from weighbridge.engine.sandbox import confine
from weighbridge.engine.tree import inspect_tree
from weighbridge.errors import ReadError
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.opinions.interface import Examination, OpinionResult, Stance

from pathlib import Path  # isort: skip


class PipeSource:
    """Bytes of a remote artifact, read by the supervisor on our behalf.

    The size is that of the bytes. What a registry states may be less, and would hide the rest.

    Raises:
        ReadError: the file can't be opened.
    """

    is_remote = True

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], number: int = 0) -> None:
        self._number = number
        self._stdin = stdin
        self._stdout = stdout
        self._bytes_read = 0
        wire.send(stdout, {"measure": number})
        answer = wire.receive(stdin)
        if "error" in answer:
            raise ReadError(answer["error"])
        self._size: int = answer["size"]

    @property
    def size(self) -> int:
        return self._size

    @property
    def bytes_read(self) -> int:
        return min(self._bytes_read, self._size)

    def read_at(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        length = min(length, self._size - offset)
        if length <= 0:
            return b""
        wire.send(self._stdout, {"read": [self._number, offset, length]})
        answer = wire.receive(self._stdin)
        if "error" in answer:
            raise ReadError(answer["error"])
        data = self._stdin.read(answer["size"])
        self._bytes_read += len(data)
        return data

    def close(self) -> None:
        """The supervisor owns the connection."""


def main() -> None:
    """Serve until the supervisor closes the pipe. Entry point of the child process."""
    stdin, stdout = _private_pipes()
    knowledge = CallableKnowledge.load(signatures_dir() / "callables")
    job = _next_job(stdin)
    if job is None:
        return
    confine(job.limits)
    while job is not None:
        match job:
            case wire.Job():
                _inspect(job, knowledge, stdin, stdout)
            case wire.RepositoryJob():
                _judge(job, knowledge, stdin, stdout)
        wire.send(stdout, {"done": True})
        job = _next_job(stdin)


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes away from standard input and output: a stray print can't break the protocol."""
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    sys.stdout = sys.stderr
    return stdin, stdout


def _next_job(stdin: IO[bytes]) -> wire.Job | wire.RepositoryJob | None:
    try:
        return wire.receive_job(stdin)
    except wire.Broken:
        return None


def _inspect(job: wire.Job, knowledge: CallableKnowledge, stdin: IO[bytes], stdout: IO[bytes]) -> None:
    def send(event: wire.Event) -> None:
        wire.send(stdout, wire.encode_event(event))

    emit = _limited(job, send)
    source: ByteSource
    try:
        source = (
            LocalFile(Path(job.local_path)) if job.local_path is not None else PipeSource(stdin, stdout)
        )
    except ReadError as error:
        for event in _unopened(job, str(error)):
            send(event)
        return
    artifact = Artifact((job.name,), source, job.origin)
    context = Context(Budget(job.limits), knowledge)
    try:
        if job.opinions is None:
            inspect_tree(artifact, context, emit)
        else:
            from weighbridge.engine.second_opinion import ask_engines

            ask_engines(artifact, context, job.opinions, send)
    finally:
        source.close()


def _unopened(job: wire.Job, why: str) -> Iterator[wire.Event]:
    if job.opinions is None:
        size = job.size_bytes or None
        yield Coverage(
            path=(job.name,), format="unknown", outcome=Outcome.FAILED, size_bytes=size, detail=why
        )
        return
    for engine in job.opinions.engines:
        result = OpinionResult(stance=Stance.FAILED, reason=f"{engine} could not read it: {why}")
        yield Examination(engine, (job.name,), result)


def _judge(
    job: wire.RepositoryJob, knowledge: CallableKnowledge, stdin: IO[bytes], stdout: IO[bytes]
) -> None:
    from weighbridge.engine.repository import judge_repository, repository_of

    def remote(number: int) -> ByteSource:
        return PipeSource(stdin, stdout, number)

    emit = _limited(job, lambda event: wire.send(stdout, wire.encode_event(event)))
    judge_repository(repository_of(job, remote), Context(Budget(job.limits), knowledge), emit)


def _limited(
    job: wire.Job | wire.RepositoryJob,
    emit: Callable[[Fact], None],
) -> Callable[[Fact], None]:
    """Pass events on up to the limit; beyond it one coverage row says that there is more."""
    count = 0

    def limited(event: Fact) -> None:
        nonlocal count
        count += isinstance(event, Finding)
        if not isinstance(event, Finding) or count <= job.limits.findings:
            emit(event)
        elif count == job.limits.findings + 1:
            detail = f"more than {job.limits.findings:,} findings; the rest is not listed"
            emit(Coverage(path=(job.name,), format="findings", outcome=Outcome.LIMITED, detail=detail))

    return limited
