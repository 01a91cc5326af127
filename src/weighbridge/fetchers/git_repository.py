"""One commit of a git repository, fetched into a private folder without ever being checked out.

The commit, its trees and its small files come in one transfer; what the server can leave out is
asked for when it is read. Nothing of it becomes a file with a name of its choosing.

Source: gitprotocol-v2(5); git-rev-list(1) for `--filter`; partial-clone in git's documentation.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.local import LocalFile
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.errors import ReadError
from weighbridge.fetchers.git_command import Git, GitFailed, GitLimits

_HELD: Final = "refs/weighbridge/commit"
_REMOTE: Final = "target"
_OBJECT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_DIGITS: Final = 64
_HEADER_BYTES: Final = 200
_IN_MEMORY_BYTES: Final = 8 * MIB
_COPY_BYTES: Final = 1 * MIB
TOO_LARGE: Final = "File too large"
"""What git says when it meets the limit that it runs under."""
_NOTHING: Final = "it has no commit: it is empty, or not a git repository"
_LONGEST_NAME: Final = 64 * 1024
_ALL_NAMES_BYTES: Final = 128 * MIB
"""A few small trees, each in itself by way of others, can name without end."""


class RefMissing(ReadError):
    """The repository has no such branch, tag or commit."""


class RefAmbiguous(ReadError):
    """A branch and a tag have this name, and they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry of a commit's tree. `mode` is git's, in octal: `120000` is a symlink."""

    name: str
    mode: str
    object_id: str


class GitRepository:
    """A bare repository of our own that holds one commit of somebody else's. Thread-safe for reading.

    Args:
        url: of the other repository.
        config: settings for talking to its host; may hold secrets.
        silence_s: longest silence of the host.
    """

    def __init__(
        self,
        url: str,
        *,
        limits: GitLimits,
        traffic: TrafficCounter,
        config: Sequence[tuple[str, str]] = (),
        silence_s: float = 15.0,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="weighbridge-git-"))
        # Also when nobody closes it, and when the program ends in between.
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.limits = limits
        self._traffic = traffic
        remote = ((f"remote.{_REMOTE}.url", url), (f"remote.{_REMOTE}.promisor", "true"))
        self._git = Git(
            self.folder, limits, url.partition(":")[0], (*remote, *config), silence_s=silence_s
        )
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._reader: subprocess.Popen[bytes] | None = None
        self._packed_bytes = 0

    def fetch(self, ref: str | None) -> str:
        """Fetch what a ref names now, and return the commit.

        Raises:
            RefMissing, RefAmbiguous: about the ref.
            GitFailed: git could not do it.
        """
        if ref is not None and _OBJECT.fullmatch(ref):
            wanted, digits = ref, len(ref)
        else:
            wanted, digits = self._resolved(ref)
        self._create("sha256" if digits == _SHA256_DIGITS else "sha1")
        small = f"--filter=blob:limit={self.limits.early_bytes}"
        self._transfer("--depth=1", small, "--no-tags", feed=f"{wanted}:{_HELD}\n".encode())
        found = self._git.run("rev-parse", "--verify", "--end-of-options", f"{_HELD}^{{commit}}")
        return found.decode("ascii").strip()

    def _resolved(self, ref: str | None) -> tuple[str, int]:
        """Return the full name of a ref, as the other side has it, and how long its digests are."""
        self._create("sha1")
        names = ("HEAD",) if ref is None else _spellings(ref)
        said = self._online("ls-remote", "--quiet", _REMOTE, *names)
        rows = (line.partition(b"\t") for line in said.splitlines())
        known = {name: at for at, _, name in rows}
        found = {name: known[name.encode()] for name in names if name.encode() in known}
        if not found:
            raise RefMissing(_NOTHING if ref is None else f"it has no branch or tag {ref!r}")
        if len(set(found.values())) > 1:
            raise RefAmbiguous(
                f"a branch and a tag are called {ref!r}, and they differ; write refs/heads/{ref} or "
                f"refs/tags/{ref}"
            )
        return next((name, len(at)) for name, at in found.items())

    def _create(self, algorithm: str) -> None:
        repository = self.folder / "repository"
        shutil.rmtree(repository, ignore_errors=True)
        self._git.run("init", "--quiet", "--bare", "--template=", f"--object-format={algorithm}")
        self._config = (repository / "config").read_bytes()

    def _transfer(self, *options: str, feed: bytes) -> None:
        """Fetch, and take back what git noted in its configuration: no command fetches by itself."""
        quiet = ("--quiet", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
        try:
            self._online("fetch", *quiet, *options, "--stdin", _REMOTE, feed=feed)
        finally:
            (self.folder / "repository" / "config").write_bytes(self._config)
            for part in self.folder.glob("repository/objects/pack/tmp_*"):
                part.unlink(missing_ok=True)

    def _online(self, *arguments: str, feed: bytes = b"") -> bytes:
        try:
            return self._git.run(*arguments, feed=feed, is_online=True)
        finally:
            for _ in range(self._git.requests()):
                self._traffic.count_request(to_endpoint=True)
            packed = sum(
                pack.stat().st_size for pack in self.folder.glob("repository/objects/pack/*.pack")
            )
            self._traffic.count_bytes(max(0, packed - self._packed_bytes))
            self._packed_bytes = packed

    def rows(self, commit: str) -> Iterator[Row]:
        """List the tree of a commit, folder by folder, as long as the caller goes on.

        Raises:
            GitFailed: git can't read it.
        """
        command = ("ls-tree", "-r", "-z", "--full-tree", commit)
        with self._git.started(*command) as process:
            assert process.stdout is not None
            rest, total = b"", 0
            while block := process.stdout.read1(64 * 1024):  # type: ignore[attr-defined]  # buffered
                total += len(block)
                if total > _ALL_NAMES_BYTES:
                    raise ReadError(
                        f"the names of its files take more than {_ALL_NAMES_BYTES:,} bytes; clone it "
                        "and scan its folders"
                    )
                *whole, rest = (rest + block).split(b"\0")
                if len(rest) > _LONGEST_NAME:
                    raise ReadError("the repository holds a name that is longer than any file's")
                yield from map(_row, whole)

    def sizes(self, object_ids: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those files that are here already."""
        feed = "".join(f"{object_id}\n" for object_id in object_ids).encode()
        said = self._git.run("cat-file", "--batch-check", feed=feed)
        lines = (line.split() for line in said.splitlines())
        return {
            line[0].decode(): int(line[2]) for line in lines if len(line) == 3 and line[1] == b"blob"
        }

    def small(self, object_id: str, size: int) -> bytes:
        """Return a file that is here already, whole."""
        with self._lock:
            self._ask(object_id, size)
            return self._exactly(size)

    def open(self, object_id: str) -> ByteSource:
        """Give the bytes of a file, which may have to be fetched first.

        Raises:
            ReadError: they can't be had, or are too many.
        """
        with self._lock:
            size = self.sizes([object_id]).get(object_id)
            if size is None:
                size = self._fetched_late(object_id)
            if size > self.limits.blob_bytes:
                raise ReadError(
                    f"{size:,} bytes, more than the {self.limits.blob_bytes:,} that are read of one "
                    "file of a git repository; clone it and scan the folder"
                )
            kept = self.folder / object_id
            if size > _IN_MEMORY_BYTES:
                return self._kept(kept, object_id, size)
            self._ask(object_id, size)
            return MemorySource(self._exactly(size))

    def _fetched_late(self, object_id: str) -> int:
        if self._packed_bytes > self.limits.total_bytes:
            raise ReadError(
                f"the large files before this one took {self._packed_bytes:,} bytes, of the "
                f"{self.limits.total_bytes:,} that are fetched of one repository; clone it and scan it"
            )
        try:
            self._transfer("--filter=blob:none", "--no-tags", feed=f"{object_id}\n".encode())
        except GitFailed as error:
            raise ReadError(late_words(error, self.limits)) from error
        self._forget_reader()
        size = self.sizes([object_id]).get(object_id)
        if size is None:
            raise ReadError("the server does not give this file")
        return size

    def _kept(self, path: Path, object_id: str, size: int) -> ByteSource:
        """Write a large file to the private folder, under the name of its digest."""
        if not path.exists():
            self._ask(object_id, size)
            with path.with_suffix(".part").open("wb") as part:
                left = size
                while left:
                    block = self._read(min(left, _COPY_BYTES))
                    part.write(block)
                    left -= len(block)
            self._read(1)
            path.with_suffix(".part").rename(path)
        return LocalFile(path)

    def _ask(self, object_id: str, size: int) -> None:
        if self._reader is None:
            self._reader = self._stack.enter_context(
                replace(self._git, limits=_PATIENT).started("cat-file", "--batch")
            )
        reader = self._reader
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            reader.stdin.write(f"{object_id}\n".encode())
            reader.stdin.flush()
            said = reader.stdout.readline(_HEADER_BYTES)
        except OSError as error:
            raise ReadError(f"git stopped: {error.strerror}") from error
        if said.split() != [object_id.encode(), b"blob", str(size).encode()]:
            self._forget_reader()
            raise ReadError("git does not give this file")

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        self._read(1)
        return data

    def _read(self, size: int) -> bytes:
        assert self._reader is not None
        assert self._reader.stdout is not None
        data = self._reader.stdout.read(size)
        if len(data) != size:
            self._forget_reader()
            raise ReadError("git stopped in the middle of a file: its pack is damaged")
        return data

    def _forget_reader(self) -> None:
        self._reader = None
        try:
            self._stack.close()
        except GitFailed:
            return

    def close(self) -> None:
        """End git and remove the folder."""
        with self._lock:
            self._forget_reader()
            self._remove()


_PATIENT: Final = GitLimits(wall_s=7 * 24 * 3600.0)
"""For the process that hands out files as long as the scan takes."""


def _spellings(ref: str) -> tuple[str, ...]:
    if ref.startswith("refs/"):
        return (ref,)
    return ("HEAD",) if ref == "HEAD" else (f"refs/heads/{ref}", f"refs/tags/{ref}")


def _row(record: bytes) -> Row:
    head, _, name = record.partition(b"\t")
    mode, _, object_id = head.decode("ascii").split(" ", 2)
    return Row(name=name.decode("utf-8", "surrogateescape"), mode=mode, object_id=object_id)


def late_words(error: GitFailed, limits: GitLimits) -> str:
    """Say why a large file could not be fetched by itself."""
    if TOO_LARGE in error.said:
        return f"larger than the {limits.pack_bytes:,} bytes that are fetched of one file"
    return f"the server does not give this file by itself ({error})"
