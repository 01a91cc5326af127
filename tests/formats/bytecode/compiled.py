"""Code objects that real interpreters compiled (`make_fixtures.py`), as bytes."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RELEASES = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@dataclass(frozen=True, slots=True)
class Compiled:
    release: str
    program: str
    kind: str
    data: bytes

    @property
    def version(self) -> tuple[int, int]:
        major, _, minor = self.release.partition(".")
        return int(major), int(minor)

    def __str__(self) -> str:
        return f"{self.program}-{self.release}-{self.kind}"


@cache
def all_compiled() -> tuple[Compiled, ...]:
    lines = (Path(__file__).parent / "compiled.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines]
    return tuple(
        Compiled(release, program, kind, zlib.decompress(base64.b64decode(text)))
        for release, program, kind, text in rows
    )


def compiled(program: str, release: str) -> bytes:
    """The marshal data of one program, in the version that the release itself writes."""
    version = 2 if release == "2.7" else 4
    return next(
        each.data
        for each in all_compiled()
        if (each.release, each.program, each.kind) == (release, program, f"marshal-{version}")
    )
