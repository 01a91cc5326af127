"""Whether a library is there and in which version, without importing it."""

from __future__ import annotations

from importlib.util import find_spec


def missing(module: str, install: str) -> str | None:
    """Return what to do when a module can't be imported here, else None."""
    return None if find_spec(module) is not None else f"is not installed: {install}"


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, None without one."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
