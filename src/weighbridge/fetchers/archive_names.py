"""Which remote files are better met from their end: archives whose directory is there."""

from __future__ import annotations

from typing import Final

_DIRECTORY_AT_THE_END: Final = (
    *(".pt", ".pth", ".bin", ".ckpt", ".zip", ".npz", ".keras", ".pt2", ".nemo", ".mar"),
    *(".whl", ".egg", ".jar"),
)


def has_directory_at_end(name: str) -> bool:
    """Guess from a name. A wrong guess costs a request, and nothing else."""
    return name.lower().endswith(_DIRECTORY_AT_THE_END)
