"""What is true at one place of a template: variables, the tests around it, what may still be spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from jinja2 import nodes

from weighbridge.formats.templates.facts import Condition
from weighbridge.formats.templates.recorder import Recorder
from weighbridge.formats.templates.values import Seen, merged

_MOST_NAMES: Final = 500
_MOST_CONDITIONS: Final = 16
_MOST_PIECES: Final = 200
_MOST_PIECE_CHARS: Final = 40_000
GAP: Final = "…"


@dataclass(slots=True)
class Scope:
    """State of a walk.

    Attributes:
        variables: by name; attributes of namespaces as `name.attribute`.
        fuel: nodes that may be walked again, for loops and macros that are followed.
        work: characters that folding may still make.
        repeats: how often the loops around this place run, as far as that is known.
        pieces: literal texts of the statement that is being walked; None outside of one that writes.
        captured: what was written so far in a block whose text becomes a value.
        adding_to: the variable that is being set; what it held before is not written again.
    """

    recorder: Recorder = field(default_factory=Recorder)
    variables: dict[str, Seen] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    begins_answer: bool = False
    fuel: int = 40_000
    work: int = 20_000_000
    repeats: int = 1
    loops: int = 0
    pieces: list[str] | None = None
    captured: list[Seen] | None = None
    adding_to: str = ""

    def assign(self, name: str, seen: Seen) -> None:
        """Set a variable; what was set under a telling test depends on it."""
        if name not in self.variables and len(self.variables) >= _MOST_NAMES:
            self.recorder.is_cut = True
            return
        self.variables[name] = self.under_tests(seen)

    def under_tests(self, seen: Seen) -> Seen:
        """The value, with what the tests around depend on."""
        telling = [one for one in self.conditions if one.words]
        if not telling:
            return seen
        about = seen.about.union(*(one.about for one in telling))
        words = dict.fromkeys((*seen.words, *(word for one in telling for word in one.words)))
        return replace(seen, about=about, words=tuple(words)[:32])

    @contextmanager
    def tested(self, test: nodes.Node, seen: Seen, *, failed: bool = False) -> Iterator[None]:
        """Walk what a test decides about, or what is left when it failed."""
        before = self.conditions, self.begins_answer
        outer = self.pieces
        if seen.about and len(self.conditions) < _MOST_CONDITIONS:
            self.conditions = (*self.conditions, self.recorder.condition(test, seen))
        if not failed and "add_generation_prompt" in (seen.root, *seen.chain):
            self.begins_answer = True
        if outer is not None:
            self.pieces = []
        try:
            yield
        finally:
            self._close(outer, test)
            self.conditions, self.begins_answer = before

    def _close(self, outer: list[str] | None, test: nodes.Node) -> None:
        """Text that an expression writes under a test of its own is written under that test."""
        inner, self.pieces = self.pieces, outer
        text = GAP.join(piece for piece in inner or () if piece)
        if outer is not None and text.strip(GAP):
            self.emit(text, test)
            self.piece(text)

    @contextmanager
    def writing(self, node: nodes.Node) -> Iterator[None]:
        """Walk a statement that writes or keeps text, and record its literal pieces as one emission."""
        before, self.pieces = self.pieces, []
        try:
            yield
        finally:
            pieces, self.pieces = self.pieces, before
            text = GAP.join(piece for piece in pieces or () if piece)
            if text.strip(GAP):
                self.emit(text, node)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Walk what is looked at, and not written."""
        before, self.pieces = self.pieces, None
        try:
            yield
        finally:
            self.pieces = before

    def piece(self, *texts: str) -> None:
        """Note literal texts of the statement around, if it writes."""
        if self.pieces is None:
            return
        chars = sum(map(len, texts)) + sum(map(len, self.pieces))
        if len(self.pieces) < _MOST_PIECES and chars <= _MOST_PIECE_CHARS:
            self.pieces.extend(texts)
        else:
            self.recorder.is_cut = True

    def emit(self, text: str, node: nodes.Node) -> None:
        """Record text that is written here."""
        self.recorder.emission(text, node, self.conditions, begins_answer=self.begins_answer)

    @contextmanager
    def capturing(self) -> Iterator[list[Seen]]:
        """Walk a block whose text becomes a value."""
        before, self.captured = self.captured, []
        try:
            yield self.captured
        finally:
            self.captured = before

    def uncertain(self) -> None:
        """Note that what is captured next may or may not be written."""
        if self.captured is not None:
            self.captured.append(Seen())

    def branch(self) -> dict[str, Seen]:
        """Return the variables as they are, for `join`."""
        return dict(self.variables)

    def join(self, others: list[dict[str, Seen]]) -> None:
        """Take the variables to be what they are now or after one of the other branches."""
        for other in others:
            for name, seen in other.items():
                mine = self.variables.get(name)
                if mine is None:
                    self.variables[name] = seen
                elif mine is not seen:
                    self.variables[name] = merged(mine, seen)
