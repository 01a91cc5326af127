"""Every error weighbridge raises on purpose.

    WeighbridgeError
    ├── UsageError           the caller asked for something impossible
    ├── TargetError          a target cannot be reached at all
    │   ├── TargetNotFound       no such path, repository or revision
    │   ├── AccessDenied         gated, private, or the token is refused
    │   └── TargetUnavailable    offline, rate limited, server broken
    ├── GateClosed           the policy does not let the target pass; nothing was handed over
    ├── DestinationError     where things should go to can't take them: permission, space, in use
    ├── ReadError            bytes of one artifact could not be read; the scan goes on
    ├── Malformed            a parser says: these bytes are not that format (reason, offset)
    └── LimitReached         a budget of `Limits` is spent; the artifact is LIMITED

`UsageError`, `TargetError` and `DestinationError` end in exit code 2, `GateClosed` in 1 or 3. The
other three never reach the caller of `scan`: the engine turns each into a coverage row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.report import Report
    from weighbridge.policy import Decision


class WeighbridgeError(Exception):
    """Root of the tree. `str(error)` is a sentence for people: what, where, what next."""


class UsageError(WeighbridgeError):
    """The request itself is wrong (an unknown option value, a broken policy file)."""


class TargetError(WeighbridgeError):
    """A target can't be reached at all."""


class TargetNotFound(TargetError):
    """No such path, repository, revision or file."""


class AccessDenied(TargetError):
    """The target exists, but this user may not read it."""


class TargetUnavailable(TargetError):
    """The network, the server or a rate limit stands between us and the target."""


class GateClosed(WeighbridgeError):
    """The user's policy does not let a target pass, so it was not handed over.

    Attributes:
        exit_code: 1 when it fails, 3 when not everything could be looked at.
        report: what was found, for gates that closed over a scan.
        decision: what the policy made of the report.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: int,
        report: Report | None = None,
        decision: Decision | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.report = report
        self.decision = decision

    def __reduce__(self) -> tuple[Callable[..., GateClosed], tuple[object, ...]]:
        """Come whole out of another process: pools of workers pickle what they raise."""
        return _gate_closed, (str(self), self.exit_code, self.report, self.decision)


def _gate_closed(
    message: str, exit_code: int, report: Report | None, decision: Decision | None
) -> GateClosed:
    return GateClosed(message, exit_code=exit_code, report=report, decision=decision)


class DestinationError(WeighbridgeError):
    """The folder that a target should be put into can't take it."""


class ReadError(WeighbridgeError):
    """Some bytes of one artifact could not be read."""


class Malformed(WeighbridgeError):
    """The bytes break the rules of the format they claim.

    Attributes:
        reason: what is wrong, in a few words, without the file's name.
        offset: where, in bytes from the start of the artifact.
    """

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset


class LimitReached(WeighbridgeError):
    """A budget is spent. `str(error)` names the limit, its value and how to raise it."""
