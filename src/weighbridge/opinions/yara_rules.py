"""YARA rules, ours and the user's, on the bytes of each artifact, by yara-x.

Rules are trusted input, artifacts are not: rules come from signatures/yara and from the folder that
the user names, `include` is off, and no pattern of a target is ever compiled.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.core.limits import Budget
from weighbridge.errors import LimitReached, UsageError
from weighbridge.opinions.installed import missing, version_of
from weighbridge.opinions.interface import (
    EngineName,
    Objection,
    OpinionResult,
    Subject,
    limited,
    skipped,
    stated,
)

if TYPE_CHECKING:
    import yara_x

_SUFFIXES = (".yar", ".yara")
_MATCHES_SHOWN = 5
_MATCHES = 10_000
_SNIPPET_BYTES = 60
_OBJECTIONS = 50
_MINOR = frozenset({"medium", "low", "info", "informational"})
_MEMORY_SHARE = 4
"""yara-x wants the bytes in one piece, copied, beside what it needs for itself."""


class YaraOpinion:
    """Runs rules on every artifact: ours in the namespace `weighbridge`, the user's in `user`."""

    name = EngineName.YARA

    def __init__(self, own: Path, users: Path | None) -> None:
        self._own = own
        self._users = users

    def is_available(self) -> str | None:
        return missing("yara_x", "pip install 'weighbridge[yara]'")

    def version(self) -> str | None:
        return version_of("yara-x")

    def check_rules(self) -> None:
        """Compile the rules once, before anything is scanned.

        Raises:
            UsageError: a folder holds no rules, or one that is wrong.
        """
        compiled_rules(self._own, self._users)

    def examine(self, subject: Subject, budget: Budget) -> OpinionResult:
        source = subject.artifact.source
        most = budget.limits.memory_bytes // _MEMORY_SHARE
        if source.size > most:
            return limited(f"not shown to YARA: more than {most:,} bytes; --max-memory raises the limit")
        if source.size == 0:
            return skipped("empty")
        data = bytes(source.read_at(0, source.size))
        matching = self._scan(data, budget)
        objections = [_objection(rule, data) for rule in matching[:_OBJECTIONS]]
        return stated(tuple(sorted(objections, key=lambda objection: objection.subject)))

    def _scan(self, data: bytes, budget: Budget) -> tuple[yara_x.Rule, ...]:
        import yara_x

        budget.check_time()
        seconds = max(1, int(budget.deadline - time.monotonic()))
        scanner = yara_x.Scanner(compiled_rules(self._own, self._users))
        scanner.set_timeout(seconds)
        scanner.max_matches_per_pattern(_MATCHES)
        try:
            return scanner.scan(data).matching_rules
        except yara_x.TimeoutError as error:
            raise LimitReached(
                f"YARA took longer than {seconds} s; --timeout raises the limit"
            ) from error


@cache
def compiled_rules(own: Path, users: Path | None) -> yara_x.Rules:
    """Compile the rules of our folder and of the user's: once in a process, for every file.

    Raises:
        UsageError: a folder holds no rules, or one that is wrong.
    """
    import yara_x

    compiler = yara_x.Compiler(includes_enabled=False)
    for namespace, folder in (("weighbridge", own), ("user", users)):
        if folder is None:
            continue
        compiler.new_namespace(namespace)
        for path in _rule_files(folder):
            _add(compiler, path)
    return compiler.build()


def _rule_files(folder: Path) -> list[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise UsageError(f"can't read the YARA rules in {str(folder)!r}: {error.strerror}") from error
    if not files:
        raise UsageError(f"no YARA rules in {str(folder)!r}: name them *.yar or *.yara")
    return files


def _add(compiler: yara_x.Compiler, path: Path) -> None:
    import yara_x

    try:
        compiler.add_source(path.read_text(encoding="utf-8"), origin=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read the YARA rules {str(path)!r}: {error}") from error
    except yara_x.CompileError as error:
        raise UsageError(f"the YARA rules {str(path)!r} are wrong:\n{error}") from error


def _objection(rule: yara_x.Rule, data: bytes) -> Objection:
    """What a rule says of itself, and where it matched."""
    facts = {key: str(value) for key, value in rule.metadata}
    places = sorted(
        (match.offset, match.length, pattern.identifier)
        for pattern in rule.patterns
        for match in pattern.matches
    )[:_MATCHES_SHOWN]
    lines = [f"YARA rule {rule.namespace}:{rule.identifier}"]
    lines += [facts[key] for key in ("why", "description", "reference") if key in facts]
    lines += [
        f"{name} at byte {offset:,}: {data[offset : offset + min(length, _SNIPPET_BYTES)]!r}"
        for offset, length, name in places
    ]
    return Objection(
        rule="OPN008" if facts.get("severity", "").lower() in _MINOR else "OPN007",
        subject=f"{rule.namespace}:{rule.identifier}",
        evidence="\n".join(lines),
        offset=places[0][0] if places else None,
        length=places[0][1] if places else 0,
    )
