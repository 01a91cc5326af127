"""Build HTML in which no text can become markup: whatever is not `Markup` is escaped.

Law: in what `element` returns, every `str` that came in, as a child or as a value, is text, and
holds no character that can't be seen or that reverses the reading direction (`words.printable`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from weighbridge.knowledge.atlas_release import (
    is_mitigation_id,
    is_technique_id,
    mitigation_url,
    technique_url,
)
from weighbridge.reporters.words import printable, shortened

_VOID = frozenset({"meta", "input", "br"})


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML of our own making. Only this package builds it."""

    text: str


Child = Markup | str | None


def element(tag: str, *children: Child, **attributes: str | None) -> Markup:
    """Return one element. `class_` and `for_` lose their underscore, `data_x` becomes `data-x`.

    Args:
        tag: the name of the element, ours.
        children: `str` is escaped, None is nothing.
        attributes: those of value None are left out.
    """
    parts = [f"<{tag}"]
    for name, value in attributes.items():
        if value is not None:
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{_escaped(value)}"')
    parts.append(">")
    if tag not in _VOID:
        parts += [_text(child) for child in children]
        parts.append(f"</{tag}>")
    return Markup("".join(parts))


def fragment(*children: Child) -> Markup:
    """Return the children one after the other."""
    return Markup("".join(map(_text, children)))


def lines(rows: Iterable[Child]) -> Markup:
    """Return rows with a line break between them, for `pre`."""
    return Markup("\n".join(map(_text, rows)))


def _text(child: Child) -> str:
    if child is None:
        return ""
    return child.text if isinstance(child, Markup) else _escaped(child)


def _escaped(text: str) -> str:
    return escape(printable(text), quote=True)


def name(text: str, *, most: int = 300) -> Markup:
    """A text of the target's: cut in the middle, in an isolated direction, in the type of code."""
    return element("bdi", shortened(text, most) if text.strip() else "(blank)", class_="n")


def atlas_link(atlas_id: str) -> Markup:
    """An ATLAS id, as a link to its page when it has the shape of one."""
    if is_technique_id(atlas_id):
        address = technique_url(atlas_id)
    elif is_mitigation_id(atlas_id):
        address = mitigation_url(atlas_id)
    else:
        return element("span", atlas_id, class_="id")
    return element("a", atlas_id, href=address, rel="noreferrer", class_="id")


def severity_label(word: str) -> Markup:
    """The name of a severity in its colour."""
    return element("span", word, class_=f"sev {word}")


def table(
    *columns: str, body: Iterable[Markup], caption: str, class_: str | None = None, box: str = "scroll"
) -> Markup:
    """A table with a caption that only screen readers say, in a box that scrolls."""
    inner = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *(element("th", column, scope="col") for column in columns))),
        *body,
        class_=class_,
    )
    return element("div", inner, class_=box, tabindex="0", role="group", aria_label=caption)


def row(*cells: Child, class_: str | None = None) -> Markup:
    """A row whose first cell is its heading."""
    first, *rest = cells
    return element(
        "tr",
        element("th", first, scope="row"),
        *(element("td", cell) for cell in rest),
        class_=class_,
    )


def section(title: str, *children: Child, level: int, anchor: str, note: str | None = None) -> Markup:
    """A part of the page under a heading of its level."""
    note_text = element("small", note) if note else None
    heading = element(f"h{level}", title, note_text, id=f"{anchor}-title")
    named = f"{anchor}-title" if level == 2 else None  # deeper ones would crowd the list of landmarks
    return element("section", heading, *children, id=anchor, aria_labelledby=named)
