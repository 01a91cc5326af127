"""The whole run as one JSON document: `docs/report.schema.json` describes it.

Rows name rules, techniques and mitigations by id; what an id means stands once, in `rules` and
`atlas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from weighbridge.atlas import ExplainedFinding, ExplainedRule, TechniqueInContext
from weighbridge.core.artifact import Origin
from weighbridge.core.report import Coverage, Opinion, ScannedFile
from weighbridge.policy import Suppression
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.json_text import Json, json_text

SCHEMA = "weighbridge-report/1"


def render(run: Run) -> str:
    """Return the document, with a line break at its end."""
    meanings = _meanings(run.results)
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "tool": {
            "name": "weighbridge",
            "version": run.tool_version,
            "signatures": run.signatures_version,
            "atlas": run.atlas_label,
        },
        "started": run.started.isoformat(),
        "seconds": round(run.seconds, 3),
        "verdict": run.verdict.value,
        "targets": [_target(result) for result in run.results],
        "rules": {rule_id: _rule(meaning) for rule_id, meaning in sorted(meanings.items())},
        "atlas": _atlas(run.atlas_label, meanings.values()),
    }
    return json_text(document)


def _target(result: TargetResult) -> Json:
    match result:
        case Scanned():
            return _scanned(result)
        case Unreachable():
            return {
                "target": result.target,
                "origin": None,
                "verdict": result.verdict.value,
                "error": result.error,
                "findings": [],
                "suppressed": [],
                "coverage": [],
                "opinions": [],
                "files": [],
                "licences": [],
                "notes": [],
                "traffic": {"requests": 0, "bytes_received": 0},
                "seconds": 0.0,
            }
        case _:
            assert_never(result)


def _scanned(result: Scanned) -> Json:
    report = result.report
    return {
        "target": report.target,
        "origin": _origin(report.origin),
        "verdict": result.verdict.value,
        "error": None,
        "findings": [_finding(explained) for explained in result.findings],
        "suppressed": [
            {**_finding(entry.explained), "suppression": _suppression(entry.suppression)}
            for entry in result.accepted
        ],
        "coverage": [_coverage(row) for row in report.coverage],
        "opinions": [_opinion(opinion) for opinion in report.opinions],
        "files": [_file(file) for file in report.files],
        "licences": [{"path": list(said.path), "licence": said.licence} for said in report.licences],
        "notes": list(result.decision.notes),
        "traffic": {
            "requests": report.traffic.requests,
            "bytes_received": report.traffic.bytes_received,
        },
        "seconds": round(report.seconds, 3),
    }


def _origin(origin: Origin) -> Json:
    return {
        "kind": origin.kind,
        "location": origin.location,
        "revision": origin.revision,
        "sha256": origin.sha256,
        "size_bytes": origin.size_bytes,
        "registry_verdicts": dict(origin.registry_verdicts),
        "facts": dict(origin.facts),
    }


def _finding(explained: ExplainedFinding) -> dict[str, Json]:
    finding, rule, meaning = explained.finding, explained.rule, explained.meaning
    return {
        "rule": rule.id,
        "title": rule.title,
        "severity": explained.severity.word,
        "confidence": rule.confidence.word,
        "artifact": finding.artifact,
        "path": list(finding.path),
        "offset": finding.offset,
        "length": finding.length,
        "route": finding.route,
        "subject": finding.subject,
        "evidence": finding.evidence,
        "related": list(finding.related),
        "relation": rule.relation.value,
        "techniques": [technique.id for technique in meaning.techniques],
        "exposes": [technique.id for technique in meaning.exposes],
        "mitigations": [mitigation.id for mitigation in meaning.mitigations],
        "cwe": list(rule.cwe),
        "phase": rule.phase,
        "remediation": rule.remediation,
        "fingerprint": finding.fingerprint,
    }


def _suppression(entry: Suppression) -> Json:
    return {
        "rule": entry.rule,
        "artifact": entry.artifact,
        "sha256": entry.sha256,
        "reason": entry.reason,
        "expires": entry.expires.isoformat(),
        "owner": entry.owner,
    }


def _coverage(row: Coverage) -> Json:
    return {
        "artifact": row.artifact,
        "path": list(row.path),
        "format": row.format,
        "outcome": row.outcome.value,
        "size_bytes": row.size_bytes,
        "bytes_read": row.bytes_read,
        "detail": row.detail,
    }


def _file(file: ScannedFile) -> Json:
    return {"name": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256}


def _opinion(opinion: Opinion) -> Json:
    return {
        "engine": opinion.engine,
        "version": opinion.version,
        "artifact": opinion.artifact,
        "path": list(opinion.path),
        "state": opinion.state.value,
        "reason": opinion.reason,
        "objections": list(opinion.objections),
        "evidence": opinion.evidence,
    }


def _meanings(results: Iterable[TargetResult]) -> Mapping[str, ExplainedRule]:
    """Every rule that a row of this document names."""
    meanings: dict[str, ExplainedRule] = {}
    for result in results:
        if isinstance(result, Scanned):
            accepted = (entry.explained for entry in result.accepted)
            for explained in (*result.findings, *accepted):
                meanings.setdefault(explained.rule.id, explained.meaning)
    return meanings


def _rule(meaning: ExplainedRule) -> Json:
    rule = meaning.rule
    return {
        "title": rule.title,
        "severity": rule.severity.word,
        "why": rule.why,
        "remediation": rule.remediation,
        "references": list(rule.references),
        "mitigations": [
            {
                "id": mitigation.id,
                "name": mitigation.name,
                "source": mitigation.source.value,
                "techniques": list(mitigation.techniques),
                "sentence": mitigation.sentence,
            }
            for mitigation in meaning.mitigations
        ],
    }


def _atlas(label: str, meanings: Iterable[ExplainedRule]) -> Json:
    techniques: dict[str, TechniqueInContext] = {}
    for meaning in meanings:
        for technique in (*meaning.techniques, *meaning.exposes):
            techniques[technique.id] = technique
    return {
        "release": label,
        "techniques": {
            key: {"name": technique.full_name, "tactics": list(technique.tactics)}
            for key, technique in sorted(techniques.items())
        },
    }
