"""What `s3://`, `gs://` and `az://` addresses name: a store, a bucket of it, a key or a prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.errors import UsageError

_SCHEME = re.compile(r"(s3|gs|az)://(.*)", re.DOTALL)
_BUCKETS = {
    "s3": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,221}"),
    "az": re.compile(r"[a-z0-9](?:[a-z0-9-]{1,62})|\$web|\$root|\$logs"),
}
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_VERSION = re.compile(r"(.+)\?(versionid|generation)=([A-Za-z0-9._:~+-]{1,1024})", re.DOTALL | re.I)
_GENERATION = re.compile(r"(.+)#([0-9]{1,20})", re.DOTALL)
_LONGEST_KEY = 1024
_SHOWN = 200


class Cloud(StrEnum):
    """Whose protocol a store speaks. The word is the `kind` of what comes from it."""

    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"

    @property
    def scheme(self) -> str:
        match self:
            case Cloud.S3:
                return "s3"
            case Cloud.GCS:
                return "gs"
            case Cloud.AZURE:
                return "az"


_CLOUDS = {cloud.scheme: cloud for cloud in Cloud}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectTarget:
    """A bucket (Azure: a container of an account), or something in it.

    Attributes:
        account: the storage account; None in the stores that have none.
        key: of an object, or what a folder's keys begin with; empty for the whole bucket.
        version: the version (GCS: generation) that the user wants; None for the newest.
    """

    cloud: Cloud
    bucket: str
    key: str
    account: str | None = None
    version: str | None = None

    @property
    def bucket_url(self) -> str:
        """The bucket as a target, without a slash at its end."""
        account = f"{self.account}/" if self.account else ""
        return f"{self.cloud.scheme}://{account}{self.bucket}"

    @property
    def url(self) -> str:
        """The target in its full spelling, without a version."""
        return f"{self.bucket_url}/{self.key}" if self.key else self.bucket_url

    @property
    def folder_prefix(self) -> str:
        """What the keys of the objects begin with when the target is a folder."""
        return self.key if not self.key or self.key.endswith("/") else f"{self.key}/"


def scheme_of(target: str) -> Cloud | None:
    """Tell which kind of store a target is in; None when in none."""
    spelt = _SCHEME.fullmatch(target)
    return _CLOUDS[spelt[1]] if spelt else None


def parse_object_target(target: str, *, account: str | None = None) -> ObjectTarget:
    """Read a target's address. Keys stand in it as they are; nothing is percent-decoded.

    Args:
        target: as the user typed it.
        account: of Azure, as the environment names it. With it, `az://container/prefix` is enough;
            without it, and where the first part is its name, `az://account/container/prefix`.

    Raises:
        UsageError: the address names no bucket, or a key that we can't read.
    """
    spelt = _SCHEME.fullmatch(target)
    if spelt is None:
        raise UsageError(f"not an address of an object store: {target[:_SHOWN]!r}")
    scheme, rest = spelt[1], spelt[2]
    cloud = _CLOUDS[scheme]
    if cloud is Cloud.AZURE:
        account, rest = _account_of(target, rest, account)
    else:
        account = None
    bucket, _, key = rest.partition("/")
    if not _BUCKETS[scheme].fullmatch(bucket):
        raise UsageError(_spelling(cloud, target, f"{bucket[:_SHOWN]!r} is not the name of a bucket"))
    key, version = _versioned(cloud, key)
    flaw = flaw_of(key.removesuffix("/")) if key else None
    if flaw:
        raise UsageError(_spelling(cloud, target, f"the key {flaw}"))
    return ObjectTarget(cloud=cloud, bucket=bucket, key=key, account=account, version=version)


def _account_of(target: str, rest: str, account: str | None) -> tuple[str, str]:
    first, _, more = rest.partition("/")
    if account is not None and first != account:
        return account, rest
    if not ACCOUNT.fullmatch(first) or not more:
        reason = "it names no container, and AZURE_STORAGE_ACCOUNT no account"
        raise UsageError(_spelling(Cloud.AZURE, target, reason))
    return first, more


def _versioned(cloud: Cloud, key: str) -> tuple[str, str | None]:
    pinned = _VERSION.fullmatch(key)
    if pinned and (pinned[2].lower() == "generation") == (cloud is Cloud.GCS):
        return pinned[1], pinned[3]
    generation = _GENERATION.fullmatch(key) if cloud is Cloud.GCS else None
    return (generation[1], generation[2]) if generation else (key, None)


def _spelling(cloud: Cloud, target: str, reason: str) -> str:
    match cloud:
        case Cloud.S3:
            right = "s3://bucket/prefix or s3://bucket/key?versionId=ID"
        case Cloud.GCS:
            right = "gs://bucket/prefix or gs://bucket/key#generation"
        case Cloud.AZURE:
            right = "az://account/container/prefix, or az://container/prefix with AZURE_STORAGE_ACCOUNT"
    return f"can't read the target {target[:_SHOWN]!r}: {reason}; write {right}"


def flaw_of(key: str) -> str | None:
    """Say why no file can have this name; None when one can.

    The names are those that obstore refuses, or changes so that it would read another object.
    """
    if len(key.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        return f"is longer than {_LONGEST_KEY:,} bytes"
    if any(not character.isprintable() and ord(character) < 0xA0 for character in key):
        return "has control characters in it"
    if any("\ud800" <= character <= "\udfff" for character in key):
        return "is not UTF-8"
    parts = key.split("/")
    if "" in parts:
        return "begins or ends with a slash, or has two in a row"
    dots = next((part for part in parts if part in (".", "..")), None)
    return f"has {dots!r} between its slashes" if dots else None
