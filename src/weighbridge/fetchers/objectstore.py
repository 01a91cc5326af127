"""Buckets of S3, Google and Azure, read where they are: listed page by page, then byte ranges.

Nothing is held of a listing but its present page, so that a bucket of any size streams.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from weighbridge.bytesource.http_settings import TrafficCounter
from weighbridge.bytesource.refused import Refused
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.errors import ReadError
from weighbridge.fetchers.interface import Entry, Fetched, FetchSettings, Problem
from weighbridge.fetchers.objectstore_credentials import (
    Credentials,
    GoogleFile,
    OwnChain,
    find_credentials,
    level_with_credentials,
)
from weighbridge.fetchers.objectstore_errors import StoreErrors
from weighbridge.fetchers.objectstore_pages import Listed, facts_of
from weighbridge.fetchers.objectstore_problems import broken_off, problem_with, too_many
from weighbridge.fetchers.objectstore_settings import CloudSettings, Place, place_of, settings_of
from weighbridge.fetchers.objectstore_target import (
    Cloud,
    ObjectTarget,
    parse_object_target,
    scheme_of,
)

if TYPE_CHECKING:
    from weighbridge.fetchers.objectstore_access import Access

_Found: TypeAlias = tuple[Listed | None, Iterator[Entry | Problem]]
"""The single object, unless it is a folder, and what to scan."""
_DIRECTORY_AT_THE_END = (
    *(".pt", ".pth", ".bin", ".ckpt", ".zip", ".npz", ".keras", ".pt2", ".nemo", ".mar", ".whl"),
    *(".jar", ".docx", ".xlsx", ".pptx"),
)


class ObjectStoreFetcher:
    """`s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`, or one object."""

    def accepts(self, target: str) -> bool:
        return scheme_of(target) is not None

    def is_local(self, target: str) -> bool:
        return False

    def fetch(self, target: str, settings: FetchSettings) -> Fetched:
        """Ask for the first page of the listing, or for the single object that the target names.

        Raises:
            UsageError: the target is spelt wrong, or what is set for the store can't be used.
            TargetError: no such bucket or object, no access, no network, no obstore.
        """
        from weighbridge.fetchers.objectstore_client import WrongRegion

        session = _Session.of(target, settings)
        try:
            return session.fetched()
        except WrongRegion as elsewhere:
            moved = session.in_region(elsewhere.region)
        try:
            return moved.fetched()
        except WrongRegion as elsewhere:
            raise moved.errors().from_read_error(elsewhere) from elsewhere


class _Session:
    """One fetch: what its steps share."""

    def __init__(
        self,
        target: ObjectTarget,
        place: Place,
        credentials: Credentials,
        *,
        cloud: CloudSettings,
        settings: FetchSettings,
        traffic: TrafficCounter,
    ) -> None:
        self.target = target
        self.place = place
        self.credentials = credentials
        self.cloud = cloud
        self._settings = settings
        self._traffic = traffic
        self._access = self._way_in()

    @classmethod
    def of(cls, address: str, settings: FetchSettings) -> _Session:
        kind = scheme_of(address)
        assert kind is not None, "the registry gives us our own schemes only"
        home = _home()
        cloud = settings_of(kind, settings.cloud, os.environ, home)
        target = parse_object_target(address, account=cloud.azure_account)
        place = place_of(kind, cloud, target.account)
        credentials = find_credentials(kind, settings.cloud, cloud, home)
        bundle = os.environ.get("AWS_CA_BUNDLE") if kind is Cloud.S3 else None
        if bundle and settings.http.ca_bundle is None:
            settings = replace(settings, http=replace(settings.http, ca_bundle=Path(bundle)))
        traffic = TrafficCounter()
        return cls(target, place, credentials, cloud=cloud, settings=settings, traffic=traffic)

    def in_region(self, region: str) -> _Session:
        """Return the same, at the store of another region of AWS."""
        place = place_of(self.target.cloud, self.cloud.in_region(region), self.target.account)
        return _Session(
            self.target,
            replace(self.place, region=region) if self.place.is_chosen else place,
            self.credentials,
            cloud=self.cloud,
            settings=self._settings,
            traffic=self._traffic,
        )

    def _way_in(self) -> Access:
        """Sign requests ourselves when we can; obstore has the credentials that we can't get at."""
        http, on_wait = self._settings.http, self._settings.on_wait
        if isinstance(self.credentials, GoogleFile | OwnChain):
            from weighbridge.fetchers.objectstore_native import NativeAccess, open_store

            store = open_store(self.target, self.place, self.credentials, http)
            return NativeAccess(
                store, host=self.place.host, settings=http, traffic=self._traffic, on_wait=on_wait
            )
        from weighbridge.fetchers.objectstore_access import SignedAccess
        from weighbridge.fetchers.objectstore_client import StoreClient

        client = StoreClient(
            self.target,
            self.place,
            self.credentials,
            settings=http,
            traffic=self._traffic,
            on_wait=on_wait,
        )
        return SignedAccess(client)

    def errors(self) -> StoreErrors:
        level = self._settings.cloud
        return StoreErrors(
            target=self.target,
            place=self.place,
            credentials=self.credentials,
            level=level,
            next_level=level_with_credentials(self.target.cloud, self.credentials, os.environ, _home()),
        )

    def fetched(self) -> Fetched:
        from weighbridge.fetchers.objectstore_client import WrongRegion

        try:
            return self._fetched()
        except WrongRegion:
            self._access.close()
            raise
        except ReadError as error:
            self._access.close()
            raise self.errors().from_read_error(error) from error
        except BaseException:
            self._access.close()
            raise

    def _fetched(self) -> Fetched:
        single, items = self._found()
        origin = self._origin(self.target.url, single)
        return Fetched(
            display_name=self.target.url,
            origin=origin,
            items=items,
            count=1 if single is not None else None,
            traffic=self._traffic,
            close=self._access.close,
        )

    def _found(self) -> _Found:
        """Tell an object from a folder, the likelier one first; a name with a dot is an object's.

        Who may read an object may not always list, and the other way round: a refusal counts when
        the other way leads nowhere.
        """
        refusal: Refused | None = None
        for way in self._ways():
            try:
                found = way()
            except Refused as refused:
                if refused.status not in (401, 403):
                    raise
                refusal = refusal or refused
                continue
            if found is not None:
                return found
        raise refusal or self.errors().nothing_there()

    def _ways(self) -> tuple[Callable[[], _Found | None], ...]:
        last = self.target.key.rpartition("/")[2]
        if self.target.version is not None:
            return (self._single,)
        if not last:
            return (self._folder,)
        return (self._single, self._folder) if "." in last else (self._folder, self._single)

    def _single(self) -> _Found | None:
        key, version = self.target.key, self.target.version
        single = self._access.head(key, version)
        if single is None:
            return None
        if version is not None and single.version != version:
            raise self.errors().versions_ignored()
        return single, iter((self._item(single, key.rpartition("/")[2]),))

    def _folder(self) -> _Found | None:
        """List a folder up to its first object, so that what is wrong is known now; None when empty."""
        listing = self._listing(self.target.folder_prefix)
        first = next(listing, None)
        return None if first is None else (None, self._items(chain((first,), listing)))

    def _listing(self, prefix: str) -> Iterator[Listed]:
        for page in self._access.pages(prefix):
            yield from page.objects

    def _items(self, listing: Iterator[Listed]) -> Iterator[Entry | Problem]:
        prefix = self.target.folder_prefix
        try:
            for number, listed in enumerate(listing):
                if number >= self._settings.max_files:
                    yield too_many(self._settings.max_files)
                    return
                yield self._item(listed, listed.key.removeprefix(prefix))
        except ReadError as error:
            yield broken_off(error)

    def _item(self, listed: Listed, name: str) -> Entry | Problem:
        problem = problem_with(listed, name, self.target.folder_prefix)
        if problem is not None:
            return problem
        origin = self._origin(f"{self.target.bucket_url}/{listed.key}", listed)
        opening = partial(self._open, listed)
        return Entry(name=name, size_bytes=listed.size_bytes, origin=origin, open=opening)

    def _open(self, listed: Listed) -> ByteSource:
        from weighbridge.bytesource.object_store import RemoteObject

        return self._access.open(
            RemoteObject(
                key=listed.key,
                size_bytes=listed.size_bytes,
                etag=listed.etag,
                version=listed.version or self.target.version,
                prefers_tail=listed.key.lower().endswith(_DIRECTORY_AT_THE_END),
            )
        )

    def _origin(self, location: str, listed: Listed | None) -> Origin:
        facts = dict(facts_of(listed)) if listed is not None else {}
        if self.place.is_chosen:
            facts["endpoint"] = self.place.host
        return Origin(
            kind=self.target.cloud.value,
            location=location,
            revision=(listed.version if listed is not None else None) or self.target.version,
            sha256=listed.sha256 if listed is not None else None,
            size_bytes=listed.size_bytes if listed is not None else None,
            facts=facts,
        )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home, as in some containers
        return Path("/nonexistent")
