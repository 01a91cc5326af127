"""One fetch from a hub, whoever runs it: pin the revision, list the files once, read byte ranges.

The Hugging Face hub and its mirrors, and servers that speak its protocol, as Artifactory does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.vendors import VENDORS
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError
from weighbridge.fetchers.archive_names import has_directory_at_end
from weighbridge.fetchers.huggingface_errors import LOG_IN, HubErrors
from weighbridge.fetchers.huggingface_target import HubTarget
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem, ProblemKind

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import HttpClient
    from weighbridge.bytesource.http_range import RangeSource
    from weighbridge.fetchers.huggingface_api import HubApi, TreeItem
    from weighbridge.fetchers.huggingface_commit import PinnedRepository

_CODE_BEARING = (
    *(".pt", ".pth", ".bin", ".ckpt", ".zip", ".npz", ".keras", ".pt2", ".nemo", ".mar"),
    *(".pkl", ".pickle", ".joblib", ".dill", ".npy", ".h5", ".hdf5", ".pb", ".onnx", ".gguf", ".t7"),
    *(".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".py", ".so", ".dll", ".exe", ".jar", ".sh"),
)
"""Only these are asked about: the verdicts cost the hub more than the listing."""
_MOST_VERDICTS = 1000
_UNKNOWN_BYTES = 1 << 40
"""What a file is taken for until its server has told its size: large."""
_UNKNOWN_TO_THE_SERVER = frozenset({404, 405, 501})
_LONGEST_NAME = 4096
_LARGEST_SIZE = 1 << 60
_GIT_OBJECT = re.compile(r"[0-9a-f]{40}")
_RANKS = {
    **dict.fromkeys(("safe", "clean", "innocuous", "ok"), 0),
    **dict.fromkeys(("suspicious", "caution"), 2),
    **dict.fromkeys(("unsafe", "malicious", "infected", "dangerous"), 3),
}
"""Of the words that vendors use; those that are not here, such as `unscanned`, come second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubHome:
    """Where a hub is, who we are there, and how its repositories are called.

    Attributes:
        endpoint: without a slash at the end.
        token: sent there and nowhere else; None for none.
        kind: see `Origin.kind`.
        prefix: of `Origin.location`.
        log_in: what to do to be let in, for the words of errors.
    """

    endpoint: str
    token: str | None
    kind: str = "huggingface"
    prefix: str = "hf://"
    log_in: str = LOG_IN


