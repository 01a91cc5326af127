"""Find the signatures: one answer for wheels, source distributions and editable installs."""

from __future__ import annotations

from pathlib import Path

from weighbridge.errors import WeighbridgeError

_PACKAGE = Path(__file__).resolve().parent.parent


def signatures_dir(package: Path = _PACKAGE) -> Path:
    """Return the directory that holds `callables/`, `rules/` and the other signatures.

    A wheel carries them as `weighbridge/signatures`; a checkout (editable install) keeps them
    at its top level, beside `src/`.

    Args:
        package: directory of the installed `weighbridge` package.

    Raises:
        WeighbridgeError: neither place exists: the installation is broken.
    """
    bundled = package / "signatures"
    checkout = package.parent.parent / "signatures"
    for candidate in (bundled, checkout):
        if candidate.is_dir():
            return candidate
    raise WeighbridgeError(
        f"the signatures are missing: neither {str(bundled)!r} nor {str(checkout)!r} is a directory; "
        "reinstall weighbridge"
    )
