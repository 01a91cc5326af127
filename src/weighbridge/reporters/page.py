"""Lay out lines of text in two columns, wrapped to a width, with or without colour.

    CRITICAL  Pickle runs a shell command on load                       PKL002
              pytorch_model.bin!/archive/data.pkl at byte 1,204
      ATLAS   evidences  AML.T0018.002 ...

Without colour it is the same text. No line ends in a blank, none is wider than the page.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from weighbridge.core.finding import Severity

if TYPE_CHECKING:
    from rich.text import Text

COLUMN = 10
"""Where the second column starts: the longest severity and two blanks."""
_WIDEST = 120
"""Longer lines are hard to read: a wider terminal stays empty on the right."""
_NARROWEST = 72
"""A narrower terminal breaks the lines itself; our columns need this much."""

_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "",
}
BOLD = "bold"


def severity_style(severity: Severity) -> str:
    """The only colours on the page."""
    return _STYLES[severity]


class Page:
    """Collects lines; `render` gives them as one text."""

    def __init__(self, *, width: int, colour: bool) -> None:
        from rich.console import Console

        self.width = max(_NARROWEST, min(width, _WIDEST))
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=self.width,
            color_system="standard" if colour else None,
            force_terminal=colour,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )

    def blank(self) -> None:
        self._file.write("\n")

    def row(self, label: str, body: str, *, style: str = "", label_style: str = "") -> None:
        """Add a label in the first column and a text, wrapped, in the second."""
        from rich.text import Text

        self._add(Text(label.ljust(COLUMN), label_style), Text(body, style))

    def prose(self, body: str, *, indent: int = 0, style: str = "") -> None:
        """Add a text, wrapped, each line `indent` blanks in."""
        from rich.text import Text

        self._add(Text(" " * indent), Text(body, style))

    def heading(self, severity: Severity, title: str, mark: str) -> None:
        """Add a severity, a title and, at the right edge, a short mark."""
        from rich.text import Text

        label = Text(severity.word.upper().ljust(COLUMN), severity_style(severity))
        lines = Text(title, BOLD).wrap(self._console, self.width - COLUMN - len(mark) - 2)
        gap = self.width - COLUMN - lines[0].cell_len - len(mark)
        self._print(Text.assemble(label, lines[0], " " * gap, mark))
        for line in lines[1:]:
            self._print(Text.assemble(" " * COLUMN, line))

    def flow(self, label: str, items: Iterable[str], *, hang: int = COLUMN) -> None:
        """Add items joined by middle dots; lines break between items, not inside them.

        Args:
            label: what stands before the first item; it is padded to `hang`.
            items: none of them blank.
            hang: where the items start, in every line.
        """
        lines: list[str] = []
        for item in items:
            joined = f"{lines[-1]} · {item}" if lines else item
            if lines and len(joined) <= self.width - hang:
                lines[-1] = joined
            else:
                lines.append(item)
        for number, line in enumerate(lines):
            self.hanging(label if number == 0 else "", line, hang=hang)

    def hanging(self, label: str, body: str, *, hang: int) -> None:
        """Add a text behind a label that is padded to `hang`; further lines start there too."""
        from rich.text import Text

        self._add(Text(label.ljust(hang)), Text(body))

    def columns(self, *label: tuple[str, str], body: str) -> None:
        """Add a label of (text, style) parts and a text that wraps behind it."""
        from rich.text import Text

        self._add(Text.assemble(*label), Text(body))

    def spans(self, *parts: tuple[str, str]) -> None:
        """Add one line of (text, style) parts, wrapped when it is too long."""
        from rich.text import Text

        self._add(Text(), Text.assemble(*parts))

    def render(self) -> str:
        return self._file.getvalue()

    def _add(self, label: Text, body: Text) -> None:
        from rich.text import Text

        hang = label.cell_len
        lines = body.wrap(self._console, max(20, self.width - hang)) or [Text()]
        for number, line in enumerate(lines):
            self._print(Text.assemble(label if number == 0 else " " * hang, line))

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, soft_wrap=True, markup=False, emoji=False)
