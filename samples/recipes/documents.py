"""Documents that do more than be read: XML, PMML, SVG, PDF, office files, and benign twins."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping

_FAR = "https://host.example.invalid"
_PMML = '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>{}</PMML>'
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
_SVG_DOCTYPE = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n'
    ' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
)
_LAUGHS = "".join(
    f'<!ENTITY {b} "{("&" + a + ";") * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    for name, text in (*_xml(), *_svg(), *_rich_texts()):
        yield f"documents/{name}", text.encode()
    wide = '<?xml version="1.0" encoding="utf-16"?>' + _PMML.format("")
    yield "documents/wide.twin.pmml", b"\xff\xfe" + wide.encode("utf-16-le")
    yield from _pdf_samples()
    yield from _office_samples()


def _xml() -> Iterator[tuple[str, str]]:
    outside = '<!DOCTYPE note [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    yield "outside.xml", f'<?xml version="1.0"?>{outside}<note>&x;</note>'
    yield "laughs.xml", f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">{_LAUGHS}]><l>&i;</l>'
    flat = '<!ENTITY owl "http://www.w3.org/2002/07/owl#"><!ENTITY b "&owl;Class">'
    yield "ontology.twin.xml", f'<?xml version="1.0"?><!DOCTYPE r [{flat}]><r a="&b;">&owl;</r>'
    yield "elsewhere.xml", f'<?xml version="1.0"?><!DOCTYPE note SYSTEM "{_FAR}/note.dtd"><note/>'
    yield "broken.twin.xml", '<?xml version="1.0"?><a><b></a>'
    include = '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/hostname"/>'
    yield "includes.xml", f'<?xml version="1.0"?><note>{include}</note>'
    yield "includes.pmml", _PMML.format(include)
    yield "plain.twin.pmml", _PMML.format('<Extension name="x-mining" value="rows &gt; 5"/>')
    yield "doctype.pmml", '<?xml version="1.0"?><!DOCTYPE PMML><PMML version="4.4"/>'
    call = "Runtime.getRuntime().exec(&quot;echo weighbridge-marker&quot;)"
    yield "program.pmml", _PMML.format(f'<Extension name="script" value="{call}"/>')
    schema = (
        f'xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:noNamespaceSchemaLocation="{_FAR}/p.xsd"'
    )
    yield "schema.pmml", f'<?xml version="1.0"?><PMML version="4.4" {schema}/>'
    yield "truncated.pmml", _PMML.format("")[:-3]
    program = '<object class="java.lang.ProcessBuilder"><void method="start"/></object>'
    yield "decoder.xml", f'<?xml version="1.0"?><java class="java.beans.XMLDecoder">{program}</java>'
    task = "<Actions><Exec><Command>notepad.exe</Command></Exec></Actions>"
    yield "task.xml", f'<?xml version="1.0"?><Task version="1.2">{task}</Task>'
    place = "<simpleLocation><url>\\\\host.example.invalid\\share</url></simpleLocation>"
    yield "papers.library-ms", f"<libraryDescription>{place}</libraryDescription>"


def _svg() -> Iterator[tuple[str, str]]:
    yield "plot.twin.svg", _SVG_DOCTYPE + _SVG.format('<a xlink:href="#x"><path d="M0 0"/></a>')
    yield "fetches.svg", _SVG.format(f"<script>fetch('{_FAR}')</script>")
    yield "handler.svg", _SVG.format('<rect onclick="zoom()"/>')
    yield "remote.svg", _SVG.format(f'<image xlink:href="{_FAR}/a.png"/>')
    yield "local.svg", _SVG.format('<image xlink:href="file:///etc/hostname"/>')


def _rich_texts() -> Iterator[tuple[str, str]]:
    yield "letter.twin.rtf", "{\\rtf1\\ansi A letter.\\par}"
    digits = b"PK\x05\x06".hex() + "00" * 18
    yield "object.rtf", f"{{\\rtf1{{\\object\\objemb{{\\*\\objdata {digits}}}}}}}"
    yield "opens.rtf", f"{{\\rtf1{{\\object\\objautlink\\objupdate{{\\*\\objdata {digits}}}}}}}"


# PDF.


def pdf(
    *objects: str, streams: Mapping[int, tuple[str, bytes]] | None = None, trailer: str = ""
) -> bytes:
    """Build a document of numbered objects, some of them with a stream."""
    body = b"%PDF-1.7\n"
    for number, text in enumerate(objects, start=1):
        body += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    for number, (fields, content) in (streams or {}).items():
        head = f"{number} 0 obj\n<< /Length {len(content)} {fields} >>\nstream\n".encode()
        body += head + content + b"\nendstream\nendobj\n"
    return body + f"trailer\n<< /Root 1 0 R {trailer} >>\n%%EOF\n".encode()


def _pdf_samples() -> Iterator[tuple[str, bytes]]:
    link = "<< /Subtype /Link /A << /S /URI /URI (https://example.invalid) >> >>"
    page = f"<< /Type /Page /Annots [ {link} ] >>"
    yield "documents/paper.twin.pdf", pdf("<< /Type /Catalog /OpenAction [2 0 R /Fit] >>", page)
    script = "/S /J#61vaScript /JS (app.launchURL\\('https://host.example.invalid'\\))"
    yield "documents/script.pdf", pdf(f"<< /Type /Catalog /OpenAction << {script} >> >>")
    yield (
        "documents/form.pdf",
        pdf("<< /Type /Catalog >>", "<< /S /JavaScript /JS (AFNumber_Format\\(2\\)) >>"),
    )
    launch = "<< /S /Launch /Win << /F (cmd.exe) /P (/c echo weighbridge-marker) >> >>"
    packed = zlib.compress(f"2 0 {launch}".encode())
    stream = {3: ("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", packed)}
    yield "documents/launch.pdf", pdf("<< /Type /Catalog /OpenAction 2 0 R >>", streams=stream)
    reaches = "<< /Type /Catalog /OpenAction << /S /URI /URI (https://host.example.invalid) >> >>"
    yield "documents/reaches.pdf", pdf(reaches)
    files = {2: ("/Type /EmbeddedFile /Filter /FlateDecode", zlib.compress(b"weighbridge-marker\n" * 9))}
    yield "documents/carries.pdf", pdf("<< /Type /Catalog >>", streams=files)
    yield (
        "documents/encrypted.pdf",
        pdf("<< /Type /Catalog >>", "<< /Filter /Standard >>", trailer="/Encrypt 2 0 R"),
    )


# Office.


def _document(parts: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in {"[Content_Types].xml": '<?xml version="1.0"?><Types/>', **parts}.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _relationships(kind: str, target: str) -> str:
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    one = f'<Relationship Id="r1" Type="{base}/{kind}" Target="{target}" TargetMode="External"/>'
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<?xml version="1.0"?><Relationships xmlns="{space}">{one}</Relationships>'


def compound(streams: Mapping[str, bytes], *, class_id: bytes = bytes(16)) -> bytes:
    """Build an OLE compound file; each stream takes whole sectors of 512 bytes, at least eight."""
    sectors: list[bytes] = []
    chains: list[int] = [0xFFFFFFFD, 0]
    entries = [_entry("Root Entry", 5, 0xFFFFFFFE, 0, class_id)]
    directory_sectors = -(-(len(streams) + 1) // 4)
    at = 1 + directory_sectors
    for name, content in streams.items():
        padded = content.ljust(4096, b"\0")
        padded += b"\0" * (-len(padded) % 512)
        entries.append(_entry(name, 2, at, len(padded), bytes(16)))
        sectors += [padded[start : start + 512] for start in range(0, len(padded), 512)]
        at += len(padded) // 512
    chains = [0xFFFFFFFD, *_chain(1, directory_sectors)]
    place = 1 + directory_sectors
    for content in streams.values():
        count = max(8, -(-len(content) // 512))
        chains += _chain(place, count)
        place += count
    table = struct.pack(f"<{len(chains)}I", *chains).ljust(512, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head += bytes(10) + struct.pack("<IIIIIIII", 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    directory = b"".join(entries).ljust(512 * directory_sectors, b"\0")
    return head + table + directory + b"".join(sectors)


def _chain(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), 0xFFFFFFFE]


def _entry(name: str, kind: int, start: int, size: int, class_id: bytes) -> bytes:
    wide = name.encode("utf-16-le") + b"\0\0"
    head = wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide), kind, 1) + b"\xff" * 12
    return head + class_id + bytes(20) + struct.pack("<III", start, size, 0)


def _module(source: str) -> bytes:
    """A macro module: its text as tokens that are all literal, in one compressed chunk."""
    text = ('Attribute VB_Name = "Module1"\r\n' + source).encode()
    tokens = b"".join(b"\0" + text[at : at + 8] for at in range(0, len(text), 8))
    return bytes(32) + b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def _office_samples() -> Iterator[tuple[str, bytes]]:
    text = '<?xml version="1.0"?><document xmlns:w="urn:w">{}</document>'
    link = _relationships("hyperlink", _FAR)
    plain = {"word/document.xml": text.format("<w:p/>"), "word/_rels/document.xml.rels": link}
    yield "documents/report.twin.docx", _document(plain)
    template = _relationships("attachedTemplate", f"{_FAR}/t.dotm")
    yield "documents/template.docx", _document({"word/_rels/settings.xml.rels": template})
    field = "".join(
        f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in ("DDEA", "UTO cmd.exe /c echo")
    )
    yield "documents/field.docx", _document({"word/document.xml": text.format(f"<w:p>{field}</w:p>")})
    quiet = compound({"VBA": b"", "Module1": _module('Sub Hello()\r\nMsgBox "hello"\r\nEnd Sub\r\n')})
    yield "documents/macros.docm", _document({"word/vbaProject.bin": quiet})
    acts = 'Sub AutoOpen()\r\nShell "echo weighbridge-marker"\r\nEnd Sub\r\n'
    yield "documents/macros-act.doc", compound({"VBA": b"", "Module1": _module(acts)})
    yield "documents/letter.twin.doc", compound({"WordDocument": b"text", "1Table": b""})
    native = b"\0\0\0\0\2\0a.txt\0C:\\a.txt\0" + bytes(4) + struct.pack("<I", 2) + b"a\0"
    native += struct.pack("<I", 19) + b"weighbridge-marker\n"
    yield "documents/object.doc", compound({"\x01Ole10Native": native})
    yield "documents/encrypted.xlsx", compound({"EncryptionInfo": b"", "EncryptedPackage": b""})
    installer = bytes.fromhex("84100c0000000000c000000000000046")
    yield "documents/setup.msi", compound({"Table": b""}, class_id=installer)
    yield "documents/truncated.doc", compound({"WordDocument": b"text"})[:600]
