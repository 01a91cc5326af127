"""Functions and methods that turn literals into literals, written out: no object's own code runs."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable

from weighbridge.formats.scripts.fold_values import Refused, Spending, Value
from weighbridge.formats.scripts.layers import inflate

_FIELD = re.compile(r"\{(\d*)\}")
_PERCENT = re.compile(r"%([sdc%])")
_TEXT_CODECS = frozenset({"utf8", "ascii", "latin1", "iso88591", "utf16", "utf32", "cp1252", "cp437"})
_INTEGER_BITS = 4096

Function = Callable[[tuple[Value, ...], Spending], Value]
Method = Callable[[Value, tuple[Value, ...], Spending], Value]


def _raw(value: Value) -> bytes:
    """Bytes, or the ASCII text that decoders take as well."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str) and value.isascii():
        return value.encode()
    raise Refused


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise Refused


def _integer(value: Value) -> int:
    if isinstance(value, int) and value.bit_length() <= _INTEGER_BITS:
        return value
    raise Refused


def _first(given: tuple[Value, ...]) -> Value:
    if not given:
        raise Refused
    return given[0]


def _decoder(decode: Callable[[bytes], bytes]) -> Function:
    def call(given: tuple[Value, ...], spending: Spending) -> Value:
        raw = _raw(_first(given))
        try:
            return decode(raw)
        except ValueError as error:
            raise Refused from error

    return call


def _decompressor(name: str) -> Function:
    def call(given: tuple[Value, ...], spending: Spending) -> Value:
        window = given[1] if len(given) > 1 else None
        raw = window is not None and isinstance(window, int) and window < 0
        made = inflate(_raw(_first(given)), spending.bytes, name="deflate" if raw else name)
        if made is None:
            raise Refused
        return made

    return call


def _padded(decode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda raw: decode(raw + b"=" * (-len(raw) % 4))


def _chr(given: tuple[Value, ...], spending: Spending) -> Value:
    code = _integer(_first(given))
    if not 0 <= code <= 0x10FFFF:
        raise Refused
    return chr(code)


def _ord(given: tuple[Value, ...], spending: Spending) -> Value:
    value = _first(given)
    if isinstance(value, (str, bytes)) and len(value) == 1:
        return ord(value)
    raise Refused


def _str(given: tuple[Value, ...], spending: Spending) -> Value:
    value = _first(given)
    if isinstance(value, bytes) and len(given) > 1:
        return _decode(value, given[1:], spending)
    if isinstance(value, (str, int)):
        return value if isinstance(value, str) else str(_integer(value))
    raise Refused


def _bytes(given: tuple[Value, ...], spending: Spending) -> Value:
    value = _first(given)
    if isinstance(value, str) and len(given) > 1:
        return _encode(value, given[1:], spending)
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):
        codes = [item for item in value if isinstance(item, int) and 0 <= item < 256]
        if len(codes) == len(value):
            return bytes(codes)
    raise Refused


def _int(given: tuple[Value, ...], spending: Spending) -> Value:
    value, *rest = given or (None,)
    base = _integer(rest[0]) if rest else 10
    if isinstance(value, (str, bytes)) and len(value) <= 1000 and (base == 0 or 2 <= base <= 36):
        try:
            return int(value, base)
        except ValueError as error:
            raise Refused from error
    return _integer(value)


def _turned(given: tuple[Value, ...], spending: Spending) -> Value:
    value = _first(given)
    if isinstance(value, (str, bytes, tuple)):
        return tuple(value[::-1])
    raise Refused


def _listed(given: tuple[Value, ...], spending: Spending) -> Value:
    value = _first(given)
    if isinstance(value, (str, bytes, tuple)):
        return tuple(value)
    raise Refused


def _range(given: tuple[Value, ...], spending: Spending) -> Value:
    bounds = [_integer(value) for value in given]
    if not 1 <= len(bounds) <= 3 or (len(bounds) == 3 and bounds[2] == 0):
        raise Refused
    made = range(*bounds)
    if max(map(abs, bounds)) > 1 << 31:
        raise Refused
    spending.need(len(made))
    return tuple(made)


def _zip(given: tuple[Value, ...], spending: Spending) -> Value:
    columns = [value for value in given if isinstance(value, (str, bytes, tuple))]
    if len(columns) != len(given):
        raise Refused
    spending.need(sum(len(column) for column in columns))
    return tuple(tuple(row) for row in zip(*columns, strict=False))


def _codec(given: tuple[Value, ...], spending: Spending) -> Value:
    return _decode(_first(given), given[1:], spending)


