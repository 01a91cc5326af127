"""Buckets through obstore, for the credentials that only it can get at.

Those are tokens that it makes from a file of Google's, and `OwnChain`: what it finds on its own, in the
end at the cloud's metadata address. Nothing else of ours makes a store of obstore's, since without
credentials every one of them would look there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.bytesource.object_store import (
    PIECE_BYTES,
    ObjectReader,
    ObjectSource,
    ObjectStore,
    RemoteObject,
    in_words,
)
from weighbridge.core.artifact import ByteSource
from weighbridge.core.limits import MIB
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError, TargetUnavailable, UsageError
from weighbridge.fetchers.objectstore_credentials import GoogleFile, OwnChain
from weighbridge.fetchers.objectstore_pages import Listed, Page
from weighbridge.fetchers.objectstore_settings import Place
from weighbridge.fetchers.objectstore_target import Cloud, ObjectTarget

_LARGEST_BUNDLE_BYTES = 8 * MIB
_PAGE = 1000


def open_store(
    target: ObjectTarget, place: Place, credentials: GoogleFile | OwnChain, settings: HttpSettings
) -> ObjectStore:
    """Return obstore's store for a bucket.

    Raises:
        TargetUnavailable: obstore is not installed.
        UsageError: obstore can't use the credentials.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise TargetUnavailable(
            f"{target.cloud.scheme}:// needs an extra:  pip install 'weighbridge[objectstore]'"
        ) from None
    make = {Cloud.S3: S3Store, Cloud.GCS: GCSStore, Cloud.AZURE: AzureStore}[target.cloud]
    try:
        store: ObjectStore = make(
            target.bucket,
            config=_config(target, place, credentials),
            client_options=_client_options(place, settings),
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=settings.deadline_s)},
        )
    except (BaseError, ValueError):
        # Not its own words: they quote what it was given.
        raise UsageError(f"obstore can't use the settings for {target.bucket_url}") from None
    return store


def _config(
    target: ObjectTarget, place: Place, credentials: GoogleFile | OwnChain
) -> Mapping[str, object]:
    config: dict[str, object] = {"skip_signature": False}
    match target.cloud:
        case Cloud.S3:
            config |= {"endpoint": place.endpoint, "region": place.region}
            config["virtual_hosted_style_request"] = False
        case Cloud.GCS:
            config["base_url"] = place.endpoint
            if isinstance(credentials, GoogleFile):
                config["application_credentials"] = str(credentials.path)
        case Cloud.AZURE:
            config |= {"endpoint": place.endpoint, "account_name": target.account, "use_emulator": False}
    return config


def _client_options(place: Place, settings: HttpSettings) -> Mapping[str, object]:
    from weighbridge.bytesource.http_trust import chosen_bundle

    deadline_s = settings.deadline_s + PIECE_BYTES / settings.slowest_bytes_per_s
    options: dict[str, object] = {
        "allow_http": place.is_plain,
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=settings.inactivity_s),
        "read_timeout": timedelta(seconds=settings.inactivity_s),
        "timeout": timedelta(seconds=deadline_s),
        "user_agent": f"weighbridge/{VERSION}",
    }
    bundle = chosen_bundle(settings.ca_bundle)
    if bundle is not None and not place.is_plain:
        options["root_certificate"] = _certificates(*bundle)
    return options


def _certificates(path: str, named_by: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_LARGEST_BUNDLE_BYTES)
    except OSError as error:
        raise UsageError(
            f"{named_by} names {path!r}, which is no file to be read: {error.strerror}"
        ) from error


class NativeAccess:
    """An `Access` through obstore, for credentials that only obstore has.

    It counts a page for a thousand objects, as obstore does not tell how many it asked for.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        host: str,
        settings: HttpSettings,
        traffic: TrafficCounter,
        on_wait: WaitCallback,
    ) -> None:
        self._store = store
        self._host = host
        self._traffic = traffic
        self._reader = ObjectReader(
            store, host=host, settings=settings, traffic=traffic, on_wait=on_wait
        )

    def pages(self, prefix: str) -> Iterator[Page]:
        import obstore
        from obstore.exceptions import BaseError, InvalidPathError

        try:
            self._traffic.count_request(to_endpoint=True)
            for chunk in obstore.list(self._store, prefix or None, chunk_size=_PAGE):
                yield Page(objects=tuple(map(_listed, chunk)), next=None)
                if len(chunk) == _PAGE:
                    self._traffic.count_request(to_endpoint=True)
        except InvalidPathError:
            raise ReadError(
                "a key that is no path stands in the way of listing with these credentials "
                "(two slashes in a row, '.' or '..' between slashes, or control characters)"
            ) from None
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise in_words(error, self._host) from None

    def head(self, key: str, version: str | None) -> Listed | None:
        from obstore.exceptions import BaseError

        self._traffic.count_request(to_endpoint=True)
        options = {"head": True} | ({"version": version} if version is not None else {})
        try:
            return _listed(self._store.get(key, options=options).meta)
        except FileNotFoundError:
            return None
        except (BaseError, PermissionError) as error:
            raise in_words(error, self._host) from None

    def open(self, remote: RemoteObject) -> ByteSource:
        return ObjectSource(self._reader, remote)

    def close(self) -> None:
        """Leave the connections to obstore, which closes them itself."""


def _listed(meta: Mapping[str, object]) -> Listed:
    modified, size = meta.get("last_modified"), meta.get("size")
    etag, version = meta.get("e_tag"), meta.get("version")
    return Listed(
        key=str(meta["path"]),
        size_bytes=size if isinstance(size, int) else 0,
        etag=str(etag) if etag else None,
        version=str(version) if version else None,
        last_modified=modified.isoformat() if isinstance(modified, datetime) else None,
    )
