"""The gate of a download: scan by range, bring what passes, scan what came, put it into place.

Law: nothing stands in the destination that was not judged in full, byte for byte as it stands there, and
nothing half-written ever does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from weighbridge.bytesource.local import LocalFile
from weighbridge.core.address import shown_address
from weighbridge.core.finding import Finding
from weighbridge.core.report import Report, Verdict
from weighbridge.core.version import VERSION
from weighbridge.engine.pool import Crew
from weighbridge.engine.scan import ScanSettings, scan_fetched
from weighbridge.errors import (
    DestinationError,
    GateClosed,
    ReadError,
    TargetNotFound,
    TargetUnavailable,
)
from weighbridge.fetchers.interface import Entry, Fetched, Problem
from weighbridge.fetchers.registry import fetch
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Decision, Policy
from weighbridge.pull.destination import Destination
from weighbridge.pull.digests import contradictions, is_stated, stated_git_object
from weighbridge.pull.download import Arrived, Brought, Delivery, download
from weighbridge.pull.judging import failed, trusting, why_closed
from weighbridge.pull.lock import (
    LOCK_VERSION,
    Lock,
    LockedFile,
    LockedOrigin,
    LockedSelection,
    policy_name,
)
from weighbridge.pull.names import check_names
from weighbridge.pull.quarantine import Quarantine, cannot_write, held
from weighbridge.pull.selection import EVERYTHING, Selection, Split
from weighbridge.pull.witness import Witness


def _silent(there: int, total: int, name: str) -> None:
    """The default: nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What to pull, how to scan it and what to decide by.

    Attributes:
        brought: told while files arrive.
        waits: for another pull into the same place, in place of refusing.
    """

    target: str
    destination: Destination
    policy: Policy
    scan: ScanSettings = field(default_factory=ScanSettings)
    selection: Selection = EVERYTHING
    brought: Brought = _silent
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What is in place now.

    Attributes:
        report: of both scans together.
        received_bytes: what came over the wire for the files; less than their size when some were
            here already, or had arrived before.
        left_out: names that the selection does not want.
        checked_against_registry: names of files whose digest the registry states, too.
    """

    folder: Path
    lock: Lock
    report: Report
    decision: Decision
    received_bytes: int
    left_out: tuple[str, ...]
    checked_against_registry: tuple[str, ...]


def pull(request: PullRequest, signatures: Signatures) -> Pulled:
    """Pull a target into its destination.

    Raises:
        GateClosed: the policy does not let it pass, its names are hostile, or other bytes arrived than
            were promised. Nothing was put into place; report and decision are attached.
        DestinationError: the destination can't take it.
        UsageError: the target is spelt wrong.
        TargetError: it can't be reached, or broke off; then what has arrived is kept for the next time.
    """
    request.destination.check(request.target)
    request = replace(request, scan=trusting(request.scan, request.policy, request.target))
    with closing(fetch(request.target, request.scan.fetch)) as fetched, Crew(request.scan.jobs) as crew:
        return _Pull(request, signatures, fetched, crew=crew).pulled()


