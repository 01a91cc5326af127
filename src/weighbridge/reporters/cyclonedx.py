"""The run as a CycloneDX 1.6 bill of materials: each target a model or a data set, with its files.

What our rules find are no CVEs: findings stand as properties of the file that shows them. Only a rule
whose references name a CVE also becomes an entry of `vulnerabilities`, which says that the file does
what that CVE describes. The same run gives the same document, serial number included.

Source: CycloneDX 1.6 (ECMA-424), schema bom-1.6.schema.json.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from weighbridge.atlas import ExplainedFinding
from weighbridge.core.report import Coverage, ScannedFile
from weighbridge.core.repository import WHOLE
from weighbridge.reporters.atlas_matrix import lit_techniques
from weighbridge.reporters.cyclonedx_identity import (
    component_type,
    is_sha256,
    licences,
    package_url,
    title,
)
from weighbridge.reporters.cyclonedx_vulnerabilities import vulnerabilities
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable
from weighbridge.reporters.json_text import Json, json_text
from weighbridge.reporters.words import printable, shortened

_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, f"{_SCHEMA}#weighbridge")
_FINDINGS = 10_000
_FINDINGS_OF_FILE = 100
_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One target with a name for each of its files that the document can refer to."""

    number: int
    result: TargetResult
    references: Mapping[str, str]

    @property
    def reference(self) -> str:
        return f"target-{self.number}"

    def reference_of(self, path: tuple[str, ...]) -> str:
        """The file that holds a path; the target, when the path is about it as a whole."""
        return self.references.get(path[0], self.reference) if path else self.reference


def render(run: Run) -> str:
    """Return the document; hashes are those that the reports know."""
    targets = [_target(number, result) for number, result in enumerate(run.results)]
    components = [_component(run, target) for target in targets]
    metadata = _metadata(run)
    listed: list[Json] = [*components]
    if len(components) == 1:
        files = components[0].pop("components", [])
        metadata["component"] = components[0]
        listed = files if isinstance(files, list) else []
    document: dict[str, Json] = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": listed,
    }
    known = vulnerabilities(run, lambda number, path: targets[number].reference_of(path))
    if entries := list(known):
        document["vulnerabilities"] = entries
    serial = uuid.uuid5(_NAMESPACE, json.dumps(document, sort_keys=True))
    return json_text({**document, "serialNumber": f"urn:uuid:{serial}"})


def _target(number: int, result: TargetResult) -> _Target:
    names: dict[str, str] = {}
    if isinstance(result, Scanned):
        listed = [file.name for file in result.report.files]
        looked_at = (row.path[0] for row in result.report.coverage if row.path)
        unique = dict.fromkeys((*listed, *looked_at))
        unique.pop(WHOLE, None)
        names = {name: f"target-{number}/file-{index}" for index, name in enumerate(sorted(unique))}
    return _Target(number=number, result=result, references=names)


def _metadata(run: Run) -> dict[str, Json]:
    return {
        "timestamp": run.started.isoformat(timespec="seconds"),
        "tools": {"components": [_tool(run)]},
        "properties": [
            _property("weighbridge:verdict", run.verdict.value),
            _property("weighbridge:exit-code", str(run.exit_code)),
        ],
    }


def _tool(run: Run) -> Json:
    return {
        "type": "application",
        "bom-ref": "weighbridge",
        "name": "weighbridge",
        "version": run.tool_version,
        "properties": [
            _property("weighbridge:signatures", run.signatures_version),
            _property("mitre-atlas:release", run.atlas_label),
        ],
    }


def _property(key: str, value: str) -> Json:
    return {"name": key, "value": printable(shortened(value, _CHARACTERS))}


def _component(run: Run, target: _Target) -> dict[str, Json]:
    result = target.result
    if isinstance(result, Scanned):
        return _scanned(run, target, result)
    return _unreachable(target, result)


def _unreachable(target: _Target, result: Unreachable) -> dict[str, Json]:
    return {
        "type": "machine-learning-model",
        "bom-ref": target.reference,
        "name": printable(shortened(result.target, _CHARACTERS)).strip() or "target",
        "properties": [
            _property("weighbridge:verdict", result.verdict.value),
            _property("weighbridge:error", result.error),
        ],
    }


