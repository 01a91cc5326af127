"""Audits in tests: sources made of bytes, one call to audit them, and what the store then holds."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from weighbridge.audit.auditing import audit
from weighbridge.audit.local_runner import LocalRunner
from weighbridge.audit.report import Judging, frame_of, results_of
from weighbridge.audit.settings import AuditSettings
from weighbridge.audit.sqlite_store import SqliteStore
from weighbridge.audit.store import RunRow
from weighbridge.audit.targets import read_targets
from weighbridge.audit.work import Runner
from weighbridge.core.report import Report
from weighbridge.engine.scan import ScanSettings
from weighbridge.engine.stream import Stream
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.reporters.interface import Run, Scanned

ROOT = Path(__file__).resolve().parents[2]
EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
CLEAN = b"\x80\x04K\x05."
CONFIG = b'{"model_type": "bert"}'
SIGNATURES = Signatures.installed()
SETTINGS = AuditSettings(scan=ScanSettings(jobs=2), signatures_version=SIGNATURES.version)


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def audited(
    store: Path,
    *targets: Path | str,
    signatures: str | None = None,
    retry: bool = False,
    runner_of: Callable[[Stream], Runner] = LocalRunner,
) -> RunRow:
    """Audit into a store and return what the run did."""
    settings = replace(
        SETTINGS,
        signatures_version=signatures or SIGNATURES.version,
        retries_set_aside=retry,
    )
    with closing(SqliteStore.for_writing(store)) as opened:
        audit(read_targets(str(target) for target in targets), opened, settings, runner_of=runner_of)
        return opened.runs(1)[0]


def run_in(store: Path, policy: Policy | None = None) -> Run:
    """Return all that a store holds, held against a policy."""
    with closing(SqliteStore.for_reading(store)) as opened:
        judging = Judging(policy or Policy(), SIGNATURES)
        return replace(frame_of(opened), results=tuple(results_of(opened, judging)))


def reports_in(store: Path) -> dict[str, Report]:
    """Return the reports of a store by their targets."""
    return {one.target: one.report for one in run_in(store).results if isinstance(one, Scanned)}


def found_in(store: Path) -> list[tuple[str, str, str]]:
    """Return (folder, artifact, rule) of what is high or worse in a store, in order."""
    return sorted(
        (Path(result.target).name, found.finding.artifact, found.finding.rule)
        for result in run_in(store).results
        if isinstance(result, Scanned)
        for found in result.findings
        if found.severity >= found.severity.HIGH
    )


def query(store: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask the tables themselves."""
    with closing(sqlite3.connect(store)) as database:
        return list(database.execute(statement))


TABLES = {
    "location": "source_id, name, content, artifact_id, repository_id, gone_run IS NULL",
    "artifact": "id, name, content",
    "repository": "id, root, files, manifest",
    "scan": "id, kind, subject_id, state",
    "finding": "scan_id, position, rule, path, subject",
    "coverage": "scan_id, position, path, outcome",
}


def rows_of(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what two audits of the same files must agree on, to the row."""
    return {
        table: sorted(query(store, f"SELECT {columns} FROM {table}"), key=repr)
        for table, columns in TABLES.items()
    }


def command(store: Path, *targets: Path | str) -> Sequence[str]:
    """Return the command line of an audit in a process of its own."""
    arguments = [
        "audit",
        "run",
        *map(str, targets),
        "--store",
        str(store),
        "--jobs",
        "2",
        "--batch",
        "20",
    ]
    return [sys.executable, "-m", "weighbridge", *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of such a process."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **(more or {})}
