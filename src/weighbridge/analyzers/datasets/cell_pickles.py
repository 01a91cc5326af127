"""Find pickles in the cells of a table: bare, as base64, deflated, or as a NumPy array of objects.

A pickle that imports nothing builds plain data: it is counted. One that imports something goes to
the engine as a nested artifact, so it is judged like any other.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

from weighbridge.core.limits import MIB
from weighbridge.formats.pickle.reader import as_indexable, is_plausible, read_one
from weighbridge.formats.pickle.trace import Halt

_LARGEST: Final = 16 * MIB
_INFLATED: Final = 1 * MIB
_EVENTS: Final = 10_000
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_HEADLESS: Final = re.compile(rb"\(?[ci][A-Za-z_][\w.]{0,200}\n[A-Za-z_][\w.]{0,200}\n")
_HEADLESS_TEXT: Final = re.compile(_HEADLESS.pattern.decode("ascii"), re.ASCII)
_BASE64: Final = re.compile(r"\s*gA[I-X][A-Za-z0-9+/_-]{8}")
_NUMPY: Final = b"\x93NUMPY"
_OBJECT_DTYPE: Final = re.compile(rb"'descr': .{0,4}[|<>=]?O")


def pickle_in_bytes(value: bytes) -> bytes | None:
    """Return the pickle that a binary cell is or unpacks to; None when there is none."""
    if value[:1] == b"\x80" or _HEADLESS.match(value):
        return _whole(value)
    if value[:2] == b"\x1f\x8b" or (value[:1] == b"\x78" and value[1:2] in b"\x01\x5e\x9c\xda"):
        return _inflated(value)
    if value[:6] == _NUMPY and _OBJECT_DTYPE.search(value[:256]):
        return value[:_LARGEST]
    if value[:2] == b"gA" and len(value) <= _LARGEST:
        return pickle_in_text(value.decode("latin-1"))
    return None


def pickle_in_text(value: str) -> bytes | None:
    """Return the pickle that a cell of text is (protocol 0) or holds as base64, None without one."""
    if _HEADLESS_TEXT.match(value):
        return _whole(value.encode("utf-8", "backslashreplace"))
    if _BASE64.match(value) is None or len(value) > _LARGEST:
        return None
    text = value.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return _whole(base64.b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None


def imports_something(pickled: bytes) -> bool:
    """True when loading it imports a name (or when it is an array of objects: that is not known)."""
    if pickled[:6] == _NUMPY:
        return True
    return any(True for _ in read_one(as_indexable(pickled), 0, max_events=_EVENTS).imports())


def _whole(value: bytes) -> bytes | None:
    """The bytes, when they begin as a pickle that ends or imports something."""
    has_header = _PICKLE.match(value) is not None
    if (not has_header and _HEADLESS.match(value) is None) or len(value) > _LARGEST:
        return None
    stream = read_one(as_indexable(value), 0, max_events=_EVENTS)
    # Two words on two lines may read as an import; text does not go on to a whole pickle.
    if not is_plausible(stream) or (not has_header and stream.halt is not Halt.STOP):
        return None
    is_named = any(True for _ in stream.imports())
    return value if is_named or (stream.halt is Halt.STOP and stream.stop >= len(value) - 16) else None


def _inflated(value: bytes) -> bytes | None:
    stream = zlib.decompressobj(47)  # zlib or gzip, as the header says
    try:
        return _whole(stream.decompress(value[:_LARGEST], _INFLATED))
    except zlib.error:
        return None
