"""Where a store is and who may know what: the environment of the stores' own tools, by level.

A level of `CloudCredentials` decides which of them is looked at. Where a store is (endpoint,
region, account) is no secret, and is read from the environment at every level.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from weighbridge.core.limits import MIB
from weighbridge.errors import UsageError
from weighbridge.fetchers.interface import CloudCredentials
from weighbridge.fetchers.objectstore_target import ACCOUNT, Cloud

EMULATOR_ACCOUNT = "devstoreaccount1"
"""Of Azurite and the storage emulator, with a key that is printed in their manuals."""
_EMULATOR_URL = f"http://127.0.0.1:10000/{EMULATOR_ACCOUNT}"
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_LARGEST_FILE_BYTES = 1 * MIB
_ACCOUNT_NAMES = ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
_AZURE_FILE = {
    "account": "AZURE_STORAGE_ACCOUNT",
    "key": "AZURE_STORAGE_KEY",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where requests go.

    Attributes:
        endpoint: scheme, host and perhaps a path, without a slash at its end.
        region: what S3 requests are signed for.
        is_chosen: the user named the endpoint; only such a one may be without TLS.
    """

    endpoint: str
    region: str = "us-east-1"
    is_chosen: bool = False

    @property
    def is_plain(self) -> bool:
        return self.endpoint.startswith("http://")

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """What the user's environment, and the files that its tools leave, say of one kind of store.

    Attributes:
        environment: of the process.
        files: what the files say, under the names of environment variables; empty below FILES.
    """

    environment: Mapping[str, str]
    files: Mapping[str, str]

    def get(self, *names: str) -> str | None:
        """Return the first of these that is set, in the environment before the files."""
        for source in (self.environment, self.files):
            for name in names:
                if source.get(name):
                    return source[name]
        return None

    def in_region(self, region: str) -> CloudSettings:
        """Return the same, in another region of AWS."""
        return replace(self, environment={**self.environment, "AWS_REGION": region})

    @property
    def azure_account(self) -> str | None:
        """The storage account that is set.

        Raises:
            UsageError: it is not the name of one.
        """
        account = self.get(*_ACCOUNT_NAMES) or self.connection.get("accountname")
        if account is None and self.is_emulator:
            return EMULATOR_ACCOUNT
        if account is not None and not ACCOUNT.fullmatch(account):
            raise UsageError("AZURE_STORAGE_ACCOUNT is not the name of a storage account")
        return account

    @property
    def is_emulator(self) -> bool:
        return (
            self.get("AZURE_STORAGE_USE_EMULATOR") or ""
        ).lower() in _YES or "usedevelopmentstorage" in self.connection

    @property
    def connection(self) -> Mapping[str, str]:
        """The parts of Azure's connection string, their names in lower case."""
        text = self.get("AZURE_STORAGE_CONNECTION_STRING") or ""
        parts = (part.partition("=") for part in text.split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in parts if name.strip()}


_YES = frozenset({"1", "true", "yes", "on"})


def settings_of(
    cloud: Cloud, level: CloudCredentials, environment: Mapping[str, str], home: Path
) -> CloudSettings:
    """Read what is set; files only from the level FILES on.

    Raises:
        UsageError: a file can't be understood, or lacks the profile that is asked for.
    """
    if level in (CloudCredentials.NONE, CloudCredentials.ENVIRONMENT):
        return CloudSettings(environment, {})
    match cloud:
        case Cloud.S3:
            return CloudSettings(environment, _aws_files(environment, home))
        case Cloud.AZURE:
            return CloudSettings(environment, _azure_file(environment, home))
        case Cloud.GCS:
            return CloudSettings(environment, {})


def place_of(cloud: Cloud, settings: CloudSettings, account: str | None) -> Place:
    """Return where a store's requests go.

    Raises:
        UsageError: an endpoint or a region that is set is not one.
    """
    match cloud:
        case Cloud.S3:
            return _s3_place(settings)
        case Cloud.GCS:
            return _chosen(settings.get("STORAGE_EMULATOR_HOST"), "https://storage.googleapis.com")
        case Cloud.AZURE:
            return _azure_place(settings, account or "")


