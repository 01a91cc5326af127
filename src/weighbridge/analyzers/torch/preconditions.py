"""When a harmful pickle of the PyTorch family runs: which calls of torch.load, and which versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.pickle.trace import Stream
from weighbridge.formats.weights.torch_storages import is_legacy

_ZIP, _TAR = "TOR050", "TOR051"
_MEMBERS = ("data.pkl", "constants.pkl", "bytecode.pkl", "attributes.pkl")
_TAR_MEMBERS = frozenset({"sys_info", "pickle", "storages", "tensors"})
_NAMES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".distcp", ".metadata", ".tar"})


def load_preconditions(artifact: Artifact, streams: Sequence[Stream]) -> Iterator[Finding]:
    """Say when a pickle that does harm runs; nothing for one that torch.load never takes.

    Call it for pickles that have a finding of their own: it states facts of the loader, not of the file.
    """
    base = PurePosixPath(artifact.name).name
    if artifact.depth and base in _TAR_MEMBERS:
        yield _finding(artifact, _TAR, "a member of the tar layout")
    elif artifact.depth and base in _MEMBERS:
        yield _finding(artifact, _ZIP, f"the pickle {base} of a torch archive")
    elif is_legacy(streams):
        yield _finding(artifact, _ZIP, "the legacy layout: several pickles in a row")
    elif not artifact.depth and (base == ".metadata" or PurePosixPath(base.lower()).suffix in _NAMES):
        yield _finding(artifact, _ZIP, "a pickle under a name that torch.load is given")


def _finding(artifact: Artifact, rule: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject="torch.load", evidence=evidence)
