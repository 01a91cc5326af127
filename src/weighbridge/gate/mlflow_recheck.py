"""Is what the registry names still what was scanned? Asked again before anything is promoted.

Compared are the registry's entry (source, run, time of creation), where a loader would download it
from, and the names and sizes of all files there. A file that is overwritten by another of the same
size is not noticed: MLflow states no digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from weighbridge.core.report import Report
from weighbridge.errors import TargetError
from weighbridge.fetchers.interface import Entry, FetchSettings
from weighbridge.fetchers.registry import fetch

_LASTING = ("registered_model", "version", "source", "location", "run_id", "created")
"""Facts that never change in the life of a version. Tags, aliases and stages may."""
_SHOWN = 80
Listing = Mapping[str, tuple[int | None, str | None]]
"""Name -> size and sha256, where the registry states them."""


def what_changed(report: Report, settings: FetchSettings) -> str | None:
    """Fetch the target of a report again and say what is different; None when nothing is.

    Args:
        report: of a target that names a version.
        settings: with which it was fetched.
    """
    try:
        with closing(fetch(report.target, settings)) as fetched:
            facts = fetched.origin.facts
            for name in _LASTING:
                if facts.get(name) != report.origin.facts.get(name):
                    return f"its {name.replace('_', ' ')} is another one now"
            now = {
                item.name: (item.size_bytes, item.origin.sha256)
                for item in fetched.items
                if isinstance(item, Entry)
            }
    except TargetError as error:
        return f"it can't be read again: {error}"
    then = {file.name: (file.size_bytes, file.sha256) for file in report.files}
    return _difference(then, now)


def _difference(then: Listing, now: Listing) -> str | None:
    for name in sorted(then.keys() | now.keys()):
        shown = repr(name[:_SHOWN])
        if name not in now:
            return f"the file {shown} is gone"
        if name not in then:
            return f"the file {shown} is new"
        if any(
            one is not None and other is not None and one != other
            for one, other in zip(then[name], now[name], strict=True)
        ):
            return f"the file {shown} is another one"
    return None
