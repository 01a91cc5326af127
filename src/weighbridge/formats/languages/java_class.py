r"""Java class files and Android's dex: which methods they call, and the texts that they hold.

    class   CA FE BA BE, minor 2, major 2, constants 2, constant pool, ...      big endian
    dex     "dex\n0", version, ... tables of strings, types and methods by offset   little endian

Source: The Java Virtual Machine Specification, section 4.4; Dalvik executable format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.byte_cursor import ByteCursor

_UTF8, _CLASS, _STRING, _NAME_AND_TYPE = 1, 7, 8, 12
_REFERENCES: Final = (9, 10, 11)
_WIDTHS: Final = {3: 4, 4: 4, 5: 8, 6: 8, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_PAIRS: Final = frozenset({5, 6})
"""Long and Double take two places of the pool."""
_DEX_IDS: Final = 1 << 20
_NAME_BYTES: Final = 2048
_TEXTS_CHARS: Final = 64 << 20
_TEXT_BYTES: Final = 64 << 10
_CLASSES: Final = 1 << 17
_DEX_NAME: Final = 300
_DEX_HEADER: Final = 0x70


@dataclass(frozen=True, slots=True)
class JavaNames:
    """What compiled Java names.

    Attributes:
        name: of the class; of a dex file the first.
        members: `java.lang.Runtime.exec`, of every class that it uses.
        classes: all classes that it names.
        strings: literals.
    """

    name: str
    members: frozenset[str]
    classes: frozenset[str]
    strings: tuple[str, ...]


def read_class(data: bytes) -> JavaNames:
    """Read the constant pool of a class file.

    Raises:
        Malformed: it is cut off, or a constant points nowhere.
    """
    cursor = ByteCursor(data, 8, order="big")
    count = cursor.number(2)
    pool: dict[int, tuple[int, bytes]] = {}
    index = 1
    while index < count:
        tag = cursor.number(1)
        if tag == _UTF8:
            pool[index] = (tag, cursor.take(cursor.number(2)))
        elif tag in (_CLASS, _STRING):
            pool[index] = (tag, cursor.take(2))
        elif tag in _REFERENCES or tag == _NAME_AND_TYPE:
            pool[index] = (tag, cursor.take(4))
        elif tag in _WIDTHS:
            cursor.take(_WIDTHS[tag])
        else:
            raise Malformed(f"a constant of the unknown kind {tag}", cursor.at)
        index += 2 if tag in _PAIRS else 1
    cursor.take(2)
    this_class = cursor.number(2)
    classes = [_class_name(pool, at) for at, (tag, _) in pool.items() if tag == _CLASS]
    strings = [_utf8(pool, _index(body)) for tag, body in pool.values() if tag == _STRING]
    return JavaNames(
        _class_name(pool, this_class),
        frozenset(_member(pool, body) for tag, body in pool.values() if tag in _REFERENCES),
        frozenset(classes),
        tuple(strings),
    )


def _member(pool: dict[int, tuple[int, bytes]], body: bytes) -> str:
    tag, named = pool.get(_index(body[2:]), (0, b""))
    if tag != _NAME_AND_TYPE:
        raise Malformed("a member without a name")
    return f"{_class_name(pool, _index(body))}.{_utf8(pool, _index(named))}"


def _class_name(pool: dict[int, tuple[int, bytes]], at: int) -> str:
    tag, body = pool.get(at, (0, b""))
    if tag != _CLASS:
        raise Malformed("a reference to no class")
    return _dotted(_utf8(pool, _index(body)))


def _utf8(pool: dict[int, tuple[int, bytes]], at: int) -> str:
    tag, body = pool.get(at, (0, b""))
    if tag != _UTF8:
        raise Malformed("a reference to no text")
    return body[:_NAME_BYTES].decode("utf-8", "backslashreplace")


def _index(body: bytes) -> int:
    return int.from_bytes(body[:2], "big")


def _dotted(name: str) -> str:
    """`java.lang.Runtime` for `java/lang/Runtime` and `Ljava/lang/Runtime;`."""
    name = name.lstrip("[")
    if name.startswith("L") and name.endswith(";"):
        name = name[1:-1]
    return name.replace("/", ".")


def read_dex(data: bytes) -> JavaNames:
    """Read the tables of a dex file.

    Raises:
        Malformed: a table lies outside of the file, or an entry points nowhere.
    """
    header = ByteCursor(data, 0x38)
    header.take(_DEX_HEADER - 0x38)
    strings: list[str] = []
    total = 0
    for (at,) in _table(data, 0x38, "4"):
        strings.append(_dex_string(data, at))
        total += len(strings[-1])
        if total > _TEXTS_CHARS:
            raise LimitReached(f"the texts of the dex file are more than {_TEXTS_CHARS:,} characters")
    types = [_dotted(_at(strings, index)[:_DEX_NAME]) for (index,) in _table(data, 0x40, "4")[:_CLASSES]]
    methods = frozenset(
        f"{_at(types, owner)}.{_at(strings, name)[:_DEX_NAME]}"
        for owner, _, name in _table(data, 0x58, "224")[:_CLASSES]
    )
    return JavaNames(_at(types, 0) if types else "", methods, frozenset(types), tuple(strings))


def _table(data: bytes, header: int, widths: str) -> list[tuple[int, ...]]:
    at = ByteCursor(data, header)
    count, offset = at.number(4), at.number(4)
    width = sum(map(int, widths))
    if count > _DEX_IDS or (count and offset + count * width > len(data)):
        raise Malformed("a table of the dex file lies outside of it", header)
    cursor = ByteCursor(data, offset)
    return [tuple(cursor.number(int(each)) for each in widths) for _ in range(count)]


def _dex_string(data: bytes, at: int) -> str:
    cursor = ByteCursor(data, at)
    cursor.leb128()
    end = data.find(b"\0", cursor.at, cursor.at + _TEXT_BYTES)
    if end < 0:
        raise Malformed("a text of the dex file has no end", at)
    return data[cursor.at : min(end, cursor.at + _NAME_BYTES)].decode("utf-8", "backslashreplace")


def _at(items: list[str], index: int) -> str:
    if index >= len(items):
        raise Malformed("an entry of the dex file points nowhere")
    return items[index]
