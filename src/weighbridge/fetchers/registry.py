"""The kinds of target that we can fetch, in the order in which they are asked."""

from __future__ import annotations

from weighbridge.errors import UsageError
from weighbridge.fetchers.huggingface import HuggingFaceFetcher
from weighbridge.fetchers.interface import Fetcher
from weighbridge.fetchers.local import LocalFetcher

FETCHERS: tuple[Fetcher, ...] = (HuggingFaceFetcher(), LocalFetcher())


def resolve(target: str) -> Fetcher:
    """Return the fetcher of a target.

    Raises:
        UsageError: nothing fetches such a target.
    """
    for fetcher in FETCHERS:
        if fetcher.accepts(target):
            return fetcher
    raise UsageError(
        f"can't fetch {target[:200]!r}: give a path, hf://org/name or https://huggingface.co/org/name"
    )
