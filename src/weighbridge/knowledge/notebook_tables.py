"""What outputs of notebooks do when they are shown, and where honest ones load things from."""

from __future__ import annotations

from functools import lru_cache

from weighbridge.knowledge.listed import listed
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.script_patterns import ScriptPattern, load_script_patterns


@lru_cache(maxsize=1)
def output_patterns() -> tuple[ScriptPattern, ...]:
    """Those of signatures/notebooks/active.toml, the worst first."""
    return load_script_patterns(signatures_dir() / "notebooks" / "active.toml")


def is_usual_host(host: str) -> bool:
    """True for a host that outputs of honest notebooks load from, or one below it."""
    hosts = listed("notebooks/hosts.tsv")
    parts = host.lower().partition(":")[0].rstrip(".").split(".")
    return any(".".join(parts[at:]) in hosts for at in range(max(0, len(parts) - 4), len(parts)))
