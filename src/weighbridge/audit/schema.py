"""The tables of an audit store, as numbered steps that never change once released.

The SQL keeps to what SQLite and PostgreSQL both take: TEXT, INTEGER (BIGINT there) and REAL, keys
that we make ourselves, `ON CONFLICT`, no triggers, no types of one of the two.

    run         one call of `audit run`
    examiner    program, signatures and limits: what a scan's result depends on besides the bytes
    source      what the user names: a bucket, a registry's repository, a folder; `placed` names what
                its files were put together by, and is empty while files wait for that
    repository  files of a source that are judged together
    location    a name in a source, and which artifact lies there; `gone_run` when it no longer does
    problem     what was listed and is no file (a symlink that leaves the source)
    artifact    content with the name that analyzers are told: many locations may have one
    scan        an artifact or a repository under one examiner, what became of it, and who has it
    finding, coverage    what a scan gave, in order
    remark      what else it gave, as JSON: references to other files, package names, licences
"""

from __future__ import annotations

from typing import Final

_FIRST: Final = (
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        started TEXT NOT NULL,
        finished TEXT,
        state TEXT NOT NULL,
        place TEXT NOT NULL,
        examiner_id TEXT NOT NULL,
        listed INTEGER NOT NULL DEFAULT 0,
        scanned INTEGER NOT NULL DEFAULT 0,
        reused INTEGER NOT NULL DEFAULT 0,
        judged INTEGER NOT NULL DEFAULT 0,
        requests INTEGER NOT NULL DEFAULT 0,
        bytes_received INTEGER NOT NULL DEFAULT 0,
        seconds REAL NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE examiner (
        id TEXT PRIMARY KEY,
        tool_version TEXT NOT NULL,
        signatures_version TEXT NOT NULL,
        limits TEXT NOT NULL
    )""",
    """CREATE TABLE source (
        id TEXT PRIMARY KEY,
        target TEXT NOT NULL,
        state TEXT NOT NULL,
        detail TEXT NOT NULL,
        run_id INTEGER NOT NULL,
        examiner_id TEXT NOT NULL,
        placed TEXT NOT NULL DEFAULT '',
        origin TEXT
    )""",
    """CREATE TABLE repository (
        id TEXT PRIMARY KEY,
        source_id TEXT NOT NULL,
        root TEXT NOT NULL,
        files INTEGER NOT NULL,
        manifest TEXT NOT NULL,
        gone_run INTEGER
    )""",
    "CREATE INDEX repository_by_source ON repository (source_id, root)",
    """CREATE TABLE location (
        source_id TEXT NOT NULL,
        name TEXT NOT NULL,
        size_bytes INTEGER,
        stamp TEXT NOT NULL,
        content TEXT NOT NULL,
        provenance TEXT NOT NULL,
        sha256 TEXT,
        repository_id TEXT,
        artifact_id TEXT,
        seen_run INTEGER NOT NULL,
        gone_run INTEGER,
        PRIMARY KEY (source_id, name)
    )""",
    "CREATE INDEX location_by_repository ON location (repository_id, name)",
    "CREATE INDEX location_by_artifact ON location (artifact_id)",
    """CREATE TABLE problem (
        source_id TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        seen_run INTEGER NOT NULL,
        gone_run INTEGER,
        PRIMARY KEY (source_id, name)
    )""",
    """CREATE TABLE artifact (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        content TEXT NOT NULL,
        provenance TEXT NOT NULL,
        size_bytes INTEGER
    )""",
    """CREATE TABLE scan (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        subject_id TEXT NOT NULL,
        examiner_id TEXT NOT NULL,
        manifest TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        lease_run INTEGER,
        lease_until TEXT,
        finished TEXT
    )""",
    "CREATE INDEX scan_by_subject ON scan (subject_id)",
    "CREATE INDEX scan_by_state ON scan (state)",
    """CREATE TABLE finding (
        scan_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        rule TEXT NOT NULL,
        path TEXT NOT NULL,
        subject TEXT NOT NULL,
        evidence TEXT NOT NULL,
        at_byte INTEGER,
        length INTEGER NOT NULL,
        route TEXT NOT NULL,
        related TEXT NOT NULL,
        PRIMARY KEY (scan_id, position)
    )""",
    "CREATE INDEX finding_by_rule ON finding (rule)",
    """CREATE TABLE coverage (
        scan_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        path TEXT NOT NULL,
        format TEXT NOT NULL,
        outcome TEXT NOT NULL,
        size_bytes INTEGER,
        bytes_read INTEGER NOT NULL,
        detail TEXT NOT NULL,
        PRIMARY KEY (scan_id, position)
    )""",
    """CREATE TABLE remark (
        scan_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (scan_id, position)
    )""",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST,)
"""Step n leads from schema n to n + 1; 0 is an empty database."""
