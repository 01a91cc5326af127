"""Native code: what a program or library in a model's files could do, and what is odd about it.

Weights need none, so that it is there at all is said first. Nothing of it is run or emulated: the
headers, the imports and the command lines in its strings are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.texts.binary_strings import look_at_binary
from weighbridge.bytesource.slice import SliceSource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.native.native_image import ImageKind, NativeImage, read_elf, read_macho, read_pe
from weighbridge.formats.native.native_strings import command_lines
from weighbridge.knowledge.native_imports import NativeCapability, installed_imports

_PRESENT, _TALKS, _PACKED, _HOSTILE = "EXE001", "EXE002", "EXE003", "EXE004"
_WRITABLE, _APPENDED, _SEARCHES, _COMMANDS, _DRIVER = "EXE005", "EXE006", "EXE007", "EXE008", "EXE009"
_LARGEST_BYTES: Final = 256 * MIB
_SHOWN: Final = 8
_ANYBODY_WRITES: Final = re.compile(
    r"^(?:|\.{1,2}(?:/.*)?|/tmp(?:/.*)?|/var/tmp(?:/.*)?|/dev/shm(?:/.*)?)$"
)
_HOSTILE_GROUPS: Final = (
    frozenset({NativeCapability.DOWNLOAD, NativeCapability.PROCESS}),
    frozenset({NativeCapability.INJECTION, NativeCapability.NETWORK}),
    frozenset({NativeCapability.INJECTION, NativeCapability.DOWNLOAD}),
    frozenset({NativeCapability.SPYING, NativeCapability.NETWORK}),
)
_SHELL_ON_SOCKET: Final = frozenset({"connect", "dup2"})
_FEW_IMPORTS: Final = 40
"""Terminals and servers that start programs import many times as many functions."""
_STUB_BYTES: Final = 8_192
_TALKING: Final = frozenset({NativeCapability.PROCESS, NativeCapability.NETWORK})


def inspect_elf(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge an ELF file."""
    return _inspect(artifact, context, lambda data: (read_elf(data),))


def inspect_pe(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a PE file."""
    return _inspect(artifact, context, lambda data: (read_pe(data),))


def inspect_macho(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge each slice of a Mach-O file."""
    return _inspect(artifact, context, read_macho)


def _inspect(
    artifact: Artifact, context: Context, read: Callable[[bytes], Iterable[NativeImage]]
) -> Iterator[Event]:
    size = artifact.source.size
    if size > _LARGEST_BYTES:
        yield _finding(artifact, _PRESENT, "native code", f"{size:,} bytes of native code")
        raise LimitReached(f"native code of {size:,} bytes; up to {_LARGEST_BYTES:,} are read")
    data = bytes(artifact.source.read_at(0, size))
    try:
        for image in read(data):
            context.budget.check_time()
            yield from _judge(artifact, image)
            if not image.is_complete:
                raise Malformed("the headers of the image are cut off or broken")
    except Malformed as error:
        yield _finding(
            artifact, _PRESENT, "native code", f"native code that can't be read: {error.reason}"
        )
        yield from _commands(artifact, data)
        yield from look_at_binary(artifact, data)
        raise
    yield from _commands(artifact, data)
    yield from look_at_binary(artifact, data)


def _judge(artifact: Artifact, image: NativeImage) -> Iterator[Event]:
    found = installed_imports().capabilities(image.imports)
    subject = f"{image.family} {image.kind.value}"
    yield _finding(artifact, _PRESENT, subject, "\n".join(_described(image)))
    if image.kind is ImageKind.DRIVER:
        yield _finding(artifact, _DRIVER, subject, f"a driver for {image.architecture}")
    lines = [
        f"{installed_imports().why[each]}: {', '.join(names[:_SHOWN])}" for each, names in found.items()
    ]
    joins = image.imports >= _SHELL_ON_SOCKET and len(image.imports) < _FEW_IMPORTS
    if any(group <= found.keys() for group in _HOSTILE_GROUPS) or (
        joins and NativeCapability.PROCESS in found
    ):
        yield _finding(artifact, _HOSTILE, subject, "\n".join(lines))
    elif found.keys() >= _TALKING:
        yield _finding(artifact, _TALKS, subject, "\n".join(lines))
    if image.packed:
        yield _finding(artifact, _PACKED, subject, image.packed)
    elif _is_stub(image) and artifact.source.size < _STUB_BYTES:
        yield _finding(artifact, _PACKED, subject, "a few writable instructions and nothing else")
    if image.writable_code:
        places = ", ".join(quoted(name) for name in image.writable_code[:_SHOWN])
        yield _finding(artifact, _WRITABLE, subject, f"writable and executable: {places}")
    odd = [path for path in image.run_paths if _ANYBODY_WRITES.match(path)]
    if odd:
        yield _finding(artifact, _SEARCHES, subject, "\n".join(map(quoted, odd[:_SHOWN])))
    if image.is_complete:
        yield from _overlay(artifact, image)


def _is_stub(image: NativeImage) -> bool:
    """True for machine code that a generator put into a bare image."""
    needs = image.imports or image.libraries or image.kind is ImageKind.OBJECT
    return bool(image.writable_code) and not needs


def _described(image: NativeImage) -> Iterator[str]:
    yield f"{image.family} {image.kind.value} for {image.architecture}"
    facts = [f"imports {len(image.imports):,} functions", f"exports {image.exports:,}"]
    if image.is_signed:
        facts.append("carries a signature, which was not verified")
    if image.is_managed:
        facts.append("is a .NET assembly, whose own code was not read")
    yield ", ".join(facts)
    if image.libraries:
        yield f"needs {', '.join(quoted(name) for name in image.libraries[:_SHOWN])}"
    if image.starts:
        yield f"runs {image.starts:,} functions as soon as it is loaded"
    if image.interpreter:
        yield f"is started by {quoted(image.interpreter)}"


def _overlay(artifact: Artifact, image: NativeImage) -> Iterator[Event]:
    if image.overlay is None:
        return
    begin, end = image.overlay
    source = SliceSource(artifact.source, begin, end - begin)
    if not bytes(source.read_at(0, 4096)).strip(b"\0"):
        return  # padding
    yield Finding(
        rule=_APPENDED,
        path=artifact.path,
        subject="appended bytes",
        evidence=f"{end - begin:,} bytes lie behind the image; they are inspected on their own",
        offset=begin,
        length=end - begin,
    )
    yield artifact.nested("appended", source)


def _commands(artifact: Artifact, data: bytes) -> Iterator[Finding]:
    """Command lines among the strings that are of a kind that no honest program needs."""
    lines = list(command_lines(data))
    if not lines:
        return
    # Parsers of shells and the tables of payloads: only for images that hold such lines.
    from weighbridge.analyzers.executables.program_judgement import malicious_commands

    told = list(malicious_commands(lines))
    if told:
        yield _finding(
            artifact, _COMMANDS, told[0].kind, "\n".join(one.evidence for one in told[:_SHOWN])
        )


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
