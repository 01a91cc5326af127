"""Lists of shards: WebDataset gives an address that begins with `pipe:` to a shell.

Fetching a shard with a well-known program is what the feature is for, so that is told as such; any
other command is not needed to read data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.shell import read_shell
from weighbridge.knowledge.payloads import PayloadClass, classify

_PIPE: Final = re.compile(r"\s*[\"']?(?:pipe:|!)\s*(?P<command>.{1,4000})")
_FETCH: Final = re.compile(
    r"(?:curl|wget|aws s3|gsutil|gcloud storage|s3cmd|rclone|az storage|cat|ais get|hadoop fs|hdfs dfs"
    r"|mc cat)\s[^|;&`<>\n]{1,2000}"
)
_SUBSTITUTES: Final = re.compile(r"\$\(|`")
_FETCHES, _RUNS = "DST014", "DST015"
_LINES: Final = 2_000
_LEAST_SHARE: Final = 0.5
_SHOWN: Final = 5


def judge_shard_lines(artifact: Artifact, head: str) -> Iterator[Finding] | None:
    """Judge a text whose lines are addresses of shards; None for any other text."""
    lines = [line.strip() for line in head.splitlines()[:_LINES] if line.strip()]
    pipes = [line for line in lines if line.startswith("pipe:")]
    if not pipes:
        return None
    others = [line for line in lines if re.match(r"(?:[a-z][a-z0-9+]*://|\S+\.tar\b)", line)]
    if len(pipes) + len(others) < _LEAST_SHARE * len(lines):
        return None
    return pipe_findings(artifact, pipes)


def is_pipe(text: str) -> bool:
    """True when a loader of shards would give the text to a shell."""
    return text.lstrip("\"' ").startswith("pipe:")


def pipe_findings(artifact: Artifact, addresses: Iterable[str]) -> Iterator[Finding]:
    """Yield one finding for addresses that fetch, and one for those that run something else."""
    groups: dict[str, list[str]] = {_FETCHES: [], _RUNS: []}
    classes: set[PayloadClass] = set()
    for address in addresses:
        match = _PIPE.match(address)
        command = match["command"] if match is not None else ""
        if _FETCH.fullmatch(command) and not _SUBSTITUTES.search(command):
            groups[_FETCHES].append(address)
        elif command:
            groups[_RUNS].append(address)
            classes.update(one.kind for one in classify(read_shell(command[:4000])))
    for rule, found in groups.items():
        if found:
            yield _finding(artifact, rule, found, classes if rule == _RUNS else set())


def _finding(artifact: Artifact, rule: str, found: list[str], classes: set[PayloadClass]) -> Finding:
    lines = [quoted(address) for address in dict.fromkeys(found)][:_SHOWN]
    if classes - {PayloadClass.UNCLASSIFIED}:
        lines.append("the command is: " + ", ".join(sorted(classes)))
    first = found[0].split()
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=" ".join(first[:2])[:120],
        evidence="\n".join((f"{len(found):,} addresses are commands", *lines)),
    )
