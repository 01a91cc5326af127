"""Native code, bytecode, scripts and active documents: known by their bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.formats.kinds import Format
from weighbridge.formats.recognise.probe import Probe

_MAGIC: Final = (
    (b"Rar!\x1a\x07", Format.RAR),
    (b"\x7fELF", Format.ELF),
    (b"\xcf\xfa\xed\xfe", Format.MACHO),
    (b"\xce\xfa\xed\xfe", Format.MACHO),
    (b"\xfe\xed\xfa\xcf", Format.MACHO),
    (b"\xfe\xed\xfa\xce", Format.MACHO),
    (b"\0asm", Format.WASM),
    (b"dex\n03", Format.DEX),
    (b"dex\n04", Format.DEX),
    (b"\x1bLua", Format.FOREIGN_BYTECODE),
    (b"\x1bLJ", Format.FOREIGN_BYTECODE),
    (b"BC\xc0\xde", Format.FOREIGN_BYTECODE),
    (b"FOR1", Format.FOREIGN_BYTECODE),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", Format.LNK),
    (b"!<arch>\n", Format.AR),
    (b"!<thin>\n", Format.AR),
    (b"\xed\xab\xee\xdb", Format.INSTALLER),
    (b"MSCF\0\0\0\0", Format.INSTALLER),
    (b"xar!\0\x1c", Format.INSTALLER),
    (b"ITSF\x03\0\0\0", Format.INSTALLER),
    (b"KDMV", Format.DISK_IMAGE),
    (b"QFI\xfb", Format.DISK_IMAGE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format.OLE),
    (b"{\\rt", Format.RTF),
)
_LONGEST_DOS: Final = 1 << 20
_PDF_WITHIN: Final = 1024
_ISO_AT: Final = 0x8001
_XML_NAMES: Final = frozenset(
    {".xml", ".svg", ".pmml", ".wsf", ".sct", ".xsl", ".xslt", ".library-ms", ".settingcontent-ms"}
    | {".searchconnector-ms", ".plist", ".jnlp"}
)
_XML_START: Final = re.compile(
    r"\s*(?:<\?xml[\s?]|<!DOCTYPE\s+(?!html)\w|<!ENTITY\s|(?:<!--.{0,2000}?-->\s*)?"
    r"<(?:[\w.-]+:)?(?:PMML|svg|net|scriptlet|libraryDescription|searchConnectorDescription|PCSettings)"
    r"(?:\s[^<]*)?/?>)",
    re.DOTALL,
)
_XML_ROOT: Final = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)?<[A-Za-z_]", re.DOTALL)

_IMPORT_LINE: Final = re.compile(rb"(?m)^import[ \t]+\S")
_PYTHON_SHEBANG: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?#![^\n]{0,200}\b(?:python|pypy)[\d.]*(?:[ \t][^\n]*)?\r?\n"
)
_PYTHON_STATEMENT: Final = re.compile(
    rb"(?m)^(?:import[ \t]+[A-Za-z_][\w., \t]*(?:[ \t]as[ \t]+\w+)?[ \t]*(?:#.*)?\r?$"
    rb"|from[ \t]+[\w.]+[ \t]+import[ \t]+[\w(*]"
    rb"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[^\n]{0,200}:)"
)
_PARSED_BYTES: Final = 1 << 20
_PROSE: Final = frozenset(
    {"readme", "license", "licence", "makefile", "dockerfile", "notice", "changelog", "authors"}
)


def recognise(probe: Probe) -> Iterator[Format]:
    """Yield every format of this family that some loader would take the bytes for."""
    head = probe.head
    yield from (kind for magic, kind in _MAGIC if head.startswith(magic))
    if head[:2] == b"MZ" and _is_pe(probe):
        yield Format.PE
    if head[:4] == b"\xca\xfe\xba\xbe" or head[:4] == b"\xca\xfe\xba\xbf":
        # A universal binary has few architectures, a class file has a version from 45 on.
        yield Format.MACHO if head[4:7] == b"\0\0\0" and head[7:8] < b"\x20" else Format.JAVA_CLASS
    if _is_pyc(head):
        yield Format.PYC
    if _is_pdf(probe):
        yield Format.PDF
    if _is_xml(head, probe.suffix):
        yield Format.XML
    if _is_python(probe):
        yield Format.PYTHON
    if probe.suffix == ".pth" and _IMPORT_LINE.search(head) and b"\0" not in head:
        yield Format.PYTHON_PATH
    if _is_disk_image(probe):
        yield Format.DISK_IMAGE


def _is_pe(probe: Probe) -> bool:
    """A program for Windows; one for DOS alone starts with the same two letters, as does much else."""
    offset = int.from_bytes(probe.head[60:64], "little")
    if offset + 4 <= len(probe.head):
        return probe.head[offset : offset + 4] == b"PE\0\0"
    if not 64 <= offset <= min(_LONGEST_DOS, probe.size - 4):
        return False
    return bytes(probe.source.read_at(offset, 4)) == b"PE\0\0"


def _is_pyc(head: bytes) -> bool:
    """A compiled module: the magic number of a release, then a code object where the header ends."""
    if head[2:4] != b"\r\n":
        return False
    from weighbridge.formats.bytecode.pyc import version_of_magic  # few files come this far

    version = version_of_magic(int.from_bytes(head[:2], "little"))
    if version is None:
        return False
    start = 8 if version < (3, 3) else 12 if version < (3, 7) else 16
    return head[start : start + 1] in (b"c", b"\xe3")


def _is_pdf(probe: Probe) -> bool:
    """Readers look for the mark in the first kilobyte, and for the end in the last.

    An archive that holds a document has the mark there too, but does not end as one.
    """
    at = probe.head.find(b"%PDF-", 0, _PDF_WITHIN)
    if at <= 0:
        return at == 0
    tail = bytes(probe.source.read_at(max(0, probe.size - _PDF_WITHIN), _PDF_WITHIN))
    return probe.head[at + 5 : at + 6].isdigit() and b"%%EOF" in tail


def _is_xml(head: bytes, suffix: str) -> bool:
    text = _as_text(head)
    if text is None:
        return False
    return _XML_START.match(text) is not None or (
        suffix in _XML_NAMES and _XML_ROOT.match(text) is not None
    )


def _as_text(head: bytes) -> str | None:
    """The head as characters, when it may be XML at all: `<` comes first, or an entity's DOCTYPE."""
    start = head[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if start[:1] != b"<":
        return None
    if head[:2] == b"\xff\xfe" or head[1:2] == b"\0":
        return head.decode("utf-16-le", "replace").lstrip("\ufeff")
    if head[:2] == b"\xfe\xff" or head[:1] == b"\0":
        return head.decode("utf-16-be", "replace").lstrip("\ufeff")
    return head.decode("utf-8-sig", "replace")


def _is_python(probe: Probe) -> bool:
    """Python by its first line; or, where no name says otherwise, because it parses as Python."""
    if _PYTHON_SHEBANG.match(probe.head):
        return True
    if probe.suffix or probe.base in _PROSE or not _PYTHON_STATEMENT.search(probe.head):
        return False
    if b"\0" in probe.head or probe.size > _PARSED_BYTES:
        return False
    from weighbridge.formats.scripts.python_source import parse

    return (
        parse(bytes(probe.source.read_at(0, probe.size)).decode("utf-8", "backslashreplace")) is not None
    )


def _is_disk_image(probe: Probe) -> bool:
    """ISO 9660 and Apple's disk images are known by a later place: asked for by name alone."""
    if probe.suffix in (".iso", ".img") and probe.size > _ISO_AT + 5:
        return bytes(probe.source.read_at(_ISO_AT, 5)) == b"CD001"
    if probe.suffix == ".dmg" and probe.size > 512:
        return bytes(probe.source.read_at(probe.size - 512, 4)) == b"koly"
    return False
