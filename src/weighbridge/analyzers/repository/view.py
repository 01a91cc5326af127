"""What judges of a repository read: texts and documents by name, parsed once, within bounds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final, TypeVar

from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.core.repository import Repository, RepositoryFile
from weighbridge.core.trust import Trust
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.documents.strict_json import Json, decode_python_json, text_encoding

_T = TypeVar("_T")

_LARGEST_TEXT: Final = 2 * MIB
_LARGEST_TREE: Final = 64 * MIB
_KEPT_BYTES: Final = 32 * MIB


class RepositoryView:
    """A repository as its judges see it. What can't be read or parsed is None: its own row says why."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.unread: dict[str, str] = {}
        """Why files of the manifest could not be read, by name, as far as somebody tried."""
        self._texts: _Kept[str | None] = _Kept()
        self._trees: _Kept[Json] = _Kept()

    @property
    def target(self) -> str:
        """As the user typed it."""
        return self._repository.target

    @property
    def origin(self) -> Origin:
        """Of the target as a whole."""
        return self._repository.origin

    @property
    def files(self) -> Mapping[str, RepositoryFile]:
        """The manifest."""
        return self._repository.files

    @cached_property
    def folders(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the files right in each folder, by the folder; the top one is the empty text."""
        found: dict[str, list[str]] = {}
        for name in self.files:
            found.setdefault(posixpath.dirname(name), []).append(name)
        return {folder: tuple(sorted(names)) for folder, names in sorted(found.items())}

    @cached_property
    def base(self) -> RepositoryView | None:
        """What the user says the target derives from."""
        base = self._repository.base
        return RepositoryView(base) if base is not None else None

    @property
    def trust(self) -> Trust:
        """What signatures are verified with."""
        return self._repository.trust

    def findings(self, name: str) -> tuple[Finding, ...]:
        """What was found in one file and in what is nested in it."""
        return self._repository.findings.get(name, ())

    def named(self, *names: str) -> Iterator[str]:
        """Yield files of the manifest with one of these names, whatever folder they lie in."""
        wanted = frozenset(names)
        for name in self.files:
            if posixpath.basename(name) in wanted:
                yield name

    def ending(self, *endings: str) -> Iterator[str]:
        """Yield files of the manifest whose lower-case names end so."""
        for name in self.files:
            if name.lower().endswith(endings):
                yield name

    def beside(self, name: str, other: str) -> str | None:
        """Return the file that a name in another file leads to; None when there is none."""
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(name), other))
        return joined if joined in self.files else None

    def artifact(self, name: str) -> Artifact:
        """Return a file to parse by range.

        Raises:
            KeyError: there is no such file.
            ReadError: it can't be opened.
        """
        return self._repository.open(name)

    def text(self, name: str, limit: int = _LARGEST_TEXT) -> str | None:
        """Return a file as text, undecodable bytes as escapes; None when unread or larger."""
        if name not in self._texts:
            data = self._bytes(name, limit)
            text = None if data is None else data.decode("utf-8-sig", "backslashreplace")
            self._texts.keep(name, text, len(data or b""))
            return text
        return self._texts[name]

    def tree(self, name: str) -> Json:
        """Return the value of a JSON file; None when unread, above 64 MiB or no JSON."""
        if name not in self._trees:
            data = self._bytes(name, _LARGEST_TREE)
            tree = None if data is None else _parsed(data)
            self._trees.keep(name, tree, len(data or b""))
            return tree
        return self._trees[name]

    def mapping(self, name: str) -> Mapping[str, Json] | None:
        """Return the value of a JSON file when it is an object."""
        tree = self.tree(name)
        return tree if isinstance(tree, Mapping) else None

    def _bytes(self, name: str, limit: int) -> bytes | None:
        if name not in self.files:
            return None
        try:
            source = self._repository.source_of(name)
            try:
                size = source.size
                return bytes(source.read_at(0, size)) if size <= limit else None
            finally:
                source.close()
        except ReadError as error:
            self.unread[name] = str(error)
            return None


def _parsed(data: bytes) -> Json:
    try:
        return decode_python_json(data.decode(text_encoding(data))).value
    except (UnicodeDecodeError, Malformed, LimitReached):
        return None


class _Kept(dict[str, _T]):
    """What was read, the oldest dropped once it came from more than 32 MiB."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[str, int] = {}

    def keep(self, name: str, value: _T, size: int) -> None:
        """Remember a value that came from `size` bytes."""
        self[name] = value
        self._sizes[name] = size
        while sum(self._sizes.values()) > _KEPT_BYTES and len(self) > 1:
            oldest = next(iter(self._sizes))
            del self[oldest], self._sizes[oldest]


def names_in(view: RepositoryView, folder: str, names: Iterable[str]) -> Iterator[str]:
    """Yield those names that the folder holds, as names of the manifest."""
    for name in names:
        full = posixpath.join(folder, name)
        if full in view.files:
            yield full
