"""How to audit, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from weighbridge.audit.keys import Examiner
from weighbridge.core.trust import NOBODY, Trust
from weighbridge.core.version import VERSION
from weighbridge.engine.scan import ScanSettings

BATCH_FILES: Final = 500


class Watcher(Protocol):
    """Told how an audit goes on, from one thread."""

    def source(self, shown: str, number: int, count: int) -> None:
        """A source begins: the `number`th of `count`."""
        ...

    def listed(self, files: int) -> None:
        """So many more files were listed."""
        ...

    def planned(self, files: int) -> None:
        """So many files of this source are to be scanned."""
        ...

    def scanned(self, name: str) -> None:
        """One of them is done."""
        ...


class _Nobody:
    """The default: nobody watches."""

    def source(self, shown: str, number: int, count: int) -> None: ...

    def listed(self, files: int) -> None: ...

    def planned(self, files: int) -> None: ...

    def scanned(self, name: str) -> None: ...


NOBODY_WATCHES = _Nobody()


def _trusts_nobody(target: str) -> Trust:
    return NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """How to audit; what to make of the result is the policy's business.

    Attributes:
        signatures_version: what was found under another is looked for again.
        trust_for: whom to trust as a signer of a target, besides `scan.trust`.
        retries_set_aside: try again what broke whoever looked at it.
        batch_files: files scanned between two commits, about: what a kill costs.
    """

    scan: ScanSettings
    signatures_version: str
    tool_version: str = VERSION
    trust_for: Callable[[str], Trust] = _trusts_nobody
    retries_set_aside: bool = False
    batch_files: int = BATCH_FILES
    watcher: Watcher = NOBODY_WATCHES

    @property
    def examiner(self) -> Examiner:
        return Examiner(
            tool_version=self.tool_version,
            signatures_version=self.signatures_version,
            limits=self.scan.limits,
        )
