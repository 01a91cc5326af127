"""What an ELF, PE or Mach-O file says of itself: kind, imports, sections, what runs when it is loaded.

The headers are read by lief, which is made for hostile files. It gives what it could read, so an
image without any section or segment is said to be incomplete, never to be empty.

Source: System V ABI (ELF), Microsoft PE format, Mach-O file format reference.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from weighbridge.errors import Malformed

if TYPE_CHECKING:
    import lief

_NAMES: Final = 100_000
_SECTIONS: Final = 2_000
_SLICES: Final = 16
_TEXT: Final = 300
_PACKED_ENTROPY: Final = 7.2
_PACKED_BYTES: Final = 4096
_PACKERS: Final = (
    "UPX",
    ".upx",
    ".aspack",
    ".adata",
    "MPRESS",
    ".themida",
    ".vmp",
    ".petite",
    ".nsp",
    ".enigma",
)
_NATIVE_SUBSYSTEM: Final = "NATIVE"
Item = TypeVar("Item")


class ImageKind(StrEnum):
    """How an image gets to run."""

    PROGRAM = "program"
    LIBRARY = "library"
    OBJECT = "object file"
    DRIVER = "driver"
    OTHER = "image"


@dataclass(frozen=True, slots=True)
class NativeImage:
    """One image of one architecture.

    Attributes:
        imports: functions that it takes from libraries, without underscores of Mach-O.
        starts: functions that run when the image is loaded: constructors, TLS callbacks.
        packed: why it reads like a packed program; "" when it does not.
        writable_code: places that are writable and executable at once.
        overlay: half-open range behind the image, where signatures end; None when there is none.
        is_complete: False when headers were broken and only a part was read.
    """

    family: str
    kind: ImageKind
    architecture: str
    libraries: tuple[str, ...]
    imports: frozenset[str]
    exports: int
    run_paths: tuple[str, ...]
    interpreter: str
    starts: int
    packed: str
    writable_code: tuple[str, ...]
    is_signed: bool
    is_managed: bool
    overlay: tuple[int, int] | None
    is_complete: bool


def _quiet(read: Callable[[bytes], Item]) -> Callable[[bytes], Item]:
    """Lief warns of numbers that its enums don't have; and any part of a broken header may raise."""

    @functools.wraps(read)
    def quietly(data: bytes) -> Item:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parsed(lambda: read(data))

    return quietly


@_quiet
def read_elf(data: bytes) -> NativeImage:
    """Read an ELF file.

    Raises:
        Malformed: lief can make nothing of it.
    """
    import lief

    binary = _parsed(lambda: lief.ELF.parse(data))
    if not isinstance(binary, lief.ELF.Binary):
        raise Malformed("no ELF file that can be read")
    sections = [(_text(one.name), one.size, one.entropy) for one in islice(binary.sections, _SECTIONS)]
    segments = list(islice(binary.segments, _SECTIONS))
    flags = lief.ELF.Segment.FLAGS
    writable = [
        _name(one.type) for one in segments if flags.X in one and (flags.W in one) and _counts(one)
    ]
    return NativeImage(
        family="ELF",
        kind=_elf_kind(binary),
        architecture=_name(binary.header.machine_type),
        libraries=tuple(map(_text, islice(binary.libraries, _SECTIONS))),
        imports=_names(lambda: binary.imported_functions),
        exports=_count(lambda: binary.exported_functions),
        run_paths=tuple(_elf_run_paths(binary)),
        interpreter=_text(binary.interpreter) if binary.has_interpreter else "",
        starts=_count(lambda: binary.ctor_functions),
        packed=_packing(sections, data),
        writable_code=tuple(writable),
        is_signed=False,
        is_managed=False,
        overlay=_behind(binary.eof_offset, len(data)),
        is_complete=bool(segments) or bool(sections),
    )


@_quiet
def read_pe(data: bytes) -> NativeImage:
    """Read a PE file.

    Raises:
        Malformed: lief can make nothing of it.
    """
    import lief

    binary = _parsed(lambda: lief.PE.parse(data))
    if not isinstance(binary, lief.PE.Binary):
        raise Malformed("no PE file that can be read")
    parts = list(islice(binary.sections, _SECTIONS))
    flags = lief.PE.Section.CHARACTERISTICS
    writable = [
        _text(one.name)
        for one in parts
        if one.has_characteristic(flags.MEM_WRITE) and one.has_characteristic(flags.MEM_EXECUTE)
    ]
    sections = [(_text(one.name), one.sizeof_raw_data, one.entropy) for one in parts]
    entries = list(islice(binary.imports, _SECTIONS)) + list(islice(binary.delay_imports, _SECTIONS))
    return NativeImage(
        family="PE",
        kind=_pe_kind(binary),
        architecture=_name(binary.header.machine),
        libraries=tuple(_text(entry.name) for entry in entries),
        imports=_names(lambda: (one for entry in entries for one in entry.entries)),
        exports=_count(lambda: binary.exported_functions),
        run_paths=(),
        interpreter="",
        starts=len(binary.tls.callbacks) if binary.has_tls and binary.tls is not None else 0,
        packed=_packing(sections, b""),
        writable_code=tuple(writable),
        is_signed=binary.has_signatures,
        is_managed=_is_managed(binary),
        overlay=_pe_overlay(binary, len(data)),
        is_complete=bool(parts),
    )


