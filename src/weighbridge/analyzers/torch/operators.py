"""Operators and classes of PyTorch that are more than computing: which rule tells each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.torch_names import Sign, TorchNames, installed_names

UNKNOWN_OPERATOR: Final = "TOR002"
UNKNOWN_CLASS: Final = "TOR003"
RULES: Final = {
    Sign.FILE: "TOR001",
    Sign.MEDIA: "TOR005",
    Sign.NETWORK: "TOR004",
    Sign.PRINT: "TOR008",
    Sign.BACKEND: "TOR006",
}
MOST_OF_A_RULE: Final = 50
"""A file that names a thousand unknown operators is told often enough."""

_CLASSES = "__torch__.torch.classes."
_LARGEST_BYTES = 64 * MIB
_TEXT = re.compile(rb"X(?=(..)\0\0[A-Za-z_]\w{0,100}::)", re.DOTALL)
_OPERATOR = re.compile(rb"\w+::[\w.]+")


def operator_rule(operator: str, names: TorchNames) -> tuple[str, str] | None:
    """Return rule and reason for `aten::save` or `aten::save.out`; None when it only computes."""
    plain = operator.partition(".")[0]
    if plain in names.operators:
        sign, why = names.operators[plain]
        return RULES[sign], why
    namespace, colons, _ = plain.partition("::")
    if colons and namespace not in names.namespaces:
        return UNKNOWN_OPERATOR, f"the namespace {quoted(namespace)} is of no library that we know"
    return None


def class_rule(name: str, names: TorchNames) -> tuple[str, str] | None:
    """Return rule and reason for a class, named from behind `torch.classes.` on; None for known ones."""
    found = names.class_sign(name)
    if found is None:
        return UNKNOWN_CLASS, "a class written in C++, of no library that we know"
    sign, why = found
    return None if sign is Sign.KNOWN else (RULES[sign], why)


def operator_findings(
    artifact: Artifact, operators: Sequence[str], *, unknown: str = UNKNOWN_OPERATOR
) -> Iterator[Finding]:
    """Yield findings for operators that stand in a table.

    Args:
        artifact: where the table is.
        operators: `aten::add`, `aten::add.out`.
        unknown: the rule for operators of unknown libraries.
    """
    names = installed_names()
    told: Counter[str] = Counter()
    for operator in dict.fromkeys(operators):
        found = operator_rule(operator, names)
        if found is not None and told[found[0]] < MOST_OF_A_RULE:
            told[found[0]] += 1
            rule = unknown if found[0] == UNKNOWN_OPERATOR else found[0]
            yield _finding(artifact, rule, operator, found[1])


def class_findings(artifact: Artifact, classes: Sequence[str]) -> Iterator[Finding]:
    """Yield findings for qualified names of classes, of which some are `__torch__.torch.classes.X`."""
    names = installed_names()
    told: Counter[str] = Counter()
    for name in dict.fromkeys(classes):
        short = name.removeprefix(_CLASSES)
        found = class_rule(short, names) if short != name else None
        if found is not None and told[found[0]] < MOST_OF_A_RULE:
            told[found[0]] += 1
            yield _finding(artifact, found[0], short, found[1])


def bytecode_findings(artifact: Artifact) -> Iterator[Finding]:
    """Judge the operators that `bytecode.pkl` of a mobile module names; nothing for other pickles.

    The mobile runtime runs this table and never looks at the code beside it. Its unpickler is written in
    C++ and knows texts of one form alone (BINUNICODE).
    """
    if PurePosixPath(artifact.name.casefold()).name == "bytecode.pkl":
        data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST_BYTES)))
        yield from operator_findings(artifact, list(dict.fromkeys(_operators(data))))


def _operators(data: bytes) -> Iterator[str]:
    for match in _TEXT.finditer(data):
        start = match.end() + 4
        text = data[start : start + int.from_bytes(match.group(1), "little")]
        if _OPERATOR.fullmatch(text):
            yield text.decode("ascii")


def _finding(artifact: Artifact, rule: str, subject: str, why: str) -> Finding:
    evidence = f"{quoted(subject)}: {why}"
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence)
