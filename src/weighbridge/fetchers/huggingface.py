"""Repositories of the Hugging Face hub, read where they are: listed once, then byte ranges only."""

from __future__ import annotations

import os

from weighbridge.core.address import is_address
from weighbridge.errors import UsageError
from weighbridge.fetchers.huggingface_errors import HubErrors
from weighbridge.fetchers.huggingface_session import HubHome, HubSession
from weighbridge.fetchers.huggingface_target import (
    DEFAULT_ENDPOINT,
    is_hub_target,
    parse_hub_target,
)
from weighbridge.fetchers.interface import Fetched, FetchSettings


class HuggingFaceFetcher:
    """`hf://org/name@revision` and the URLs of a repository's pages."""

    def accepts(self, target: str) -> bool:
        return is_hub_target(target, hub_endpoint())

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Pin the revision to a commit and list the files of that commit.

        Raises:
            UsageError: the target names no repository, or HF_ENDPOINT no hub.
            TargetError: not found, gated, private, rate limited, offline, in words.
        """
        from weighbridge.fetchers.huggingface_commit import is_offline, stored_token

        endpoint = hub_endpoint()
        if not is_address(endpoint):
            # It is not quoted: there may be a password in it.
            raise UsageError(f"HF_ENDPOINT is not an address such as {DEFAULT_ENDPOINT}")
        parsed = parse_hub_target(target, endpoint)
        if is_offline():
            raise HubErrors(parsed, endpoint, has_token=False).offline()
        home = HubHome(endpoint=endpoint, token=settings.token or stored_token())
        return HubSession(parsed, settings, home=home).fetched()


def hub_endpoint() -> str:
    """Return the hub's address as the environment sets it now."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
