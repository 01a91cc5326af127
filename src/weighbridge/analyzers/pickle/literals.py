"""The literals among the arguments of a call in a pickle, read as the programs that they may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from weighbridge.formats.pickle import opcodes as o
from weighbridge.formats.pickle.literals import NotLiteral
from weighbridge.formats.pickle.trace import Call, Stream
from weighbridge.formats.scripts.facts import Argument, Item, ScriptFacts, Unknown
from weighbridge.formats.scripts.layers import PeelBudget, as_text, looks_like_code, peel
from weighbridge.formats.scripts.programs import read_program
from weighbridge.formats.scripts.python_source import read_python
from weighbridge.knowledge.callables import Capability
from weighbridge.knowledge.payload_programs import Blob, layered, read_command

_REACHED = 400
_CUT_BYTES = 1 << 20
"""Literals of this length and more are cut where they are decoded."""
_PROGRAMS = 20
_TEXT_CHARS = 4 << 20
"""Of one stream, that are read as programs."""

Read = tuple[tuple[ScriptFacts, ...], tuple[Blob, ...]]
Capabilities = frozenset[Capability]


class Literals:
    """Reads literals of one stream. The containers that are asked for must have been recorded."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._budget = PeelBudget()
        self._is_cut = False
        self._left = _TEXT_CHARS

    @property
    def is_cut(self) -> bool:
        """True once a limit left something unread."""
        return self._is_cut or self._budget.is_crossed

    def given(self, call: Call, capabilities: Capabilities) -> Read:
        """Programs among the arguments of a call that runs them itself."""
        values = self._items(call.arguments)
        arguments = [self._argument(value) for value in values]
        found: list[ScriptFacts] = []
        if Capability.EXECUTES_CODE in capabilities:
            found += self._python(arguments)
        elif Capability.SPAWNS_PROCESS in capabilities:
            found += read_command(arguments)
        rest = [value for value in (*values, call.keywords) if value is not None]
        buried, blobs = self.buried(rest, frozenset())
        return self._distinct((*found, *buried)), blobs

    def buried(self, values: Iterable[int], capabilities: Capabilities) -> Read:
        """Programs anywhere below the values, behind encodings too; words alone are none."""
        found: list[ScriptFacts] = []
        blobs: list[Blob] = []
        runs = bool(capabilities & {Capability.EXECUTES_CODE, Capability.SPAWNS_PROCESS})
        for value in self.reachable(values):
            literal = self._literal(value)
            if not isinstance(literal, (str, bytes)):
                continue
            text = literal if isinstance(literal, str) else as_text(literal)
            if text is not None and looks_like_code(text):
                found.append(read_program(text))
            elif text is not None and runs and self._is_argument_word(text):
                found += read_command([text])
            for peeled in peel(literal, self._budget):
                if isinstance(peeled.content, bytes):
                    blobs.append(Blob(peeled.layers, peeled.content))
                elif looks_like_code(peeled.content):
                    found.append(layered(read_program(peeled.content), peeled.layers))
        return self._distinct(found), tuple(blobs)

    def reachable(self, values: Iterable[int]) -> list[int]:
        """The values, and what they hold or were made from; at most 400."""
        seen: dict[int, None] = {}
        pending = list(values)
        while pending:
            value = pending.pop()
            if value < 0 or value in seen:
                continue
            if len(seen) >= _REACHED:
                self._is_cut = True
                break
            seen[value] = None
            pending.extend(reversed(self._below(value)))
        return list(seen)

    def _below(self, value: int) -> list[int]:
        if self._stream.opcode(value) in o.CONTAINERS:
            return self._items(value)
        call = self._stream.call_at(value)
        if call is None:
            return []
        own = self._items(value) if call.arguments == call.offset else []
        return [
            *own,
            *(one for one in (call.callee, call.arguments, call.keywords) if one not in (None, value)),
        ]

    def _items(self, value: int | None) -> list[int]:
        if value is None:
            return []
        items = self._stream.items(value)
        if len(items) > _REACHED:
            self._is_cut = True
        return list(islice(items, _REACHED))

    def _python(self, arguments: list[Argument]) -> Iterator[ScriptFacts]:
        """Source is given first; a further argument is source only when it looks like it."""
        for number, value in enumerate(arguments):
            text = as_text(value) if isinstance(value, bytes) else value
            if isinstance(text, str) and type(text) is str and (number == 0 or looks_like_code(text)):
                yield read_python(text)

    def _argument(self, value: int) -> Argument:
        if self._stream.opcode(value) in o.CONTAINERS:
            return tuple(self._literal(item) for item in self._items(value))
        return self._literal(value)

    def _literal(self, value: int) -> Item:
        try:
            found = self._stream.literal_at(value)
        except NotLiteral:
            return Unknown.COMPUTED
        if isinstance(found, (str, bytes, bytearray)):
            self._left -= len(found)
            self._is_cut = self._is_cut or len(found) >= _CUT_BYTES
            if self._left < 0:
                self._is_cut = True
                return Unknown.COMPUTED
        return bytes(found) if isinstance(found, bytearray) else found

    def _is_argument_word(self, text: str) -> bool:
        """`partial(os.system, "id")`: one short line may be a command, however plain it is."""
        return 0 < len(text) <= 200 and "\n" not in text

    def _distinct(self, found: Iterable[ScriptFacts]) -> tuple[ScriptFacts, ...]:
        """Without repeats by text; of equal ones, the one whose layers are known."""
        kept: dict[str, ScriptFacts] = {}
        for facts in found:
            if facts.text not in kept or facts.layers:
                kept[facts.text] = facts
        if len(kept) > _PROGRAMS:
            self._is_cut = True
        return tuple(islice(kept.values(), _PROGRAMS))
