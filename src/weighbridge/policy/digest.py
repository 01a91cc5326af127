"""A name for what a policy decides, so that a lock or an attestation can say by which one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.policy.decision import Policy

_NOT_DECIDING = frozenset({"notes", "signatures_released"})


def policy_digest(policy: Policy) -> str:
    """Return the sha256 (hex) of what a policy decides by.

    Its notes don't count, nor how old the signatures are: who asks names their version beside it.
    """
    import msgspec

    names = [name for name in policy.__dataclass_fields__ if name not in _NOT_DECIDING]
    fields = {name: getattr(policy, name) for name in names}
    return hashlib.sha256(msgspec.json.encode(fields, enc_hook=repr, order="deterministic")).hexdigest()
