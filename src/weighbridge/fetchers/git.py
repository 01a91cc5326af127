"""Repositories behind git: one commit, listed and read without a working copy, with its LFS content."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.bytesource.http_patience import TRY_LATER, Patience
from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import ReadError
from weighbridge.fetchers.git_attributes import ATTRIBUTES, LONGEST_ATTRIBUTES_BYTES, Change, Changes
from weighbridge.fetchers.git_checkout import checkout_problem
from weighbridge.fetchers.git_command import GitFailed, GitLimits
from weighbridge.fetchers.git_errors import from_read_error, status_of
from weighbridge.fetchers.git_links import LONGEST_LINK_BYTES, Tree
from weighbridge.fetchers.git_repository import GitRepository, Row
from weighbridge.fetchers.git_target import GitTarget, environment_authorization, parse_git_target
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind
from weighbridge.fetchers.lfs import LfsStore, lfs_object, lfs_store
from weighbridge.fetchers.lfs_api import LfsObject
from weighbridge.formats.weights.lfs_pointer import LONGEST_POINTER_BYTES

_LINK, _SUBMODULE = "120000", "160000"
_SCHEMES: Final = ("git+https://", "git+http://", "git+file://", "git+ssh://")
_CONFIG_BYTES: Final = 64 * 1024
_SHA1_DIGITS: Final = 40


class GitFetcher:
    """`git+https://host/path[@branch, tag or commit]`, and the same over http and file."""

    def __init__(self, limits: GitLimits | None = None) -> None:
        self._limits = limits or GitLimits()

    def accepts(self, target: str) -> bool:
        return target.startswith(_SCHEMES)

    def is_local(self, target: str) -> bool:
        return target.startswith("git+file:")

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Fetch one commit and list it.

        Raises:
            UsageError: the address is spelt wrong.
            TargetError: no such repository, branch or commit, no access, no git, in words.
        """
        return _Session(parse_git_target(target), settings, self._limits).fetched()


