"""WebAssembly: code that runs in a sandbox, and the doors that it asks its host to open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.native.wasm import CustomSection, WasmModule, read_wasm

_PRESENT, _REACHES = "EXE010", "EXE011"
_LARGEST_BYTES: Final = 256 * MIB
_SHOWN: Final = 12
_NESTED: Final = 64
_SMALLEST_BYTES: Final = 16
_REACH: Final = re.compile(
    r"^(?:sock_|proc_raise)|run_script|_system$|^system$|^__syscall_(?:socket|connect|execve)|fetch|websocket"
    r"|^(?:wasi[:_]http|wasi[:_]sockets|eval)|emscripten_(?:asm_const|eval|dlopen)",
    re.IGNORECASE,
)
_TOOLS: Final = re.compile(
    r"^(?:name|producers|target_features|linking|reloc\..*|\.debug_.*|sourceMappingURL|external_debug_info"
    r"|dylink(?:\.0)?|component-type.*|build_id|metadata\.code\..*)$"
)
"""Custom sections that compilers write."""


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge imports; hand on custom sections that no compiler writes."""
    if artifact.source.size > _LARGEST_BYTES:
        raise LimitReached(
            f"a module of {artifact.source.size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        )
    module = read_wasm(bytes(artifact.source.read_at(0, artifact.source.size)))
    yield _finding(artifact, _PRESENT, "WebAssembly module", "\n".join(_described(module)))
    reach = [
        f"{one.module}.{one.name}"[:120] for one in module.imports if _reaches(one.module, one.name)
    ]
    if reach:
        yield _finding(artifact, _REACHES, reach[0], "\n".join(map(quoted, reach[:_SHOWN])))
    foreign = [
        one for one in module.customs if not _TOOLS.match(one.name) and one.size >= _SMALLEST_BYTES
    ]
    for section in foreign[:_NESTED]:
        yield _nested(artifact, section)
    if len(foreign) > _NESTED:
        raise LimitReached(f"{len(foreign):,} custom sections; the first {_NESTED} were looked at")
    if module.stopped is not None:
        raise module.stopped


def _reaches(module: str, name: str) -> bool:
    return bool(_REACH.search(name)) or module.startswith(("wasi:http", "wasi:sockets"))


def _described(module: WasmModule) -> Iterator[str]:
    if module.is_component:
        yield "a component, whose inner modules were not read"
        return
    hosts = ", ".join(map(quoted, sorted({one.module for one in module.imports})[:_SHOWN]))
    yield f"imports {len(module.imports):,} things of {hosts or 'nobody'}"
    yield f"exports {len(module.exports):,}: {', '.join(map(quoted, module.exports[:_SHOWN]))}"
    if module.has_start:
        yield "runs a function as soon as it is loaded"


def _nested(artifact: Artifact, section: CustomSection) -> Artifact:
    name = f"section {quoted(section.name)}"
    return artifact.nested(name, SliceSource(artifact.source, section.start, section.size))


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