class _Pull:
    """One pull: what its steps share."""

    def __init__(
        self, request: PullRequest, signatures: Signatures, fetched: Fetched, *, crew: Crew
    ) -> None:
        self._request = request
        self._signatures = signatures
        self._fetched = fetched
        self._crew = crew
        self._split: Split = request.selection.split(fetched.items)
        self._witness = Witness()

    def pulled(self) -> Pulled:
        if not self._split.wanted:
            raise TargetNotFound(f"{self._fetched.display_name} has no file that is asked for")
        first = self._scanned(self._watched())
        stated = {file.name: file.sha256 for file in first.files}
        self._judge(first, stated, moment="Nothing was downloaded")
        check_names(entry.name for entry in self._split.wanted)
        with held(self._request.destination.quarantine, waits=self._request.waits) as quarantine:
            try:
                arrived = self._downloaded(quarantine)
                return self._placed(quarantine, arrived, first)
            except OSError as error:
                quarantine.keep()
                raise cannot_write(quarantine.root.parent, error) from error
            except (DestinationError, TargetUnavailable, KeyboardInterrupt):
                quarantine.keep()
                raise

    def _watched(self) -> Iterator[Entry | Problem]:
        for entry in (*self._split.wanted, *self._split.beside):
            yield self._witness.watching(entry)
        yield from self._split.problems

    def _scanned(self, items: Iterable[Entry | Problem]) -> Report:
        split = self._split
        number = len(split.wanted) + len(split.beside) + len(split.problems)
        seen = replace(self._fetched, items=iter(tuple(items)), count=number)
        return scan_fetched(self._request.target, seen, self._request.scan, crew=self._crew)

    def _judge(
        self,
        report: Report,
        digests: Mapping[str, str | None],
        *,
        moment: str,
        forged: tuple[Finding, ...] = (),
    ) -> Decision:
        """Raises GateClosed unless the policy lets the report pass."""
        decision = self._request.policy.decide(report, self._signatures.rules, sha256_of=digests.get)
        if forged:
            decision = failed(decision, forged, self._request.policy, self._signatures)
        if decision.verdict is Verdict.PASS:
            return decision
        why = why_closed(decision, is_forged=bool(forged))
        raise GateClosed(
            f"{self._fetched.display_name} was not pulled: {why}. {moment}",
            exit_code=1 if decision.verdict is Verdict.FAIL else 3,
            report=report,
            decision=decision,
        )

    def _downloaded(self, quarantine: Quarantine) -> tuple[Arrived, ...]:
        wanted = self._split.wanted
        with closing(quarantine.take_over(self._request.target)) as journal:
            quarantine.drop_all_but({entry.name for entry in wanted})
            quarantine.check_space(sum(entry.size_bytes or 0 for entry in wanted))
            delivery = Delivery(
                tree=quarantine.tree,
                journal=journal,
                copies_of=self._request.destination.copies_of,
                brought=self._request.brought,
            )
            try:
                return download(wanted, delivery)
            except ReadError as error:
                raise TargetUnavailable(
                    f"the download of {self._fetched.display_name} broke off: {error}. "
                    "What has arrived is kept; pull again to go on"
                ) from error

    def _placed(self, quarantine: Quarantine, arrived: Sequence[Arrived], first: Report) -> Pulled:
        forged = tuple(self._contradictions(arrived))
        second = self._scanned(self._local_view(arrived))
        digests = {one.entry.name: one.content.sha256 for one in arrived}
        report = self._together(first, second, forged, digests)
        moment = "What had arrived was deleted"
        decision = self._judge(report, digests, moment=moment, forged=forged)
        lock = self._request.destination.merged(self._lock(arrived, decision))
        folder = self._request.destination.place(
            quarantine, arrived, lock=lock, origin=self._fetched.origin
        )
        return Pulled(
            folder=folder,
            lock=lock,
            report=report,
            decision=decision,
            received_bytes=sum(one.received_bytes for one in arrived),
            left_out=self._split.left_out,
            checked_against_registry=tuple(
                one.entry.name for one in arrived if is_stated(one.entry.origin)
            ),
        )

    def _contradictions(self, arrived: Iterable[Arrived]) -> Iterator[Finding]:
        """What the registry states, and what was read by range, against what arrived."""
        for one in arrived:
            yield from contradictions(one.entry, one.content)
            with one.path.open("rb") as file:
                for offset, length in self._witness.contradictions(one.entry.name, file):
                    yield Finding(
                        rule="ORG008",
                        path=(one.entry.name,),
                        subject="ranges",
                        evidence=f"the server gave other bytes to the scan than to the download, "
                        f"at {offset:,} and the {length:,} bytes from there",
                        offset=offset,
                        length=length,
                    )

    def _local_view(self, arrived: Iterable[Arrived]) -> Iterator[Entry | Problem]:
        """The same entries, with the bytes that arrived: provenance and content are judged together."""
        for one in arrived:
            yield replace(
                one.entry,
                size_bytes=one.content.size_bytes,
                open=_opener(one.path),
                local_path=one.path,
            )
        yield from self._split.beside
        yield from self._split.problems

    def _together(
        self, first: Report, second: Report, forged: Iterable[Finding], digests: Mapping[str, str]
    ) -> Report:
        """The union of findings. Coverage is that of the second scan: it saw whole files."""
        findings = {
            (finding.fingerprint, finding.offset): finding
            for finding in (*forged, *first.findings, *second.findings)
        }
        files = (replace(file, sha256=digests.get(file.name, file.sha256)) for file in second.files)
        return replace(
            second,
            findings=tuple(
                sorted(
                    findings.values(),
                    key=lambda found: (found.path, found.offset or 0, found.rule, found.subject),
                )
            ),
            traffic=self._fetched.traffic.snapshot(),
            seconds=first.seconds + second.seconds,
            files=tuple(files),
        )

    def _lock(self, arrived: Iterable[Arrived], decision: Decision) -> Lock:
        gaps = {row.path[0] for row in decision.gaps}
        origin, selection = self._fetched.origin, self._request.selection
        return Lock(
            version=LOCK_VERSION,
            target=shown_address(self._request.target),
            origin=LockedOrigin(kind=origin.kind, location=origin.location, revision=origin.revision),
            selection=LockedSelection(
                include=selection.include,
                exclude=selection.exclude,
                companions=selection.with_companions,
            ),
            verdict=Verdict.INCOMPLETE if decision.gaps else Verdict.PASS,
            policy=policy_name(self._request.policy),
            signatures=self._signatures.version,
            tool=VERSION,
            scanned=datetime.now(UTC).replace(microsecond=0),
            left_out=self._split.left_out,
            files=tuple(sorted((_locked(one, gaps) for one in arrived), key=lambda file: file.name)),
        )


def _locked(arrived: Arrived, gaps: set[str]) -> LockedFile:
    entry, content = arrived.entry, arrived.content
    stated = stated_git_object(entry.origin)
    return LockedFile(
        name=entry.name,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        verdict=Verdict.INCOMPLETE if entry.name in gaps else Verdict.PASS,
        git_object=content.git_object if stated is not None else None,
        etag=entry.origin.facts.get("etag"),
    )


def _opener(path: Path) -> Callable[[], LocalFile]:
    return lambda: LocalFile(path)
