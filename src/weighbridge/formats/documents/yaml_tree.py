"""YAML as a tree of plain values, with the tags that would make a loader build something else.

Layout: a stream of documents, each a tree of mappings, sequences and scalars. A tag
(`!!python/object/apply:os.system`) tells a loader what to make of a node; here it is written down
and never obeyed. An alias (`*name`) repeats a node that an anchor (`&name`) has marked: it is
shared in memory, and counted as often as whoever walks the tree will meet it.

Only PyYAML's events are used, those of its pure Python parser: the one in C keeps its nesting on
the machine's stack.

Source: YAML 1.1 and 1.2 specifications; PyYAML's `resolver.py` for the meaning of plain scalars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json

LARGEST_BYTES = 4 * MIB
"""The pure Python parser reads some 100 KB a second."""

_MAX_DEPTH = 200
_MAX_NODES = 1_000_000
_MAX_DOCUMENTS = 10_000
_MAX_TAGS = 10_000
_EVENTS_BETWEEN_CHECKS = 4_096
_CORE = "tag:yaml.org,2002:"
_PLAIN = ("str", "null", "bool", "int", "float", "seq", "map", "set", "omap", "pairs", "binary")
_PLAIN_TAGS = frozenset(_CORE + name for name in (*_PLAIN, "timestamp", "merge", "value"))
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,40}\.[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,4})?\Z")


@dataclass(frozen=True, slots=True)
class YamlTag:
    """A tag that is not of the core schema.

    Attributes:
        tag: in full, without the prefix of the YAML authors: `python/name:os.system`.
        is_core: the prefix was there (`!!python/name`), unlike that of a local tag (`!Ref`).
        place: where the node is, as a JSON pointer.
        scalar: the node's text; None for mappings and sequences.
        document: number of the document, from 0.
        line: from 1.
    """

    tag: str
    is_core: bool
    place: str
    scalar: str | None
    document: int
    line: int


@dataclass(frozen=True, slots=True)
class YamlStream:
    """What a text is, read as YAML.

    Attributes:
        documents: of two equal keys the last, as PyYAML has it.
        tags: at most 10,000.
        duplicate_keys: places of keys that a mapping has twice, at most 1,000.
        alias_nodes: nodes that aliases repeat, over the whole stream.
        recursive: places of aliases to a node that they are in; None stands there.
        broken: what ended the reading before the end; what is above was read before it.
    """

    documents: tuple[Json, ...]
    tags: tuple[YamlTag, ...]
    duplicate_keys: tuple[str, ...]
    alias_nodes: int
    recursive: tuple[str, ...]
    broken: Malformed | LimitReached | None


def decode_yaml_bytes(data: bytes) -> str:
    """Return the text as a YAML loader decodes it; bytes that no encoding fits as Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_yaml(text: str, *, check: Callable[[], None] = lambda: None) -> YamlStream:
    """Read every document of a text. Errors do not undo what was read before them.

    Args:
        text: one or more documents.
        check: called now and then; may raise LimitReached, which ends in `broken`.
    """
    builder = _Builder()
    try:
        for number, event in enumerate(_events(text)):
            if number % _EVENTS_BETWEEN_CHECKS == 0:
                check()
            builder.take(event)
    except (Malformed, LimitReached) as error:
        return builder.result(error)
    return builder.result(None)


def _events(text: str) -> Iterator[object]:
    import yaml  # slow to load, and most scans meet no YAML

    if len(text) > LARGEST_BYTES:
        raise LimitReached(f"{len(text):,} characters of YAML; up to {LARGEST_BYTES:,} are read")
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        reason = f"not YAML: {error.problem or error.context or 'broken'}"
        raise Malformed(reason[:200], mark.index if mark is not None else 0) from None
    except yaml.YAMLError as error:
        raise Malformed(f"not YAML: {str(error).partition(chr(10))[0][:200]}") from None
    except (ValueError, OverflowError, IndexError) as error:
        # \UFFFFFFFF, %YAML 1.999...: PyYAML hands these to int() and chr() without a look.
        raise Malformed(f"not YAML: {str(error)[:100]}") from None


@dataclass(slots=True)
class _Frame:
    """A mapping or sequence that is being read."""

    anchor: str | None
    place: str
    entries: list[tuple[str, Json]] | None
    """Pairs of a mapping; None for a sequence."""
    items: list[Json]
    merges: list[Json] = field(default_factory=list)
    key: str | None = None
    awaits_value: bool = False
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Json
    nodes: int


