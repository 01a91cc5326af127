"""What went wrong at a registry, in sentences that say what to do."""

from __future__ import annotations

from weighbridge.bytesource.refused import Refused
from weighbridge.errors import (
    AccessDenied,
    ReadError,
    TargetError,
    TargetNotFound,
    TargetUnavailable,
)
from weighbridge.fetchers.oci.client import OtherBytes, RegistryClient
from weighbridge.fetchers.oci.credentials import SET_VARIABLES, FoundLogin
from weighbridge.fetchers.oci.reference import OciReference

_SHOWN_TAGS = 10


def target_error(
    error: ReadError, reference: OciReference, found: FoundLogin, client: RegistryClient
) -> TargetError:
    """Say why the target as a whole can't be read. Of a missing tag it also says which there are."""
    name = reference.display_name
    if isinstance(error, OtherBytes):
        return TargetUnavailable(
            f"Can't trust what {reference.registry} sends for {name}: {error}. Nothing was scanned; "
            "the registry or something on the way to it gives out other bytes"
        )
    if isinstance(error, Refused):
        match error.status:
            case 401 | 403:
                return AccessDenied(f"Can't read {name}: {error}. {_advice(error, found)}")
            case 404:
                return _missing(reference, found, client)
            case _:
                pass
    return TargetUnavailable(
        f"Can't read {name}: {error}. Check the address and the network, or try again later"
    )


def _advice(error: Refused, found: FoundLogin) -> str:
    if error.error_code == "UNAUTHORIZED" and found.login is None:
        return "A repository that does not exist is often refused in the same way"
    if found.login is None:
        return f"{found.note}; {SET_VARIABLES}"
    return f"The login is refused, or may not read this repository ({found.note})"


def _missing(reference: OciReference, found: FoundLogin, client: RegistryClient) -> TargetNotFound:
    where = f"{reference.registry}/{reference.repository}"
    what = reference.digest or f"tag {reference.wanted!r}"
    try:
        tags = client.tags(_SHOWN_TAGS)
    except Refused as refused:
        if refused.status == 404:
            private = "" if found.login is not None else f", or it is private: {SET_VARIABLES}"
            return TargetNotFound(f"There is no repository {where}{private}")
        return TargetNotFound(f"{where} has no {what}; check the spelling")
    except ReadError:
        return TargetNotFound(f"{where} has no {what}; check the spelling")
    named = ", ".join(repr(tag[:60]) for tag in sorted(tags))
    has = f"it has {named}" if named else "it has no tags at all"
    return TargetNotFound(f"{where} has no {what}; {has}")
