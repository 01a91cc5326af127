"""ClamAV: signatures of known malware, through a clamd that runs on this host.

A worker has no network, so this engine is asked from the supervisor, which parses nothing: it
hands on the bytes of each top-level file, and ClamAV unpacks containers itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB, Budget
from weighbridge.opinions.clamd_client import Address, ClamdError, ReplyKind, ask, stream
from weighbridge.opinions.interface import (
    EngineName,
    Objection,
    OpinionResult,
    Subject,
    failed,
    limited,
    stated,
)

MAX_BYTES = 100 * MIB
"""The default of clamd's MaxFileSize. Of a larger file it says OK without having looked."""
_CHUNK_BYTES = 1 * MIB
_LIMITS = "Heuristics.Limits.Exceeded"
_DOUBTFUL = ("Heuristics.", "PUA.")


class ClamavOpinion:
    """Asks clamd about each top-level file."""

    name = EngineName.CLAMAV

    def __init__(self, address: Address) -> None:
        self.address = address

    def is_available(self) -> str | None:
        try:
            answer = ask(self.address, "PING")
        except ClamdError as error:
            return (
                f"does not answer ({error}): start it (Debian: apt-get install clamav-daemon), "
                "or name its socket with --clamd"
            )
        return None if answer == "PONG" else f"is no clamd: {self.address} says {answer[:80]!r}"

    def version(self) -> str | None:
        """Of the program and of its signatures: `1.4.3/27600/Mon Apr  7 08:00:00 2025`."""
        try:
            return ask(self.address, "VERSION").removeprefix("ClamAV ")[:80]
        except ClamdError:
            return None

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        source = subject.artifact.source
        if source.size > MAX_BYTES:
            return limited(
                f"not shown to ClamAV: larger than {MAX_BYTES:,} bytes, which it passes over by default"
            )
        budget.check_time()
        left_s = max(1.0, budget.deadline - time.monotonic())
        reply = stream(self.address, _chunks(source, budget), timeout_s=left_s)
        match reply.kind:
            case ReplyKind.OK:
                return stated(())
            case ReplyKind.FOUND if reply.words.startswith(_LIMITS):
                return limited(f"ClamAV did not read all of it ({reply.words})")
            case ReplyKind.FOUND:
                return stated((_objection(reply.words),))
            case ReplyKind.ERROR if "limit exceeded" in reply.words:
                return limited(
                    f"clamd refused it ({reply.words}): raise StreamMaxLength in its configuration"
                )
            case ReplyKind.ERROR:
                return failed(f"clamd broke off ({reply.words})")


def _chunks(source: ByteSource, budget: Budget) -> Iterator[bytes | memoryview]:
    for offset in range(0, source.size, _CHUNK_BYTES):
        budget.check_time()
        yield source.read_at(offset, _CHUNK_BYTES)


def _objection(signature: str) -> Objection:
    is_doubtful = signature.startswith(_DOUBTFUL)
    return Objection(
        rule="OPN006" if is_doubtful else "OPN005",
        subject=signature,
        evidence=f"ClamAV signature {signature}",
    )
