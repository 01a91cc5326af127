"""The second protocol: who sees a target as a whole, once every file of it was looked at.

A judge is a function `judge(view, context) -> Iterator[Event]`. It reads the few files that matter to
it through the view, which keeps what it has parsed, and puts a finding on the file that shows it, or
on `WHOLE` when it is about the target itself. A target may hold many models: judge folder by folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Final, Protocol, cast

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView

JUDGES: Final = (
    "remote_code",
    "across_files",
    "template_copies",
    "tokenizer_copies",
    "names",
    "packaging",
    "identity",
    "provenance_files",
    "model_signatures",
    "shadowing",
    "adapters",
)
"""Modules of this package with `judge`."""


class RepositoryJudge(Protocol):
    """`judge` of a module in `JUDGES`."""

    def __call__(self, view: RepositoryView, context: Context) -> Iterator[Event]: ...


def repository_judges() -> Iterator[tuple[str, RepositoryJudge]]:
    """Import and yield the judges, one after the other, with their names."""
    for name in JUDGES:
        module = importlib.import_module(f"weighbridge.analyzers.repository.{name}")
        yield name, cast(RepositoryJudge, module.judge)
