"""Whether a pickle may carry code at all: most do not, and then no reader of code is loaded."""

from __future__ import annotations

from weighbridge.formats.pickle.trace import Import, Stream

_TRACES = ("marshal", "CodeType", "_create_code", "_builtin_type", "_load_type", "_make_function")
"""A pickle that has none of these in the name of an import makes code in no way that we know."""


def may_make_code(stream: Stream) -> bool:
    """True where an import makes code, loads it, or has a name that can't be told."""
    return any(_is_trace(found) for found in stream.imports())


def _is_trace(found: Import) -> bool:
    if found.module is None or found.name is None:
        return True
    name = f"{found.module}.{found.name}"
    return name == "new.code" or any(trace in name for trace in _TRACES)
