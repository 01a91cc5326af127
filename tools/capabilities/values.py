"""What an expression may be: a set of things with names, and the parameters that its value comes from.

A reference is a pair (kind, name):

    f  a function              c  a class               m  a module
    i  an instance of a class  x  something without Python source (C, or not among the sources)
    b  a method bound to an instance; its name is (function, class of the instance)
    l  an import that is not looked up yet; its name is (module, attribute)

Parameters are bits of an integer: bit 0 is the first parameter. Fields of an object are not told
apart: an object made from tainted arguments is tainted.
"""

from __future__ import annotations

Reference = tuple  # (kind, name)
Value = tuple[frozenset, int]

NO_REFERENCES: frozenset = frozenset()
NOTHING: Value = (NO_REFERENCES, 0)
MOST_REFERENCES = 12
"""A value that may be more things than this is followed no further than the first of them."""


def one(kind: str, name: object, mask: int = 0) -> Value:
    """Return the value that is exactly one thing."""
    return (frozenset(((kind, name),)), mask)


def join(left: Value, right: Value) -> Value:
    """Return what is either."""
    if left is right or right is NOTHING:
        return left
    if left is NOTHING:
        return right
    references = left[0]
    if right[0] and right[0] is not references and not right[0] <= references:
        if len(references) >= MOST_REFERENCES:
            return (references, left[1] | right[1])
        references |= right[0]
        if len(references) > MOST_REFERENCES:
            references = frozenset(sorted(references, key=repr)[:MOST_REFERENCES])
    if references is left[0] and left[1] | right[1] == left[1]:
        return left
    return (references, left[1] | right[1])
