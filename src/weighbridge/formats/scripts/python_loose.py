"""Read facts from Python text that does not parse: old dialects, cut files, text among other things."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field

from weighbridge.formats.scripts.facts import Argument, Language, ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.python_names import canonical
from weighbridge.formats.scripts.python_tokens import Token, TokenKind, tokens

_TOKENS = 100_000
_FACTS = 5_000
_LITERAL_CHARS = 1 << 20
_STATEMENTS = frozenset({"exec", "print"})
_NO_CALLEES = frozenset(
    {"if", "elif", "while", "and", "or", "not", "in", "return", "yield", "def", "class", "for", "except"}
)


def read_loosely(text: str) -> ScriptFacts:
    """Facts of any text, never complete: names before a bracket are calls, strings are strings."""
    reading = _Loose()
    found: list[Token] = []
    for token in tokens(text):
        found.append(token)
        if len(found) >= _TOKENS:
            break
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reading.read(found)
    return ScriptFacts(
        calls=tuple(reading.calls[:_FACTS]),
        imports=tuple(dict.fromkeys(reading.imports)),
        references=tuple(dict.fromkeys(reading.references))[:_FACTS],
        strings=tuple(dict.fromkeys(reading.strings))[:_FACTS],
        is_complete=False,
        language=Language.PYTHON,
    )


@dataclass(slots=True)
class _Loose:
    calls: list[ScriptCall] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    strings: list[str | bytes] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def read(self, found: list[Token]) -> None:
        at = 0
        while at < len(found):
            token = found[at]
            if token.kind is TokenKind.STRING:
                value = literal_text(token.text)
                if value is not None:
                    self.strings.append(value)
            if token.kind is not TokenKind.NAME:
                at += 1
            elif token.text in ("import", "from"):
                at = self._import(found, at)
            else:
                at = self._named(found, at)

    def _import(self, found: list[Token], at: int) -> int:
        line: list[str] = []
        stop = at
        while (
            stop < len(found) and found[stop].kind is not TokenKind.NEWLINE and found[stop].text != ";"
        ):
            line.append(found[stop].text)
            stop += 1
        module = ""
        if line[0] == "from" and "import" in line:
            cut = line.index("import")
            module, line = "".join(line[1:cut]), line[cut:]
            self.imports.append(module)
        for part in " ".join(line[1:]).replace(" . ", ".").split(","):
            words = part.split()
            if not words:
                continue
            dotted = f"{module}.{words[0]}" if module else words[0]
            self.imports.append(dotted)
            name = words[2] if len(words) == 3 and words[1] == "as" else words[0].partition(".")[0]
            is_plain = not module and len(words) == 1
            self.aliases[name] = name if is_plain else dotted
        return max(stop, at + 1)

    def _named(self, found: list[Token], at: int) -> int:
        parts = [found[at].text]
        stop = at + 1
        while (
            stop + 1 < len(found) and found[stop].text == "." and found[stop + 1].kind is TokenKind.NAME
        ):
            parts.append(found[stop + 1].text)
            stop += 2
        name = canonical(".".join([self.aliases.get(parts[0], parts[0]), *parts[1:]]))
        following = found[stop] if stop < len(found) else None
        if following is not None and following.text == "(" and parts[0] not in _NO_CALLEES:
            self.calls.append(ScriptCall(name, _arguments(found, stop + 1), place=found[at].line))
        elif following is not None and name in _STATEMENTS and following.kind is TokenKind.STRING:
            self.calls.append(ScriptCall(name, _arguments(found, stop), place=found[at].line))
        else:
            self.references.append(name)
        return stop


def _arguments(found: list[Token], at: int) -> tuple[Argument, ...]:
    """The literal strings that stand alone between commas; all else is computed."""
    given: list[Argument] = []
    while at < len(found) and len(given) < 8 and found[at].text not in (")", ";", "\n"):
        alone = at + 1 >= len(found) or found[at + 1].text in (",", ")", ";", "\n")
        value = literal_text(found[at].text) if found[at].kind is TokenKind.STRING else None
        if value is None or not alone:
            return (*given, Unknown.COMPUTED)
        given.append(value)
        at += 1
        if at < len(found) and found[at].text == ",":
            at += 1
    return tuple(given)


def literal_text(token: str) -> str | bytes | None:
    """The text or bytes that a string token spells; None when it is none, or is too long."""
    if len(token) > _LITERAL_CHARS:
        return None
    plain = token.lstrip("uU") if token[:1] in "uU" else token
    try:
        node = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return (
        node.value if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) else None
    )
