"""PDF documents: what they do without being asked, and the files that they carry.

Objects are found by looking for them (`12 0 obj ... endobj`), as readers do when the table of places
is broken, so that nothing hides behind a table that lies. Objects inside of compressed streams
are read too. Names are compared after their escapes (`/J#61vaScript`) were taken out.

Source: ISO 32000-2, sections 7.3 (objects), 7.5.7 (object streams), 12.6 (actions).
"""

from __future__ import annotations

import base64
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

_OBJECTS: Final = 200_000
_INFLATED_BYTES: Final = 64 << 20
_STREAM_BYTES: Final = 16 << 20
_DICT_BYTES: Final = 1 << 20
_SCRIPT_CHARS: Final = 64 << 10
_SCRIPTS_CHARS: Final = 4 << 20
_OPENINGS: Final = 100
_OBJECT: Final = re.compile(
    rb"(?<![\w.])(\d{1,10})[ \t\r\n\f\0]{1,20}(\d{1,5})[ \t\r\n\f\0]{1,20}obj(?![\w])"
)
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_NAME: Final = re.compile(rb"/([^\s/<>\[\](){}%\0]{1,200})")
_FILTERS: Final = re.compile(rb"/Filter\s*(\[[^\]]{0,500}\]|/[\w#]+)")
_LENGTH: Final = re.compile(rb"/Length\s+(\d{1,12})(?!\s+\d+\s+R)")
_SCRIPT: Final = re.compile(rb"/JS\s*(?:(\d{1,10})\s+\d{1,5}\s+R|(\()|<([0-9A-Fa-f\s]{0,200000})>)")
_BACKSLASH: Final = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\n": b"", b"\r": b"", b"\r\n": b""}
_OPENS: Final = re.compile(rb"/OpenAction\s*(?:(\d{1,10})\s+\d{1,5}\s+R|(<<)|\[)")


@dataclass(frozen=True, slots=True)
class PdfObject:
    """One object: its dictionary with escaped names made plain, and where its stream lies."""

    number: int
    body: bytes
    stream: bytes | None = None

    def names(self) -> frozenset[bytes]:
        """All names in the object."""
        return frozenset(_NAME.findall(self.body))


@dataclass(slots=True)
class PdfDocument:
    """The objects of a document.

    Attributes:
        is_encrypted: strings and streams can't be read without the key.
        left: bytes that streams may still give, in sum.
        is_complete: False when a bound was crossed, or a stream of objects could not be read.
    """

    objects: dict[int, list[PdfObject]] = field(default_factory=dict)
    is_encrypted: bool = False
    is_complete: bool = True
    left: list[int] = field(default_factory=lambda: [_INFLATED_BYTES])

    def all(self) -> Iterator[PdfObject]:
        """Every object, all versions of it."""
        for versions in self.objects.values():
            yield from versions

    def scripts(self) -> Iterator[str]:
        """Texts of `/JS`, wherever they stand; "" for one that can't be read."""
        left = _SCRIPTS_CHARS
        for each in self.all():
            for match in _SCRIPT.finditer(each.body):
                for text in self._script(each, match):
                    left -= len(text) + 1_000
                    if left < 0:
                        self.is_complete = False
                        return
                    yield text

    def opening(self) -> Iterator[PdfObject]:
        """The objects that the document acts on when it is opened."""
        for each in self.all():
            for match in islice(_OPENS.finditer(each.body), _OPENINGS):
                if match.group(1) is not None:
                    yield from self.objects.get(int(match.group(1)), ())
                elif match.group(2) is not None:
                    yield PdfObject(each.number, _balanced(each.body, match.start(2)))

    def files(self) -> Iterator[PdfObject]:
        """Embedded files; `content_of` decodes one."""
        for each in self.all():
            if each.stream is not None and b"EmbeddedFile" in each.names():
                yield each

    def content_of(self, one: PdfObject) -> bytes | None:
        """The content of a stream; None when a filter is not one that we read, fails, or is too much."""
        return decoded(one, self.left) if self.left[0] > 0 else None

    def _script(self, each: PdfObject, match: re.Match[bytes]) -> Iterator[str]:
        if match.group(1) is not None:
            yield from self._stored(int(match.group(1)))
        elif match.group(2) is not None:
            yield _text(_literal(each.body, match.end()))
        else:
            yield _text(_unhexed(match.group(3)))

    def _stored(self, number: int) -> Iterator[str]:
        for each in self.objects.get(number, ())[:_OPENINGS]:
            if each.stream is not None:
                content = self.content_of(each)
                yield _text(content) if content is not None else ""
            elif each.body.strip().startswith(b"("):
                yield _text(_literal(each.body, each.body.index(b"(") + 1))
            else:
                yield _text(each.body)


def read_pdf(data: bytes) -> PdfDocument:
    """Read the objects of a document. Any bytes give a value; one without objects is empty."""
    document = PdfDocument()
    places = [(match.start(), match.end(), int(match.group(1))) for match in _some(data, document)]
    closings = [match.start() for match in islice(re.finditer(b"endstream", data), 2 * _OBJECTS)]
    ends = [start for start, _, _ in places[1:]] + [len(data)] * bool(places)
    for (_, begin, number), end in zip(places, ends, strict=True):
        one = _object(data, number, (begin, end), closings)
        document.objects.setdefault(number, []).append(one)
        document.is_encrypted |= b"/Encrypt" in one.body and b"/Root" in one.body
    document.is_encrypted |= re.search(rb"/Encrypt\s+\d+\s+\d+\s+R", _trailers(data)) is not None
    for one in list(document.all()):
        if b"/ObjStm" in one.body and one.stream is not None:
            content = None if document.is_encrypted else document.content_of(one)
            if content is None:
                document.is_complete = False
            else:
                for inner in _packed(one, content):
                    document.objects.setdefault(inner.number, []).append(inner)
    return document


