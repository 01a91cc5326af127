"""StableHLO and HLO as text: the targets of their custom calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.listed import listed

_CALLS_OUT, _CALLS = "ARR010", "ARR011"
_DIALECTS = ("stablehlo.", "mhlo.", "HloModule ")
_TARGET = re.compile(r'custom_call(?:\s+@|[^\n]{0,400}?target(?:_name)?\s*=\s*")([\w.$-]{1,200})')
_WINDOW = 1 * MIB
_OVERLAP = 4096


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is StableHLO, MHLO or HLO."""
    if not any(word in head for word in _DIALECTS):
        return None
    return _targets(artifact, context)


def _targets(artifact: Artifact, context: Context) -> Iterator[Event]:
    callbacks = listed("arrays/xla_callbacks.tsv")
    seen: set[str] = set()
    for base in range(0, artifact.source.size, _WINDOW):
        context.budget.check_time()
        text = bytes(artifact.source.read_at(base, _WINDOW + _OVERLAP)).decode("utf-8", "replace")
        for target in _TARGET.findall(text):
            if target in seen or len(seen) >= 1000:
                continue
            seen.add(target)
            if target in callbacks:
                evidence = f"custom call of {quoted(target)}: {callbacks[target]}"
                yield Finding(rule=_CALLS_OUT, path=artifact.path, subject=target, evidence=evidence)
    if seen and not seen & callbacks.keys():
        evidence = f"custom calls of {', '.join(sorted(map(quoted, seen))[:20])}"
        yield Finding(rule=_CALLS, path=artifact.path, subject="custom_call", evidence=evidence)
