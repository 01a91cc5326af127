"""Where a source came from, as text for the store, and back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from weighbridge.core.artifact import Origin
from weighbridge.knowledge.table import Table


def origin_text(origin: Origin) -> str:
    """Return JSON, in ASCII: whatever the names hold, a database takes it."""
    fields = replace(origin, facts=dict(origin.facts), registry_verdicts=dict(origin.registry_verdicts))
    return json.dumps(asdict(fields))


def origin_of(text: str) -> Origin:
    """Return the origin that `origin_text` was given."""
    return Origin(**Table.of(json.loads(text), "the store's origin").values)  # type: ignore[arg-type]


def origin_below(origin: Origin, root: str) -> Origin:
    """Return where a repository of a store lies."""
    return replace(origin, location=f"{origin.location.rstrip('/')}/{root}") if root else origin


def target_below(shown: str, root: str) -> str:
    """Return how people would spell a repository of a store as a target."""
    return f"{shown.rstrip('/')}/{root}" if root else shown
