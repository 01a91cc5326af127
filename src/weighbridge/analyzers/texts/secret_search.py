"""Secrets in a text: tokens, keys, passwords, each kind told once and never shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.texts.passages import Passage, Tally
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.knowledge.secrets import (
    Check,
    SecretPattern,
    installed_secrets,
    is_secret,
    jwt_header,
    secret_of,
)
from weighbridge.knowledge.stems import windows

_ASSIGNED, _IN_TESTS = "SEC003", "SEC008"
_SERIOUS: Final = frozenset({"SEC001", "SEC004"})
_YIELDING: Final = frozenset({"SEC002", "SEC003", "SEC005", "SEC007"})
"""A match of these within a secret that is known better is not told again."""
_TEST_FOLDERS: Final = frozenset(
    {"test", "tests", "testing", "testdata", "test_data", "fixtures", "__tests__"}
)
_TOKENIZER_NAMES: Final = re.compile(
    r"(?:pad|eos|bos|unk|sep|cls|mask|image|audio|video|special|added|additional|boi|eoi|start|end|stop|next|prev\w{0,5}|page|max|num|n|csrf)"
    r"[_-]?\Z",
    re.IGNORECASE,
)
_MOST_MATCHES: Final = 500
_SHOWN_CHARS: Final = 4
_PASSWORDS: Final = frozenset({Check.ADDRESS, Check.CREDENTIAL, Check.ASSIGNED})


def secret_findings(
    artifact: Artifact, passage: Passage, *, is_vocabulary: bool = False
) -> Iterator[Finding]:
    """Yield one finding for each kind of secret.

    Args:
        artifact: what the text is of; its names decide about files of credentials and of tests.
        passage: the text.
        is_vocabulary: what it assigns to names is words of a tokenizer.
    """
    tables = installed_secrets()
    found = tables.stems.places(passage.text)
    claimed: list[tuple[int, int]] = []
    for number in sorted(found):
        pattern = tables.patterns[number]
        if (is_vocabulary and pattern.rule == _ASSIGNED) or not _is_named(artifact, pattern):
            continue
        tally = Tally()
        for match in secrets_near(pattern, passage.text, found[number]):
            span = match.span()
            if pattern.rule in _YIELDING and any(a < span[1] and span[0] < b for a, b in claimed):
                continue
            claimed.append(span)
            tally.add(match.start(), _described(pattern, match))
            if len(tally.indexes) >= _MOST_MATCHES:
                break
        if tally.indexes:
            yield _finding(artifact, pattern, tally, passage)


def secrets_near(pattern: SecretPattern, text: str, places: list[int]) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern near places of its stems that are secrets."""
    placeholders = installed_secrets().placeholders
    for start, stop in windows(places, len(text), pattern.reach):
        for match in pattern.regex.finditer(text, start, stop):
            host = match.groupdict().get("host") or ""
            if not is_secret(secret_of(match), pattern.check, placeholders, host):
                continue
            if pattern.rule == _ASSIGNED and _TOKENIZER_NAMES.search(
                text[max(0, match.start() - 24) : match.start()]
            ):
                continue
            yield match


def _is_named(artifact: Artifact, pattern: SecretPattern) -> bool:
    """True when the pattern is for every file, or for one of this name."""
    if not pattern.files:
        return True
    path = PurePosixPath(artifact.name.lower())
    if path.name == "credentials":
        return path.name in pattern.files and path.parent.name in (".aws", "aws")
    return path.name in pattern.files


def _described(pattern: SecretPattern, match: re.Match[str]) -> str:
    value = secret_of(match)
    if pattern.check in _PASSWORDS:
        host = match.groupdict().get("host")
        return f"{len(value)} characters" + (f", for {host[:100]!r}" if host else "")
    if pattern.check in (Check.PRIVATE_KEY, Check.LOCKED_KEY):
        return match.group()[: match.group().find("-----", 5)].strip("- ").removeprefix("BEGIN ").lower()
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:8]
    shown = f"{value[:_SHOWN_CHARS]}... ({len(value)} characters, sha256 {digest}...)"
    return f"{shown}{_of_token(value)}" if pattern.check is Check.JWT else shown


def _of_token(token: str) -> str:
    said = jwt_header(token) or {}
    words = (
        ", without a signature"
        if str(said.get("alg")).lower() == "none"
        else f", {str(said.get('alg'))[:10]}"
    )
    expiry = said.get("exp")
    if isinstance(expiry, int) and 0 < expiry < 1 << 33:
        words += f", until {datetime.fromtimestamp(expiry, UTC):%Y-%m-%d}"
    return words


def _finding(artifact: Artifact, pattern: SecretPattern, tally: Tally, passage: Passage) -> Finding:
    count = len(tally.indexes)
    times = "" if count == 1 else f", {count:,} times"
    where = passage.places(tally.indexes)
    return Finding(
        rule=_IN_TESTS if pattern.rule in _SERIOUS and _is_of_tests(artifact) else pattern.rule,
        path=artifact.path,
        subject=pattern.name,
        evidence="\n".join([f"{pattern.name}{times}: {where}", *tally.lines]),
        route=where.partition(",")[0],
    )


def _is_of_tests(artifact: Artifact) -> bool:
    """Suites of tests hold keys that open nothing."""
    folders = (part for name in artifact.path for part in PurePosixPath(name.lower()).parts[:-1])
    return not _TEST_FOLDERS.isdisjoint(folders)
