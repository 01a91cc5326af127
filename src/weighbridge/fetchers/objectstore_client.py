"""Requests to a store that we sign ourselves, over our own HTTP client.

obstore follows redirects to anywhere and takes the AWS session token along; its listing fails as a
whole when one key is no path; and it does not tell how often it asked. So it is used where only it
can get at the credentials. Everything else goes through here, by the rules of all our requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, WaitCallback
from weighbridge.bytesource.refused import Refused
from weighbridge.core.limits import KIB, MIB
from weighbridge.core.version import VERSION
from weighbridge.errors import ReadError
from weighbridge.fetchers.objectstore_credentials import Credentials
from weighbridge.fetchers.objectstore_pages import error_code
from weighbridge.fetchers.objectstore_settings import Place
from weighbridge.fetchers.objectstore_signing import StoreRequest, sign
from weighbridge.fetchers.objectstore_target import Cloud, ObjectTarget

if TYPE_CHECKING:
    from weighbridge.bytesource.http_client import Reply

_T = TypeVar("_T")
_LARGEST_ERROR_BYTES = 16 * KIB
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_VERSION_PARAMETERS = {Cloud.S3: "versionId", Cloud.GCS: "generation", Cloud.AZURE: "versionid"}


class WrongRegion(ReadError):
    """The bucket is elsewhere.

    Attributes:
        region: where the store says that it is.
    """

    def __init__(self, region: str) -> None:
        super().__init__(f"the bucket is in the region {region}; set AWS_REGION={region}")
        self.region = region


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAsk:
    """What to ask a bucket for.

    Attributes:
        key: of an object; empty for the bucket itself.
        version: of the object.
        expected_bytes: see `http_client.Ask`.
    """

    method: str = "GET"
    key: str = ""
    version: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    expected_bytes: int = 1 * MIB


class StoreClient:
    """Talks to one bucket. Thread-safe."""

    def __init__(
        self,
        target: ObjectTarget,
        place: Place,
        credentials: Credentials,
        *,
        settings: HttpSettings,
        traffic: TrafficCounter,
        on_wait: WaitCallback,
    ) -> None:
        from weighbridge.bytesource.http_client import HttpClient

        self.cloud = target.cloud
        self.host = place.host
        self._account = target.account
        self._place = place
        self._credentials = credentials
        self._bucket = f"{place.endpoint}/{quote(target.bucket, safe='$-_.~')}"
        self._client = HttpClient(
            place.endpoint,
            settings=settings,
            traffic=traffic,
            on_wait=on_wait,
            user_agent=f"weighbridge/{VERSION}",
        )

    def exchange(self, ask: StoreAsk, consume: Callable[[Reply], _T]) -> _T:
        """Sign, send, and return what `consume` makes of the reply; see `HttpClient.exchange`.

        Raises:
            ReadError: the exchange failed in the end, in words; or `consume` raised it.
        """
        from weighbridge.bytesource.http_client import Ask

        version = {} if ask.version is None else {_VERSION_PARAMETERS[self.cloud]: ask.version}
        request = StoreRequest(
            method=ask.method,
            url=f"{self._bucket}/{quote(ask.key, safe='/-_.~')}" if ask.key else self._bucket,
            query={**ask.query, **version},
            headers=ask.headers,
        )
        signed = sign(request, self._credentials, place=self._place, account=self._account)
        sent = Ask(
            url=signed.url,
            method=ask.method,
            headers=ask.headers,
            own_headers=signed.headers,
            expected_bytes=ask.expected_bytes,
        )
        return self._client.exchange(sent, consume)

    def close(self) -> None:
        self._client.close()


def checked(reply: Reply) -> Reply:
    """Let a good answer through.

    Raises:
        WrongRegion: the store says where to ask instead.
        Refused: any other status.
    """
    if reply.status in (200, 206):
        return reply
    region = reply.headers.get("x-amz-bucket-region", "")
    if reply.status in (301, 400) and _REGION.fullmatch(region):
        raise WrongRegion(region)
    code = reply.headers.get("x-ms-error-code") or error_code(reply.read(_LARGEST_ERROR_BYTES))
    raise Refused(
        f"{reply.host} answered with status {reply.status}" + (f" ({code[:60]})" if code else ""),
        status=reply.status,
        error_code=code,
        from_endpoint=reply.from_endpoint,
    )
