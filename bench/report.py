"""Write what was measured as Markdown: the targets first, then a table for each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for, what was measured, and whether that is enough."""

    asked: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question, its answer as a table, how it was asked and what the answer does not say."""

    title: str
    text: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    commands: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()


def render(introduction: str, sections: Sequence[Section], closing: str) -> str:
    """Return the whole page."""
    targets = [target for section in sections for target in section.targets]
    blocks = [introduction, "## Targets", _table(("target", "measured", ""), _target_rows(targets))]
    for section in sections:
        blocks += _section_blocks(section)
    return "\n\n".join([*blocks, closing]).rstrip() + "\n"


def render_part(sections: Sequence[Section]) -> str:
    """Return targets and sections one level lower: a part that is measured apart."""
    targets = [target for section in sections for target in section.targets]
    blocks = [_table(("target", "measured", ""), _target_rows(targets))]
    for section in sections:
        first, *rest = _section_blocks(section)
        blocks += [f"#{first}", *rest]
    return "\n\n".join(blocks)


def _target_rows(targets: Sequence[Target]) -> list[tuple[str, ...]]:
    return [
        (target.asked, target.measured, "met" if target.is_met else "**not met**") for target in targets
    ]


def _section_blocks(section: Section) -> list[str]:
    blocks = [f"## {section.title}", section.text, _table(section.header, section.rows)]
    if section.notes:
        blocks.append("\n".join(f"- {note}" for note in section.notes))
    if section.commands:
        blocks.append("```sh\n" + "\n".join(section.commands) + "\n```")
    return blocks


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB" if value < 1e7 else f"{value / 1e6:,.0f} MB"


def rate(size_bytes: int, taken_s: float) -> str:
    speed = size_bytes / 1e6 / max(taken_s, 1e-9)
    return f"{speed:,.1f} MB/s" if speed < 10 else f"{speed:,.0f} MB/s"