@_quiet
def read_macho(data: bytes) -> tuple[NativeImage, ...]:
    """Read every slice of a Mach-O file, fat or thin.

    Raises:
        Malformed: lief can make nothing of it.
    """
    import lief

    fat = _parsed(lambda: lief.MachO.parse(data))
    if not isinstance(fat, lief.MachO.FatBinary) or not len(fat):
        raise Malformed("no Mach-O file that can be read")
    return tuple(_macho(binary) for binary in islice(fat, _SLICES))


def _macho(binary: lief.MachO.Binary) -> NativeImage:
    segments = list(islice(binary.segments, _SECTIONS))
    writable = [_text(one.name) for one in segments if one.init_protection & 0b110 == 0b110]
    sections = [(_text(one.name), one.size, one.entropy) for one in islice(binary.sections, _SECTIONS)]
    kinds = {"EXECUTE": ImageKind.PROGRAM, "OBJECT": ImageKind.OBJECT, "KEXT_BUNDLE": ImageKind.DRIVER}
    kinds |= {"DYLIB": ImageKind.LIBRARY, "BUNDLE": ImageKind.LIBRARY}
    return NativeImage(
        family="Mach-O",
        kind=kinds.get(_name(binary.header.file_type), ImageKind.OTHER),
        architecture=_name(binary.header.cpu_type),
        libraries=tuple(_text(one.name) for one in islice(binary.libraries, _SECTIONS)),
        imports=frozenset(name.removeprefix("_") for name in _names(lambda: binary.imported_functions)),
        exports=_count(lambda: binary.exported_functions),
        run_paths=tuple(_text(one.path) for one in islice(binary.rpaths, _SECTIONS)),
        interpreter="",
        starts=_count(lambda: binary.ctor_functions),
        packed=_packing(sections, b""),
        writable_code=tuple(writable),
        is_signed=binary.has_code_signature,
        is_managed=False,
        overlay=None,
        is_complete=bool(segments),
    )


# lief.


def _parsed(parse: Callable[[], Item]) -> Item:
    import lief

    lief.logging.disable()
    try:
        return parse()
    except _TROUBLE as error:
        raise Malformed(f"the headers can't be read: {error}"[:_TEXT]) from None


_TROUBLE: Final = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, OverflowError)


def _names(functions: Callable[[], Iterable[object]]) -> frozenset[str]:
    try:
        return frozenset(_text(getattr(one, "name", "")) for one in islice(functions(), _NAMES))
    except _TROUBLE:
        return frozenset()


def _count(items: Callable[[], Iterable[object]]) -> int:
    try:
        return sum(1 for _ in islice(items(), _NAMES))
    except _TROUBLE:
        return 0


def _text(value: object) -> str:
    """Names of an image are bytes that nobody promises to be text."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value[:_TEXT] if isinstance(value, str) else ""


def _name(value: object) -> str:
    return str(value).rpartition(".")[2]


def _behind(end: int, size: int) -> tuple[int, int] | None:
    return (end, size) if 0 < end < size else None


# ELF.


def _elf_kind(binary: lief.ELF.Binary) -> ImageKind:
    kind = _name(binary.header.file_type)
    if kind == "DYN":
        return ImageKind.PROGRAM if binary.has_interpreter else ImageKind.LIBRARY
    return {"EXEC": ImageKind.PROGRAM, "REL": ImageKind.OBJECT}.get(kind, ImageKind.OTHER)


def _counts(segment: lief.ELF.Segment) -> bool:
    """Segments that end up in memory, and the one that states the rights of the stack."""
    return _name(segment.type) in ("LOAD", "GNU_STACK")


def _elf_run_paths(binary: lief.ELF.Binary) -> Iterator[str]:
    for entry in islice(binary.dynamic_entries, _SECTIONS):
        if _name(entry.tag) in ("RPATH", "RUNPATH"):
            text = getattr(entry, "rpath", None) or getattr(entry, "runpath", None)
            yield from (_text(text).split(":") if text else ())


# PE.


def _pe_kind(binary: lief.PE.Binary) -> ImageKind:
    if _name(binary.optional_header.subsystem).startswith(_NATIVE_SUBSYSTEM):
        return ImageKind.DRIVER
    is_library = binary.header.has_characteristic(_dll_flag())
    return ImageKind.LIBRARY if is_library else ImageKind.PROGRAM


def _dll_flag() -> lief.PE.Header.CHARACTERISTICS:
    import lief

    return lief.PE.Header.CHARACTERISTICS.DLL


def _is_managed(binary: lief.PE.Binary) -> bool:
    import lief

    directory = binary.data_directory(lief.PE.DataDirectory.TYPES.CLR_RUNTIME_HEADER)
    return directory is not None and directory.rva > 0


def _pe_overlay(binary: lief.PE.Binary, size: int) -> tuple[int, int] | None:
    """What lies behind the sections, without the table of signatures, which is at the end."""
    import lief

    begin = binary.overlay_offset
    signature = binary.data_directory(lief.PE.DataDirectory.TYPES.CERTIFICATE_TABLE)
    if signature is not None and signature.rva >= begin > 0 and signature.size:
        # The certificate table's address is an offset in the file, not in memory.
        return _behind(begin, signature.rva) or _behind(signature.rva + signature.size, size)
    return _behind(begin, size)


def _packing(sections: list[tuple[str, int, float]], data: bytes) -> str:
    for name, _, _ in sections:
        if name.startswith(_PACKERS):
            return f"a section named {name!r}"
    if b"UPX!" in data[:4096]:
        return "the mark of UPX"
    code = {".text", "__text", ".code", "CODE"}
    for name, size, entropy in sections:
        if name in code and size >= _PACKED_BYTES and entropy > _PACKED_ENTROPY:
            return f"code without pattern: {entropy:.1f} bits in a byte of {name}"
    return ""
