"""What stands in configurations of the hub: keys, owners and libraries of `signatures/hub/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from weighbridge.errors import UsageError
from weighbridge.knowledge.listed import listed


class Names(StrEnum):
    """What a text of a configuration names."""

    ORIGIN = "origin"
    """Where something came from; nothing is loaded from it."""
    LOADS = "loads"
    """A repository that is loaded as well."""
    FILE = "file"
    """A file that is opened."""
    LEFTOVER = "leftover"
    """A file that was opened where the model was saved."""


@dataclass(frozen=True, slots=True)
class HubConfigTables:
    """The tables, by name.

    Attributes:
        underscore_keys: documented keys that begin with an underscore.
        kernel_owners: organisations whose kernels the libraries themselves name.
        code_repositories: repositories whose code other publishers' configurations name, in lower case.
        libraries: what pipelines and sentence encoders name parts of.
        loading_calls: calls that fetch code or load native code.
        redirecting_keys: keys whose texts name repositories and files.
    """

    underscore_keys: Mapping[str, str]
    kernel_owners: Mapping[str, str]
    code_repositories: Mapping[str, str]
    libraries: Mapping[str, str]
    loading_calls: Mapping[str, str]
    redirecting_keys: Mapping[str, Names]


@lru_cache(maxsize=1)
def installed_hub_tables() -> HubConfigTables:
    """The tables that came with this installation; read once, when first needed.

    Raises:
        UsageError: a table is missing or breaks its form.
    """
    try:
        kinds = {key: Names(kind) for key, kind in listed("hub/redirecting_keys.tsv").items()}
    except ValueError as error:
        raise UsageError(f"hub/redirecting_keys.tsv: {error}") from None
    repositories = listed("hub/code_repositories.tsv")
    return HubConfigTables(
        listed("hub/underscore_keys.tsv"),
        listed("hub/kernel_owners.tsv"),
        {name.lower(): whose for name, whose in repositories.items()},
        listed("hub/libraries.tsv"),
        listed("hub/loading_calls.tsv"),
        kinds,
    )
