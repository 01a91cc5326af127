"""One hit for each rule about pickles, and beside it the nearest thing that honest files hold."""

from __future__ import annotations

from samples.recipes.assembler import (
    BENIGN,
    BINPERSID,
    EMPTY_LIST,
    EMPTY_TUPLE,
    FALSE,
    MARKER,
    NONE,
    PAYLOAD,
    POP,
    STOP,
    TRUE,
    build,
    call,
    data,
    dict_of,
    frame,
    global_line,
    integer,
    list_of,
    name,
    new,
    proto,
    stream,
    string8,
    text,
    tuple_of,
)

_ORDERED = name("collections", "OrderedDict")
_SYSTEM = name("posix", "system")
_NAMESPACE = call(name("types", "SimpleNamespace"))


def rule_hits() -> dict[str, tuple[bytes, bytes]]:
    """File name -> (hit, near miss)."""
    pickles = {**_callables(), **_forms()}
    picture = b"\x89PNG\r\n\x1a\n" + bytes(32)
    return {f"{title}.pkl": pair for title, pair in pickles.items()} | {
        "pkl060-named-picture.png": (stream(dict_of(("pixels", data(bytes(16))))), picture)
    }


def _called(module: str, qualname: str, *items: bytes) -> bytes:
    return stream(call(name(module, qualname), *items))


def _callables() -> dict[str, tuple[bytes, bytes]]:
    """PKL001 to PKL025: what is imported and called. Other hits of these are among the evasions."""
    return {
        "pkl001-exec": (
            _called("builtins", "exec", text("print('weighbridge-marker')")),
            _called("builtins", "range", integer(3)),
        ),
        "pkl002-system": (stream(PAYLOAD.call), stream(BENIGN.call)),
        "pkl003-native-library": (
            _called("ctypes", "CDLL", text("./weighbridge-marker.so")),
            _called("array", "array", text("b"), list_of(integer(1))),
        ),
        "pkl004-connection": (
            _called("socket", "create_connection", tuple_of(text("example.invalid"), integer(443))),
            _called("ipaddress", "IPv4Address", text("192.0.2.1")),
        ),
        "pkl005-file": (
            _called("_io", "open", text("weighbridge-marker")),
            _called("pathlib", "PosixPath", text("weighbridge-marker")),
        ),
        "pkl006-resolver": (
            _called("pkgutil", "resolve_name", text("weighbridge_marker:run")),
            stream(list_of(text("pkgutil"), text("resolve_name"))),
        ),
        "pkl007-nested-computed": (
            _called("pickle", "loads", call(name("weighbridge_marker", "fetch"))),
            _called("pickle", "loads", data(stream(BENIGN.call))),
        ),
        "pkl008-attribute": (
            _called("builtins", "getattr", _ORDERED, text("__globals__")),
            _called("builtins", "getattr", _ORDERED, text("move_to_end")),
        ),
        "pkl008-attribute-stored": (
            _called("operator", "attrgetter", text("__globals__")),
            _called("operator", "attrgetter", text("name")),
        ),
        "pkl009-thread": (
            _called("threading", "Thread"),
            _called("datetime", "timedelta", integer(1)),
        ),
        "pkl010-installer": (
            _called("pip", "main", list_of(text("--version"))),
            stream(list_of(text("pip"), text("main"), text("--version"))),
        ),
        "pkl011-scanner": (
            _called("fickling.hook", "deactivate_safe_ml_environment"),
            stream(dict_of(("scanned_by", text("fickling")))),
        ),
        "pkl012-credentials": (
            _called("boto3", "client", text("s3")),
            _called("pathlib", "PurePosixPath", text("s3/bucket")),
        ),
        "pkl013-glue": (
            _called("builtins", "map", name("builtins", "print"), list_of(text(MARKER))),
            _called("functools", "partial", name("builtins", "dict")),
        ),
        "pkl014-by-its-source": (
            _called("optparse", "Values.read_file", dict_of(), text("weighbridge-marker.py")),
            _called("argparse", "Namespace"),
        ),
        "pkl015-dtype-without-flags": (stream(_dtype_of_objects(0)), stream(_dtype_of_objects(63))),
        "pkl016-array-interface": (
            stream(build(_NAMESPACE, dict_of(("__array_interface__", dict_of())))),
            stream(build(_NAMESPACE, dict_of(("array_interface", dict_of())))),
        ),
        "pkl020-imported-only": (
            stream(dict_of(("hook", _SYSTEM))),
            stream(dict_of(("hook", name("builtins", "print")))),
        ),
        "pkl021-standard-library": (
            _called("math", "sqrt", integer(4)),
            _called("builtins", "complex", integer(4), integer(0)),
        ),
        "pkl022-unknown-called": (
            _called("weighbridge_marker.layers", "Attention"),
            _called("argparse", "Namespace"),
        ),
        "pkl023-unknown-imported": (
            stream(dict_of(("kind", name("weighbridge_marker.layers", "Attention")))),
            stream(dict_of(("kind", name("torch.nn.modules.linear", "Linear")))),
        ),
        "pkl024-main": (
            stream(build(new(name("__main__", "Model")), dict_of(("depth", integer(2))))),
            stream(build(new(name("torch.nn.modules.linear", "Linear")), dict_of(("bias", b"\x88")))),
        ),
        "pkl025-recognised": (
            stream(new(name("sklearn.linear_model._base", "LinearRegression"))),
            stream(dict_of(("kind", text("sklearn.linear_model._base.LinearRegression")))),
        ),
    }


