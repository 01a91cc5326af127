"""One package that a target asks an installer for, by a name that our tables do not know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageName:
    """Whoever sets up `path` installs `name` from an index of Python packages.

    An analyzer can't ask whether the index has it; the engine does, when the user allows that.

    Attributes:
        path: the artifact that asks for it.
        name: as the file spells it. Data from the target.
        route: where it stands in the file.
        is_told: True when a text tells its readers to install it, false for a list of requirements.
    """

    path: tuple[str, ...]
    name: str
    route: str = ""
    is_told: bool = False
