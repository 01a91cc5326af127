"""What engines are asked about in tests: bytes, with what the walk would say of them."""

from __future__ import annotations

from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.limits import Budget, Limits
from weighbridge.formats.kinds import Format
from weighbridge.opinions.interface import Subject

EVIL = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
UNKNOWN_CALLED = b"cacme.layers\nMagic\n)R."
PLAIN = b"\x80\x04]\x94(K\x01K\x02e."


def subject(data: bytes, kind: Format = Format.PICKLE, *, is_suspect: bool = True) -> Subject:
    return Subject(Artifact(("x.pkl",), MemorySource(data)), (kind,), is_suspect)


def budget(**limits: int) -> Budget:
    return Budget(Limits(wall_s=30, **limits))
