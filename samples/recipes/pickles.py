"""Pickles: a hit for each rule, and every evasion of stream and container, each beside a twin.

`name.suffix` is the hit, `name.twin.suffix` the same structure without harm. Most payloads are
`posix.system('echo weighbridge-marker')`; nothing here does more, and hosts are example.invalid.
"""

from __future__ import annotations

from collections.abc import Iterator

from samples.recipes.assembler import BENIGN, PAYLOAD
from samples.recipes.pickle_containers import CONTAINERS, encrypted
from samples.recipes.pickle_near_misses import near_misses
from samples.recipes.pickle_rules import rule_hits
from samples.recipes.pickle_streams import STRUCTURES


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (file name, bytes): hit, then twin."""
    for name, (hit, twin) in pairs().items():
        stem, dot, suffix = name.partition(".")
        yield f"pickles/{name}", hit
        yield f"pickles/{stem}.twin{dot}{suffix}", twin


def pairs() -> dict[str, tuple[bytes, bytes]]:
    """File name -> (hit, twin)."""
    structures = {f"{title}.pkl": made for title, made in STRUCTURES.items()} | CONTAINERS
    return {
        **rule_hits(),
        **{name: (made(PAYLOAD), made(BENIGN)) for name, made in structures.items()},
        **{f"{title}.pkl": pair for title, pair in near_misses().items()},
        "pkc-13-encrypted.zip": encrypted(),
    }
