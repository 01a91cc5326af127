"""Ask the hub which commit a revision is now, and nothing else: one request."""

from __future__ import annotations

from weighbridge.fetchers.huggingface import hub_endpoint
from weighbridge.fetchers.huggingface_errors import HubErrors
from weighbridge.fetchers.huggingface_session import HubHome, HubSession
from weighbridge.fetchers.huggingface_target import parse_hub_target
from weighbridge.fetchers.interface import FetchSettings


def commit_of(target: str, settings: FetchSettings) -> str:
    """Return the commit that a target of the hub means now.

    Raises:
        UsageError: the target is spelt wrong.
        TargetError: not found, no access, offline.
    """
    from weighbridge.fetchers.huggingface_commit import is_offline, stored_token

    endpoint = hub_endpoint()
    hub_target = parse_hub_target(target, endpoint)
    if settings.is_offline or is_offline():
        raise HubErrors(hub_target, endpoint, has_token=False).offline()
    home = HubHome(endpoint=endpoint, token=settings.token or stored_token())
    return HubSession(hub_target, settings, home=home).commit()