def _scanned(run: Run, target: _Target, result: Scanned) -> dict[str, Json]:
    report, kind = result.report, component_type(result.report)
    component: dict[str, Json] = {
        "type": kind,
        "bom-ref": target.reference,
        "name": title(report),
        "purl": package_url(report),
        "properties": list(_target_properties(run, result)),
        "components": _files(target, result),
    }
    if report.origin.revision is not None:
        component["version"] = printable(shortened(report.origin.revision, _CHARACTERS))
    digest = report.files[0].sha256 if len(report.files) == 1 else report.origin.sha256
    if digest is not None and is_sha256(digest):
        component["hashes"] = _hashes(digest)
    if known := licences(report):
        component["licenses"] = [
            {"license": {"name": printable(shortened(name, _CHARACTERS))}} for name in known
        ]
    if kind == "data":
        component["data"] = [{"type": "dataset", "name": title(report)}]
    return component


def _hashes(digest: str) -> Json:
    return [{"alg": "SHA-256", "content": digest}]


def _target_properties(run: Run, result: Scanned) -> Iterator[Json]:
    yield _property("weighbridge:verdict", result.verdict.value)
    yield _property("weighbridge:fail-on", result.decision.fail_on.word)
    numbers = Counter(found.severity for found in result.findings)
    for level in sorted(numbers, reverse=True):
        yield _property(f"weighbridge:findings:{level.word}", str(numbers[level]))
    if len(result.findings) > _FINDINGS:
        yield _property("weighbridge:findings:left-out", str(len(result.findings) - _FINDINGS))
    if result.accepted:
        yield _property("weighbridge:findings:accepted", str(len(result.accepted)))
    if result.decision.gaps:
        yield _property("weighbridge:not-looked-at", str(len(result.decision.gaps)))
    for entry in lit_techniques(replace(run, results=(result,))).values():
        relation = "evidences" if entry.is_evidenced else "exposes"
        technique = f"{entry.technique.id} {entry.technique.full_name}"
        yield _property("mitre-atlas:technique", f"{relation} {technique}")
    for found in result.findings:
        if found.finding.path in ((), (WHOLE,)):
            yield _finding(found)


def _files(target: _Target, result: Scanned) -> list[Json]:
    listed = {file.name: file for file in result.report.files}
    rows = {row.path[0]: row for row in result.report.coverage if len(row.path) == 1}
    findings = _findings_by_file(result)
    return [
        _file(name, reference, listed.get(name), rows.get(name), findings.get(name, []))
        for name, reference in target.references.items()
    ]


def _findings_by_file(result: Scanned) -> Mapping[str, list[ExplainedFinding]]:
    """The most severe of each file first; `_FINDINGS` of a target at most."""
    found: dict[str, list[ExplainedFinding]] = {}
    for explained in result.findings[:_FINDINGS]:
        if explained.finding.path:
            found.setdefault(explained.finding.path[0], []).append(explained)
    return found


def _file(
    name: str,
    reference: str,
    listed: ScannedFile | None,
    row: Coverage | None,
    findings: list[ExplainedFinding],
) -> Json:
    component: dict[str, Json] = {
        "type": "file",
        "bom-ref": reference,
        "name": printable(shortened(name, _CHARACTERS)).strip() or "file",
    }
    if listed is not None and listed.sha256 is not None and is_sha256(listed.sha256):
        component["hashes"] = _hashes(listed.sha256)
    properties = [*_facts(listed, row), *map(_finding, findings[:_FINDINGS_OF_FILE])]
    if len(findings) > _FINDINGS_OF_FILE:
        rest = str(len(findings) - _FINDINGS_OF_FILE)
        properties.append(_property("weighbridge:findings:left-out", rest))
    return {**component, "properties": properties}


def _facts(listed: ScannedFile | None, row: Coverage | None) -> Iterator[Json]:
    size_bytes = row.size_bytes if row is not None else None
    if listed is not None and listed.size_bytes is not None:
        size_bytes = listed.size_bytes
    if size_bytes is not None:
        yield _property("weighbridge:size-bytes", str(size_bytes))
    if row is not None:
        yield _property("weighbridge:format", row.format)
    yield _property("weighbridge:looked-at", row.outcome.value if row is not None else "no")
    if row is not None and row.detail:
        yield _property("weighbridge:detail", row.detail)


def _finding(explained: ExplainedFinding) -> Json:
    """`PKL002 critical posix.system in archive/data.pkl`: the rule, then text of the target."""
    finding = explained.finding
    inside = f" in {'!/'.join(finding.path[1:])}" if len(finding.path) > 1 else ""
    said = f"{explained.rule.id} {explained.severity.word} {finding.subject}{inside}"
    return _property("weighbridge:finding", said)
