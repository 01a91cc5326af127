"""The half of a SARIF log that says what ids mean: rule descriptors and the two taxonomies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.atlas import ExplainedFinding, ExplainedRule, MitigationSource, TechniqueInContext
from weighbridge.core.finding import Severity
from weighbridge.knowledge.atlas_release import guid, mitigation_url, technique_url
from weighbridge.reporters.json_text import Json

ATLAS_GUID = guid("ATLAS-collection")
CWE_GUID = "25f72d7e-8a92-459d-ad67-64853f788765"
_ATLAS_NAME, _CWE_NAME = "MITRE ATLAS", "CWE"
_ATLAS_INDEX, _CWE_INDEX = 0, 1
_MAX_TAGS = 10

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}

_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
}
"""In the middle of GitHub's bands (above 9.0, 7.0, 4.0, 0.1); INFO is no security result."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every rule, technique and CWE that the results name, in the order of their indexes."""

    rules: Mapping[str, tuple[ExplainedRule, Severity]]
    techniques: Mapping[str, TechniqueInContext]
    cwe: Sequence[str]

    @classmethod
    def of(cls, findings: Iterable[ExplainedFinding]) -> Catalogue:
        rules = {found.rule.id: (found.meaning, found.severity) for found in findings}
        rules = dict(sorted(rules.items()))
        techniques = {
            technique.id: technique
            for meaning, _ in rules.values()
            for technique in (*meaning.techniques, *meaning.exposes)
        }
        cwe = {cwe for meaning, _ in rules.values() for cwe in meaning.rule.cwe}
        return cls(rules, dict(sorted(techniques.items())), sorted(cwe))

    def rule_index(self, rule_id: str) -> int:
        return list(self.rules).index(rule_id)

    def taxon(self, technique_id: str) -> dict[str, Json]:
        """A reference to a technique of the ATLAS taxonomy."""
        return {
            "id": technique_id,
            "guid": guid(technique_id),
            "index": list(self.techniques).index(technique_id),
            "toolComponent": {"name": _ATLAS_NAME, "guid": ATLAS_GUID, "index": _ATLAS_INDEX},
        }

    def cwe_taxon(self, cwe: str) -> dict[str, Json]:
        """A reference to a weakness of the CWE taxonomy."""
        return {
            "id": cwe,
            "index": self.cwe.index(cwe),
            "toolComponent": {"name": _CWE_NAME, "guid": CWE_GUID, "index": _CWE_INDEX},
        }


def descriptors(catalogue: Catalogue) -> list[Json]:
    return [_descriptor(meaning, severity, catalogue) for meaning, severity in catalogue.rules.values()]


def _descriptor(meaning: ExplainedRule, severity: Severity, catalogue: Catalogue) -> Json:
    rule = meaning.rule
    properties: dict[str, Json] = {
        "tags": list(_tags(meaning, severity)),
        "precision": rule.confidence.word,
        "atlas": {
            "relation": rule.relation.value,
            "phase": rule.phase,
            "mitigations": [
                {"id": row.id, "name": row.name, "source": row.source.value}
                for row in meaning.mitigations
            ],
        },
    }
    if severity in _SECURITY_SEVERITY:
        properties["security-severity"] = _SECURITY_SEVERITY[severity]
    return {
        "id": rule.id,
        "name": re.sub(r"[^A-Za-z0-9]", "", rule.title.title()),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "help": {"text": _help_text(meaning), "markdown": _help_markdown(meaning)},
        "helpUri": _help_uri(meaning),
        "defaultConfiguration": {"level": LEVELS[severity]},
        "relationships": _relationships(meaning, catalogue),
        "properties": properties,
    }


def _relationships(meaning: ExplainedRule, catalogue: Catalogue) -> list[Json]:
    techniques: list[Json] = [
        {"target": catalogue.taxon(row.id), "kinds": ["relevant"]} for row in _all(meaning)
    ]
    weaknesses: list[Json] = [
        {"target": catalogue.cwe_taxon(cwe), "kinds": ["superset"]} for cwe in meaning.rule.cwe
    ]
    return techniques + weaknesses


