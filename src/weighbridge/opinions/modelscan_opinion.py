"""modelscan: a block-list of names that pickles import.

Its command line hides errors (exit code 3 means "no supported file" and "broke" alike) and looks at
nothing whose extension it does not know. So its pickle scanner gets each pickle by itself, from
memory, under a name that it knows; what it counts as an error or a skip is a failure here.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weighbridge.core.limits import MIB, Budget
from weighbridge.formats.kinds import Format
from weighbridge.opinions.carving import carve
from weighbridge.opinions.installed import missing, version_of
from weighbridge.opinions.interface import (
    EngineName,
    Objection,
    OpinionResult,
    Subject,
    failed,
    limited,
    skipped,
    stated,
)

if TYPE_CHECKING:
    from modelscan.issues import Issue

MAX_BYTES = 64 * MIB
MAX_OPCODES = 2_000_000
"""It keeps a list of all opcodes: about 250 bytes for each."""
_OPTIONAL = ("tensorflow", "h5py")
_DEPENDS = frozenset({"builtins.getattr", "__builtin__.getattr", "operator.attrgetter"})
"""CRITICAL to it wherever they stand. Every pickled method names getattr, and we follow what it gets."""
_UNREAD = "unknown"
"""What it calls a name that it could not read, and then rates critical. We read the same opcodes."""
_RULES = {"CRITICAL": "OPN003", "HIGH": "OPN003", "MEDIUM": "OPN004", "LOW": "OPN004"}


class ModelscanOpinion:
    """Asks modelscan's pickle scanner about each pickle of an artifact."""

    name = EngineName.MODELSCAN

    def is_available(self) -> str | None:
        if sys.version_info >= (3, 13):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            return (
                f"does not support Python {version}: run weighbridge under Python 3.11 or 3.12 to ask it"
            )
        return missing("modelscan", "pip install 'modelscan>=0.8.8,<0.9'")

    def version(self) -> str | None:
        return version_of("modelscan")

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        if Format.PICKLE not in subject.formats:
            return skipped("modelscan is asked about pickles only")
        carved = carve(
            subject.artifact.source, budget.limits, max_bytes=MAX_BYTES, max_opcodes=MAX_OPCODES
        )
        if carved.beyond is not None:
            return limited(f"not shown to modelscan: {carved.beyond}")
        if not carved.pickles:
            return failed("there is no pickle in it that could be shown to modelscan")
        objections: dict[str, Objection] = {}
        troubles: list[str] = []
        for offset, data in carved.pickles:
            budget.check_time()
            issues, trouble = _scan(data)
            troubles += trouble
            for issue in issues:
                found = _objection(issue, offset)
                objections.setdefault(found.subject, found)
        if troubles and not objections:
            return failed(f"modelscan did not read it: {'; '.join(troubles)[:500]}")
        # It collects names in a set: its order differs from run to run.
        return stated(tuple(objections[name] for name in sorted(objections)))


def _scan(data: bytes) -> tuple[list[Issue], list[str]]:
    """Return its issues, and what it calls errors and skips."""
    with _hidden(*_OPTIONAL):
        from modelscan.model import Model
        from modelscan.scanners import PickleUnsafeOpScan
        from modelscan.settings import DEFAULT_SETTINGS, SupportedModelFormats

    model = Model("carved.pkl", io.BytesIO(data))
    model.set_context("formats", [SupportedModelFormats.PICKLE])
    results = PickleUnsafeOpScan(DEFAULT_SETTINGS).scan(model)
    if results is None:
        return [], ["it took the bytes for no pickle"]
    trouble = [error.message for error in results.errors]
    return results.issues, trouble + [skip.message for skip in results.skipped]


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Keep its other scanners from importing TensorFlow and h5py when they happen to be installed."""
    absent = [name for name in modules if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python spells "can't be imported"
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _objection(issue: Issue, offset: int) -> Objection:
    severity = issue.severity.name
    parts = (str(issue.details.module), str(issue.details.operator))
    name = ".".join(parts)
    is_minor = name in _DEPENDS or _UNREAD in parts
    return Objection(
        rule="OPN004" if is_minor else _RULES.get(severity, "OPN004"),
        subject=name,
        evidence=f"modelscan, {severity}: use of the operator {name}",
        offset=offset,
    )
