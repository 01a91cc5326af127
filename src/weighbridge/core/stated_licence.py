"""One place of a target that says under which licence it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLicence:
    """What `path` says of the licence; whether that is allowed is the policy's business.

    Attributes:
        path: the artifact that says so: a card, a licence's text, the header of weights.
        licence: the word of the hub or of SPDX in lower case, or what the file says in their place.
            Data from the target.
    """

    path: tuple[str, ...]
    licence: str
