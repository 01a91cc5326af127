"""Where a model's configuration sends its loader: other repositories, addresses, files of a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from weighbridge.analyzers.configuration.config_trees import items_of, text_of
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.class_references import is_repository, leads_out
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.hub_config_tables import Names, installed_hub_tables
from weighbridge.knowledge.payload_tables import installed_tables

_OUTSIDE, _LEFT, _LOADS, _ORIGIN, _FETCHES, _UNDERSCORE = (
    "RMC013", "RMC014", "RMC015", "RMC016", "RMC017", "RMC018"
)  # fmt: skip
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^/@\s]*@)?([^/:\s]*)", re.IGNORECASE)
_HOSTS: Final = (
    "huggingface.co",
    "hf.co",
    "github.com",
    "githubusercontent.com",
    "amazonaws.com",
    "googleapis.com",
    "fbaipublicfiles.com",
    "pytorch.org",
    "openaipublic.blob.core.windows.net",
    "openaipublic.azureedge.net",
    "timm.fast.ai",
    "cdn-lfs.huggingface.co",
)
"""Hosts that the libraries' own configurations fetch weights from."""
_SECRET_FILE: Final = re.compile(
    r"^(?:/etc/(?:passwd|shadow|ssh|kubernetes)|/proc/|/dev/|/sys/|/run/|/var/run/)|/\.(?:ssh|aws|kube|netrc|docker)\b"
)
_CLIMBS = re.compile(r"\A(?:\.{0,2}/)+")
_DUNDER = re.compile(r"__\w+__\Z")
_SHOWN_KEYS: Final = 20


def judge_places(
    artifact: Artifact, places: Sequence[tuple[str, Mapping[str, Json]]]
) -> Iterator[Finding]:
    """Yield what the mappings of a document send a loader to, and their keys that nobody documents."""
    kinds = installed_hub_tables().redirecting_keys
    for route, mapping in places:
        for key in kinds.keys() & mapping.keys():
            for text in _texts(mapping[key]):
                yield from _place(artifact, kinds[key], key, text, f"{route}/{key}")
        if route.endswith("/pretrained_cfg"):
            yield from _weights(artifact, route, mapping)
    yield from _undocumented(artifact, places)


def _texts(value: Json) -> Iterator[str]:
    for one in (value,) if isinstance(value, str) else items_of(value)[:50]:
        if isinstance(one, str) and one.strip():
            yield one.strip()[:2_000]


def _place(artifact: Artifact, kind: Names, key: str, text: str, route: str) -> Iterator[Finding]:
    rule = _rule_of(kind, text)
    if rule is not None:
        yield _finding(artifact, rule, f"{key} {text}", f"{key}: {quoted(text)}", route)


def _rule_of(kind: Names, text: str) -> str | None:
    match kind:
        case Names.ORIGIN:
            return _ORIGIN if is_repository(text) or _URL.match(text) else None
        case Names.LOADS:
            if _is_reached(text):
                return _OUTSIDE
            if _URL.match(text):
                return _ORIGIN if _is_usual(text) else _FETCHES
            if leads_out(text):
                return _LEFT
            return _LOADS if is_repository(text) else None
        case Names.FILE | Names.LEFTOVER:
            escapes = kind is Names.FILE and ".." in text.replace("\\", "/").split("/")
            if escapes or _is_reached(text) or (_URL.match(text) and not _is_usual(text)):
                return _OUTSIDE
            return _LEFT if leads_out(text) else None
    assert_never(kind)


def _is_reached(text: str) -> bool:
    """True for a share of another machine, and for files that hold secrets."""
    found = _URL.match(text)
    if text.startswith(("\\\\", "//")) or (found is not None and found[1].lower() in ("file", "smb")):
        return True
    if not leads_out(text):
        return False
    signs = (pattern for sign, pattern in installed_tables().texts if sign == "credential_path")
    ends = _CLIMBS.sub("/", text.replace("\\", "/"))
    return _SECRET_FILE.search(ends) is not None or any(one.search(ends) for one in signs)


def _is_usual(text: str) -> bool:
    found = _URL.match(text)
    host = found[2].lower() if found is not None else ""
    is_plain = found is not None and found[1].lower() in ("https", "http", "hf-hub", "hf")
    return is_plain and any(host == one or host.endswith(f".{one}") for one in _HOSTS)


def _weights(artifact: Artifact, route: str, mapping: Mapping[str, Json]) -> Iterator[Finding]:
    """`timm` takes `file` before all others, then `url`."""
    file, url = text_of(mapping, "file"), text_of(mapping, "url")
    if file:
        rule = _OUTSIDE if leads_out(file) or _URL.match(file) else _LOADS
        yield _finding(artifact, rule, f"file {file}", f"file: {quoted(file)}", f"{route}/file")
    if url and _URL.match(url):
        rule = _ORIGIN if _is_usual(url) else _FETCHES
        yield _finding(artifact, rule, f"url {url}", f"url: {quoted(url)}", f"{route}/url")


def _undocumented(
    artifact: Artifact, places: Sequence[tuple[str, Mapping[str, Json]]]
) -> Iterator[Finding]:
    known = installed_hub_tables().underscore_keys
    found: dict[str, str] = {}
    for route, mapping in places:
        for key in mapping:
            if key.startswith("_") and key not in known and (len(key) > 1 and not key[1].isdigit()):
                found.setdefault(key, f"{route}/{key}")
    if found and places:
        keys = sorted(found, key=lambda key: (not _DUNDER.match(key), key))
        evidence = ", ".join(quoted(key) for key in keys[:_SHOWN_KEYS])
        yield _finding(artifact, _UNDERSCORE, keys[0], evidence, found[keys[0]])


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=route)
