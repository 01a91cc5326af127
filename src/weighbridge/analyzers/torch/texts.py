"""`extern_modules` of a torch.package: modules that packaged code takes from the loading machine."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.callables import Capability, Standing

_REACHES_OUT = "TOR031"
_MOST_MODULES = 10_000
_PROBES = {
    "subprocess": "subprocess.Popen",
    "ctypes": "ctypes.CDLL",
    "socket": "socket.socket",
    "pty": "pty.spawn",
    "cffi": "cffi.FFI",
}
"""Modules that are judged by what they are used for."""
_EVERYDAY = frozenset({"os", "sys", "io", "shutil", "pathlib", "importlib", "logging"})
"""What half of all code imports says nothing."""
_GRAVE = frozenset(
    {Capability.SPAWNS_PROCESS, Capability.LOADS_NATIVE_CODE, Capability.NETWORK}
    | {Capability.INSTALLS_PACKAGES}
)


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the list when it is that of a package: one dotted module a line."""
    if not artifact.name.endswith(".data/extern_modules"):
        return None
    return _modules(artifact, head, context)


def _modules(artifact: Artifact, head: str, context: Context) -> Iterator[Finding]:
    told: list[str] = []
    for module in dict.fromkeys(head.split()[:_MOST_MODULES]):
        if module in _EVERYDAY:
            continue
        judged = judge_target(_PROBES.get(module, f"{module}.x"), context.callables)
        if judged.standing is Standing.DANGEROUS and _GRAVE & set(judged.capabilities):
            told.append(f"{quoted(module)}: {judged.why}")
    if told:
        yield Finding(
            rule=_REACHES_OUT,
            path=artifact.path,
            subject="extern modules",
            evidence="\n".join(told[:20]),
        )
