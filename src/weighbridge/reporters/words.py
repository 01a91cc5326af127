"""Numbers with units, and text from the target made harmless for a terminal.

Law: what `printable` returns holds no character that moves the cursor, changes a colour, reverses
the reading direction or can't be seen.
"""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_FILLERS = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_SELECTORS = (0x180B, 0x180C, 0x180D, 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_INVISIBLE = frozenset((*_FILLERS, *_SELECTORS))
"""Letters and marks that Unicode calls printable and that show nothing: fillers, joiners,
variation selectors, the blank Braille pattern.

Source: Unicode DerivedCoreProperties, Default_Ignorable_Code_Point.
"""


def size(size_bytes: int) -> str:
    """`1 byte`, `412 kB`, `6.2 GB`: powers of 1000, two digits below ten."""
    if size_bytes < 1000:
        return count(size_bytes, "byte")
    value = float(size_bytes)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
        value /= 1000
    raise AssertionError("the last unit always returns")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `1,204 files`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """`0.2 s`, `48 s`, `12 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"


def printable(text: str) -> str:
    r"""Escape whatever is not plainly visible: `\x1b`, `\n`, `\u202e`, `\udc80`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() and ord(char) not in _INVISIBLE


def _escaped(char: str) -> str:
    code = ord(char)
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    if named:
        return named
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shortened(text: str, width: int) -> str:
    """Cut in the middle, so that both ends of a name stay, to at most `width` characters."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def first_sentence(text: str) -> str:
    """The text up to the first full stop that ends a sentence."""
    for index, char in enumerate(text):
        rest = text[index + 1 : index + 3]
        if char in ".!?" and len(rest) == 2 and rest[0] == " " and not rest[1].islower():
            return text[: index + 1]
    return text
