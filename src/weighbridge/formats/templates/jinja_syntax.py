"""Parse Jinja with the tags that loaders of chat templates add to it; nothing is ever compiled.

Plain Jinja knows neither `{% break %}` and `{% continue %}` (loopcontrols) nor `{% generation %}`,
which Hugging Face's environment adds to mark what the assistant writes, nor `{% do %}`.

Law: any text gives a tree of at most 200,000 nodes, 200 deep, or raises Malformed or LimitReached.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from weighbridge.errors import LimitReached, Malformed

LARGEST_CHARS: Final = 1 << 18
_MOST_NODES: Final = 200_000
_DEEPEST: Final = 200


class _GenerationTag(Extension):
    """`{% generation %} ... {% endgeneration %}`: a block that is written as it stands."""

    tags = {"generation"}  # noqa: RUF012  # the attribute of the base class

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class _PlainTag(Extension):
    """`{% debug %}`: a tag without a body."""

    tags = {"debug"}  # noqa: RUF012  # the attribute of the base class

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return []

    def filter_stream(self, stream: TokenStream) -> TokenStream:
        return stream


@lru_cache(maxsize=1)
def _environment() -> Environment:
    known = ["jinja2.ext.loopcontrols", "jinja2.ext.do", "jinja2.ext.i18n"]
    return Environment(  # nothing is rendered
        trim_blocks=True, lstrip_blocks=True, extensions=[*known, _GenerationTag, _PlainTag]
    )


def parse_jinja(text: str) -> nodes.Template:
    """Return the syntax tree.

    Raises:
        Malformed: it is no Jinja; the offset is that of the line.
        LimitReached: it is longer, larger or deeper than any template that is meant to be read.
    """
    if len(text) > LARGEST_CHARS:
        raise LimitReached(f"a template of {len(text):,} characters; up to {LARGEST_CHARS:,} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of literals with odd escapes
            tree = Parser(_environment(), text).parse()
    except TemplateSyntaxError as error:
        raise Malformed(_reason(error), _offset(text, error.lineno)) from None
    except (ValueError, OverflowError, SyntaxError) as error:
        raise Malformed(f"a literal in the template is none: {str(error)[:100]}") from None
    except RecursionError:
        raise LimitReached("the template is nested too deeply to be parsed") from None
    _measure(tree)
    return tree


def _reason(error: TemplateSyntaxError) -> str:
    return f"line {error.lineno}: {(error.message or 'a syntax error')[:200]}"


def _offset(text: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        found = text.find("\n", at)
        if found < 0:
            break
        at = found + 1
    return at


def _measure(tree: nodes.Node) -> None:
    """Count without recursion: what follows walks the tree with it."""
    level: list[nodes.Node] = [tree]
    count = depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > _DEEPEST:
            raise LimitReached(f"the template is nested more than {_DEEPEST} levels deep")
        if count > _MOST_NODES:
            raise LimitReached(f"the template has more than {_MOST_NODES:,} parts")
        level = [child for node in level for child in node.iter_child_nodes()]
