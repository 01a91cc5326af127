"""Write signatures/atlas/index.json from the official ATLAS YAML and our delta.

Run by maintainers after either changes:  python tools/atlas/build_index.py
Deterministic: the same inputs give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from weighbridge.knowledge.atlas_delta import apply_delta, parse_delta
from weighbridge.knowledge.atlas_index import encode_index
from weighbridge.knowledge.atlas_yaml import parse_atlas

ATLAS = Path(__file__).resolve().parents[2] / "signatures" / "atlas"
OFFICIAL = "ATLAS-5.6.0.yaml"
DELTA = "delta-5.6.0-to-2026.09.yaml"


def build(atlas: Path) -> str:
    """Return the text of the index for the two files in the folder `atlas`."""
    official = parse_atlas((atlas / OFFICIAL).read_bytes(), name=OFFICIAL)
    delta = parse_delta((atlas / DELTA).read_bytes(), name=DELTA)
    return encode_index(apply_delta(official, delta))


if __name__ == "__main__":
    (ATLAS / "index.json").write_text(build(ATLAS), encoding="ascii")
