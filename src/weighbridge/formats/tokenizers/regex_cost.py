r"""Tell regular expressions that a backtracking engine may need exponential time for.

`tokenizers` runs them with Oniguruma, which backtracks. The shape that explodes is a repetition of a
group, one of whose branches is itself nothing but one repetition: `(a+)+`, `(\s*|x)*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MOST: Final = 20_000
_ATOM_END: Final = {"[": "]"}


@dataclass(slots=True)
class _Branch:
    """One branch of a group: how many atoms it has, and how many of them repeat without a bound."""

    atoms: int = 0
    loops: int = 0

    @property
    def is_loop(self) -> bool:
        return self.atoms > 0 and self.atoms == self.loops


def may_explode(pattern: str) -> bool:
    """Return True when an unbounded repetition stands around a branch that is only one.

    Lookarounds and possessive or atomic groups don't multiply.
    """
    stack: list[list[_Branch]] = [[_Branch()]]
    kinds: list[bool] = [True]
    at, end = 0, min(len(pattern), _MOST)
    while at < end:
        char = pattern[at]
        if char == "(":
            multiplies, at = _group_head(pattern, at)
            stack.append([_Branch()])
            kinds.append(multiplies)
            continue
        if char == "|":
            stack[-1].append(_Branch())
            at += 1
            continue
        is_group = char == ")"
        at = at + 1 if is_group else _atom_end(pattern, at)
        loops, is_possessive, at = _quantifier(pattern, at)
        if is_group:
            if len(stack) == 1:
                continue
            branches, multiplies = stack.pop(), kinds.pop()
            if loops and multiplies and not is_possessive and any(one.is_loop for one in branches):
                return True
        branch = stack[-1][-1]
        branch.atoms += 1
        branch.loops += loops and not is_possessive
    return False


def _group_head(pattern: str, at: int) -> tuple[bool, int]:
    """Return whether a repeated group multiplies, and the index behind its head."""
    head = pattern[at : at + 4]
    if not head.startswith("(?"):
        return True, at + 1
    if head.startswith("(?>"):
        return False, at + 3
    if head.startswith(("(?=", "(?!")):
        return False, at + 3
    if head.startswith(("(?<=", "(?<!")):
        return False, at + 4
    colon, close = pattern.find(":", at), pattern.find(")", at)
    if 0 <= colon < close:
        return True, colon + 1
    return True, at + 2


def _atom_end(pattern: str, at: int) -> int:
    """Return the index behind a character, an escape or a class."""
    char = pattern[at]
    if char == "\\":
        if pattern[at + 1 : at + 2] in ("p", "P", "x", "u") and pattern[at + 2 : at + 3] == "{":
            close = pattern.find("}", at)
            return close + 1 if close >= 0 else len(pattern)
        return at + 2
    if char == "[":
        return _class_end(pattern, at)
    return at + 1


def _class_end(pattern: str, at: int) -> int:
    """Classes of Oniguruma nest."""
    depth = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    return at


def _quantifier(pattern: str, at: int) -> tuple[bool, bool, int]:
    """Return whether what stands here repeats without a bound, is possessive, and where it ends."""
    char = pattern[at : at + 1]
    if char in ("+", "*"):
        after = pattern[at + 1 : at + 2]
        return True, after == "+", at + (2 if after in ("?", "+") and after else 1)
    if char == "?":
        return False, False, at + 1
    if char == "{":
        close = pattern.find("}", at, at + 16)
        body = pattern[at + 1 : close] if close >= 0 else ""
        if body and body.replace(",", "").isdecimal():
            return body.endswith(","), False, close + 1
    return False, False, at
