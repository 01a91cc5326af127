"""WebDataset shards: a tar whose members belong together by name, some of which its reader unpickles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

_RULE: Final = "DST013"
_UNPICKLED: Final = {
    "pyd": "pickle.loads",
    "pkl": "pickle.loads",
    "pickle": "pickle.loads",
    "pth": "torch.load",
    "pt": "torch.load",
}


def judge_shard(artifact: Artifact, names: Sequence[str]) -> Iterator[Finding]:
    """Tell of members that the default decoders unpickle; of a tar that is no shard, nothing.

    Args:
        artifact: the tar.
        names: of its files. A sample is what has the same name up to the first dot of its base name.
    """
    endings: Counter[str] = Counter()
    samples: dict[str, set[str]] = {}
    for name in names:
        folder, _, base = name.rpartition("/")
        key, dot, ending = base.partition(".")
        if not dot:
            continue
        samples.setdefault(f"{folder}/{key}", set()).add(ending.lower())
        endings[ending.lower().rpartition(".")[2]] += 1
    if not any(len(kinds) > 1 for kinds in samples.values()):
        return
    for ending, call in _UNPICKLED.items():
        if endings[ending]:
            example = next(name for name in names if name.lower().endswith(f".{ending}"))
            yield Finding(
                rule=_RULE,
                path=artifact.path,
                subject=f"members .{ending}",
                evidence=f"{endings[ending]:,} members end in .{ending}, for {call}: {quoted(example)}",
            )