def _some(data: bytes, document: PdfDocument) -> list[re.Match[bytes]]:
    found: list[re.Match[bytes]] = []
    for match in _OBJECT.finditer(data):
        if len(found) >= _OBJECTS:
            document.is_complete = False
            break
        found.append(match)
    return found


def _trailers(data: bytes) -> bytes:
    at = data.rfind(b"trailer")
    return plain(data[at : at + 4096]) if at >= 0 else b""


def _object(data: bytes, number: int, place: tuple[int, int], closings: list[int]) -> PdfObject:
    """Read one object; `closings` are the places of all ends of streams."""
    begin, end = place
    at = data.find(b"stream", begin, min(end, begin + _DICT_BYTES))
    closes = data.find(b"endobj", begin, end)
    if at < 0 or 0 <= closes < at:
        stop = closes if closes >= 0 else end
        return PdfObject(number, plain(data[begin : min(stop, begin + _DICT_BYTES)]))
    body = plain(data[begin:at])
    start = at + 6
    start += 2 if data[start : start + 2] == b"\r\n" else 1
    stated = _LENGTH.search(body)
    stop = start + int(stated.group(1)) if stated is not None else -1
    if stop < start or stop > len(data) or b"endstream" not in data[stop : stop + 32]:
        following = bisect_left(closings, start)
        stop = closings[following] if following < len(closings) else end
    stop = max(start, min(stop, start + 4 * _STREAM_BYTES))
    return PdfObject(number, body, data[start:stop])


def plain(body: bytes) -> bytes:
    """The text with `#61` in names written out."""
    if b"#" not in body:
        return body
    return _ESCAPE.sub(lambda match: bytes([int(match.group(1), 16)]), body)


def decoded(one: PdfObject, left: list[int] | None = None) -> bytes | None:
    """The content of a stream; None when a filter is not one that we read, or fails."""
    if one.stream is None:
        return None
    content: bytes | None = one.stream
    match = _FILTERS.search(one.body)
    for name in _NAME.findall(match.group(1)) if match is not None else ():
        content = _unfiltered(content, name, left) if content is not None else None
    return content


def _unfiltered(content: bytes, name: bytes, left: list[int] | None) -> bytes | None:
    try:
        if name in (b"FlateDecode", b"Fl"):
            limit = min(_STREAM_BYTES, left[0]) if left is not None else _STREAM_BYTES
            made = zlib.decompressobj().decompress(content, max(1, limit))
            if left is not None:
                left[0] -= len(made)
            return made
        if name in (b"ASCIIHexDecode", b"AHx"):
            return _unhexed(content.partition(b">")[0])
        if name in (b"ASCII85Decode", b"A85"):
            return base64.a85decode(content.strip().removeprefix(b"<~").partition(b"~>")[0])
    except (zlib.error, ValueError):
        return None
    return None


def _packed(holder: PdfObject, content: bytes) -> Iterator[PdfObject]:
    """Objects of an object stream: pairs of number and offset, then the objects."""
    first = re.search(rb"/First\s+(\d{1,9})", holder.body)
    if first is None:
        return
    begin = int(first.group(1))
    numbers = [int(digits) for digits in content[:begin].split()[:_OBJECTS] if digits.isdigit()]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    for position, (number, offset) in enumerate(pairs):
        end = pairs[position + 1][1] if position + 1 < len(pairs) else len(content) - begin
        if 0 <= offset < end:
            yield PdfObject(
                number, plain(content[begin + offset : begin + min(end, offset + _DICT_BYTES)])
            )


def _literal(body: bytes, at: int) -> bytes:
    """The text of a string in brackets, from behind its first one."""
    depth = 1
    position = at
    while position < len(body) and position - at < _SCRIPT_CHARS:
        byte = body[position]
        if byte == 0x5C:
            position += 1
        elif byte == 0x28:
            depth += 1
        elif byte == 0x29:
            depth -= 1
            if depth == 0:
                break
        position += 1
    return _BACKSLASH.sub(_unescaped, body[at:position])


def _unescaped(match: re.Match[bytes]) -> bytes:
    """What stands for a backslash and what follows it: a byte by its octal number, or the character."""
    escape = match.group(1)
    if escape[:1] in b"01234567":
        return bytes([int(escape, 8) & 0xFF])
    return _CONTROLS.get(escape, escape)


def _balanced(body: bytes, at: int) -> bytes:
    """A dictionary from its `<<` to the `>>` that closes it."""
    depth = 0
    for match in re.finditer(rb"<<|>>", body[at : at + _DICT_BYTES]):
        depth += 1 if match.group() == b"<<" else -1
        if depth == 0:
            return body[at : at + match.end()]
    return body[at : at + _DICT_BYTES]


def _unhexed(digits: bytes) -> bytes:
    packed = bytes(byte for byte in digits if byte in b"0123456789abcdefABCDEF")
    return bytes.fromhex((packed + b"0" * (len(packed) % 2)).decode("ascii"))


def _text(content: bytes) -> str:
    content = content[:_SCRIPT_CHARS]
    if content[:2] == b"\xfe\xff":
        return content[2:].decode("utf-16-be", "replace")
    return content.decode("latin-1")
