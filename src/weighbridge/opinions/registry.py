"""The list of engines. A test fails on one that is not in it."""

from __future__ import annotations

import os
from typing import assert_never

from weighbridge.errors import UsageError
from weighbridge.opinions.interface import EngineName, OpinionEngine, OpinionSettings

IN_SUPERVISOR = frozenset({EngineName.CLAMAV})
"""Those that need a socket, which a worker can't have. The others read hostile bytes: in a worker."""

_CLAMD_VARIABLE = "WEIGHBRIDGE_CLAMD"


def parse_engines(text: str) -> tuple[EngineName, ...]:
    """Parse `none`, `all` or names with commas between them, and put them in our order.

    Raises:
        UsageError: a word that is none of them.
    """
    words = {word.strip().lower() for word in text.split(",")}
    if words == {"none"}:
        return ()
    if words == {"all"}:
        return tuple(EngineName)
    unknown = sorted(words - set(EngineName))
    if unknown:
        known = ", ".join(EngineName)
        raise UsageError(f"--opinions: {unknown[0]!r} is no engine; give all, none or some of {known}")
    return tuple(name for name in EngineName if name in words)


def make_engine(name: EngineName, settings: OpinionSettings) -> OpinionEngine:
    """Return an engine that is ready to be asked. Its library is not imported by this.

    Raises:
        UsageError: the settings of this engine are wrong.
    """
    match name:
        case EngineName.FICKLING:
            from weighbridge.opinions.fickling_opinion import FicklingOpinion

            return FicklingOpinion()
        case EngineName.MODELSCAN:
            from weighbridge.opinions.modelscan_opinion import ModelscanOpinion

            return ModelscanOpinion()
        case EngineName.CLAMAV:
            from weighbridge.opinions.clamav import ClamavOpinion
            from weighbridge.opinions.clamd_client import USUAL_PLACE, parse_address

            place = settings.clamd or os.environ.get(_CLAMD_VARIABLE) or USUAL_PLACE
            return ClamavOpinion(parse_address(place))
        case EngineName.YARA:
            from weighbridge.knowledge.locate import signatures_dir
            from weighbridge.opinions.yara_rules import YaraOpinion

            return YaraOpinion(signatures_dir() / "yara", settings.yara_rules)
        case _:
            assert_never(name)
