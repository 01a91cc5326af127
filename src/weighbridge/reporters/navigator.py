"""The run as a layer for the ATLAS Navigator: a score for each technique that it evidences or exposes.

No tactic is named: the Navigator then marks a technique under each tactic that it has.

Source: ATT&CK Navigator, layer file format 4.5, with the domain that ATLAS's own Navigator uses.
"""

from __future__ import annotations

from weighbridge.reporters.atlas_matrix import LitTechnique, lit_techniques
from weighbridge.reporters.interface import Run
from weighbridge.reporters.json_text import Json, json_text
from weighbridge.reporters.words import count, printable, shortened

_EVIDENCES = "#a01432"
_EXPOSES = "#e8b4a0"
_RULES = 30


def render(run: Run) -> str:
    """Return the layer, with a line break at its end."""
    lit = lit_techniques(run)
    return json_text(
        {
            "name": _name(run),
            "versions": {"layer": "4.5", "navigator": "5.1.0"},
            "domain": "atlas-atlas",
            "description": f"{run.verdict.value.upper()}. What weighbridge {run.tool_version} found, "
            f"with signatures {run.signatures_version}. Score: number of findings.",
            "sorting": 3,
            "layout": {"layout": "side", "showID": True, "expandedSubtechniques": "annotated"},
            "hideDisabled": False,
            "techniques": [_technique(entry) for entry in lit.values()],
            "legendItems": [
                {"label": "evidenced: the bytes show what an adversary did", "color": _EVIDENCES},
                {"label": "exposed: the bytes show a weakness", "color": _EXPOSES},
            ],
            "metadata": [
                {"name": "atlas_data_version", "value": run.atlas_label},
                {"name": "started", "value": run.started.isoformat(timespec="seconds")},
            ],
        }
    )


def _name(run: Run) -> str:
    if len(run.results) == 1:
        return f"weighbridge: {printable(shortened(run.results[0].target, 200))}"
    return f"weighbridge: {count(len(run.results), 'target')}"


def _technique(entry: LitTechnique) -> Json:
    shown = ", ".join(list(entry.rules)[:_RULES])
    more = f" and {len(entry.rules) - _RULES} more" if len(entry.rules) > _RULES else ""
    return {
        "techniqueID": entry.technique.id,
        "score": entry.findings,
        "color": _EVIDENCES if entry.is_evidenced else _EXPOSES,
        "comment": f"{entry.evidenced:,} evidence it, {entry.exposed:,} expose to it: {shown}{more}",
        "enabled": True,
        "showSubtechniques": "." not in entry.technique.id.removeprefix("AML.T"),
        "metadata": [{"name": "worst severity", "value": entry.worst.word}],
    }
