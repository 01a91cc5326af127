"""MATLAB files: function handles and objects, which act when they are loaded or called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.languages.matlab import MatlabClass, Variable, read_matlab
from weighbridge.knowledge.listed import listed

_HARM, _HANDLE, _JAVA, _OBJECT = "ARR020", "ARR021", "ARR022", "ARR023"
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_SHELL = re.compile(r"(?:^|[;,)])\s*!\s*\S")
_MAX_OF_A_RULE = 20


def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
    """Yield one finding for each handle or object, the first twenty of each rule."""
    told: dict[str, int] = {}
    for variable in read_matlab(artifact.source, context.budget):
        for finding in _findings(artifact, variable):
            told[finding.rule] = told.get(finding.rule, 0) + 1
            if told[finding.rule] <= _MAX_OF_A_RULE:
                yield finding


def _findings(artifact: Artifact, variable: Variable) -> Iterator[Finding]:
    words = " ".join(variable.words)
    if variable.kind == MatlabClass.FUNCTION:
        harm = _harm(variable.words)
        if harm:
            yield _finding(artifact, _HARM, variable, f"{harm}\nhandle: {quoted(words)}")
        else:
            yield _finding(artifact, _HANDLE, variable, f"handle: {quoted(words)}")
    elif variable.kind == MatlabClass.OPAQUE:
        if "java" in variable.words:
            yield _finding(artifact, _JAVA, variable, f"Java object: {quoted(words)}")
        else:
            yield _finding(artifact, _OBJECT, variable, f"object: {quoted(words)}")
    elif variable.kind == MatlabClass.OBJECT:
        yield _finding(artifact, _OBJECT, variable, f"object: {quoted(words)}")


def _harm(words: tuple[str, ...]) -> str:
    table = listed("arrays/matlab.tsv")
    for word in words:
        for name in _NAME.findall(word):
            if name in table:
                return f"names {name}: {table[name]}"
        if _SHELL.search(word):
            return "runs a command with !"
    return ""


def _finding(artifact: Artifact, rule: str, variable: Variable, evidence: str) -> Finding:
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=variable.name[:200] or "unnamed variable",
        evidence=evidence,
        offset=variable.at,
        route=f"variable {quoted(variable.name)}",
    )
