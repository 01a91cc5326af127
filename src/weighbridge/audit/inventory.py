"""List a source into the store: what is there, what has changed, what is gone, what belongs together.

Memory does not grow with the source: entries pass by in portions, and only those of a small source
are kept for the scan that follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from weighbridge.audit.grouping import Starts, starts_of
from weighbridge.audit.keys import (
    STORES,
    UNREAD,
    Content,
    artifact_id,
    content_of,
    digest_of,
    provenance_of,
    repository_id,
    stamp_of,
    told_name,
    trust_text,
)
from weighbridge.audit.store import LocationRow, Placed, ProblemRow, RepositoryRow, Store
from weighbridge.core.artifact import Origin
from weighbridge.core.trust import Trust
from weighbridge.errors import ReadError, TargetError
from weighbridge.fetchers.interface import Entry, Fetched, Problem, ProblemKind

_PORTION: Final = 1000
_REST: Final = "..."
"""What fetchers call the files that they did not list."""
_MOST_KEPT: Final = 10_000
"""Entries of a source that are kept; a larger one is listed again when something in it is new."""

Listed = Callable[[int], None]
"""Told how many files were listed, portion by portion."""


@dataclass(slots=True)
class Listing:
    """What came of listing a source.

    Attributes:
        kept: all its entries; None when there were too many to keep.
        trouble: why the listing is not whole; None when it is.
    """

    origin: Origin
    files: int = 0
    kept: list[Entry] | None = field(default_factory=list)
    trouble: str | None = None


def take_inventory(
    fetched: Fetched, store: Store, *, source_id: str, run_id: int, listed: Listed
) -> Listing:
    """List all of a source; what this listing no longer holds is marked as gone."""
    listing = Listing(fetched.origin)
    items = _guarded(fetched.items)
    while portion := list(islice(items, _PORTION)):
        entries = [item for item in portion if isinstance(item, Entry)]
        problems = [item for item in portion if isinstance(item, Problem)]
        known = store.known(source_id, [entry.name for entry in entries])
        rows = [_row(entry, known.get(entry.name), run_id, fetched.origin) for entry in entries]
        changed = [row for row in rows if row != known.get(row.name)]
        if changed:
            store.put_locations(source_id, run_id, changed)
        store.saw(source_id, run_id, list(known))
        if problems:
            store.put_problems(source_id, run_id, [_problem_row(one) for one in problems])
        listing.files += len(entries)
        _keep(listing, entries)
        for problem in problems:
            if problem.name == _REST or problem.kind is ProblemKind.TOO_MANY_FILES:
                listing.trouble = problem.detail
        listed(len(entries))
    if listing.trouble is None:
        store.sweep(source_id, run_id)
    return listing


def _guarded(items: Iterable[Entry | Problem]) -> Iterator[Entry | Problem]:
    """A listing that breaks off ends with a problem that says why."""
    try:
        yield from items
    except (TargetError, ReadError) as error:
        detail = f"the listing broke off, and what comes after is not known: {error}"
        yield Problem(name=_REST, kind=ProblemKind.UNREADABLE, detail=detail)


def _keep(listing: Listing, entries: Sequence[Entry]) -> None:
    if listing.kept is not None:
        listing.kept += entries
        if len(listing.kept) > _MOST_KEPT:
            listing.kept = None


def _row(entry: Entry, before: LocationRow | None, run_id: int, source: Origin) -> LocationRow:
    stamp = stamp_of(entry, run_id)
    if before is not None and before.stamp == stamp and not before.content.startswith(UNREAD):
        content = Content(stamp, before.content, before.sha256)
    else:
        content = content_of(entry, stamp, source)
    return LocationRow(
        name=entry.name,
        size_bytes=entry.size_bytes,
        stamp=stamp,
        content=content.key,
        provenance=provenance_of(entry, source),
        sha256=content.sha256,
    )


def _problem_row(problem: Problem) -> ProblemRow:
    return ProblemRow(name=problem.name, kind=problem.kind.name, detail=problem.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the manifest of a repository depends on besides its files."""

    source_id: str
    run_id: int
    origin: Origin
    trust: Trust


def put_together(store: Store, context: Context) -> None:
    """Note to which repository and artifact each file belongs, and what each repository consists of."""
    about = digest_of(_about(context.origin), trust_text(context.trust))
    if store.placed(context.source_id) == about:
        return
    starts = _starts(store, context)
    roots: dict[str, str] = {}

    def placed() -> Iterator[Placed]:
        for row in store.live(context.source_id):
            root = starts.root_of(row.name) if starts is not None else ""
            home = repository_id(context.source_id, root)
            roots[home] = root
            name = told_name(row.name, root)
            yield Placed(
                name=row.name,
                root=root,
                told_name=name,
                repository_id=home,
                artifact_id=artifact_id(row.content, name, row.provenance),
            )

    store.place(context.source_id, placed())
    rows = list(_repositories(store, context, roots, about))
    store.put_repositories(context.source_id, context.run_id, rows, placed=about)


def _starts(store: Store, context: Context) -> Starts | None:
    """Where the repositories of a store begin; None for a source that is one itself."""
    if context.origin.kind not in STORES:
        return None
    return starts_of(lambda: (row.name for row in store.live(context.source_id)))


def _repositories(
    store: Store, context: Context, roots: dict[str, str], about: str
) -> Iterator[RepositoryRow]:
    """Digest the manifest of each: its files in order, where it lies, and who may have signed it."""
    current, digest, files = "", "", 0
    for home, name, artifact in store.manifests(context.source_id):
        if home != current:
            if files:
                yield _repository(context, roots, home=current, digest=digest, files=files)
            current, digest, files = home, digest_of("manifest", about), 0
        digest = digest_of(digest, name, artifact)
        files += 1
    if files:
        yield _repository(context, roots, home=current, digest=digest, files=files)


def _repository(
    context: Context, roots: dict[str, str], *, home: str, digest: str, files: int
) -> RepositoryRow:
    return RepositoryRow(
        id=home, source_id=context.source_id, root=roots[home], files=files, manifest=digest
    )


def _about(origin: Origin) -> str:
    facts = dict(sorted(origin.facts.items()))
    return json.dumps([origin.kind, origin.location, origin.revision, facts])
