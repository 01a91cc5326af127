"""Load `signatures/rules/*.toml`: what we report, one file for each family of rules.

Strict, because a rule with a mistake in it would otherwise report the mistake: an unknown key, a
missing field or a word outside its list is an error that names the file and the rule. That the
ATLAS ids exist is checked once, in the tests, not at every start.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from weighbridge.core.finding import Confidence, Relation, Rule, Severity
from weighbridge.errors import UsageError
from weighbridge.knowledge.atlas_release import is_mitigation_id, is_technique_id
from weighbridge.knowledge.table import Table

PHASES = ("Design/Setup", "Model Development and Evaluation", "Operations")
"""MLOps phases that a rule may name, in the order in which a model passes through them.

Source: the alignment of mitigations in arXiv 2506.02032.
"""

_KEYS = frozenset(field.name for field in dataclasses.fields(Rule))
_RULE_ID = re.compile(r"[A-Z]{2,5}[0-9]{3}")
_CWE_ID = re.compile(r"CWE-[1-9][0-9]*")
_Word = TypeVar("_Word", bound=Enum)


def load_rules(folder: Path) -> Mapping[str, Rule]:
    """Load every `*.toml` of a folder, sorted by rule id.

    Raises:
        UsageError: a file is unreadable or a rule in it is wrong, or two rules share an id.
    """
    rules: dict[str, Rule] = {}
    for path in sorted(folder.glob("*.toml")):
        for rule in load_rule_file(path):
            if rule.id in rules:
                raise UsageError(f"{path}: the rule id {rule.id} is taken by an earlier entry")
            rules[rule.id] = rule
    return MappingProxyType(dict(sorted(rules.items())))


def load_rule_file(path: Path) -> tuple[Rule, ...]:
    """Load one family, in the file's order.

    Raises:
        UsageError: unreadable, not TOML, or a rule in it is wrong.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"can't read the rules in {path}: {error}") from error
    root = Table.of(loaded, str(path))
    root.reject_unknown({"rule"})
    return tuple(_rule(table) for table in root.tables("rule"))


def _rule(table: Table) -> Rule:
    named = Table(table.values, f"{table.where} ({table.text('id')})")
    named.reject_unknown(_KEYS)
    return Rule(
        id=_matching(named, "id", _RULE_ID, "capitals and three digits, such as PKL001"),
        title=named.text("title"),
        severity=_word(named, "severity", {level.word: level for level in Severity}),
        confidence=_word(named, "confidence", {level.word: level for level in Confidence}),
        relation=_word(named, "relation", {relation.value: relation for relation in Relation}),
        techniques=_atlas_ids(named, "techniques"),
        exposes=_atlas_ids(named, "exposes"),
        mitigations=_atlas_ids(named, "mitigations"),
        cwe=_cwe(named),
        phase=_phase(named),
        why=_flowed(named.text("why")),
        remediation=_flowed(named.text("remediation")),
        example=named.any_text("example").strip(),
        references=named.texts("references"),
    )


def _word(table: Table, key: str, words: Mapping[str, _Word]) -> _Word:
    word = table.text(key)
    if word not in words:
        raise UsageError(f"{table.where}: {key!r} must be one of {', '.join(words)}, not {word!r}")
    return words[word]


def _matching(table: Table, key: str, pattern: re.Pattern[str], shape: str) -> str:
    text = table.text(key)
    if not pattern.fullmatch(text):
        raise UsageError(f"{table.where}: {key!r} must be {shape}, not {text!r}")
    return text


def _phase(table: Table) -> str:
    phase = table.text("phase")
    if phase not in PHASES:
        raise UsageError(f"{table.where}: 'phase' must be one of {', '.join(PHASES)}, not {phase!r}")
    return phase


def _atlas_ids(table: Table, key: str) -> tuple[str, ...]:
    is_id = is_mitigation_id if key == "mitigations" else is_technique_id
    ids = table.texts(key)
    for atlas_id in ids:
        if not is_id(atlas_id):
            raise UsageError(f"{table.where}: {atlas_id!r} in {key!r} is not the id of an ATLAS entry")
    return ids


def _cwe(table: Table) -> tuple[str, ...]:
    if "cwe" not in table.values:
        raise UsageError(f"{table.where}: the key 'cwe' is missing; it holds a list such as ['CWE-502']")
    for cwe in table.texts("cwe"):
        if not _CWE_ID.fullmatch(cwe):
            raise UsageError(f"{table.where}: {cwe!r} in 'cwe' does not look like CWE-502")
    return table.texts("cwe")


def _flowed(text: str) -> str:
    """Undo the line breaks that keep the TOML readable."""
    return " ".join(text.split())
