"""`weighbridge case`, `weighbridge case AML.CS0019`, `weighbridge case AML.CS0019 TARGET`."""

from __future__ import annotations

import difflib
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from weighbridge.core.finding import Finding
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_cases import CaseStudy, load_cases
from weighbridge.knowledge.atlas_chain import chain
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.signatures import Signatures
from weighbridge.knowledge.table import Table
from weighbridge.reporters.case_text import render_case, render_cases

_SCHEMA = "weighbridge-report/1"
_LARGEST_REPORT = 512 * 1024 * 1024


@click.command()
@click.argument("case_id", metavar="[ID", required=False)
@click.argument("target", metavar="[TARGET]]", required=False)
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON report of an earlier scan, in place of TARGET.",
)
def command(case_id: str | None, target: str | None, report: Path | None) -> None:
    """Show an ATLAS case study step by step, and what a target shows of each.

    Without ID, lists the case studies. The exit code says nothing about the target: that is what
    `weighbridge scan` is for.
    """
    signatures = Signatures.installed()
    rules, release = signatures.rules, signatures.release
    cases = load_cases(signatures_dir() / "atlas", release)
    width, colour = shutil.get_terminal_size((100, 24)).columns, sys.stdout.isatty()
    if case_id is None:
        text = render_cases(cases, rules=rules, release=release, width=width, colour=colour)
    else:
        case = _case(case_id, cases)
        name, findings = _findings(target, report)
        steps = chain(case, findings, rules, release)
        text = render_case(case, steps, target=name, release=release, width=width, colour=colour)
    click.echo(text.rstrip("\n"))


def _case(wanted: str, cases: Mapping[str, CaseStudy]) -> CaseStudy:
    key = wanted.strip().upper()
    key = key if key.startswith("AML.") else f"AML.{key}"
    if key in cases:
        return cases[key]
    nearest = difflib.get_close_matches(key, list(cases), n=5, cutoff=0.5)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
    raise UsageError(f"there is no case study {wanted[:60]!r}{hint}; see: weighbridge case")


def _findings(target: str | None, report: Path | None) -> tuple[str | None, tuple[Finding, ...]]:
    if report is not None:
        if target is not None:
            raise UsageError("give a TARGET or --report, not both")
        return str(report), tuple(_reported(report))
    if target is None:
        return None, ()
    from weighbridge.engine.scan import ScanSettings, scan_target

    return target, scan_target(target, ScanSettings()).findings


def _reported(path: Path) -> Iterable[Finding]:
    """Yield the findings of a JSON report of ours, those that a policy accepts included."""
    name = str(path)
    if path.stat().st_size > _LARGEST_REPORT:
        raise UsageError(f"{name}: more than {_LARGEST_REPORT:,} bytes")
    try:
        root = Table.of(json.loads(path.read_bytes()), name)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not readable as JSON: {error}") from error
    if root.any_text("schema") != _SCHEMA:
        raise UsageError(f"{name}: no report of weighbridge (expected the schema {_SCHEMA!r})")
    for one in root.tables("targets"):
        for row in (*one.tables("findings"), *one.tables("suppressed")):
            yield Finding(
                rule=row.text("rule"),
                path=row.texts("path"),
                subject=row.any_text("subject"),
                evidence=row.any_text("evidence"),
            )