@dataclass(slots=True)
class _Builder:
    """Builds the tree from events, with a stack of its own."""

    documents: list[Json] = field(default_factory=list)
    tags: list[YamlTag] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    recursive: list[str] = field(default_factory=list)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    open_anchors: set[str] = field(default_factory=set)
    stack: list[_Frame] = field(default_factory=list)
    nodes: int = 0
    alias_nodes: int = 0

    def take(self, event: object) -> None:
        import yaml

        match event:
            case yaml.ScalarEvent():
                self._tag(event, event.value)
                plain = bool(event.implicit[0]) and event.style is None
                value = _scalar(event.value) if plain else event.value
                self._close(event.value, value, event.anchor, 1)
            case yaml.MappingStartEvent():
                self._open(event, entries=[])
            case yaml.SequenceStartEvent():
                self._open(event, entries=None)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._alias(event.anchor or "")
            case yaml.DocumentStartEvent():
                self.anchors.clear()
                self.open_anchors.clear()
            case _:
                pass

    def result(self, broken: Malformed | LimitReached | None) -> YamlStream:
        self._finish_open()
        return YamlStream(
            tuple(self.documents),
            tuple(self.tags),
            tuple(self.duplicates),
            self.alias_nodes,
            tuple(self.recursive),
            broken,
        )

    def _finish_open(self) -> None:
        """Close what a broken stream has left open, so that the half that was read can be seen."""
        self.nodes = -_MAX_NODES  # all of it has been counted; what is closed here adds less than that
        if len(self.documents) >= _MAX_DOCUMENTS:
            self.stack.clear()
        while self.stack:
            frame = self.stack[-1]
            if frame.awaits_value:
                self._put(None, "")
            self._end()

    def _place(self) -> str:
        if not self.stack:
            return ""
        frame = self.stack[-1]
        if frame.entries is None:
            return f"{frame.place}/{len(frame.items)}"
        return f"{frame.place}/{frame.key}" if frame.awaits_value else f"{frame.place}/?"

    def _tag(self, event: object, scalar: str | None) -> None:
        tag = getattr(event, "tag", None)
        if tag is None or tag == "!" or tag in _PLAIN_TAGS or len(self.tags) >= _MAX_TAGS:
            return
        mark = getattr(event, "start_mark", None)
        self.tags.append(
            YamlTag(
                tag=tag.removeprefix(_CORE),
                is_core=tag.startswith(_CORE),
                place=self._place()[:400],
                scalar=scalar,
                document=len(self.documents),
                line=1 if mark is None else mark.line + 1,
            )
        )

    def _open(self, event: object, *, entries: list[tuple[str, Json]] | None) -> None:
        if len(self.stack) >= _MAX_DEPTH:
            raise LimitReached(f"the YAML is nested deeper than {_MAX_DEPTH} levels")
        self._tag(event, None)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.open_anchors.add(anchor)
            self.anchors.pop(anchor, None)
        self.stack.append(_Frame(anchor, self._place()[:400], entries, []))

    def _end(self) -> None:
        frame = self.stack.pop()
        value: Json = frame.items
        if frame.entries is not None:
            value = self._mapping(frame)
        if frame.anchor is not None:
            self.open_anchors.discard(frame.anchor)
        spelled = "[complex key]" if self._is_key() else ""
        self._close(spelled, value, frame.anchor, frame.nodes, counted=frame.nodes - 1)

    def _mapping(self, frame: _Frame) -> dict[str, Json]:
        merged: dict[str, Json] = {}
        for source in reversed(frame.merges):
            merged.update(self._merged(source))
        own: dict[str, Json] = {}
        for key, value in frame.entries or ():
            if key in own and len(self.duplicates) < 1_000:
                self.duplicates.append(f"{frame.place}/{key}"[:400])
            own[key] = value
        merged.update(own)
        return merged

    def _merged(self, source: Json) -> dict[str, Json]:
        """Return what `<<` adds; the first of several mappings wins."""
        found: dict[str, Json] = {}
        if isinstance(source, Mapping):
            found.update(source)
        elif isinstance(source, Sequence) and not isinstance(source, str):
            for one in reversed(source):
                if isinstance(one, Mapping):
                    found.update(one)
                    self._count(len(one))
        self._count(len(found))
        return found

    def _alias(self, anchor: str) -> None:
        if anchor in self.open_anchors:
            self.recursive.append(self._place()[:400])
            self._close("", None, None, 1)
            return
        known = self.anchors.get(anchor)
        if known is None:
            raise Malformed(f"not YAML: the alias {anchor[:40]!r} has no anchor")
        self.alias_nodes += known.nodes
        spelled = known.value if isinstance(known.value, str) else "[complex key]"
        self._close(spelled, known.value, None, known.nodes)

    def _close(
        self, spelled: str, value: Json, anchor: str | None, nodes: int, *, counted: int = 0
    ) -> None:
        self._count(nodes - counted)
        if anchor is not None:
            self.anchors[anchor] = _Anchored(value, nodes)
        if self.stack:
            self.stack[-1].nodes += nodes
            self._put(value, spelled)
            return
        if len(self.documents) >= _MAX_DOCUMENTS:
            raise LimitReached(f"more than {_MAX_DOCUMENTS:,} YAML documents in one file")
        self.documents.append(value)

    def _is_key(self) -> bool:
        return (
            bool(self.stack) and self.stack[-1].entries is not None and not self.stack[-1].awaits_value
        )

    def _put(self, value: Json, spelled: str) -> None:
        frame = self.stack[-1]
        if frame.entries is None:
            frame.items.append(value)
        elif not frame.awaits_value:
            frame.key, frame.awaits_value = spelled, True
        else:
            frame.awaits_value = False
            if frame.key == "<<" and isinstance(value, Mapping | list):
                frame.merges.append(value)
            else:
                frame.entries.append((frame.key or "", value))

    def _count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > _MAX_NODES:
            raise LimitReached(
                f"the YAML holds more than {_MAX_NODES:,} values, those that aliases repeat included"
            )


def _scalar(text: str) -> Json:
    """Return what YAML 1.1 takes a plain scalar for; dates and odd numbers stay text."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
