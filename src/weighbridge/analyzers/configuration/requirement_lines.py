"""Requirements that come from an address and not from the package index.

`requirements.txt`, the `pip` list of a `conda.yaml`, BentoML's `python.packages`: an environment that is
built from them runs what the address serves, as part of the installation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.formats.anomaly import quoted

_INDEX, _VERSIONED = "CFG024", "CFG025"

_HOSTS: Final = frozenset(
    {"pypi.org", "files.pythonhosted.org", "download.pytorch.org", "pypi.nvidia.com", "data.pyg.org"}
    | {"storage.googleapis.com", "conda.anaconda.org", "repo.anaconda.com", "pypi.python.org"}
    | {"github.com", "huggingface.co", "raw.githubusercontent.com"}
)
"""Hosts that honest requirements name; each file of them is somebody's all the same."""
_NAME = re.compile(r"requirements?[\w.-]*\.(?:txt|in)\Z|constraints\.txt\Z|.*[-_.]requirements\.txt\Z")
_OPTION = re.compile(r"(?:^|\s)(?:--(?:extra-)?index-url|-i|--find-links|-f|--trusted-host)[\s=]+(\S+)")
_URL = re.compile(r"(?:^|[\s@=])((?:git|hg|svn|bzr)\+\S+|https?://\S+|file:\S+|ftp://\S+)")
_HOST = re.compile(r"[a-z+]+://(?:[^/@\s]*@)?([^/:\s#]+)", re.IGNORECASE)
_LARGEST = MIB
_MOST = 100


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is named as requirements are."""
    if _NAME.match(PurePosixPath(artifact.name.lower()).name) is None:
        return None
    data = bytes(artifact.source.read_at(0, min(artifact.source.size, _LARGEST)))
    return requirement_findings(artifact, data.decode("utf-8", "replace").splitlines(), "")


def requirement_findings(artifact: Artifact, lines: Iterable[str], route: str) -> Iterator[Finding]:
    """Yield one finding for each address of another host, and one for all version control."""
    versioned: list[str] = []
    told: set[str] = set()
    for line in lines:
        text = line[:2_000].partition(" #")[0].strip()
        if text.startswith("#"):
            continue
        for address in (*_OPTION.findall(text), *_URL.findall(text)):
            host = _host(address)
            if host in _HOSTS and not address.startswith("http:"):
                if address.startswith(("git", "hg", "svn", "bzr")):
                    versioned.append(text)
            elif host not in told and len(told) < _MOST:
                told.add(host)
                yield Finding(
                    rule=_INDEX, path=artifact.path, subject=host, evidence=quoted(text), route=route
                )
    if versioned:
        evidence = "\n".join(quoted(text) for text in versioned[:5])
        yield Finding(
            rule=_VERSIONED,
            path=artifact.path,
            subject="version control",
            evidence=evidence,
            route=route,
        )


def _host(address: str) -> str:
    found = _HOST.match(address)
    if found is not None:
        return found[1].lower()
    return address[:100]