class HubSession:
    """One fetch: what its steps share."""

    def __init__(self, target: HubTarget, settings: FetchSettings, *, home: HubHome) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        self._home = home
        self._endpoint = home.endpoint
        self._target = target
        self._settings = settings
        self._token = home.token
        self._errors = HubErrors(
            target, self._endpoint, has_token=self._token is not None, log_in=home.log_in
        )
        self._client: HttpClient = HttpClient(
            self._endpoint,
            token=self._token,
            settings=settings.http,
            traffic=TrafficCounter(),
            on_wait=settings.on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

    def fetched(self) -> Fetched:
        """Pin the revision to a commit and list the files of that commit.

        Raises:
            TargetError: not found, gated, private, rate limited, in words.
        """
        try:
            return self._fetched()
        except ReadError as error:
            self._client.close()
            raise self._errors.from_read_error(error) from error
        except BaseException:
            self._client.close()
            raise

    def commit(self) -> str:
        """Return the commit that the revision means now, with one request and nothing listed.

        Raises:
            TargetError: not found, no access, not reachable, in words.
        """
        from weighbridge.fetchers.huggingface_commit import pin

        try:
            return pin(self._client, self._endpoint, self._target, self._errors).commit
        except ReadError as error:
            raise self._errors.from_read_error(error) from error
        finally:
            self._client.close()

    def _fetched(self) -> Fetched:
        from weighbridge.fetchers.huggingface_api import HubApi
        from weighbridge.fetchers.huggingface_commit import pin

        pinned = pin(self._client, self._endpoint, self._target, self._errors)
        target = replace(self._target, repo_id=pinned.repo_id)
        api = HubApi(self._client, self._endpoint, target, pinned.commit)
        files, problems = self._list(api)
        origin = _origin(target, pinned, self._home)
        known = _asked_about(api, files)
        origin = replace(origin, registry_verdicts=_summary(known.values()))
        entries = [self._entry(api, file, origin, known.get(file.path)) for file in files]
        return Fetched(
            display_name=target.display_name,
            origin=origin,
            items=iter((*self._knocked(entries), *problems)),
            count=len(entries) + len(problems),
            traffic=self._client.traffic,
            close=self._client.close,
        )

    def _list(self, api: HubApi) -> tuple[list[TreeItem], list[Problem]]:
        files: list[TreeItem] = []
        problems: list[Problem] = []
        for item in self._items(api):
            if item.type == "directory":
                continue
            if len(files) + len(problems) >= self._settings.max_files:
                problems.append(_too_many(self._settings.max_files))
                break
            problem = _problem_with(item)
            if problem is None:
                files.append(item)
            else:
                problems.append(problem)
        return sorted(files, key=lambda file: file.path), problems

    def _items(self, api: HubApi) -> Iterator[TreeItem]:
        path = self._target.path
        if not path:
            yield from self._whole_tree(api)
            return
        found = next((item for item in api.paths_info([path]) if item.path == path), None)
        if found is None:
            raise self._errors.path_missing()
        if found.type == "directory":
            yield from api.tree(path)
        else:
            yield found

    def _whole_tree(self, api: HubApi) -> Iterator[TreeItem]:
        """List everything, also at servers that know only the older way to ask for it."""
        pages = api.tree()
        try:
            first = next(pages, None)
        except Refused as refusal:
            if refusal.status not in _UNKNOWN_TO_THE_SERVER or refusal.error_code is not None:
                raise
            yield from api.siblings()
            return
        if first is not None:
            yield first
            yield from pages

    def _entry(
        self, api: HubApi, file: TreeItem, target_origin: Origin, known: TreeItem | None
    ) -> Entry:
        url = api.file_url(file.path)
        origin = replace(
            target_origin,
            location=f"{target_origin.location}/{file.path}",
            sha256=file.lfs.oid if file.lfs else None,
            size_bytes=file.size,
            registry_verdicts=known.verdicts if known is not None else {},
            facts=dict(_file_facts(file, known)),
        )

        def open_file() -> ByteSource:
            return _source(self._client, url, file)

        return Entry(name=file.path, size_bytes=file.size, origin=origin, open=open_file)

    def _knocked(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Read the first file's first bytes now: only then does the hub say that a gate is shut.

        The bytes are not fetched twice: the first to open that file gets this source.

        Raises:
            TargetError: the repository, and not just this file, can't be read.
        """
        if not entries:
            return entries
        source = entries[0].open()
        try:
            source.read_at(0, 1)
        except Refused as refusal:
            if refusal.from_endpoint and (refusal.status == 401 or refusal.error_code == "GatedRepo"):
                raise self._errors.access_refused(refusal) from None
        except ReadError:
            # Whoever opens the file meets the error again, and it costs one artifact only.
            return entries
        return (replace(entries[0], open=_First(source, entries[0])), *entries[1:])


class _First:
    """Opens an entry, with a source that is open already the first time."""

    def __init__(self, source: ByteSource, entry: Entry) -> None:
        self._source: ByteSource | None = source
        self._entry = entry
        self._lock = threading.Lock()

    def __call__(self) -> ByteSource:
        with self._lock:
            source, self._source = self._source, None
        return source or self._entry.open()


def _source(client: HttpClient, url: str, file: TreeItem) -> RangeSource:
    from weighbridge.bytesource.http_range import RangeSource, RemoteFile

    remote = RemoteFile(
        url=url,
        expected_bytes=_UNKNOWN_BYTES if file.size is None else file.size,
        prefers_tail=file.size is not None and has_directory_at_end(file.path),
    )
    return RangeSource(client, remote)


def _asked_about(api: HubApi, files: Sequence[TreeItem]) -> Mapping[str, TreeItem]:
    """Ask for the hub's verdicts on files that can carry code. Evidence: to go without is no error."""
    paths = [file.path for file in files if file.path.lower().endswith(_CODE_BEARING)]
    if not paths:
        return {}
    try:
        return {item.path: item for item in api.paths_info(paths[:_MOST_VERDICTS])}
    except ReadError:
        return {}


def _summary(files: Iterable[TreeItem]) -> Mapping[str, str]:
    """Say in a word what each vendor makes of the files together, and of how many it is not the best."""
    words: dict[str, list[str]] = {}
    for file in files:
        for vendor, word in file.verdicts.items():
            words.setdefault(vendor, []).append(word.lower())
    return {VENDORS.get(vendor, vendor): _worst(said) for vendor, said in words.items()}


def _worst(said: Sequence[str]) -> str:
    word = max(said, key=lambda one: _RANKS.get(one, 1))
    return f"{word} ({said.count(word):,} of {len(said):,} files)"


def _file_facts(file: TreeItem, known: TreeItem | None) -> Iterator[tuple[str, str]]:
    if file.lfs is None and _GIT_OBJECT.fullmatch(file.oid):
        yield "git_object", file.oid
    if known is not None and known.last_commit is not None:
        yield "last_commit", known.last_commit.date[:40]


def _origin(target: HubTarget, pinned: PinnedRepository, home: HubHome) -> Origin:
    return Origin(
        kind=home.kind,
        location=f"{home.prefix}{target.display_name}@{pinned.commit}",
        revision=pinned.commit,
        facts=pinned.facts,
    )


def _problem_with(item: TreeItem) -> Problem | None:
    if item.type != "file":
        detail = f"the hub lists it as {item.type[:40]!r}, which can't be read"
    elif (
        not 0 <= (item.size or 0) <= _LARGEST_SIZE
        or len(item.path) > _LONGEST_NAME
        or any(part in ("", ".", "..") for part in item.path.split("/"))
    ):
        detail = "the hub lists it with a name or size that no file can have"
    else:
        return None
    return Problem(name=item.path[:1000], kind=ProblemKind.UNREADABLE, detail=detail)


def _too_many(max_files: int) -> Problem:
    detail = f"the repository has more than {max_files:,} files; the rest was not looked at"
    return Problem(name="...", kind=ProblemKind.TOO_MANY_FILES, detail=detail)
