r"""WebAssembly modules: what they import from their host, what they export, what rides along.

    module   "\0asm", version 4, sections
    section  id 1, size LEB128, payload      id 0 is custom: name, then any bytes

Source: WebAssembly Core Specification 2.0, section 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.byte_cursor import ByteCursor

_ENTRIES: Final = 100_000
_SECTIONS: Final = 10_000
_NAME_BYTES: Final = 100_000
_CUSTOM, _IMPORT, _EXPORT, _START = 0, 2, 7, 8
_KINDS: Final = ("function", "table", "memory", "global", "tag")
_COMPONENT: Final = b"\r\0\x01\0"


@dataclass(frozen=True, slots=True)
class WasmImport:
    """A thing that the host must provide."""

    module: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class CustomSection:
    """A named run of bytes that the machine does not look at; `start` and `size` in the file."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class WasmModule:
    """The outside of a module. `stopped` says why the reading ended early."""

    imports: tuple[WasmImport, ...]
    exports: tuple[str, ...]
    customs: tuple[CustomSection, ...]
    has_start: bool
    is_component: bool
    stopped: Malformed | None


def read_wasm(data: bytes) -> WasmModule:
    """Read the sections.

    Raises:
        Malformed: the first eight bytes are none of a module.
    """
    cursor = ByteCursor(data)
    if cursor.take(4) != b"\0asm":
        raise Malformed("no WebAssembly module")
    version = cursor.take(4)
    if version == _COMPONENT:
        return WasmModule((), (), (), False, True, None)
    if version != b"\x01\0\0\0":
        raise Malformed("an unknown version of WebAssembly", 4)
    imports: list[WasmImport] = []
    exports: list[str] = []
    customs: list[CustomSection] = []
    has_start = False
    stopped: Malformed | None = None
    try:
        for _ in range(_SECTIONS):
            if not cursor.left:
                break
            kind, size = cursor.number(1), cursor.leb128()
            begin = cursor.at
            cursor.take(size)
            inside = ByteCursor(data, begin, end=begin + size)
            has_start |= kind == _START
            if kind == _IMPORT:
                _read_imports(inside, imports)
            elif kind == _EXPORT:
                _read_exports(inside, exports)
            elif kind == _CUSTOM:
                name = _name(inside)
                customs.append(CustomSection(name, inside.at, inside.left))
        else:
            raise Malformed("more sections than any module has", cursor.at)
    except Malformed as error:
        stopped = error
    return WasmModule(tuple(imports), tuple(exports), tuple(customs), has_start, False, stopped)


def _read_imports(cursor: ByteCursor, found: list[WasmImport]) -> None:
    for _ in range(_counted(cursor)):
        module, name = _name(cursor), _name(cursor)
        kind = cursor.number(1)
        if kind >= len(_KINDS):
            raise Malformed("an import of an unknown kind", cursor.at)
        found.append(WasmImport(module, name, _KINDS[kind]))
        _skip_type(cursor, kind)


def _skip_type(cursor: ByteCursor, kind: int) -> None:
    if kind == 0:
        cursor.leb128()
    elif kind == 3:
        cursor.take(2)
    elif kind == 4:
        cursor.take(1)
        cursor.leb128()
    else:
        if kind == 1:
            cursor.take(1)
        has_maximum = cursor.leb128() & 1
        cursor.leb128()
        if has_maximum:
            cursor.leb128()


def _read_exports(cursor: ByteCursor, found: list[str]) -> None:
    for _ in range(_counted(cursor)):
        found.append(_name(cursor))
        cursor.take(1)
        cursor.leb128()


def _counted(cursor: ByteCursor) -> int:
    count = cursor.leb128()
    if count > min(_ENTRIES, cursor.left):
        raise Malformed("a section has more entries than bytes", cursor.at)
    return count


def _name(cursor: ByteCursor) -> str:
    length = cursor.leb128()
    if length > _NAME_BYTES:
        raise Malformed("a name is longer than any program needs", cursor.at)
    return cursor.take(length).decode("utf-8", "backslashreplace")
