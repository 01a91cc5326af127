"""What is wrong with a file of parameters whose tensors stand one behind the other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WeightsFault:
    """One thing that can't be true.

    Attributes:
        subject: the kind of fault, without numbers.
        detail: in words, with the numbers that disagree.
    """

    subject: str
    detail: str
    at: int
