"""When to try again and how long to wait: what servers ask for, backoff; all of it bounded."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from weighbridge.bytesource.http_settings import HttpSettings, WaitCallback
from weighbridge.errors import ReadError

TRY_LATER = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 8.0
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_WHOLE = re.compile(r"[0-9]{1,15}")
_PARAMETER = re.compile(r"(?:^|[;,])\s*(r|t|w|remaining|reset)\s*=\s*([0-9]{1,9})(?![0-9.])")
_EPOCH_FROM = 1_000_000_000
"""A reset above this is a moment since 1970 and not a number of seconds; above 1,000 times it, in ms."""


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
        if status in (403, 429):
            return self._admit(asked, f"{host} limits the rate of requests (status {status})")
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


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether the same request may succeed later.

    GitHub and others refuse with 403 where the standard has 429.
    """
    if status == 403:
        return headers.get("x-ratelimit-remaining", "").strip() == "0" or "retry-after" in headers
    return status in TRY_LATER


def asked_delay(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks us to wait, from whichever header says so.

    `Retry-After` comes first, then `RateLimit` (the window from `RateLimit-Policy` where it states
    none itself), then `X-RateLimit-Reset`. A limit that is not spent asks for nothing.
    Source: RFC 9110 section 10.2.3; draft-ietf-httpapi-ratelimit-headers, versions 3 to 10.
    """
    retry_after = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    if retry_after:
        return _until(retry_after)
    if "ratelimit" in headers:
        return _until_reset(headers["ratelimit"], headers.get("ratelimit-policy", ""))
    for prefix in ("ratelimit", "x-ratelimit"):
        reset = headers.get(f"{prefix}-reset", "").strip()
        if _WHOLE.fullmatch(reset) and headers.get(f"{prefix}-remaining", "0").strip() == "0":
            return _from_now(int(reset))
    return None


def _until_reset(limits: str, policies: str) -> float | None:
    """Return the longest time to the reset of a limit of which nothing remains."""
    waits: list[float] = []
    for name, limit in _items(limits):
        if limit.get("r", limit.get("remaining", 0)) > 0:
            continue
        window = next((policy.get("w") for other, policy in _items(policies) if other == name), None)
        seconds = limit.get("t", limit.get("reset", window))
        if seconds is not None:
            waits.append(float(seconds))
    return max(waits, default=None)


def _items(header: str) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Read `"name";r=0;t=30, "other";r=5`, and the older `limit=10, remaining=0, reset=30` as one."""
    texts = header.split(",") if '"' in header else [header]
    for text in texts[:16]:
        name = text.partition(";")[0].strip() if '"' in text else ""
        yield name, {key: int(number) for key, number in _PARAMETER.findall(text)}


def _from_now(reset: int) -> float:
    if reset < _EPOCH_FROM:
        return float(reset)
    moment = reset / 1000 if reset > _EPOCH_FROM * 1000 else float(reset)
    return max(0.0, moment - time.time())


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
