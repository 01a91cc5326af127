"""Text in an object's state that its class runs as code: argument parsers of scipy's distributions.

`rv_generic.__setstate__` executes `_parse_arg_template` of the state that it is given. Honest files
carry the text that scipy itself fills in; anything else there runs when the pickle is loaded.
Source: scipy/stats/_distn_infrastructure.py `_attach_argparser_methods`, `parse_arg_template`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.callees import Callee, CalleeKind, Callees, text
from weighbridge.formats.pickle.trace import Build, Stream

_KEY = "_parse_arg_template"
_THROUGH = frozenset({"_reconstructor", "__newobj__", "__newobj_ex__"})
_TEMPLATE = re.compile(
    r"""
def _parse_args\(self, (?P<shapes>(?:[A-Za-z_]\w*, )*) (?P<given>loc=0(?:, scale=1)?)\):
    return \((?P=shapes)\), (?P<back>loc, (?:scale|1))

def _parse_args_rvs\(self, (?P=shapes) (?P=given), size=None\):
    return self\._argcheck_rvs\((?P=shapes) (?P=back), size=size\)

def _parse_args_stats\(self, (?P=shapes) (?P=given), moments='mv'\):
    return \((?P=shapes)\), (?P=back), moments
""",
    re.ASCII,
)


def forged_templates(stream: Stream, callees: Callees) -> Iterator[tuple[Build, str, str]]:
    """Yield each BUILD of a distribution with a state that scipy does not write: (build, class, why)."""
    builds = [build for build in stream.builds() if stream.opcode(build.target) in o.CALLS]
    suspects = [(build, _class_of(stream, callees, build.target)) for build in builds]
    of_scipy = [(build, made) for build, made in suspects if made.module.startswith("scipy.stats")]
    stream.record(build.state for build, _ in of_scipy)
    for build, made in of_scipy:
        why = _objection(stream, build.state)
        if why is not None:
            yield build, f"{made.module}.{made.name}", why


def _class_of(stream: Stream, callees: Callees, value: int) -> Callee:
    call = stream.call_at(value)
    assert call is not None
    made = callees.of(call)
    if made.kind is CalleeKind.IMPORT and made.name in _THROUGH:
        stream.record([value if call.arguments is None else call.arguments])
        given = callees.arguments(call)
        return callees.value(given[0]) if given else made
    return made


def _objection(stream: Stream, state: int) -> str | None:
    if stream.opcode(state) not in o.DICTS:
        items = stream.items(state) if stream.opcode(state) in o.TUPLES else ()
        return None if _is_old(stream, items) else "its state is not a dictionary"
    items = stream.items(state)
    for key, value in zip(items[::2], items[1::2], strict=False):
        name = text(stream, key)
        if name is None:
            return "its state has a name that is computed"
        if name == _KEY and not _TEMPLATE.fullmatch(text(stream, value) or ""):
            return f"its {_KEY} is run as code, and is not what scipy writes"
    return None


def _is_old(stream: Stream, items: tuple[int, ...]) -> bool:
    """(constructor's parameters, random state), as scipy wrote before it stored the text.

    Later releases hand any state to `dict.update`, which takes a sequence of pairs as well: a
    dictionary of two keys there is a name and its value.
    """
    if len(items) != 2 or stream.opcode(items[0]) not in o.DICTS:
        return False
    return len(stream.items(items[0])) // 2 > 2
