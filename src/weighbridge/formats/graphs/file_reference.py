"""Where a path leads that a model names: graphs of every framework keep weights in other files."""

from __future__ import annotations

import re
from enum import StrEnum

from weighbridge.formats.archive.member_paths import PathHazard, path_hazard

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\\/]")
_MEMORY = "*/_ORT_MEM_ADDR"


class ReferenceHazard(StrEnum):
    """Why a path must not be followed; the value is a phrase for people."""

    MEMORY = "is ONNX Runtime's mark for an address in the memory of the process"
    URL = "is a URL"
    ABSOLUTE = "is an absolute path"
    CLIMBS = "climbs out of the model's folder"
    NUL = "holds a NUL character, at which some readers stop"
    DEVICE = "is the name of a device on Windows"
    NOTHING = "names no file"


def reference_hazard(path: str) -> ReferenceHazard | None:
    """Judge a path that is meant to be relative to the model's folder, on POSIX and on Windows."""
    if path.startswith(_MEMORY):
        return ReferenceHazard.MEMORY
    if "\0" in path:
        return ReferenceHazard.NUL
    if _SCHEME.match(path):
        return ReferenceHazard.URL
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        return ReferenceHazard.ABSOLUTE
    if path_hazard(path) is PathHazard.ESCAPES:
        return ReferenceHazard.CLIMBS
    parts = _SEPARATORS.split(path)
    if not parts[-1].strip(". "):
        return ReferenceHazard.NOTHING
    if any(_DEVICE.fullmatch(part) for part in parts):
        return ReferenceHazard.DEVICE
    return None
