"""Credentials of object stores, from where the user allows us to look. They are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec

from weighbridge.core.limits import MIB
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import CloudCredentials
from weighbridge.fetchers.objectstore_settings import EMULATOR_ACCOUNT, CloudSettings, settings_of
from weighbridge.fetchers.objectstore_target import Cloud

_EMULATOR_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The same for everybody. Source: the manual of Azurite."""
_GOOGLE_TYPES = ("service_account", "authorized_user")
_GOOGLE_FILE = "application_default_credentials.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymous:
    """Nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKeys:
    """What S3 requests are signed with."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    session_token: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureKey:
    """The key of a storage account, in base64."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSas:
    """A shared access signature: parameters that every URL gets."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A token that stands for its user as it is."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleFile:
    """A file with which obstore gets tokens: of a service account, or of a login of gcloud's."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChain:
    """What obstore itself finds, in the end at the cloud's metadata address."""


Credentials: TypeAlias = "Anonymous | AwsKeys | AzureKey | AzureSas | Bearer | GoogleFile | OwnChain"


def find_credentials(
    cloud: Cloud, level: CloudCredentials, settings: CloudSettings, home: Path
) -> Credentials:
    """Return the credentials that this level allows to use; `Anonymous` when it finds none.

    Raises:
        UsageError: something is set that can't be used.
    """
    if level is CloudCredentials.NONE:
        return Anonymous()
    found = _found(cloud, level, settings, home)
    if found is not None:
        return found
    return OwnChain() if level is CloudCredentials.METADATA else Anonymous()


def level_with_credentials(
    cloud: Cloud,
    used: Credentials,
    environment: Mapping[str, str],
    home: Path,
) -> CloudCredentials | None:
    """Return the first level on this machine that would find others. It asks no network."""
    for level in (CloudCredentials.ENVIRONMENT, CloudCredentials.FILES):
        try:
            found = find_credentials(cloud, level, settings_of(cloud, level, environment, home), home)
        except UsageError:
            continue
        if not isinstance(found, Anonymous) and found != used:
            return level
    return None


def _found(
    cloud: Cloud, level: CloudCredentials, settings: CloudSettings, home: Path
) -> Credentials | None:
    match cloud:
        case Cloud.S3:
            return _aws(settings.environment) or _aws(settings.files)
        case Cloud.AZURE:
            return _azure(settings)
        case Cloud.GCS:
            return _google(level, settings, home)


def _aws(source: Mapping[str, str]) -> AwsKeys | None:
    """Take a pair from one source: a key of one and a secret of another would never fit."""
    key_id, secret = source.get("AWS_ACCESS_KEY_ID"), source.get("AWS_SECRET_ACCESS_KEY")
    if bool(key_id) != bool(secret):
        raise UsageError("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set; set both")
    if not key_id or not secret:
        return None
    return AwsKeys(key_id=key_id, secret=secret, session_token=source.get("AWS_SESSION_TOKEN") or None)


def _azure(settings: CloudSettings) -> AzureKey | AzureSas | Bearer | None:
    connection = settings.connection
    names = ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY")
    key = settings.get(*names) or connection.get("accountkey")
    if key:
        return AzureKey(key=key)
    sas = settings.get("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")
    sas = sas or connection.get("sharedaccesssignature")
    if sas:
        return AzureSas(token=sas.removeprefix("?"))
    token = settings.get("AZURE_STORAGE_TOKEN")
    if token:
        return Bearer(token=token)
    if settings.is_emulator and settings.azure_account == EMULATOR_ACCOUNT:
        return AzureKey(key=_EMULATOR_KEY)
    return None


def _google(level: CloudCredentials, settings: CloudSettings, home: Path) -> Bearer | GoogleFile | None:
    token = settings.get("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
    if token:
        return Bearer(token=token)
    named = settings.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return _google_file(Path(named), "GOOGLE_APPLICATION_CREDENTIALS")
    if level is CloudCredentials.ENVIRONMENT:
        return None
    folder = settings.get("CLOUDSDK_CONFIG")
    usual = (Path(folder) if folder else home / ".config" / "gcloud") / _GOOGLE_FILE
    return _google_file(usual, "gcloud's login") if usual.is_file() else None


class _Typed(msgspec.Struct):
    type: str = ""


def _google_file(path: Path, what: str) -> GoogleFile:
    try:
        with path.open("rb") as stream:
            kind = msgspec.json.decode(stream.read(1 * MIB), type=_Typed).type
    except (OSError, msgspec.MsgspecError):
        # Not the decoder's words: they may quote the file.
        raise UsageError(f"{what}: can't read {str(path)!r} as a file of credentials") from None
    if kind not in _GOOGLE_TYPES:
        raise UsageError(
            f"{what}: {str(path)!r} holds credentials of the type {kind[:40]!r}; "
            f"only {' and '.join(_GOOGLE_TYPES)} can be used"
        )
    return GoogleFile(path=path)
