"""The kinds of target that we can fetch, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import Fetcher


def _fetchers(target: str) -> Iterator[Fetcher]:
    """Every fetcher, imported when it is asked: a local scan needs no HTTP client."""
    if "://" in target:
        from weighbridge.fetchers.huggingface import HuggingFaceFetcher

        yield HuggingFaceFetcher()
    from weighbridge.fetchers.local import LocalFetcher

    yield LocalFetcher()


def resolve(target: str) -> Fetcher:
    """Return the fetcher of a target.

    Raises:
        UsageError: nothing fetches such a target.
    """
    for fetcher in _fetchers(target):
        if fetcher.accepts(target):
            return fetcher
    raise UsageError(
        f"can't fetch {target[:200]!r}: give a path, hf://org/name or https://huggingface.co/org/name"
    )