def _all(meaning: ExplainedRule) -> tuple[TechniqueInContext, ...]:
    return (*meaning.techniques, *meaning.exposes)


def _tags(meaning: ExplainedRule, severity: Severity) -> Sequence[str]:
    """GitHub shows ten tags; CWE and what the bytes evidence come first."""
    tags = ["security"] if severity in _SECURITY_SEVERITY else []
    tags += [f"external/cwe/{cwe.lower()}" for cwe in meaning.rule.cwe]
    tags += [f"atlas/{technique.id}" for technique in _all(meaning)]
    return tags[:_MAX_TAGS]


def _help_uri(meaning: ExplainedRule) -> str:
    links = [link for link in meaning.rule.references if link.startswith("https://")]
    links += [technique_url(technique.id) for technique in _all(meaning)]
    return links[0] if links else "https://atlas.mitre.org"


def _help_text(meaning: ExplainedRule) -> str:
    rule = meaning.rule
    techniques = "; ".join(f"{row.id} {row.full_name}" for row in meaning.techniques)
    atlas = f" MITRE ATLAS: {rule.relation.value} {techniques}." if techniques else ""
    return f"{rule.why} {rule.remediation}{atlas}"


def _help_markdown(meaning: ExplainedRule) -> str:
    rule = meaning.rule
    parts = [rule.why, f"**What to do.** {rule.remediation}", *_markdown_lists(meaning)]
    if rule.references:
        parts.append("\n".join(f"- <{link}>" for link in rule.references))
    return "\n\n".join(parts)


def _markdown_lists(meaning: ExplainedRule) -> Iterable[str]:
    named = ((meaning.rule.relation.value, meaning.techniques), ("exposes", meaning.exposes))
    for verb, techniques in named:
        if techniques:
            rows = (
                f"- [{row.id}]({technique_url(row.id)}) {row.full_name}"
                + (f" ({', '.join(row.tactics)})" if row.tactics else "")
                for row in techniques
            )
            yield f"**MITRE ATLAS, {verb}**\n" + "\n".join(rows)
    if meaning.mitigations:
        rows = (
            f"- [{row.id}]({mitigation_url(row.id)}) {row.name}"
            + (" (curated)" if row.source is MitigationSource.CURATED else "")
            + (f": {row.sentence}" if row.sentence else "")
            for row in meaning.mitigations
        )
        yield "**Mitigations**\n" + "\n".join(rows)


def taxonomies(catalogue: Catalogue, *, atlas_label: str) -> list[Json]:
    """The ATLAS techniques and CWE entries that are named, each as a taxonomy."""
    return [
        {
            "name": _ATLAS_NAME,
            "version": atlas_label.removeprefix("ATLAS "),
            "guid": ATLAS_GUID,
            "organization": "MITRE",
            "informationUri": "https://atlas.mitre.org",
            "downloadUri": "https://github.com/mitre-atlas/atlas-data",
            "shortDescription": {"text": "Adversarial Threat Landscape for AI Systems."},
            "isComprehensive": False,
            "taxa": [
                {
                    "id": row.id,
                    "guid": guid(row.id),
                    "name": row.full_name,
                    "helpUri": technique_url(row.id),
                }
                for row in catalogue.techniques.values()
            ],
        },
        {
            "name": _CWE_NAME,
            "guid": CWE_GUID,
            "organization": "MITRE",
            "informationUri": "https://cwe.mitre.org",
            "shortDescription": {"text": "Common Weakness Enumeration."},
            "isComprehensive": False,
            "taxa": [
                {
                    "id": cwe,
                    "helpUri": f"https://cwe.mitre.org/data/definitions/{cwe.removeprefix('CWE-')}.html",
                }
                for cwe in catalogue.cwe
            ],
        },
    ]


def supported_taxonomies() -> list[Json]:
    return [
        {"name": _ATLAS_NAME, "index": _ATLAS_INDEX, "guid": ATLAS_GUID},
        {"name": _CWE_NAME, "index": _CWE_INDEX, "guid": CWE_GUID},
    ]
