"""The run as SARIF 2.1.0 for code scanning, with MITRE ATLAS and CWE as taxonomies.

GitHub ignores taxonomies, so ids also stand in tags and help texts. It shows 5,000 results of a
run at most, and which ones is not dependable: we cut ourselves, by severity, and say so. What
could not be looked at becomes a notification: a log without results is not yet a clean bill.

Source: SARIF 2.1.0 errata 01; docs.github.com, "SARIF support for code scanning".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.policy import Suppression
from weighbridge.reporters.interface import Run, Scanned, Unreachable
from weighbridge.reporters.json_text import Json, json_text
from weighbridge.reporters.sarif_rules import (
    LEVELS,
    Catalogue,
    descriptors,
    supported_taxonomies,
    taxonomies,
)
from weighbridge.reporters.sarif_uris import artifact_uri, target_root
from weighbridge.reporters.words import printable, shortened

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MAX_RESULTS = 5000
_MAX_NOTIFICATIONS = 1000
_EVIDENCE_CHARACTERS = 2000

_NOTIFICATIONS = {
    "incomplete": "An artifact could not be looked at to its end.",
    "unreachable": "A target could not be looked at at all.",
    "results-cut": "The run has more results than code scanning takes.",
    "notifications-cut": "More artifacts could not be looked at than are listed.",
}


@dataclass(frozen=True, slots=True)
class _Result:
    """A finding on its way into the log."""

    explained: ExplainedFinding
    uri: str
    suppression: Suppression | None


def render(run: Run) -> str:
    """Return the log: one run, whatever the number of targets."""
    results = sorted(_results(run), key=lambda result: -result.explained.severity)
    kept = results[:_MAX_RESULTS]
    catalogue = Catalogue.of(result.explained for result in kept)
    uris = {uri: index for index, uri in enumerate(dict.fromkeys(result.uri for result in kept))}
    return json_text(
        {
            "$schema": _SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": _driver(run, catalogue)},
                    "taxonomies": taxonomies(catalogue, atlas_label=run.atlas_label),
                    "invocations": [_invocation(run, cut=len(results) - len(kept))],
                    "artifacts": _artifacts(run, uris),
                    "results": [_result(result, catalogue, uris) for result in kept],
                    "columnKind": "unicodeCodePoints",
                    "properties": {
                        "verdict": run.verdict.value,
                        "exitCode": run.exit_code,
                        "opinions": list(_opinions(run)),
                    },
                }
            ],
        }
    )


def _driver(run: Run, catalogue: Catalogue) -> Json:
    return {
        "name": "weighbridge",
        "version": run.tool_version,
        "semanticVersion": run.tool_version,
        "supportedTaxonomies": supported_taxonomies(),
        "rules": descriptors(catalogue),
        "notifications": [
            {
                "id": key,
                "shortDescription": {"text": text},
                "fullDescription": {"text": text},
                "help": {"text": text},
            }
            for key, text in _NOTIFICATIONS.items()
        ],
        "properties": {"signatures": run.signatures_version, "atlas": run.atlas_label},
    }


def _opinions(run: Run) -> Iterator[Json]:
    """Which other engines were asked and what became of it, in numbers: SARIF has no place for more."""
    for result in run.results:
        if isinstance(result, Scanned):
            asked = ((one.engine, one.version, one.state) for one in result.report.opinions)
            for (engine, version, state), number in Counter(asked).items():
                yield {
                    "target": printable(result.target),
                    "engine": engine,
                    "version": version,
                    "state": state.value,
                    "artifacts": number,
                }


def _results(run: Run) -> Iterator[_Result]:
    for result in run.results:
        if isinstance(result, Scanned):
            root = target_root(result, working_directory=run.working_directory)
            for explained in result.findings:
                yield _Result(explained, artifact_uri(root, explained.finding.path), None)
            for entry in result.accepted:
                uri = artifact_uri(root, entry.explained.finding.path)
                yield _Result(entry.explained, uri, entry.suppression)


def _artifacts(run: Run, uris: Mapping[str, int]) -> list[Json]:
    sizes: dict[str, int | None] = {}
    for result in run.results:
        if isinstance(result, Scanned):
            root = target_root(result, working_directory=run.working_directory)
            files = (row for row in result.report.coverage if len(row.path) == 1)
            sizes |= {artifact_uri(root, row.path): row.size_bytes for row in files}
    known: list[Json] = []
    for uri in uris:
        size_bytes = sizes.get(uri)
        length: dict[str, Json] = {} if size_bytes is None else {"length": size_bytes}
        known.append({"location": {"uri": uri}, **length})
    return known


def _result(result: _Result, catalogue: Catalogue, uris: Mapping[str, int]) -> Json:
    explained = result.explained
    finding, rule = explained.finding, explained.rule
    log: dict[str, Json] = {
        "ruleId": rule.id,
        "ruleIndex": catalogue.rule_index(rule.id),
        "kind": "fail",
        "level": LEVELS[explained.severity],
        "message": {"text": _message(explained)},
        "locations": [_location(finding, result.uri, uris[result.uri])],
        "partialFingerprints": _fingerprints(finding, result.uri),
        "taxa": [catalogue.taxon(technique.id) for technique in explained.meaning.techniques],
        "properties": _properties(explained),
    }
    if result.suppression is not None:
        log["suppressions"] = [_suppression(result.suppression)]
    return log


def _message(explained: ExplainedFinding) -> str:
    """Title, place and evidence; text of the target must not become a link."""
    finding = explained.finding
    evidence = " ".join(printable(line) for line in finding.evidence.splitlines())
    cut = shortened(evidence, _EVIDENCE_CHARACTERS).replace("](", "] (")
    place = printable(shortened(finding.artifact, 300)).replace("](", "] (")
    return f"{explained.rule.title}: {cut} (in {place})."


def _location(finding: Finding, uri: str, index: int) -> Json:
    """A byte range belongs to the file itself only when the finding is not nested in it."""
    region: dict[str, Json] = {"startLine": 1}
    if finding.offset is not None and len(finding.path) == 1:
        region |= {"byteOffset": finding.offset, "byteLength": max(1, finding.length)}
    name = "#".join(filter(None, (finding.artifact, finding.route)))
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri, "index": index}, "region": region},
        "logicalLocations": [{"fullyQualifiedName": printable(name) or "target", "kind": "member"}],
    }


def _fingerprints(finding: Finding, uri: str) -> Json:
    """Stable while byte offsets move. GitHub reads the first; the second is the one in our JSON."""
    identity = "\0".join((finding.rule, uri, *finding.path[1:], finding.subject))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return {"primaryLocationLineHash": f"{digest[:16]}:1", "weighbridge/v1": finding.fingerprint}


def _properties(explained: ExplainedFinding) -> dict[str, Json]:
    finding, meaning = explained.finding, explained.meaning
    return {
        "severity": explained.severity.word,
        "confidence": explained.rule.confidence.word,
        "artifact": finding.artifact,
        "path": list(finding.path),
        "offset": finding.offset,
        "length": finding.length,
        "atlas": {
            "relation": explained.relation.value,
            "techniques": [technique.id for technique in meaning.techniques],
            "exposes": [technique.id for technique in meaning.exposes],
            "mitigations": [mitigation.id for mitigation in meaning.mitigations],
        },
    }


def _suppression(entry: Suppression) -> Json:
    owner = f" by {entry.owner}" if entry.owner else ""
    return {
        "kind": "external",
        "status": "accepted",
        "justification": f"{entry.reason} (accepted{owner} {entry.lasts})",
    }


def _invocation(run: Run, *, cut: int) -> Json:
    return {
        "executionSuccessful": not any(isinstance(result, Unreachable) for result in run.results),
        "exitCode": run.exit_code,
        "startTimeUtc": _utc(run.started),
        "endTimeUtc": _utc(run.started + timedelta(seconds=run.seconds)),
        "toolExecutionNotifications": list(_notifications(run, cut=cut)),
    }


def _utc(moment: datetime) -> str:
    seconds = moment.timestamp()
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _notifications(run: Run, *, cut: int) -> Iterator[Json]:
    if cut:
        yield _notification(
            "results-cut", "warning", f"{cut:,} results of the lowest severities are left out."
        )
    for result in run.results:
        if isinstance(result, Unreachable):
            yield _notification("unreachable", "error", f"{printable(result.target)}: {result.error}")
    gaps = list(_gaps(run))
    for row, uri in gaps[:_MAX_NOTIFICATIONS]:
        level = "error" if row.outcome is Outcome.FAILED else "warning"
        text = f"{printable(row.artifact)} is {row.outcome.value}: {row.detail or 'no detail'}"
        yield _notification("incomplete", level, text, uri=uri)
    if len(gaps) > _MAX_NOTIFICATIONS:
        rest = len(gaps) - _MAX_NOTIFICATIONS
        yield _notification("notifications-cut", "warning", f"{rest:,} more artifacts are incomplete.")


def _gaps(run: Run) -> Iterator[tuple[Coverage, str]]:
    for result in run.results:
        if isinstance(result, Scanned):
            root = target_root(result, working_directory=run.working_directory)
            for row in result.decision.gaps:
                yield row, artifact_uri(root, row.path)


def _notification(key: str, level: str, text: str, *, uri: str | None = None) -> Json:
    notification: dict[str, Json] = {
        "descriptor": {"id": key, "index": list(_NOTIFICATIONS).index(key)},
        "level": level,
        "message": {"text": printable(text)},
    }
    if uri is not None:
        notification["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": uri}}}]
    return notification