def _s3_place(settings: CloudSettings) -> Place:
    region = settings.get("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
    if not _REGION.fullmatch(region):
        raise UsageError(f"AWS_REGION is not the name of a region: {region[:80]!r}")
    suffix = ".cn" if region.startswith("cn-") else ""
    return _chosen(
        settings.get("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        f"https://s3.{region}.amazonaws.com{suffix}",
        region=region,
    )


def _azure_place(settings: CloudSettings, account: str) -> Place:
    connection = settings.connection
    named = settings.get("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT")
    chosen = named or connection.get("blobendpoint")
    if chosen is None and settings.is_emulator:
        chosen = _EMULATOR_URL
    suffix = connection.get("endpointsuffix", "core.windows.net")
    return _chosen(chosen, f"https://{account}.blob.{suffix}")


def _chosen(chosen: str | None, usual: str, *, region: str = "us-east-1") -> Place:
    if chosen is None:
        return Place(endpoint=usual, region=region)
    url = chosen if "://" in chosen else f"http://{chosen}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError("the endpoint that is set for the object store is not an http or https URL")
    return Place(
        endpoint=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
        region=region,
        is_chosen=True,
    )


def _aws_files(environment: Mapping[str, str], home: Path) -> Mapping[str, str]:
    """Return the profile's values; those of the credentials file come before those of the other."""
    named = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    profile = named or "default"
    keys = _ini(environment.get("AWS_SHARED_CREDENTIALS_FILE"), home / ".aws" / "credentials")
    others = _ini(environment.get("AWS_CONFIG_FILE"), home / ".aws" / "config")
    section = profile if profile == "default" else f"profile {profile}"
    if named and profile not in keys and section not in others:
        raise UsageError(f"AWS_PROFILE names {profile[:80]!r}, which the files in ~/.aws do not have")
    found = {**_section(others, section), **_section(keys, profile)}
    if "aws_secret_access_key" not in found:
        _refuse_programs(found, profile)
    region = {"AWS_REGION": found["region"]} if "region" in found else {}
    endpoint = {"AWS_ENDPOINT_URL": found["endpoint_url"]} if "endpoint_url" in found else {}
    return {name.upper(): value for name, value in found.items()} | region | endpoint


def _refuse_programs(profile: Mapping[str, str], name: str) -> None:
    for setting in ("credential_process", "sso_session", "sso_start_url", "role_arn"):
        if setting in profile:
            raise UsageError(
                f"the profile {name[:80]!r} in ~/.aws gets its keys by {setting}, which weighbridge "
                'does not do; run: eval "$(aws configure export-credentials --format env)", '
                "or choose --cloud-credentials none for a public bucket"
            )


def _azure_file(environment: Mapping[str, str], home: Path) -> Mapping[str, str]:
    folder = environment.get("AZURE_CONFIG_DIR")
    storage = _section(_ini(None, (Path(folder) if folder else home / ".azure") / "config"), "storage")
    return {variable: storage[name] for name, variable in _AZURE_FILE.items() if name in storage}


def _section(parser: configparser.RawConfigParser, name: str) -> Mapping[str, str]:
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _ini(chosen: str | None, usual: Path) -> configparser.RawConfigParser:
    file = Path(chosen) if chosen else usual
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        with file.open(encoding="utf-8") as stream:
            parser.read_string(stream.read(_LARGEST_FILE_BYTES))
    except FileNotFoundError:
        return parser
    except (OSError, UnicodeError, configparser.Error):
        # Not the parser's own words: they quote lines of a file full of secrets.
        raise UsageError(
            f"can't understand {str(file)!r}; --cloud-credentials environment leaves it alone"
        ) from None
    return parser
