"""The files of one target as a tree: how large, which bytes, how far we looked, the worst in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from weighbridge.core.finding import Severity
from weighbridge.core.report import OPINION, REPOSITORY, Coverage, ScannedFile
from weighbridge.core.repository import WHOLE
from weighbridge.reporters.html.markup import (
    Child,
    Markup,
    element,
    name,
    section,
    severity_label,
    table,
)
from weighbridge.reporters.html.selection import members_by_file, worst_by_path
from weighbridge.reporters.interface import Scanned
from weighbridge.reporters.words import count, size

_COLUMNS = ("Name", "Size", "Format", "Looked at", "Worst", "SHA-256")
_TALL = 60
"""Rows above which the tree scrolls in a box of its own."""
_MEMBERS_SHOWN = 20
"""Members with a finding or a gap, for each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file, or one member of a file that something is to be said of."""

    path: tuple[str, ...]
    size_bytes: int | None
    sha256: str | None
    row: Coverage | None
    worst: Severity | None
    members: int = 0

    @property
    def folder(self) -> str:
        return self.path[0].rpartition("/")[0]

    @property
    def is_remarkable(self) -> bool:
        """True when something is to be said of it."""
        return self.weight >= 0

    @property
    def weight(self) -> int:
        """How much the reader must see it: by its worst finding; a gap counts as much as a high one."""
        gap = self.row is not None and not self.row.outcome.is_complete
        return max(-1 if self.worst is None else int(self.worst), int(Severity.HIGH) if gap else -1)


def file_rows(result: Scanned) -> list[FileRow]:
    """Every file by name, and after each its members that are remarkable."""
    worst, members = worst_by_path(result), members_by_file(result)
    rows = {row.path: row for row in result.report.coverage if _is_of_a_file(row)}
    listed = {file.name: file for file in result.report.files}
    names = sorted(
        {*listed, *(path[0] for path in rows)}, key=lambda text: (text.rpartition("/")[0], text)
    )
    inner = _remarkable_members(rows, worst)
    found: list[FileRow] = []
    for one in names:
        found.append(_file_row(one, listed.get(one), rows.get((one,)), worst, members[one]))
        found += inner.get(one, ())
    return found


def _is_of_a_file(row: Coverage) -> bool:
    return bool(row.path) and row.path[0] != WHOLE and row.format not in (OPINION, REPOSITORY)


def _file_row(
    file_name: str,
    listed: ScannedFile | None,
    row: Coverage | None,
    worst: Mapping[tuple[str, ...], Severity],
    members: int,
) -> FileRow:
    size_bytes = row.size_bytes if row is not None else None
    if listed is not None and listed.size_bytes is not None:
        size_bytes = listed.size_bytes
    return FileRow(
        path=(file_name,),
        size_bytes=size_bytes,
        sha256=listed.sha256 if listed is not None else None,
        row=row,
        worst=worst.get((file_name,)),
        members=members,
    )


def _remarkable_members(
    rows: Mapping[tuple[str, ...], Coverage], worst: Mapping[tuple[str, ...], Severity]
) -> Mapping[str, list[FileRow]]:
    chosen: dict[str, list[FileRow]] = {}
    for path, row in rows.items():
        if len(path) > 1 and (path in worst or not row.outcome.is_complete):
            of_file = chosen.setdefault(path[0], [])
            if len(of_file) < _MEMBERS_SHOWN:
                member = FileRow(
                    path=path, size_bytes=row.size_bytes, sha256=None, row=row, worst=worst.get(path)
                )
                of_file.append(member)
    return chosen


def files_section(rows: Sequence[FileRow], *, room: int, level: int, anchor: str) -> Markup:
    """The tree, with at most `room` rows: the heaviest ones.

    Args:
        rows: as `file_rows` gives them.
        room: rows that may still stand on the page.
        level: of the heading.
        anchor: id of the section.
    """
    kept = _kept(rows, room)
    files = sum(len(row.path) == 1 for row in rows)
    total = sum(row.size_bytes or 0 for row in rows if len(row.path) == 1)
    note = f"{files:,} · {size(total)}"
    if not rows:
        quiet = element("p", "The target holds no file.", class_="quiet")
        return section("Files", quiet, level=level, anchor=anchor)
    columns = _COLUMNS if any(row.sha256 for row in kept) else _COLUMNS[:-1]
    bodies = (
        _folder(folder, members, width=len(columns))
        for folder, members in groupby(kept, key=lambda row: row.folder)
    )
    drawn = table(
        *columns,
        body=bodies,
        caption="Tree of files",
        class_="files",
        box="scroll tall" if len(kept) > _TALL else "scroll",
    )
    return section(
        "Files",
        _cut_sentence(rows, kept),
        drawn if kept else None,
        level=level,
        anchor=anchor,
        note=note,
    )


def _kept(rows: Sequence[FileRow], room: int) -> list[FileRow]:
    heaviest = sorted(range(len(rows)), key=lambda number: -rows[number].weight)
    return [rows[number] for number in sorted(heaviest[:room])]


def _cut_sentence(rows: Sequence[FileRow], kept: Sequence[FileRow]) -> Markup | None:
    cut = len(rows) - len(kept)
    if not cut:
        return None
    lost = sum(row.is_remarkable for row in rows) - sum(row.is_remarkable for row in kept)
    which = (
        f"{lost:,} of them have a finding or were not read to the end"
        if lost
        else "none of them has a finding, all of them were looked at"
    )
    said = f"{count(cut, 'more row')} would make this page too long; {which}. --format json has all."
    return element("p", said, class_="cut")


def _folder(folder: str, rows: Iterable[FileRow], *, width: int) -> Markup:
    heading: Child = None
    if folder:
        words = element("th", name(f"{folder}/"), colspan=str(width), scope="rowgroup")
        heading = element("tr", words, class_="folder")
    body = (_tree_row(row, width=width) for row in rows)
    return element("tbody", heading, *body, class_=None if folder else "top")


def _tree_row(row: FileRow, *, width: int) -> Markup:
    is_file = len(row.path) == 1
    label = row.path[0].rpartition("/")[2] if is_file else " › ".join(row.path[1:])
    cells: list[Child] = [
        "" if row.size_bytes is None else size(row.size_bytes),
        row.row.format + _inside(row) if row.row is not None else "",
        row.row.outcome.value if row.row is not None else "not looked at",
        severity_label(row.worst.word) if row.worst is not None else None,
        element("code", row.sha256, class_="digest") if row.sha256 else None,
    ]
    return element(
        "tr",
        element("th", name(label), scope="row"),
        *(element("td", cell) for cell in cells[: width - 1]),
        class_=" ".join(filter(None, ("file" if is_file else "member", _mark(row)))),
    )


def _mark(row: FileRow) -> str | None:
    return None if row.row is None or row.row.outcome.is_complete else "gap"


def _inside(row: FileRow) -> str:
    return f", {row.members:,} inside" if row.members else ""
