"""How patient and how greedy the HTTP reader is, and what it has cost so far. Imports nothing heavy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.core.limits import KIB
from weighbridge.core.report import Traffic

WaitCallback = Callable[[float, str], None]
"""Called before a wait, with its seconds and a reason for people."""


def wait_silently(seconds: float, reason: str) -> None:
    """Tell nobody: the default `WaitCallback`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Bounds of one HTTP client.

    Attributes:
        inactivity_s: longest silence of a server, also for connecting.
        deadline_s: longest exchange, headers and body, on top of what the asked bytes need.
        slowest_bytes_per_s: a body that comes slower than this runs into the deadline.
        attempts: tries of one exchange, the first included.
        wait_total_s: longest sum of waits for one exchange. The hub counts in windows of 300 s.
        in_flight: exchanges at the same time.
        redirects: hops of one exchange.
        ca_bundle: certificates to believe, as `http_trust.tls_context` takes it.
    """

    inactivity_s: float = 15.0
    deadline_s: float = 60.0
    slowest_bytes_per_s: int = 32 * KIB
    attempts: int = 4
    wait_total_s: float = 330.0
    in_flight: int = 16
    redirects: int = 5
    ca_bundle: Path | None = None

    def within(self, seconds: float) -> HttpSettings:
        """Return settings that are as patient as that many seconds for one answer.

        How slow a body may be scales with it, so that half the time means half the patience.
        """
        return replace(
            self,
            inactivity_s=min(self.inactivity_s, seconds),
            deadline_s=seconds,
            slowest_bytes_per_s=max(1, round(self.slowest_bytes_per_s * self.deadline_s / seconds)),
        )


class TrafficCounter:
    """Requests and bytes of one target. Thread-safe; `snapshot` gives the frozen result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoint_requests = 0
        self._other_requests = 0
        self._bytes_received = 0

    @property
    def endpoint_requests(self) -> int:
        """Requests that the target's own host answered (they spend its rate limit)."""
        return self._endpoint_requests

    @property
    def other_requests(self) -> int:
        """Requests that went elsewhere: storage behind a redirect."""
        return self._other_requests

    def count_request(self, *, to_endpoint: bool) -> None:
        with self._lock:
            self._endpoint_requests += to_endpoint
            self._other_requests += not to_endpoint

    def count_bytes(self, received: int) -> None:
        with self._lock:
            self._bytes_received += received

    def snapshot(self) -> Traffic:
        with self._lock:
            return Traffic(
                requests=self._endpoint_requests + self._other_requests,
                bytes_received=self._bytes_received,
            )
