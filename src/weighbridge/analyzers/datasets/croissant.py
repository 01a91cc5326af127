"""Croissant: where the files of a dataset come from, and whether their content is fixed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.graphs.file_reference import ReferenceHazard, reference_hazard

_LEAVES, _UNHASHED, _WEAK, _SLOW = "DST016", "DST018", "DST019", "DST028"
_SHOWN: Final = 5
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}\Z")
_MD5: Final = re.compile(r"[0-9a-fA-F]{32}\Z")
_REMOTE: Final = re.compile(r"(https?|ftp)://", re.IGNORECASE)
_FILE_URL: Final = re.compile(r"(?i)file:")
_NESTED_QUANTIFIER: Final = re.compile(r"\((?:[^()\\]|\\.){0,100}[+*](?:[^()\\]|\\.){0,20}\)[+*{]")
_OUTSIDE: Final = frozenset({ReferenceHazard.ABSOLUTE, ReferenceHazard.CLIMBS, ReferenceHazard.NUL})


def is_croissant(tree: Mapping[str, Json]) -> bool:
    """True for a JSON-LD dataset with a list of its files."""
    kind = tree.get("@type")
    return (
        isinstance(tree.get("distribution"), list) and isinstance(kind, str) and kind.endswith("Dataset")
    )


def croissant_findings(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """Judge `distribution` and the regular expressions of `recordSet`."""
    told: dict[tuple[str, str], list[str]] = {}
    files = tree.get("distribution")
    for file in files if isinstance(files, list) else ():
        if isinstance(file, Mapping):
            for rule, subject, detail in _judge_file(file):
                told.setdefault((rule, subject), []).append(detail)
    for text in _regexes(tree.get("recordSet")):
        if _NESTED_QUANTIFIER.search(text):
            told.setdefault((_SLOW, "regular expression"), []).append(quoted(text))
    for (rule, subject), details in told.items():
        more = [f"and {len(details) - _SHOWN:,} more"] if len(details) > _SHOWN else []
        evidence = "\n".join(details[:_SHOWN] + more)
        yield Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)


def _judge_file(file: Mapping[str, Json]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, subject and detail."""
    name = _text(file, "name") or _text(file, "@id")
    url = _text(file, "contentUrl")
    for key, path in (("contentUrl", url), *_contained(file)):
        if path and (reference_hazard(path) in _OUTSIDE or _FILE_URL.match(path)):
            yield _LEAVES, f"{key} leaves the dataset", f"{quoted(name)}: {key} {quoted(path)}"
    if url.lower().startswith("http://"):
        yield _WEAK, "contentUrl without TLS", f"{quoted(name)}: {quoted(url)}"
    if not _text(file, "@type").endswith("FileObject"):
        return
    digest, other = _text(file, "sha256"), _text(file, "md5")
    is_repository = "git" in _text(file, "encodingFormat")
    if digest and not _SHA256.match(digest) and not is_repository:
        yield _WEAK, "malformed sha256", f"{quoted(name)}: sha256 {quoted(digest)}"
    elif not digest and not _MD5.match(other) and not is_repository and _REMOTE.match(url):
        yield _UNHASHED, "remote file without a digest", f"{quoted(name)}: {quoted(url)}"


def _contained(file: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Paths within archives and folders; a reference by id is none."""
    for key in ("includes", "excludes"):
        value = file.get(key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield key, one


def _regexes(value: Json) -> Iterator[str]:
    pending: list[Json] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            regex = item.get("regex")
            if isinstance(regex, str):
                yield regex[:2_000]
            pending.extend(item.values())
        elif isinstance(item, Sequence) and not isinstance(item, str):
            pending.extend(item)


def _text(mapping: Mapping[str, Json], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
