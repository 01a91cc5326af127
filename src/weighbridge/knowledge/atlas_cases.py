"""Case studies of MITRE ATLAS: who did what, in which order, by which techniques.

Those of the official file come with ATLAS's own words; a few later ones are ours, from second-hand
texts, and say so. Loaded when a user asks for one: a scan never does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import AtlasRelease
from weighbridge.knowledge.atlas_yaml import load_yaml
from weighbridge.knowledge.table import Table

OFFICIAL = "ATLAS-5.6.0.yaml"
SECOND_HAND = "cases-second-hand.toml"
_OFFICIAL_SOURCE = "ATLAS 5.6.0"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"<[^<>]{1,300}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStep:
    """One step of a case, in the order of the case.

    Attributes:
        tactic: id; None when the release at hand knows no tactic of the technique.
        technique: id as the case has it, retired or not.
    """

    tactic: str | None
    technique: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStudy:
    """One case. `source` says how we know of it."""

    id: str
    name: str
    kind: str
    day: date | None
    target: str
    summary: str
    steps: tuple[CaseStep, ...]
    references: tuple[str, ...]
    source: str


def load_cases(folder: Path, release: AtlasRelease) -> Mapping[str, CaseStudy]:
    """Load all case studies of `signatures/atlas/`, by id, in the order of the ids.

    Raises:
        UsageError: a file is missing or has another shape.
    """
    official = _read(folder / OFFICIAL)
    root = Table.of(load_yaml(official, name=OFFICIAL), OFFICIAL)
    cases = [_official(row) for row in root.tables("case-studies")]
    second = Table.of(_toml(_read(folder / SECOND_HAND)), SECOND_HAND)
    cases += _second_hand(second, release)
    return {case.id: case for case in sorted(cases, key=lambda case: case.id)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}; reinstall weighbridge") from error


def _toml(data: bytes) -> object:
    try:
        return tomllib.loads(data.decode())
    except ValueError as error:
        raise UsageError(f"{SECOND_HAND}: not readable as TOML: {error}") from error


def _official(row: Table) -> CaseStudy:
    references = (reference.any_text("url") for reference in row.tables("references"))
    return CaseStudy(
        id=row.text("id"),
        name=row.text("name"),
        kind=row.any_text("case-study-type") or "case",
        day=_day(row, "incident-date"),
        target=row.any_text("target"),
        summary=_one_paragraph(row.any_text("summary")),
        steps=tuple(
            CaseStep(
                tactic=step.text("tactic"),
                technique=step.text("technique"),
                description=_one_paragraph(step.any_text("description")),
            )
            for step in row.tables("procedure")
        ),
        references=tuple(url for url in references if url),
        source=_OFFICIAL_SOURCE,
    )


def _second_hand(root: Table, release: AtlasRelease) -> Iterator[CaseStudy]:
    source = root.text("source")
    for row in root.tables("case"):
        yield CaseStudy(
            id=row.text("id"),
            name=row.text("name"),
            kind=row.text("kind"),
            day=row.day("date"),
            target=row.text("target"),
            summary=_one_paragraph(row.text("summary")),
            steps=tuple(_step(step, release) for step in row.tables("step")),
            references=row.texts("references"),
            source=source,
        )


def _step(row: Table, release: AtlasRelease) -> CaseStep:
    technique = release.technique(row.text("technique"))
    if technique is None:
        raise UsageError(f"{row.where}: ATLAS has no technique {row.text('technique')!r}")
    tactic = next(iter(technique.tactics), None)
    return CaseStep(tactic=tactic, technique=technique.id, description=row.text("description"))


def _day(row: Table, key: str) -> date | None:
    value = row.values.get(key)
    return value if isinstance(value, date) else None


def _one_paragraph(text: str) -> str:
    """The text without its line breaks, its tags and the addresses of its links."""
    return " ".join(_TAG.sub(" ", _LINK.sub(r"\1", text)).split())
