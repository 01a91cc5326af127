"""Why a store can't be read, and what to do about it, in the words of its own tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from weighbridge.bytesource.refused import Refused
from weighbridge.errors import AccessDenied, ReadError, TargetError, TargetNotFound, TargetUnavailable
from weighbridge.fetchers.interface import CloudCredentials
from weighbridge.fetchers.objectstore_credentials import (
    Anonymous,
    AwsKeys,
    AzureKey,
    AzureSas,
    Bearer,
    Credentials,
    GoogleFile,
    OwnChain,
)
from weighbridge.fetchers.objectstore_settings import Place
from weighbridge.fetchers.objectstore_target import Cloud, ObjectTarget

_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_BAD_KEYS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
        "AuthorizationHeaderMalformed",
    }
)
_VARIABLES = {
    Cloud.S3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    Cloud.GCS: "GOOGLE_APPLICATION_CREDENTIALS",
    Cloud.AZURE: "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_ENDPOINTS = {
    Cloud.S3: "AWS_ENDPOINT_URL",
    Cloud.GCS: "STORAGE_EMULATOR_HOST",
    Cloud.AZURE: "AZURE_STORAGE_ENDPOINT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreErrors:
    """The errors of one target.

    Attributes:
        level: where the user lets us look for credentials.
        next_level: where there are credentials of which we made no use.
    """

    target: ObjectTarget
    place: Place
    credentials: Credentials
    level: CloudCredentials
    next_level: CloudCredentials | None

    def from_read_error(self, error: ReadError) -> TargetError:
        """Say what it means for the target that it can't be listed."""
        if isinstance(error, Refused):
            if error.error_code in _NO_BUCKET or error.status == 404:
                return self.bucket_missing()
            if error.status == 400 and self.target.version is not None:
                return self.nothing_there()
            if error.status in (401, 403) or error.error_code in _BAD_KEYS:
                return self.refused(error)
            if error.status == 409 and self.target.cloud is Cloud.AZURE and self._is_anonymous:
                return self.refused(error)  # "public access is not permitted on this account"
        return TargetUnavailable(
            f"Can't read {self._name}: {error}. Check the network, the proxy and "
            f"{_ENDPOINTS[self.target.cloud]}, or try again later"
        )

    def bucket_missing(self) -> TargetNotFound:
        word = "container" if self.target.cloud is Cloud.AZURE else "bucket"
        return TargetNotFound(f"There is no {word} {self.target.bucket_url} at {self.place.host}")

    def nothing_there(self) -> TargetNotFound:
        if not self.target.key:
            return TargetNotFound(f"{self._name} is empty: there is nothing to scan")
        if self.target.version is not None:
            return TargetNotFound(f"{self._name} does not exist in the version {self.target.version!r}")
        return TargetNotFound(
            f"There is no object {self._name}, and none below it; keys are case-sensitive, "
            "and stand in a target as they are (not percent-encoded)"
        )

    def versions_ignored(self) -> TargetUnavailable:
        return TargetUnavailable(
            f"{self.place.host} does not say that what it has is the version "
            f"{self.target.version!r} of {self._name}, so that it may be another"
        )

    def refused(self, error: Refused) -> AccessDenied:
        code = f", {error.error_code[:60]}" if error.error_code else ""
        return AccessDenied(
            f"Can't read {self._name}: {self.place.host} refuses {self._who} "
            f"(status {error.status}{code}). {self._what_next(error)}"
        )

    @property
    def _name(self) -> str:
        return self.target.url

    @property
    def _is_anonymous(self) -> bool:
        return isinstance(self.credentials, Anonymous)

    @property
    def _who(self) -> str:
        match self.credentials:
            case Anonymous():
                return "a request without credentials"
            case AwsKeys():
                return "the AWS access key"
            case AzureKey():
                return "the key of the storage account"
            case AzureSas():
                return "the shared access signature"
            case Bearer():
                return "the token"
            case GoogleFile():
                return f"the credentials in {str(self.credentials.path)!r}"
            case OwnChain():
                return "the credentials of this machine"
            case _ as never:
                assert_never(never)

    def _what_next(self, error: Refused) -> str:
        if self.next_level is not None:
            return (
                f"There are others, which --cloud-credentials {self.level.value} leaves alone: use "
                f"--cloud-credentials {self.next_level.value}"
            )
        if self._is_anonymous:
            return (
                f"Set {_VARIABLES[self.target.cloud]}; on a machine of the cloud: "
                "--cloud-credentials metadata"
            )
        if error.error_code in _BAD_KEYS:
            return "Check that it is right, and has not expired"
        return "Check that it may list the bucket and read its objects"
