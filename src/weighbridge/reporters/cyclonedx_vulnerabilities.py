"""The entries of `vulnerabilities`: rules whose references name a CVE, and the files that show them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from weighbridge.core.finding import Rule, Severity
from weighbridge.reporters.interface import Run, Scanned
from weighbridge.reporters.json_text import Json

ReferenceOf = Callable[[int, tuple[str, ...]], str]
"""Number of a target and a path in it -> the bom-ref of the file, or of the target."""

_CVE = re.compile(r"https://nvd\.nist\.gov/vuln/detail/(CVE-\d{4}-\d{4,7})")
_CWE = re.compile(r"CWE-([1-9]\d*)")


def vulnerabilities(run: Run, reference_of: ReferenceOf) -> Iterator[Json]:
    """Yield one entry for each CVE, in the order in which findings name them, accepted ones left out."""
    rules: dict[str, dict[str, Rule]] = {}
    worst: dict[str, Severity] = {}
    affected: dict[str, dict[str, None]] = {}
    for number, result in enumerate(run.results):
        if isinstance(result, Scanned):
            for found in result.findings:
                for cve in _cves(found.rule):
                    rules.setdefault(cve, {})[found.rule.id] = found.rule
                    worst[cve] = max(worst.get(cve, Severity.INFO), found.severity)
                    affected.setdefault(cve, {})[reference_of(number, found.finding.path)] = None
    for cve, of_cve in rules.items():
        yield _vulnerability(cve, list(of_cve.values()), worst[cve], list(affected[cve]))


def _cves(rule: Rule) -> Iterator[str]:
    for address in rule.references:
        if found := _CVE.fullmatch(address):
            yield found[1]


def _vulnerability(cve: str, rules: list[Rule], worst: Severity, affected: list[str]) -> Json:
    weaknesses = sorted(
        {int(found[1]) for rule in rules for one in rule.cwe if (found := _CWE.fullmatch(one))}
    )
    titles = "; ".join(f"{rule.id}: {rule.title}" for rule in rules)
    entry: dict[str, Json] = {
        "bom-ref": cve,
        "id": cve,
        "source": {"name": "NVD", "url": f"https://nvd.nist.gov/vuln/detail/{cve}"},
        "ratings": [
            {"source": {"name": "weighbridge"}, "severity": worst.word, "method": "other"},
        ],
        "description": (
            f"{titles}. {cve} describes what software does that opens such files; "
            "the files named here are the means, not the software."
        ),
        "recommendation": " ".join(dict.fromkeys(" ".join(rule.remediation.split()) for rule in rules)),
        "affects": [{"ref": reference} for reference in affected],
        "properties": [{"name": "weighbridge:rule", "value": rule.id} for rule in rules],
    }
    if weaknesses:
        entry["cwes"] = [*weaknesses]
    return entry
