"""Windows shortcuts: what a double click starts, with which arguments.

    header 76, [id list: size 2, items], [link info: size 4, ...], strings, extra blocks

Source: [MS-SHLLINK], sections 2.1 to 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.errors import Malformed
from weighbridge.formats.byte_cursor import ByteCursor

_HAS_IDS, _HAS_INFO, _IS_UNICODE = 0x01, 0x02, 0x80
_STRINGS: Final = (
    (0x04, "name"),
    (0x08, "relative"),
    (0x10, "folder"),
    (0x20, "arguments"),
    (0x40, "icon"),
)
_ENVIRONMENT: Final = 0xA0000001
_BLOCKS: Final = 100
_PATH_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What a shortcut says.

    Attributes:
        targets: paths that it names, by every way to name one.
        share: network path that it lies on; "" for none.
        is_hidden: the window is opened minimised.
        tail: half-open range behind the last block.
    """

    targets: tuple[str, ...]
    arguments: str
    name: str
    folder: str
    icon: str
    share: str
    is_hidden: bool
    tail: tuple[int, int]


def read_shortcut(data: bytes) -> Shortcut:
    """Read a shortcut.

    Raises:
        Malformed: it is cut off.
    """
    header = ByteCursor(data)
    header.take(20)
    flags = header.number(4)
    header.at = 60
    is_hidden = header.number(4) == 7
    header.at = 76
    cursor = header
    items = cursor.take(cursor.number(2)) if flags & _HAS_IDS else b""
    base, share = _link_info(cursor) if flags & _HAS_INFO else ("", "")
    texts = {name: _string(cursor, flags) if flags & bit else "" for bit, name in _STRINGS}
    environment = _environment(cursor)
    named = (base, environment, texts["relative"], _last_item(items))
    return Shortcut(
        tuple(dict.fromkeys(filter(None, named))),
        texts["arguments"],
        texts["name"],
        texts["folder"],
        texts["icon"],
        share,
        is_hidden,
        (cursor.at, len(data)),
    )


def _string(cursor: ByteCursor, flags: int) -> str:
    count = cursor.number(2)
    if flags & _IS_UNICODE:
        return cursor.take(2 * count).decode("utf-16-le", "replace")
    return cursor.take(count).decode("cp1252", "replace")


def _link_info(cursor: ByteCursor) -> tuple[str, str]:
    """The local path and the network share, then the cursor behind the structure."""
    begin = cursor.at
    size = cursor.number(4)
    if size < 28:
        raise Malformed("the link info is too short", begin)
    cursor.at = begin
    info = cursor.take(size)
    fields = [int.from_bytes(info[at : at + 4], "little") for at in range(8, 28, 4)]
    flags, _, local, network, _ = fields
    base = _ansi(info, local) if flags & 1 else ""
    share = ""
    if flags & 2 and network + 20 <= size:
        name_at = int.from_bytes(info[network + 8 : network + 12], "little")
        share = _ansi(info, network + name_at)
    return base, share


def _ansi(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else None].decode("cp1252", "replace")[:_PATH_CHARS]


def _environment(cursor: ByteCursor) -> str:
    """Go over the extra blocks; the target of the one with variables in it."""
    found = ""
    for _ in range(_BLOCKS):
        if cursor.left < 4:
            return found
        size = cursor.number(4)
        if size < 4:
            return found
        block = cursor.take(size - 4)
        if int.from_bytes(block[:4], "little") == _ENVIRONMENT:
            wide = block[264:784].decode("utf-16-le", "replace").partition("\0")[0]
            found = wide or _ansi(block[:264], 4)
    return found


def _last_item(items: bytes) -> str:
    """The file name in the last item of the id list, as far as it is plain."""
    names = [
        run.decode("ascii", "replace") for run in items.split(b"\0") if b"." in run and run.isascii()
    ]
    return next((name for name in reversed(names) if name.isprintable()), "")
