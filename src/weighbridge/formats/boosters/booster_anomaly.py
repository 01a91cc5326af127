"""What can be wrong with a model of boosted trees, whichever library wrote it."""

from __future__ import annotations

from enum import StrEnum


class BoosterAnomaly(StrEnum):
    """One kind of disagreement inside of a model."""

    CHILD_OUTSIDE = "child-outside"
    """A branch leads to a node or leaf that is not there."""
    CYCLE = "cycle"
    """A branch leads back, or two branches meet."""
    FEATURE_OUTSIDE = "feature-outside"
    ARRAY_SHORT = "array-too-short"
    GROUP_OUTSIDE = "group-outside"
    """A tree adds to an output that is not there."""
    CATEGORY_OUTSIDE = "category-outside"
    OFFSET_OUTSIDE = "offset-outside"
    """A part of the file is said to lie outside of it."""
    ABSURD_COUNT = "absurd-count"
    COUNT_DIFFERS = "count-differs"
    PARENT_DIFFERS = "parent-differs"
    NON_FINITE = "non-finite"
    UNKNOWN_NAME = "unknown-name"
    WRONG_TYPE = "wrong-type"
    """Text where numbers must be, or a part that is missing."""
    TRAILING = "trailing"
