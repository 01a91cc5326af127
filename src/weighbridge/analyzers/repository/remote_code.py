"""Judge a target as a whole: not written yet."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge the target."""
    return iter(())
