"""Functions exported by JAX, and StableHLO: programs that call back out of the compiled code."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import KIB, MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.graphs.mlir_bytecode import MAGIC, MlirModule, parse_mlir
from weighbridge.knowledge.listed import listed

_CALLS_OUT, _CALLS = "ARR010", "ARR011"
_SEARCHED_BYTES = 256 * MIB
_STEP = 256 * KIB
_CUSTOM_CALL = "custom_call"
_MAX_MODULES = 64


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Find each MLIR module in the file and judge what it names."""
    found = 0
    for at in _modules(artifact):
        context.budget.check_time()
        found += 1
        if found > _MAX_MODULES:
            raise LimitReached(f"more than {_MAX_MODULES} MLIR modules in one file")
        yield from _judge(artifact, parse_mlir(artifact.source, at), at)
    if not found:
        raise Malformed("no MLIR module")


def _modules(artifact: Artifact) -> Iterator[int]:
    """Offsets of modules: the file itself, or what an export holds as bytes."""
    source = artifact.source
    if bytes(source.read_at(0, len(MAGIC))) == MAGIC:
        yield 0
        return
    for base in range(0, min(source.size, _SEARCHED_BYTES), _STEP):
        window = bytes(source.read_at(base, _STEP + len(MAGIC) - 1))
        at = window.find(MAGIC)
        while at >= 0:
            yield base + at
            at = window.find(MAGIC, at + 1)
        if source.is_remote and base >= _STEP:
            break  # an export has its module in front; the rest is constants


def _judge(artifact: Artifact, module: MlirModule, at: int) -> Iterator[Finding]:
    callbacks = listed("arrays/xla_callbacks.tsv")
    targets = [word for word in dict.fromkeys(module.strings) if word in callbacks]
    for target in targets:
        evidence = (
            f"custom call of {quoted(target)}: {callbacks[target]}; made by {module.producer[:80]!r}"
        )
        yield Finding(rule=_CALLS_OUT, path=artifact.path, subject=target, evidence=evidence, offset=at)
    if not targets and any(_CUSTOM_CALL in word for word in module.strings):
        evidence = f"the module has custom calls; made by {module.producer[:80]!r}"
        yield Finding(
            rule=_CALLS, path=artifact.path, subject=_CUSTOM_CALL, evidence=evidence, offset=at
        )