class _Session:
    """One fetch: what its steps share."""

    def __init__(self, target: GitTarget, settings: FetchSettings, limits: GitLimits) -> None:
        self._target = target
        self._settings = settings
        self._limits = limits
        self._traffic = TrafficCounter()
        self._authorization = environment_authorization(target, settings.token)
        secret = f"Authorization: {self._authorization}"
        config = list(_authorities(target, settings.http))
        if self._authorization is not None:
            config.append((f"http.{target.scheme}://{target.host}/.extraHeader", secret))
        self._repository = GitRepository(
            target.url,
            limits=limits,
            traffic=self._traffic,
            config=config,
            silence_s=settings.http.inactivity_s,
        )
        self._store: LfsStore | None = None

    def fetched(self) -> Fetched:
        try:
            return self._fetched()
        except ReadError as error:
            self._close()
            raise from_read_error(error, self._target, self._limits) from error
        except BaseException:
            self._close()
            raise

    def _fetched(self) -> Fetched:
        commit = self._patiently_fetched()
        origin = _origin(self._target, commit)
        rows = list(itertools.islice(self._repository.rows(commit), self._settings.max_files + 1))
        items = list(self._items(rows[: self._settings.max_files], origin))
        if len(rows) > self._settings.max_files:
            items.append(_too_many(self._settings.max_files))
        return Fetched(
            display_name=self._target.display_name,
            origin=origin,
            items=iter(items),
            count=len(items),
            traffic=self._traffic,
            close=self._close,
        )

    def _patiently_fetched(self) -> str:
        """Fetch, and once more where the server says that it can't just now."""
        patience = Patience(self._settings.http, self._settings.on_wait)
        while True:
            try:
                return self._repository.fetch(self._target.ref)
            except GitFailed as error:
                status = status_of(error)
                if status not in TRY_LATER:
                    raise
                patience.wait(patience.after_status(status, {}, host=self._target.host))

    def _items(self, rows: Sequence[Row], origin: Origin) -> Iterator[Entry | Problem]:
        files = [row for row in rows if row.mode not in (_LINK, _SUBMODULE) and _is_possible(row.name)]
        links = {row.name: row for row in rows if row.mode == _LINK and _is_possible(row.name)}
        sizes = self._repository.sizes(list({row.object_id for row in rows if row.mode != _SUBMODULE}))
        pointers = dict(self._pointers(files, sizes))
        missing = self._store_for(files, sizes).missing(list(dict.fromkeys(pointers.values())))
        fates = _link_problems(self._texts(links, sizes, LONGEST_LINK_BYTES), files)
        rules = {row.name: row for row in files if row.name.rpartition("/")[2] == ATTRIBUTES}
        changes = Changes(self._texts(rules, sizes, LONGEST_ATTRIBUTES_BYTES))
        if changes.is_cut or any(
            sizes.get(row.object_id, 0) > LONGEST_ATTRIBUTES_BYTES for row in rules.values()
        ):
            yield _unreadable(ATTRIBUTES, "too many rules: what git changes at checkout is not known")
        seen: set[str] = set()
        for row in rows:
            if row.name in seen:
                yield _unreadable(row.name, "a second file of one name, which was not looked at")
                continue
            seen.add(row.name)
            if row.mode == _SUBMODULE:
                yield _submodule(row)
            elif not _is_possible(row.name):
                yield _unreadable(row.name, "git lists it with a name that no file can have")
            elif row.mode == _LINK:
                yield fates.get(row.name) or _unreadable(row.name, "a symlink that can't be read")
            else:
                size = sizes.get(row.object_id)
                if row.name not in pointers:
                    yield from self._changed(row, size, changes)
                yield from self._file(row, size, pointers.get(row.name), missing, origin)

    def _changed(self, row: Row, size: int | None, changes: Changes) -> Iterator[Problem]:
        """Say so when a clone gets other bytes than the commit holds, and they could matter."""
        change = changes.of(row.name)
        if change == Change():
            return
        is_small = size is not None and size <= self._limits.early_bytes
        data = self._repository.small(row.object_id, size or 0) if is_small else None
        detail = checkout_problem(change, data)
        if detail is not None:
            yield _unreadable(row.name, detail)

    def _file(
        self,
        row: Row,
        size: int | None,
        pointer: LfsObject | None,
        missing: Mapping[str, str],
        origin: Origin,
    ) -> Iterator[Entry | Problem]:
        if pointer is not None and pointer.sha256 not in missing:
            yield self._lfs_entry(row, pointer, origin)
            return
        if pointer is not None:
            yield _unreadable(row.name, f"kept by Git LFS: {missing[pointer.sha256]}")
        facts = {"git_object": row.object_id} if len(row.object_id) == _SHA1_DIGITS else {}
        origin = replace(
            origin,
            location=f"{origin.location}/{row.name}",
            size_bytes=size,
            facts={**origin.facts, **facts},
        )

        def open_file() -> ByteSource:
            return self._repository.open(row.object_id)

        yield Entry(name=row.name, size_bytes=size, origin=origin, open=open_file)

    def _lfs_entry(self, row: Row, pointer: LfsObject, origin: Origin) -> Entry:
        origin = replace(
            origin,
            location=f"{origin.location}/{row.name}",
            sha256=pointer.sha256,
            size_bytes=pointer.size_bytes,
        )
        store = self._store
        assert store is not None

        def open_file() -> ByteSource:
            return store.open(pointer, row.name)

        return Entry(name=row.name, size_bytes=pointer.size_bytes, origin=origin, open=open_file)

    def _pointers(
        self, files: Sequence[Row], sizes: Mapping[str, int]
    ) -> Iterator[tuple[str, LfsObject]]:
        for row in files:
            size = sizes.get(row.object_id, LONGEST_POINTER_BYTES)
            if 100 < size < LONGEST_POINTER_BYTES:
                found = lfs_object(self._repository.small(row.object_id, size))
                if found is not None:
                    yield row.name, found

    def _store_for(self, files: Sequence[Row], sizes: Mapping[str, int]) -> LfsStore:
        row = next((row for row in files if row.name == ".lfsconfig"), None)
        size = sizes.get(row.object_id) if row is not None else None
        text = ""
        if row is not None and size is not None and size <= _CONFIG_BYTES:
            text = self._repository.small(row.object_id, size).decode("utf-8", "replace")
        self._store = lfs_store(
            self._target.url,
            text,
            authorization=self._authorization,
            settings=self._settings.http,
            traffic=self._traffic,
            on_wait=self._settings.on_wait,
        )
        return self._store

    def _texts(
        self, rows: Mapping[str, Row], sizes: Mapping[str, int], longest: int
    ) -> Mapping[str, str]:
        known = {name: (row.object_id, sizes.get(row.object_id)) for name, row in rows.items()}
        return {
            name: self._repository.small(object_id, size).decode("utf-8", "surrogateescape")
            for name, (object_id, size) in known.items()
            if size is not None and size <= longest
        }

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._repository.close()


def _origin(target: GitTarget, commit: str) -> Origin:
    facts = {"requested_revision": target.ref} if target.ref not in (None, commit) else {}
    return Origin(
        kind="git",
        location=f"git+{target.url}@{commit}",
        revision=commit,
        facts={name: value for name, value in facts.items() if value is not None},
    )


def _authorities(target: GitTarget, settings: HttpSettings) -> Iterator[tuple[str, str]]:
    """Make git believe the certificates that the rest of this program believes."""
    if target.scheme != "https":
        return
    from weighbridge.bytesource.http_trust import chosen_bundle

    chosen = chosen_bundle(settings.ca_bundle)
    if chosen is not None:
        place = os.path.abspath(chosen[0])
        yield ("http.sslCAPath" if os.path.isdir(place) else "http.sslCAInfo"), place


def _link_problems(links: Mapping[str, str], files: Sequence[Row]) -> Mapping[str, Problem]:
    tree = Tree((row.name for row in files), links)
    return {name: tree.problem(name) for name in links}


def _is_possible(name: str) -> bool:
    return not any(part in ("", ".", "..") for part in name.split("/"))


def _submodule(row: Row) -> Problem:
    detail = f"a submodule: commit {row.object_id} of another repository, which was not looked at"
    return _unreadable(row.name, detail)


def _unreadable(name: str, detail: str) -> Problem:
    return Problem(name=name, kind=ProblemKind.UNREADABLE, detail=detail)


def _too_many(max_files: int) -> Problem:
    detail = f"the repository has more than {max_files:,} files; the rest was not looked at"
    return Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail)
