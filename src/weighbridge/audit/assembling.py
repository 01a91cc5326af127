"""Put a repository's facts together again, as a scan of it alone would have given them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.audit.keys import told_name
from weighbridge.audit.store import FileRow
from weighbridge.core.finding import Finding
from weighbridge.core.package_name import PackageName
from weighbridge.core.reference import Reference
from weighbridge.core.report import Coverage, Outcome
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.engine.scan import in_order
from weighbridge.engine.wire import Event
from weighbridge.opinions.interface import Examination

_NOT_YET = "not looked at yet: the audit did not come to its end; run it again"


@dataclass(frozen=True, slots=True)
class Facts:
    """Findings in a scan's order, and coverage rows."""

    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    licences: tuple[StatedLicence, ...]


def assemble(
    files: Sequence[FileRow], root: str, events: Mapping[str, tuple[Event, ...]], more: Iterable[Event]
) -> Facts:
    """Return the facts of a repository.

    Args:
        files: of the repository.
        root: where it begins in its source.
        events: of the files, by scan.
        more: events of the repository as a whole.
    """
    found: dict[tuple[str, int | None], Finding] = {}
    references: list[Reference] = []
    coverage: list[Coverage] = []
    licences: dict[StatedLicence, None] = {}
    for event in (*_of_files(files, root, events), *more):
        match event:
            case Finding():
                found.setdefault((event.fingerprint, event.offset), event)
            case Coverage():
                coverage.append(event)
            case Reference():
                references.append(event)
            case StatedLicence():
                licences.setdefault(event)
            case PackageName() | Examination():
                pass  # names of packages are kept for an audit that asks an index for them
    sizes = {told_name(file.name, root): file.size_bytes for file in files}
    said = sorted(licences, key=lambda one: (one.path, one.licence))
    return Facts(in_order(found.values(), references, sizes), tuple(coverage), tuple(said))


def _of_files(
    files: Sequence[FileRow], root: str, events: Mapping[str, tuple[Event, ...]]
) -> Iterable[Event]:
    for file in files:
        if file.state is None or not file.state.has_result:
            yield Coverage(
                path=(told_name(file.name, root),),
                format="unknown",
                outcome=Outcome.FAILED,
                size_bytes=file.size_bytes,
                detail=_NOT_YET,
            )
        elif file.scan_id is not None:
            yield from events.get(file.scan_id, ())
