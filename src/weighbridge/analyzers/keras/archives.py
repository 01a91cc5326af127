"""`.keras` archives: members that no Keras writer puts there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted

_ODD, _PROGRAM = "KER014", "KER020"
_SHOWN = 20
_EXPECTED = frozenset({"config.json", "metadata.json", "model.weights.h5", "model.weights.json"})
_CARRIES_CODE = frozenset(
    {".py", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bash", ".bat", ".cmd"}
    | {
        ".ps1",
        ".js",
        ".jar",
        ".class",
        ".pkl",
        ".pickle",
        ".p",
        ".joblib",
        ".dill",
        ".npy",
        ".pt",
        ".pth",
    }
    | {".bin", ".pb", ".mar", ".whl", ".egg", ".pth", ".lnk", ".vbs", ".msi", ".deb", ".rpm", ".app"}
)


_PROGRAMS = frozenset(
    {".so", ".dll", ".dylib", ".pyd", ".exe", ".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs"}
    | {".lnk", ".msi", ".deb", ".rpm"}
)
"""What only an operating system starts or loads."""


def judge_members(artifact: Artifact, names: Sequence[str], context: Context) -> Iterator[Event] | None:
    """Judge the archive when it is a Keras model: `config.json`, and metadata or weights beside it."""
    is_keras = artifact.name.lower().endswith(".keras") or (
        "config.json" in names
        and ("metadata.json" in names or any(name.endswith(".weights.h5") for name in names))
    )
    return _odd_members(artifact, names) if is_keras else None


def _odd_members(artifact: Artifact, names: Sequence[str]) -> Iterator[Event]:
    found = [name for name in dict.fromkeys(names) if not _is_expected(name)]
    programs = [name for name in found if PurePosixPath(name).suffix.lower() in _PROGRAMS]
    others = [name for name in found if name not in set(programs)]
    for rule, odd in ((_PROGRAM, programs), (_ODD, others)):
        if odd:
            yield _told(artifact, rule, odd)


def _told(artifact: Artifact, rule: str, odd: Sequence[str]) -> Finding:
    shown = ", ".join(quoted(name) for name in odd[:_SHOWN])
    more = f" and {len(odd) - _SHOWN:,} more" if len(odd) > _SHOWN else ""
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=odd[0][:200],
        evidence=f"beside configuration, weights and assets: {shown}{more}",
        related=tuple(quoted(name) for name in odd[1:_SHOWN]),
    )


def _is_expected(name: str) -> bool:
    """Weights may be in shards; assets are vocabularies, and never programs."""
    path = PurePosixPath(name)
    if name in _EXPECTED or (path.parent == PurePosixPath() and name.endswith(".weights.h5")):
        return True
    return name.startswith("assets/") and path.suffix.lower() not in _CARRIES_CODE
