"""What several lines of a shell script do together: Python in it, secrets by way of a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from weighbridge.analyzers.executables.program_judgement import STOLEN
from weighbridge.analyzers.executables.python_behaviour import POWERS
from weighbridge.analyzers.executables.python_inner import judge_program
from weighbridge.analyzers.executables.told import Told
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.facts import Language, ScriptFacts

_WINDOW: Final = 65_536
"""Characters of a script in which lines are held together."""
_MOST: Final = 20
_HEREDOC: Final = re.compile(
    r"(?m)\bpython[\d.]{0,5}\b[^\n]{0,200}<<-?[ \t]{0,4}[\"']?(\w{1,40})[\"']?[^\n]{0,80}\n"
)
_TAKEN: Final = re.compile(
    r"(?m)^[ \t]{0,20}(?:export[ \t]{1,4})?(\w{1,40})=[\"']?(?:\$\(|`)[^\n]{0,200}?"
    r"(?:\b(?:env|printenv)[ \t]{0,4}(?:\||\)|`)|(?:\bcat[ \t]{1,4}|<[ \t]{0,4})[\"']?[^\s\"']{0,60}"
    r"(?:\.ssh/id_\w|\.aws/credentials|/etc/shadow|huggingface/token|\.netrc|\.git-credentials|\.kube/config))"
)
_SENDS: Final = (
    r"(?m)\b(?:curl|wget|nc|ncat)\b[^\n]{0,400}?"
    r"(?:-d|--data[\w-]{0,12}|-F|--form|--post-data|\?|<<<)[^\n]{0,200}?\$\{?"
)
_ISSUER: Final = re.compile(r"https?://(?:[\w-]+\.)?(?:huggingface\.co|hf\.co|amazonaws\.com)\b")


def judge_lines(text: str) -> Iterator[Told]:
    """Yield what is told of a script as a whole."""
    text = text[:_WINDOW]
    for match in list(_HEREDOC.finditer(text))[:_MOST]:
        body = re.split(
            rf"(?m)^[ \t]{{0,20}}{re.escape(match[1])}[ \t]{{0,20}}$", text[match.end() :], maxsplit=1
        )[0]
        yield from _grave(body)
    for match in list(_TAKEN.finditer(text))[:_MOST]:
        sent = re.compile(_SENDS + re.escape(match[1]) + r"\b").search(text, match.end())
        if sent is None:
            continue
        end = text.find("\n", sent.end())
        if not _ISSUER.search(text[sent.start() : end if end >= 0 else len(text)]):
            yield Told(
                STOLEN, "exfiltration", f"sends {quoted(match[0].strip())}: {quoted(sent[0][:200])}"
            )


def judge_nested(facts: ScriptFacts) -> Iterator[Told]:
    """Yield what is told of Python that a command line hands to its interpreter."""
    for inner in facts.nested:
        if inner.language is Language.PYTHON:
            yield from _grave(inner.text)


def _grave(text: str) -> Iterator[Told]:
    for one in judge_program(text):
        if one.rule not in POWERS:
            yield one
