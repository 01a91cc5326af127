"""Office documents: macros, templates and objects from elsewhere, fields that start programs.

Documents of today are zips of XML: their parts come here one by one, the relationships as roots of XML,
the macros as compound files. Those of before 2007, and installers of Windows, are compound files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.ole import OleEntry, OleFile, macro_source
from weighbridge.formats.documents.xml_document import local_name

_MACROS, _RUNS, _LOADS, _DDE = "DOC040", "DOC041", "DOC042", "DOC043"
_OBJECTS, _ENCRYPTED, _INSTALLER = "DOC044", "DOC045", "EXE017"
_SHOWN: Final = 6
_FIELD_CHARS: Final = 4096
_LARGEST_BYTES: Final = 128 * MIB
_NESTED: Final = 64
_MACRO_CHARS: Final = 8 << 20
_FETCHED: Final = re.compile(
    r"/(?:attachedTemplate|oleObject|frame|subDocument|externalLinkPath|package|control|vbaProject|webSettings"
    r"|afChunk|externalLink)$"
)
_SHARE: Final = re.compile(r"^(?:file:)?[\\/]{2,}[^\\/]|^\\\\")
_PARTS: Final = re.compile(r"(?i)(?:^|/)(?:vbaProject\.bin|vbaData\.xml|macrosheets/[^/]+)$")
_EMBEDDED: Final = re.compile(r"(?i)/(?:embeddings|activeX)/[^/]+\.bin$")
_DDE_FIELD: Final = re.compile(r"(?i)\bDDE(?:AUTO)?\b\s*[\"'\w\\/:.]")
_INTERPRETER: Final = re.compile(
    r"(?i)\b(?:cmd|powershell|pwsh|wscript|cscript|mshta|rundll32|msiexec|certutil)\b"
)
_STARTS_ALONE: Final = re.compile(
    r"(?i)\b(?:Auto_?(?:Open|Exec|Close|New|Exit)|Document_?(?:Open|Close|New)|Workbook_?(?:Open|Activate|Close)"
    r"|DocumentOpen|Presentation_?Open|App_DocumentOpen|\w+_(?:Layout|MouseMove|GotFocus|Painted))\b"
)
_ACTS: Final = re.compile(
    r"(?i)\bShell\b|\bCreateObject\b|\bGetObject\b|URLDownloadToFile|\bWScript\b|WinHttp|MSXML2|ADODB\.Stream"
    r"|\bpowershell\b|\bVirtualAlloc\b|\bEnviron\b|ExecuteExcel4Macro|\bDeclare\b.{0,60}\bLib\b|\bMacScript\b"
)
_MSI_CLASS: Final = bytes.fromhex("84100c0000000000c000000000000046")


def judge_members(artifact: Artifact, names: Sequence[str], context: Context) -> Iterator[Event] | None:
    """Judge a zip that is an office document, by the names of its parts."""
    return _judge_parts(artifact, names) if "[Content_Types].xml" in names else None


def _judge_parts(artifact: Artifact, names: Sequence[str]) -> Iterator[Event]:
    for rule, pattern in ((_MACROS, _PARTS), (_OBJECTS, _EMBEDDED)):
        found = [quoted(name) for name in names if pattern.search(name)]
        if found:
            yield _finding(artifact, rule, found[0], found)


def judge_root(artifact: Artifact, root: Element, context: Context) -> Iterator[Event] | None:
    """Judge a part of an office document."""
    name = local_name(root)
    if name == "Relationships":
        return _relationships(artifact, root)
    if name in ("document", "hdr", "ftr", "footnotes", "comments", "externalLink", "worksheet"):
        found = list(_fields(artifact, root))
        return iter(found) if found else None
    return None


def _relationships(artifact: Artifact, root: Element) -> Iterator[Event]:
    lines = []
    for one in root:
        target, kind = one.get("Target", ""), one.get("Type", "")
        if one.get("TargetMode") != "External":
            continue
        is_far = re.match(r"(?i)(?:https?|ftp|mhtml|x-usc|ms-\w+):", target) is not None
        if _SHARE.match(target) or (is_far and _FETCHED.search(kind)):
            lines.append(f"{kind.rpartition('/')[2]}: {quoted(target)}")
    if lines:
        yield _finding(artifact, _LOADS, lines[0], lines)


def _fields(artifact: Artifact, root: Element) -> Iterator[Finding]:
    """Fields may be cut into runs: the instructions of a paragraph belong together."""
    lines = [quoted(" ".join(text.split())) for text in _instructions(root) if _starts_by_dde(text)]
    if lines:
        yield _finding(artifact, _DDE, lines[0], lines)


def _starts_by_dde(text: str) -> bool:
    return _DDE_FIELD.search(text) is not None and _INTERPRETER.search(text) is not None


def _instructions(root: Element) -> Iterator[str]:
    """Texts of fields, links and formulas, each once, in the order of the document."""
    runs: list[str] = []
    for one in root.iter():
        kind = local_name(one)
        if kind == "instrText":
            runs.append((one.text or "")[:_FIELD_CHARS])
        elif kind == "p" and runs:
            yield "".join(runs)
            runs.clear()
        elif kind == "fldSimple":
            given = (value for key, value in one.attrib.items() if key.endswith("instr"))
            yield from (value[:_FIELD_CHARS] for value in given)
        elif kind == "ddeLink":
            yield f"DDE {one.get('ddeService', '')} {one.get('ddeTopic', '')}"
        elif kind == "f" and one.text and "|" in one.text and "!" in one.text:
            yield f"DDE {one.text[:_FIELD_CHARS]}"
    yield "".join(runs)


def inspect_ole(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Judge a compound file by its streams."""
    if artifact.source.size > _LARGEST_BYTES:
        raise LimitReached(
            f"a compound file of {artifact.source.size:,} bytes; up to {_LARGEST_BYTES:,} are read"
        )
    compound = OleFile(bytes(artifact.source.read_at(0, artifact.source.size)))
    names = {entry.name for entry in compound.entries}
    if any(entry.class_id == _MSI_CLASS for entry in compound.entries):
        words = "a Windows installer: its actions may run as administrator"
        yield Finding(rule=_INSTALLER, path=artifact.path, subject="Windows installer", evidence=words)
    if {"EncryptedPackage", "EncryptionInfo"} <= names:
        yield _finding(
            artifact, _ENCRYPTED, "EncryptedPackage", ["the document is one encrypted stream"]
        )
    yield from _macros(artifact, compound, context)
    yield from _objects(artifact, compound)


