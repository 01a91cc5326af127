"""Every bound of a scan in one place, and the budget that spends them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from weighbridge.errors import LimitReached

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for the analysis of one top-level artifact. Crossing one is LIMITED, never clean."""

    wall_s: float = 300.0
    memory_bytes: int = 2 * GIB
    depth: int = 6
    entries: int = 200_000
    """Members over all nested archives."""
    expanded_bytes: int = 8 * GIB
    """Bytes that decompressors may produce in sum."""
    ratio: int = 200
    """Expanded to compressed, counted once 16 MiB have been produced."""
    pickle_bytes: int = 4 * GIB
    """A pickle stream longer than this is read to here."""
    pickle_events: int = 4_000_000
    """Imports, calls and builds recorded from one pickle."""
    header_bytes: int = 100 * MIB
    """JSON headers and metadata tables."""
    findings: int = 10_000


@dataclass(slots=True)
class Budget:
    """What is left of `Limits` for one top-level artifact, shared by all that is nested in it."""

    limits: Limits
    expanded_bytes: int = 0
    entries: int = 0
    deadline: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.wall_s

    def check_time(self) -> None:
        """Raises LimitReached once `wall_s` has passed."""
        if time.monotonic() > self.deadline:
            raise LimitReached(
                f"the analysis took longer than {self.limits.wall_s:g} s; --timeout raises the limit"
            )

    def expand(self, produced: int, *, consumed_total: int, produced_total: int) -> None:
        """Account for `produced` more bytes out of a decompressor.

        Args:
            produced: bytes of this step.
            consumed_total: compressed bytes that this stream has taken so far.
            produced_total: bytes that this stream has given so far, this step included.

        Raises:
            LimitReached: the sum, the ratio or the time is spent.
        """
        self.expanded_bytes += produced
        if self.expanded_bytes > self.limits.expanded_bytes:
            raise LimitReached(
                f"nested archives expand to more than {self.limits.expanded_bytes:,} bytes; "
                "--max-expanded raises the limit"
            )
        if produced_total > 16 * MIB and produced_total > self.limits.ratio * max(1, consumed_total):
            raise LimitReached(
                f"decompresses to more than {self.limits.ratio} times its size: a decompression bomb"
            )
        self.check_time()

    def enter(self, entries: int) -> None:
        """Account for `entries` more archive members.

        Raises:
            LimitReached: there are more than `Limits.entries`.
        """
        self.entries += entries
        if self.entries > self.limits.entries:
            raise LimitReached(
                f"holds more than {self.limits.entries:,} members; --max-entries raises the limit"
            )
        self.check_time()
