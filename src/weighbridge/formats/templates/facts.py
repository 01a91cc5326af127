"""What a template does, as far as its text shows it: plain facts, without a judgement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class About(StrEnum):
    """What a value depends on."""

    CONTENT = "what a message says"
    LENGTH = "how long a message is"
    COUNT = "how many messages there are"
    DATE = "the date"


class How(StrEnum):
    """The way in which a name is looked up."""

    ATTRIBUTE = "attribute"
    ITEM = "item"
    FILTER = "attr filter"
    PATH = "attribute of a filter"


class CostKind(StrEnum):
    """What makes rendering expensive."""

    LOOP = "a loop"
    REPEAT = "a repeated text"
    POWER = "a power"
    WIDTH = "a width"
    DOUBLING = "a text that doubles in a loop"


@dataclass(frozen=True, slots=True)
class Condition:
    """A test that decides whether something is written.

    Attributes:
        words: literals that the tested text is compared with; numbers for `COUNT`.
    """

    expression: str
    line: int
    about: frozenset[About]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Emission:
    """Literal text that the template can write into the prompt.

    Attributes:
        text: folded; pieces between which something else is written are joined by an ellipsis.
        conditions: those of the tests around it that depend on something in `About`.
        begins_answer: it is written when an answer is to begin.
    """

    text: str
    line: int
    expression: str
    conditions: tuple[Condition, ...]
    begins_answer: bool


@dataclass(frozen=True, slots=True)
class Access:
    """A look-up of a name in a value.

    Attributes:
        name: folded; None when the text does not show it.
        root: the name or literal that the chain begins with, when the template does not set it.
        chain: names looked up before this one.
        is_built: the name is put together from pieces.
        is_from_content: the name is what a message says.
        pieces: literals that a built name has in it.
    """

    name: str | None
    how: How
    root: str
    chain: tuple[str, ...]
    line: int
    expression: str
    is_built: bool
    is_from_content: bool
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a named value: `chain` ends in the name that is called, and begins with the root."""

    chain: tuple[str, ...]
    line: int
    expression: str


@dataclass(frozen=True, slots=True)
class Directive:
    """`include`, `import`, `from` or `extends`, and the folded name of the other template."""

    kind: str
    target: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Cost:
    """An operation whose size the text shows, in steps or characters."""

    kind: CostKind
    amount: int
    line: int
    expression: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A replacement within what messages say."""

    old: str
    new: str
    line: int
    expression: str


@dataclass(frozen=True, slots=True)
class CodeText:
    """A text that stands in an expression, or that an expression folds to."""

    text: str
    line: int
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFacts:
    """Everything seen, in the order of the text, each thing once.

    Attributes:
        is_cut: loops or macros were not followed to their end, or lists became too long.
    """

    emissions: tuple[Emission, ...]
    conditions: tuple[Condition, ...]
    accesses: tuple[Access, ...]
    calls: tuple[Call, ...]
    directives: tuple[Directive, ...]
    costs: tuple[Cost, ...]
    rewrites: tuple[Rewrite, ...]
    texts: tuple[CodeText, ...]
    is_cut: bool