def _macros(artifact: Artifact, compound: OleFile, context: Context) -> Iterator[Event]:
    names = {entry.name for entry in compound.entries}
    if not names & {"VBA", "_VBA_PROJECT", "Macros", "_VBA_PROJECT_CUR"}:
        return
    texts: list[str] = []
    for entry in compound.entries:
        if entry.is_stream and 16 < entry.size < 16 << 20:
            context.budget.check_time()
            texts += list(macro_source(compound.read(entry)))
            if sum(map(len, texts)) > _MACRO_CHARS:
                raise LimitReached(f"more than {_MACRO_CHARS:,} characters of macros")
    code = "\n".join(
        line for text in texts for line in text.splitlines() if not line.startswith("Attribute")
    )
    starts, acts = _STARTS_ALONE.search(code), _ACTS.search(code)
    if starts is not None and acts is not None:
        lines = [_line(code, starts), *(_line(code, match) for match in _some(_ACTS, code))]
        yield _finding(artifact, _RUNS, starts.group(), lines)
    elif artifact.name.lower().endswith("vbaproject.bin") or code.strip() or not texts:
        yield _finding(artifact, _MACROS, "VBA", [f"{len(texts)} modules of macros"])


def _some(pattern: re.Pattern[str], code: str) -> Iterator[re.Match[str]]:
    for number, match in enumerate(pattern.finditer(code)):
        if number >= _SHOWN:
            return
        yield match


def _line(code: str, match: re.Match[str]) -> str:
    begin = code.rfind("\n", 0, match.start()) + 1
    end = code.find("\n", match.end())
    return quoted(code[begin : end if end >= 0 else None].strip())


def _objects(artifact: Artifact, compound: OleFile) -> Iterator[Event]:
    objects = [entry for entry in compound.entries if entry.is_stream and _is_object(entry)]
    if not objects:
        return
    names = [quoted(entry.name) for entry in objects]
    yield _finding(artifact, _OBJECTS, names[0], names)
    for number, entry in enumerate(objects[:_NESTED]):
        content = _native(compound.read(entry)) if "Ole10Native" in entry.name else compound.read(entry)
        if content:
            yield artifact.nested(f"object {number}", MemorySource(content))


def _is_object(entry: OleEntry) -> bool:
    return entry.name in ("\x01Ole10Native", "Package", "CONTENTS") and entry.size > 0


def _native(content: bytes) -> bytes:
    """The file inside of a packaged object: size, three names, then size and bytes."""
    at = 6
    for _ in range(2):
        end = content.find(b"\0", at, at + 1024)
        if end < 0:
            return content[4:]
        at = end + 1
    at += 4
    length = int.from_bytes(content[at : at + 4], "little")
    at += 4 + length
    size = int.from_bytes(content[at : at + 4], "little")
    return content[at + 4 : at + 4 + size] if 0 < size <= len(content) else content[4:]


def _finding(artifact: Artifact, rule: str, subject: str, lines: list[str]) -> Finding:
    evidence = "\n".join(lines[:_SHOWN])
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
