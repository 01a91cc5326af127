"""Lance: manifests whose files lie elsewhere. Data files hold columns, and nothing that runs."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.datasets.lance import read_manifest
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard
from weighbridge.formats.kinds import Format

_LEAVES = "DST016"
_SHOWN = 5


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge the paths of a manifest; a data file is opaque."""
    context.budget.check_time()
    try:
        manifest = read_manifest(artifact.source)
    except Malformed:
        if not artifact.name.endswith(".manifest"):
            detail = "a data file of Lance: columns in pages that are not read; nothing in it runs"
            yield Coverage(
                path=artifact.path, format=Format.LANCE, outcome=Outcome.OPAQUE, detail=detail
            )
            return
        raise
    hazards = {path: reference_hazard(path) for path in manifest.paths}
    bad = [
        f"{quoted(path)} {hazard}"
        for path, hazard in hazards.items()
        if hazard in (ReferenceHazard.CLIMBS, ReferenceHazard.ABSOLUTE, ReferenceHazard.NUL)
    ]
    if bad:
        evidence = "\n".join(bad[:_SHOWN])
        yield Finding(rule=_LEAVES, path=artifact.path, subject=bad[0][:200], evidence=evidence)