def _decode(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    name = _codec_name(given)
    if name == "rot13":
        return codecs.encode(_text(value), "rot13")
    if name in _BINARY_CODECS:
        return _BINARY_CODECS[name]((value,), spending)
    if isinstance(value, str):
        raise Refused
    return _converted(lambda: str(_raw(value), name, "strict"))


def _encode(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    name = _codec_name(given)
    if name == "rot13":
        return codecs.encode(_text(value), "rot13")
    if name not in _TEXT_CODECS:
        raise Refused
    spending.need(4 * len(_text(value)))
    return _converted(lambda: _text(value).encode(name))


def _codec_name(given: tuple[Value, ...]) -> str:
    name = re.sub(r"[-_ ]", "", _text(given[0]).lower()) if given else "utf8"
    if name in _TEXT_CODECS or name in _BINARY_CODECS or name == "rot13":
        return name
    raise Refused


def _converted(convert: Callable[[], str | bytes]) -> str | bytes:
    try:
        return convert()
    except (ValueError, LookupError) as error:
        raise Refused from error


def _join(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    items = _first(given)
    if not isinstance(items, (str, tuple)):
        raise Refused
    size = sum(len(item) for item in items if isinstance(item, (str, bytes)))
    if isinstance(value, (str, bytes)):
        spending.need(size + len(value) * len(items))
    if isinstance(value, str):
        return value.join([_text(item) for item in items])
    if isinstance(value, bytes):
        return value.join([item for item in items if isinstance(item, bytes)])
    raise Refused


def _replace(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    if isinstance(value, str) and len(given) == 2:
        old, new = _text(given[0]), _text(given[1])
        spending.need(len(value) + len(new) * (value.count(old) if old else len(value) + 1))
        return value.replace(old, new)
    raise Refused


def _split(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    separator = _text(given[0]) if given else None
    if separator == "":
        raise Refused
    return tuple(_text(value).split(separator))


def _format(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    text = _text(value)
    if _FIELD.sub("", text.replace("{{", "").replace("}}", "")).count("{"):
        raise Refused
    left = iter(range(len(given)))

    def put(match: re.Match[str]) -> str:
        at = int(match[1][:4]) if match[1] else next(left, len(given))
        if at >= len(given):
            raise Refused
        piece = _shown(given[at])
        spending.need(len(piece))
        return piece

    return _FIELD.sub(put, text)


def _percent(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    text = _text(value)
    if "%" in _PERCENT.sub("", text):
        raise Refused
    left = iter(given)

    def put(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        item = next(left, None)
        piece = (
            str(_chr((item,), spending)) if match[1] == "c" and isinstance(item, int) else _shown(item)
        )
        spending.need(len(piece))
        return piece

    return _PERCENT.sub(put, text)


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else str(_integer(value))


def _stripped(change: Callable[[str], str]) -> Method:
    return lambda value, given, spending: change(_text(value))


def _hexed(value: Value, given: tuple[Value, ...], spending: Spending) -> Value:
    if isinstance(value, bytes):
        return value.hex()
    raise Refused


_unhex = _decoder(lambda raw: binascii.unhexlify(re.sub(rb"\s", b"", raw)))
_base64 = _decoder(_padded(base64.b64decode))
_BINARY_CODECS: dict[str, Function] = {
    "hex": _unhex,
    "hexcodec": _unhex,
    "base64": _base64,
    "base64codec": _base64,
    "zlib": _decompressor("zlib"),
    "zip": _decompressor("zlib"),
    "zlibcodec": _decompressor("zlib"),
    "bz2": _decompressor("bz2"),
    "bz2codec": _decompressor("bz2"),
}
CALLS: dict[str, Function] = {
    "chr": _chr,
    "unichr": _chr,
    "ord": _ord,
    "str": _str,
    "bytes": _bytes,
    "bytearray": _bytes,
    "int": _int,
    "list": _listed,
    "tuple": _listed,
    "reversed": _turned,
    "range": _range,
    "zip": _zip,
    "bytes.fromhex": _unhex,
    "bytearray.fromhex": _unhex,
    "binascii.unhexlify": _unhex,
    "binascii.a2b_hex": _unhex,
    "binascii.a2b_base64": _base64,
    "base64.b64decode": _base64,
    "base64.standard_b64decode": _base64,
    "base64.decodebytes": _base64,
    "base64.decodestring": _base64,
    "base64.urlsafe_b64decode": _decoder(_padded(base64.urlsafe_b64decode)),
    "base64.b32decode": _decoder(base64.b32decode),
    "base64.b16decode": _decoder(base64.b16decode),
    "base64.b85decode": _decoder(base64.b85decode),
    "base64.a85decode": _decoder(base64.a85decode),
    "zlib.decompress": _decompressor("zlib"),
    "gzip.decompress": _decompressor("gzip"),
    "bz2.decompress": _decompressor("bz2"),
    "lzma.decompress": _decompressor("lzma"),
    "codecs.decode": _codec,
    "codecs.encode": lambda given, spending: _encode(_first(given), given[1:], spending),
    "os.path.expanduser": lambda given, spending: _text(_first(given)),
    "os.path.join": lambda given, spending: "/".join([_text(item) for item in given]),
    "str.join": lambda given, spending: _join(_first(given), given[1:], spending),
    "bytes.decode": lambda given, spending: _decode(_first(given), given[1:], spending),
}
"""By resolved name. Each takes positional values and raises Refused for what it does not take."""
METHODS: dict[str, Method] = {
    "decode": _decode,
    "encode": _encode,
    "join": _join,
    "replace": _replace,
    "split": _split,
    "format": _format,
    "%": _percent,
    "strip": _stripped(str.strip),
    "lstrip": _stripped(str.lstrip),
    "rstrip": _stripped(str.rstrip),
    "lower": _stripped(str.lower),
    "upper": _stripped(str.upper),
    "swapcase": _stripped(str.swapcase),
    "title": _stripped(str.title),
    "hex": _hexed,
}
"""By attribute name, on a literal."""
