"""When to try again and how long to wait: `Retry-After`, `RateLimit`, backoff; all of it bounded."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from weighbridge.bytesource.http_settings import HttpSettings, WaitCallback
from weighbridge.errors import ReadError

TRY_LATER = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 8.0
_RATE_LIMIT_RESET = re.compile(r";\s*t\s*=\s*([0-9]{1,6})\b")
_SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait that is within bounds, and why."""

    seconds: float
    reason: str


class Patience:
    """The waits of one exchange. One object for one exchange; `sleep` is a parameter for tests."""

    def __init__(
        self,
        settings: HttpSettings,
        on_wait: WaitCallback,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._on_wait = on_wait
        self._sleep = sleep
        self._failures = 0
        self._waited_s = 0.0

    def after_status(self, status: int, headers: Mapping[str, str], *, host: str) -> Pause:
        """Return the wait after a status of `TRY_LATER`.

        Args:
            status: the HTTP status.
            headers: with lower-case names.
            host: for the words.

        Raises:
            ReadError: the tries are spent, or the server asks for more time than there is.
        """
        asked = asked_delay(headers)
        self._failures += 1
        if status == 429:
            return self._admit(asked, f"{host} limits the rate of requests (status 429)")
        return self._admit(asked, f"{host} can't answer now (status {status})")

    def after_failure(self, error: Exception, *, host: str) -> Pause:
        """Return the wait after a broken connection.

        Raises:
            ReadError: the tries are spent.
        """
        self._failures += 1
        return self._admit(
            None, f"the connection to {host} failed: {str(error) or type(error).__name__}"
        )

    def wait(self, pause: Pause) -> None:
        """Say that we wait, and do."""
        self._waited_s += pause.seconds
        self._on_wait(pause.seconds, pause.reason)
        self._sleep(pause.seconds)

    def _admit(self, asked_s: float | None, reason: str) -> Pause:
        if self._failures >= self._settings.attempts:
            raise ReadError(f"{reason}, {self._failures} tries in a row; try again later")
        backoff = min(_FIRST_BACKOFF_S * 2 ** (self._failures - 1), _LONGEST_BACKOFF_S)
        seconds = backoff if asked_s is None else asked_s
        left = self._settings.wait_total_s - self._waited_s
        if seconds > left:
            raise ReadError(
                f"{reason} and asks us to wait {seconds:,.0f} s, longer than the {left:,.0f} s "
                "that we may; try again later (requests with a token have a higher limit)"
            )
        return Pause(seconds, reason)


def asked_delay(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks us to wait, from `Retry-After` or else `RateLimit`.

    Source: RFC 9110 section 10.2.3; draft-ietf-httpapi-ratelimit-headers.
    """
    retry_after = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    if retry_after:
        return _until(retry_after)
    reset = _RATE_LIMIT_RESET.search(headers.get("ratelimit", ""))
    return float(reset.group(1)) if reset else None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
