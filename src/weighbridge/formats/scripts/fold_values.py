"""What an expression may give, and what working it out may cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from weighbridge.formats.scripts.layers import PeelBudget

_STEPS = 300_000
_LONGEST = 4 << 20

Value = str | bytes | int | float | bool | None | tuple["Value", ...]
_Some = TypeVar("_Some", bound=Value)


class Refused(Exception):
    """No literal comes of this expression, or not within the budget."""


@dataclass(slots=True)
class Spending:
    """Steps and bytes that may still be spent on one program.

    Attributes:
        bytes: shared with the layers that are peeled elsewhere.
    """

    bytes: PeelBudget = field(default_factory=PeelBudget)
    steps: int = _STEPS
    is_crossed: bool = False

    def step(self) -> None:
        """Raises Refused once the steps are spent."""
        self.steps -= 1
        if self.steps < 0:
            self.is_crossed = True
            raise Refused

    def need(self, count: int) -> None:
        """Account for `count` bytes, characters or items that are about to be made.

        Raises:
            Refused: they are too many.
        """
        if count > _LONGEST or not self.bytes.take(count):
            self.is_crossed = True
            raise Refused

    def kept(self, value: _Some) -> _Some:
        """Account for a value that was made already, from inputs that were bounded."""
        if isinstance(value, (str, bytes, tuple)):
            self.need(len(value))
        return value
