"""Files that an MLflow server hands on: its folders listed one by one, its files read by ranges.

Laws: every folder, name and depth that a server states is bounded. A folder that can't be listed
is a `Problem`, and the others are listed all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry, Problem, ProblemKind
from weighbridge.fetchers.mlflow_answers import ListedArtifact
from weighbridge.fetchers.mlflow_source import ServedFiles
from weighbridge.fetchers.mlflow_target import is_plain_name

_DEEPEST = 32
_MOST_FOLDERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFolder:
    """One folder that a server hands on, and what its own listing said.

    Attributes:
        path: below the root of the server's artifacts.
        rows: of its listing.
        prefix: what stands before the names of its files; ends in a slash, or is "".
    """

    files: ServedFiles
    path: str
    rows: Sequence[ListedArtifact]
    prefix: str = ""

    def items(self) -> Iterator[Entry | Problem]:
        """Find every file; a folder's own files come before those of the folders in it."""
        waiting: list[tuple[str, Sequence[ListedArtifact] | None]] = [("", self.rows)]
        listed = 0
        while waiting:
            below, rows = waiting.pop()
            listed += 1
            if listed > _MOST_FOLDERS:
                yield self._problem(f"{below}...", _too_many(), ProblemKind.TOO_MANY_FILES)
                return
            try:
                rows = self.files.api.listing(self._path(below)) if rows is None else rows
            except ReadError as error:
                yield self._problem(below, f"this folder can't be listed: {error}")
                continue
            folders = []
            for row in _in_order(rows):
                if (wrong := _what_is_wrong(row, below)) is not None:
                    yield self._problem(f"{below}{row.path}", wrong.detail, wrong.kind)
                elif row.is_dir:
                    folders.append((f"{below}{row.path}/", None))
                else:
                    yield self._entry(f"{below}{row.path}", row.size_bytes)
            waiting += reversed(folders)

    def _entry(self, name: str, size_bytes: int | None) -> Entry:
        return entry_at(self.files, self._path(name), name=self.prefix + name, size_bytes=size_bytes)

    def _path(self, name: str) -> str:
        return f"{self.path}/{name}".strip("/")

    def _problem(self, name: str, detail: str, kind: ProblemKind = ProblemKind.UNREADABLE) -> Problem:
        return Problem(name=f"{self.prefix}{name}".rstrip("/") or ".", kind=kind, detail=detail)


def entry_at(files: ServedFiles, path: str, *, name: str, size_bytes: int | None) -> Entry:
    """Make the entry of a file that the server hands on.

    Args:
        files: of the server.
        path: below the root of the server's artifacts.
        name: in the target.
        size_bytes: as the listing states it; None when it does not.
    """

    def open_file() -> ByteSource:
        return files.open(path, size_bytes)

    origin = Origin(kind="mlflow", location=files.api.file_url(path), size_bytes=size_bytes)
    return Entry(name=name, size_bytes=size_bytes, origin=origin, open=open_file)


def single_file(files: ServedFiles, path: str, prefix: str) -> Entry | None:
    """Make the entry of a path that lists nothing, when it is a file; None when it is not there.

    Raises:
        ReadError: the server does not say which.
    """
    if not path:
        return None
    name = f"{prefix}{path.rpartition('/')[2]}"
    try:
        size = files.open(path, None).size
    except Refused as refusal:
        if refusal.status in (400, 404):
            return None
        raise
    return entry_at(files, path, name=name, size_bytes=size)


@dataclass(frozen=True, slots=True)
class _Wrong:
    detail: str
    kind: ProblemKind = ProblemKind.UNREADABLE


def _in_order(rows: Sequence[ListedArtifact]) -> Sequence[ListedArtifact]:
    return sorted(rows, key=lambda row: (row.path, row.is_dir))


def _what_is_wrong(row: ListedArtifact, below: str) -> _Wrong | None:
    size = row.size_bytes
    if not is_plain_name(row.path):
        return _Wrong("the server lists it with a name that no file can have; not read")
    if size is not None and size < 0:
        return _Wrong("the server lists it with a size that no file can have; not read")
    if row.is_dir and below.count("/") >= _DEEPEST:
        return _Wrong(
            f"lies more than {_DEEPEST} folders deep; not looked at", ProblemKind.TOO_MANY_FILES
        )
    return None


def _too_many() -> str:
    return f"there are more than {_MOST_FOLDERS:,} folders; the rest was not looked at"
