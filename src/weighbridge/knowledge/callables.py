"""Judge a callable by what it can do: placeholder interface, see the class."""

from __future__ import annotations


class CallableKnowledge:
    """Frozen tables of callables, loaded from signatures/callables/."""
