"""Which tool obeys a text: git, an agent, a shell, an installer."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.workspace import agent_rules, git_files, package_texts, startup_files
from weighbridge.core.artifact import Artifact

_JUDGES = (git_files.judge, agent_rules.judge, startup_files.judge, package_texts.judge)
"""Their names exclude each other."""


def judge_text(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge the text when it is one of these."""
    for judge in _JUDGES:
        events = judge(artifact, head, context)
        if events is not None:
            return events
    return None
