"""XML as a tree, and what its DOCTYPE asks a careless reader to fetch or to multiply.

Nothing outside of the bytes is ever read, and entities are expanded only when all that they can
grow to is small. So the DOCTYPE is told, not obeyed; a library that refuses it with an exception
could not say what stands in it.

Source: Extensible Markup Language (XML) 1.0, section 4; CWE-611, CWE-776.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element
from xml.parsers import expat

from weighbridge.errors import LimitReached, Malformed, WeighbridgeError

_NODES: Final = 1_000_000
_DEPTH: Final = 500
_ENTITIES: Final = 1_000
_EXPANDED_BYTES: Final = 8 << 20
_TEXT_CHARS: Final = 256 << 20
_REFERENCE: Final = re.compile(r"&([^#;&\s][^;&\s]{0,200});")


@dataclass(frozen=True, slots=True)
class Entity:
    """One declaration. `value` is None for an entity that lies outside of the document."""

    name: str
    value: str | None
    system_id: str | None
    is_parameter: bool


@dataclass(frozen=True, slots=True)
class Doctype:
    """`<!DOCTYPE name PUBLIC public_id system_id [ internal subset ]>`."""

    name: str
    system_id: str | None
    public_id: str | None
    has_internal_subset: bool


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """What was read of a document.

    Attributes:
        root: as far as it was read; None when not even the first tag was.
        expansion_bytes: what the entities can grow to, at most; bounded in turn.
        instructions: processing instructions by their order: target and data.
        stopped: why the reading ended before the document does.
    """

    root: Element | None
    doctype: Doctype | None
    entities: tuple[Entity, ...]
    expansion_bytes: int
    instructions: tuple[tuple[str, str], ...]
    stopped: WeighbridgeError | None


def read_xml(data: bytes) -> XmlDocument:
    """Read a whole document. Any bytes give a value: what is wrong stands in `stopped`."""
    reading = _Reading(references=data.count(b"&"))
    return reading.run(data)


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


@dataclass(slots=True)
class _Reading:
    references: int
    root: Element | None = None
    doctype: Doctype | None = None
    entities: list[Entity] = field(default_factory=list)
    instructions: list[tuple[str, str]] = field(default_factory=list)
    expansion: int = 0
    _open: list[Element] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)
    _nodes: int = 0
    _chars: int = 0

    def run(self, data: bytes) -> XmlDocument:
        stopped: WeighbridgeError | None = None
        parser = self._parser()
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            at = max(0, parser.ErrorByteIndex)
            stopped = Malformed(f"not well-formed XML: {expat.ErrorString(error.code)}", at)
        except (UnicodeError, LookupError, ValueError) as error:
            stopped = Malformed(f"the XML is in an encoding that can't be read: {error}"[:200])
        except LimitReached as error:
            stopped = error
        self._flush()
        return XmlDocument(
            self.root,
            self.doctype,
            tuple(self.entities),
            self.expansion,
            tuple(self.instructions),
            stopped,
        )

    def _parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(None, "}")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._start_doctype
        parser.EndDoctypeDeclHandler = self._end_doctype
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        return parser

    # The DOCTYPE.

    def _start_doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        self.doctype = Doctype(name, system, public, bool(internal))

    def _entity(
        self,
        name: str,
        is_parameter: int,
        value: str | None,
        base: str | None,
        system: str | None,
        public: str | None,
        notation: str | None,
    ) -> None:
        if len(self.entities) >= _ENTITIES:
            raise LimitReached(f"the DOCTYPE declares more than {_ENTITIES:,} entities")
        self.entities.append(Entity(name, value, system, bool(is_parameter)))

    def _end_doctype(self) -> None:
        values = {one.name: one.value for one in self.entities if one.value is not None}
        self.expansion = largest_expansion(values) * max(1, self.references)
        if self.expansion > _EXPANDED_BYTES:
            raise LimitReached(
                f"its entities can grow to {self.expansion:,} characters; they were not expanded"
            )

    def _external(
        self, context: str | None, base: str | None, system: str | None, public: str | None
    ) -> int:
        return 1  # gone over, as if it were empty

    # The tree.

    def _instruction(self, target: str, data: str) -> None:
        if len(self.instructions) < _ENTITIES:
            self.instructions.append((target, data))

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        self._nodes += 1 + len(attributes)
        if self._nodes > _NODES or len(self._open) >= _DEPTH:
            raise LimitReached(
                f"the XML holds more than {_NODES:,} nodes, or is nested deeper than {_DEPTH}"
            )
        element = Element(_clark(tag), {_clark(name): value for name, value in attributes.items()})
        if self._open:
            self._open[-1].append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._flush()
        if self._open:
            self._open.pop()

    def _characters(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > _TEXT_CHARS:
            raise LimitReached(f"the XML holds more than {_TEXT_CHARS:,} characters of text")
        self._text.append(text)

    def _flush(self) -> None:
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        if not self._open:
            return
        parent = self._open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text


def largest_expansion(values: Mapping[str, str]) -> int:
    """Characters that one reference to any of these entities can grow to; 2**62 for a circle."""
    sizes: dict[str, int] = {}
    waiting = list(values)
    open_names: set[str] = set()
    while waiting:
        name = waiting[-1]
        inner = [one for one in _REFERENCE.findall(values[name]) if one in values]
        missing = [one for one in inner if one not in sizes]
        if name in sizes:
            waiting.pop()
        elif not missing:
            sizes[name] = min(2**62, len(values[name]) + sum(sizes[one] for one in inner))
            open_names.discard(name)
            waiting.pop()
        elif name in open_names:
            return 2**62
        else:
            open_names.add(name)
            waiting.extend(dict.fromkeys(missing))
    return max(sizes.values(), default=0)


def _clark(name: str) -> str:
    """`{namespace}local`, as ElementTree spells it; expat gives `namespace}local`."""
    return f"{{{name}" if "}" in name else name
