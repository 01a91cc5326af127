"""Walk a tar by its headers, along every path that some reader takes.

Readers disagree on where the next header stands: a pax `size` may override the header's, and a
link or directory that states a size may or may not have data. Each place where a valid header
stands is followed (TARmageddon, CVE-2025-62518). Where a header is broken, Python stops silently
and GNU tar goes on with the next valid one, so the walk goes on too.

Source: POSIX.1-2017 pax; GNU tar manual; CPython Lib/tarfile.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import GIB, KIB, MIB, Budget
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.cursor import Cursor
from weighbridge.formats.archive.tar_events import TarAnomaly, TarAnomalyKind, TarEvent, TarMember
from weighbridge.formats.archive.tar_headers import (
    BLOCK_BYTES,
    LONG_LINK,
    LONG_NAME,
    PAX_GLOBAL,
    PAX_LOCAL,
    PLAIN_FILE,
    TarHeader,
    TarKind,
    decode_header,
    decode_pax,
    decode_tar_name,
    pax_number,
    text_field,
)
from weighbridge.formats.archive.tar_sparse import (
    SparseMap,
    pax_sparse_map,
    read_map_in_data,
    read_old_extension,
    sparse_size,
)

_LONGEST_EXTENSION = 1 * MIB
"""Bytes of one pax or long-name header. Paths of an operating system end at 4 KiB."""
_REMOTE_SEARCH_BYTES = 1 * MIB
_STEP_BYTES = 1 * MIB
_LARGEST_OCTAL_SIZE = 8 * GIB - 1
_NAME_FIELD_BYTES = 100
_MAGIC, _MAGIC_OFFSET = b"ustar", 257


def read_tar(source: ByteSource, budget: Budget) -> Iterator[TarEvent]:
    """Yield members and oddities in the order in which they are met.

    Raises:
        Malformed: the first block is no tar header; or, after everything that was found, the
            archive is cut.
        LimitReached: too many members, an extended header above 1 MiB, or out of time.
        ReadError: the source failed.
    """
    block_bytes = 64 * KIB if source.is_remote else 4 * KIB
    cursor = Cursor(source, block_bytes=block_bytes)
    if decode_header(cursor.peek(BLOCK_BYTES)) is None:
        raise Malformed("no tar: the first block has a wrong checksum")
    walk = _Walk(source, cursor, budget)
    while walk.branches:
        yield from walk.follow(walk.branches.pop())
    if walk.broken is not None:
        raise walk.broken


@dataclass(slots=True)
class _Extensions:
    """What extended headers say of the next member."""

    records: dict[bytes, bytes] = field(default_factory=dict)
    ordered: list[tuple[bytes, bytes]] = field(default_factory=list)
    long_name: bytes | None = None
    long_link: bytes | None = None


@dataclass(slots=True)
class _Walk:
    """The state of one `read_tar`. `branches` are offsets at which some reader sees a header."""

    source: ByteSource
    cursor: Cursor
    budget: Budget
    branches: list[int] = field(default_factory=lambda: [0])
    visited: set[int] = field(default_factory=set)
    global_records: dict[bytes, bytes] = field(default_factory=dict)
    broken: Malformed | None = None

    def follow(self, position: int) -> Iterator[TarEvent]:
        """Hop from header to header until the end, or to where another branch has been."""
        extensions = _Extensions()
        while position not in self.visited:
            self.visited.add(position)
            self.budget.enter(1)
            self.cursor.seek(position)
            block = self.cursor.take(BLOCK_BYTES)
            if not block.strip(b"\0"):
                yield from self.after_end(position + len(block))
                return
            header = decode_header(block)
            if header is None:
                yield TarAnomaly(kind=TarAnomalyKind.BAD_HEADER, offset=position)
                found = self.next_header(position + BLOCK_BYTES)
                if found is None:
                    self.broken = Malformed("no tar header where one is due", position)
                    return
                position, extensions = found, _Extensions()
            elif header.type_flag in (*PAX_LOCAL, *PAX_GLOBAL, LONG_NAME, LONG_LINK):
                yield from self.extend(header, position, extensions)
                position = self.cursor.position
            else:
                yield from self.member(header, position, extensions)
                position, extensions = self.cursor.position, _Extensions()

    def extend(self, header: TarHeader, position: int, extensions: _Extensions) -> Iterator[TarEvent]:
        """Read an extended header and leave the cursor behind its data."""
        size = header.size or 0
        if size > _LONGEST_EXTENSION:
            raise LimitReached(f"an extended tar header of {size:,} bytes is larger than 1 MiB")
        data = self.cursor.take(size)
        self.cursor.seek(position + BLOCK_BYTES + _padded(size))
        if header.type_flag == LONG_NAME:
            extensions.long_name = text_field(data)
        elif header.type_flag == LONG_LINK:
            extensions.long_link = text_field(data)
        else:
            records, ordered, is_whole = decode_pax(data)
            if not is_whole or len(data) < size:
                yield TarAnomaly(kind=TarAnomalyKind.BROKEN_EXTENSION, offset=position)
            if header.type_flag in PAX_GLOBAL:
                self.global_records |= records
            else:
                extensions.records |= records
                extensions.ordered += ordered

    def member(self, header: TarHeader, position: int, extensions: _Extensions) -> Iterator[TarEvent]:
        """Put a member together and leave the cursor where the next header stands."""
        records = self.global_records | extensions.records
        name = records.get(b"GNU.sparse.name") or records.get(b"path") or extensions.long_name
        link_name = records.get(b"linkpath") or extensions.long_link or header.link_name
        shown = decode_tar_name(name or header.name)
        yield from _name_conflicts(header, extensions, self.global_records, position)
        if header.size is None:
            yield TarAnomaly(kind=TarAnomalyKind.BAD_SIZE, offset=position, member=shown)
        start, sparse_map = self.read_old_sparse(header)
        stated = pax_number(records, b"size")
        size = (header.size or 0) if stated is None else stated
        is_old_directory = shown.endswith("/") and not size and header.type_flag in PLAIN_FILE
        kind = TarKind.DIRECTORY if is_old_directory else header.kind
        end, oddities = self.data_end(header, kind, start, size, shown)
        yield from oddities
        data_offset, sparse_map = self.read_pax_sparse(extensions, records, start, sparse_map)
        real_size = header.real_size if sparse_map is None else sparse_size(records) or header.real_size
        stored = max(0, start + size - data_offset) if end > start else 0
        yield TarMember(
            name=shown,
            kind=kind,
            link_name=decode_tar_name(link_name),
            mode=header.mode,
            header_offset=position,
            data_offset=data_offset,
            stored_bytes=stored,
            size=size if real_size is None else real_size,
            sparse_map=sparse_map,
        )
        if end > start and start + size > self.source.size:
            self.broken = Malformed("the tar is cut", self.source.size)
            yield TarAnomaly(kind=TarAnomalyKind.CUT, offset=start, member=shown)
        self.cursor.seek(end)

    def data_end(
        self, header: TarHeader, kind: TarKind, start: int, size: int, name: str
    ) -> tuple[int, list[TarAnomaly]]:
        """Decide where the next header stands, and keep the other candidates as branches."""
        behind = start + _padded(size)
        if kind is not TarKind.FILE:
            return self.end_of_empty(start, behind, name)
        oddities = []
        if header.size is not None and size != header.size and size <= _LARGEST_OCTAL_SIZE:
            detail = f"{header.size} bytes in the header, {size} in the pax header"
            oddities.append(
                TarAnomaly(kind=TarAnomalyKind.SIZES_DIFFER, offset=start, member=name, detail=detail)
            )
            self.branch(start + _padded(header.size))
        if header.name.endswith(b"/") and header.type_flag in PLAIN_FILE:
            self.branch(start)  # some readers take it for a directory, which has no data
        return behind, oddities

    def end_of_empty(self, start: int, behind: int, name: str) -> tuple[int, list[TarAnomaly]]:
        """Old writers state the size of a hard link's target; others do write the data."""
        if behind == start:
            return start, []
        if not self.may_go_on(start):
            return (behind if self.may_go_on(behind) else start), []
        if not self.is_header(behind):
            return start, []
        self.branches.append(behind)
        return start, [TarAnomaly(kind=TarAnomalyKind.TWO_NEXT_HEADERS, offset=start, member=name)]

    def read_old_sparse(self, header: TarHeader) -> tuple[int, SparseMap | None]:
        if header.real_size is None:
            return self.cursor.position, None
        sparse_map = header.sparse_map
        if header.is_sparse_extended:
            sparse_map += read_old_extension(self.cursor, self.budget.limits.entries)
        return self.cursor.position, sparse_map

    def read_pax_sparse(
        self,
        extensions: _Extensions,
        records: dict[bytes, bytes],
        start: int,
        sparse_map: SparseMap | None,
    ) -> tuple[int, SparseMap | None]:
        """Return where the pieces start, and the map in any of the pax formats."""
        limit = self.budget.limits.entries
        if records.get(b"GNU.sparse.major") == b"1":
            self.cursor.seek(start)
            found = read_map_in_data(self.cursor, limit)
            return (start, sparse_map) if found is None else (start + found[1], found[0])
        from_pax = pax_sparse_map(records, extensions.ordered, limit)
        return start, sparse_map if from_pax is None else from_pax

    def branch(self, position: int) -> None:
        if self.is_header(position):
            self.branches.append(position)

    def is_header(self, position: int) -> bool:
        if position + BLOCK_BYTES > self.source.size:
            return False
        return decode_header(bytes(self.source.read_at(position, BLOCK_BYTES))) is not None

    def may_go_on(self, position: int) -> bool:
        """Tell whether a header, an empty block or the end of the archive stands here."""
        block = bytes(self.source.read_at(position, BLOCK_BYTES))
        return not block.strip(b"\0") or decode_header(block) is not None

    def next_header(self, position: int) -> int | None:
        """Return the offset of the next block that is a valid ustar or GNU header."""
        limit = position + _REMOTE_SEARCH_BYTES if self.source.is_remote else self.source.size
        while position < min(limit, self.source.size):
            self.budget.check_time()
            data = bytes(self.source.read_at(position, _STEP_BYTES))
            at = data.find(_MAGIC)
            while at >= 0:
                offset = at - _MAGIC_OFFSET
                if offset % BLOCK_BYTES == 0 and decode_header(data[max(0, offset) :][:BLOCK_BYTES]):
                    return position + offset
                at = data.find(_MAGIC, at + 1)
            position += _STEP_BYTES
        return None

    def after_end(self, position: int) -> Iterator[TarEvent]:
        """Tell what follows the first empty block, unless it is only zeros."""
        remaining = self.source.size - position
        if self.source.is_remote and remaining > _REMOTE_SEARCH_BYTES:
            raise LimitReached(f"{remaining:,} bytes after the end of the archive were not read")
        while position < self.source.size:
            self.budget.check_time()
            data = bytes(self.source.read_at(position, _STEP_BYTES))
            kept = data.lstrip(b"\0")
            if kept:
                offset = (position + len(data) - len(kept)) // BLOCK_BYTES * BLOCK_BYTES
                yield TarAnomaly(
                    kind=TarAnomalyKind.DATA_AFTER_END, offset=offset, length=self.source.size - offset
                )
                return
            position += len(data)


def _name_conflicts(
    header: TarHeader, extensions: _Extensions, global_records: dict[bytes, bytes], position: int
) -> Iterator[TarAnomaly]:
    """An extended name is needed when the field is too short or takes ASCII only; else it is a trick."""
    if b"GNU.sparse.name" in extensions.records:
        return
    plain = header.name.rstrip(b"/")
    for other in (extensions.records.get(b"path"), extensions.long_name, global_records.get(b"path")):
        if other is None or len(other) > _NAME_FIELD_BYTES or not other.isascii():
            continue
        if other.rstrip(b"/") != plain:
            yield TarAnomaly(
                kind=TarAnomalyKind.NAMES_DIFFER,
                offset=position,
                member=decode_tar_name(other),
                detail=f"{decode_tar_name(header.name)!r} in the header",
            )


def _padded(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