def _forms() -> dict[str, tuple[bytes, bytes]]:
    """PKL040 to PKL051: how the bytes are odd. Most other hits of these are among the evasions."""
    state = dict_of(("epoch", integer(3)))
    return {
        "pkl041-cut": (stream(state)[:-4], stream(state)),
        "pkl042-text-behind": (stream(state) + b"Here ends the model.\n" * 3, stream(state) + bytes(64)),
        "pkl045-frame-too-long": (proto(4) + frame(state, 4096) + STOP, proto(4) + frame(state + STOP)),
        "pkl045-frame-nested": (
            proto(4) + frame(frame(state) + STOP),
            proto(4) + frame(EMPTY_LIST + POP) + frame(state + STOP),
        ),
        "pkl045-stop-in-frame": (
            proto(4) + frame(state + STOP + bytes(8)),
            proto(4) + frame(state + STOP),
        ),
        "pkl047-protocol-again": (
            stream(proto(4), state, protocol=2),
            stream(state, protocol=2) + stream(state, protocol=4),
        ),
        "pkl048-name-not-text": (
            stream(b"ccoll\xffections\nOrderedDict\n", POP, state, protocol=2),
            stream(global_line("collections", "OrderedDict"), POP, state, protocol=2),
        ),
        "pkl048-name-not-ascii": (
            "(i\u0441ollections\nOrderedDict\n".encode() + STOP,
            b"(icollections\nOrderedDict\n" + STOP,
        ),
        "pkl050-persistent-id": (
            stream(tuple_of(text("plugin"), text("https://example.invalid/marker")), BINPERSID),
            stream(_storage(), BINPERSID, protocol=2),
        ),
        "pkl050-persistent-line": (b"Pplugin\n.", stream(string8("Pplugin"), protocol=1)),
        "pkl051-behind-zeros": (
            stream(state) + bytes(64) + stream(name("collections", "OrderedDict"), EMPTY_TUPLE, b"R"),
            stream(state) + bytes(64) + stream(state),
        ),
    }


def _dtype_of_objects(flags: int) -> bytes:
    made = call(name("numpy", "dtype"), text("O8"), FALSE, TRUE)
    sizes = (integer(-1), integer(-1), integer(flags))
    return build(made, tuple_of(integer(3), text("|"), NONE, NONE, NONE, *sizes))


def _storage() -> bytes:
    kind = global_line("torch", "FloatStorage")
    return tuple_of(text("storage"), kind, text("0"), text("cpu"), integer(1))
