"""Headers that prove to a store who asks: AWS signature version 4, Azure shared key, bearer tokens.

Only for listings and HEAD: objects are read through obstore, which signs by itself. Its listing
fails as a whole when one key is no path, so that one object would hide a thousand others.

Source: the S3 API reference, "Authenticating Requests (AWS Signature Version 4)"; the Azure Storage
reference, "Authorize with Shared Key".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never
from urllib.parse import quote, urlsplit

from weighbridge.errors import UsageError
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

_NOTHING = hashlib.sha256(b"").hexdigest()
_AZURE_SIGNED = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)
"""In this order."""
_AZURE_VERSION = "2023-11-03"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """A request without a body.

    Attributes:
        url: without a query, percent-encoded.
        query: not encoded.
        headers: with lower-case names.
    """

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def encoded_query(self) -> str:
        """The query, sorted by name, encoded as signatures want it."""
        return "&".join(f"{_encoded(name)}={_encoded(self.query[name])}" for name in sorted(self.query))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request that can be sent.

    Attributes:
        url: with its query. Secret when a shared access signature is in it.
        headers: all of them; secret.
    """

    url: str
    headers: Mapping[str, str]


def sign(
    request: StoreRequest, credentials: Credentials, *, place: Place, account: str | None
) -> Signed:
    """Return the request with what proves who asks.

    Raises:
        UsageError: the key can't be used.
    """
    query = request.encoded_query
    headers = dict(request.headers)
    match credentials:
        case Anonymous():
            pass
        case AwsKeys():
            headers |= _aws_headers(request, credentials, place.region, datetime.now(UTC))
        case AzureKey():
            headers |= _azure_headers(request, credentials, account or "", datetime.now(UTC))
        case AzureSas():
            query = "&".join(part for part in (query, credentials.token) if part)
        case Bearer():
            headers["authorization"] = f"Bearer {credentials.token}"
        case GoogleFile() | OwnChain():
            raise TypeError("obstore keeps these credentials to itself")
        case _ as never:
            assert_never(never)
    if account is not None:
        headers["x-ms-version"] = _AZURE_VERSION
    return Signed(url=f"{request.url}?{query}" if query else request.url, headers=headers)


def _aws_headers(request: StoreRequest, keys: AwsKeys, region: str, now: datetime) -> Mapping[str, str]:
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    parts = urlsplit(request.url)
    signed = {
        **request.headers,
        "host": _host(request.url),
        "x-amz-content-sha256": _NOTHING,
        "x-amz-date": moment,
    }
    if keys.session_token:
        signed["x-amz-security-token"] = keys.session_token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{signed[name].strip()}\n" for name in sorted(signed)]
    asked = (request.method, parts.path or "/", request.encoded_query, "".join(lines), names, _NOTHING)
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    secret = f"AWS4{keys.secret}".encode()
    for word in (day, region, "s3", "aws4_request"):
        secret = _hmac(secret, word)
    signature = _hmac(secret, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    del signed["host"]
    return signed


def _azure_headers(
    request: StoreRequest, key: AzureKey, account: str, now: datetime
) -> Mapping[str, str]:
    headers = {
        "x-ms-date": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "x-ms-version": _AZURE_VERSION,
    }
    resource = f"/{account}{urlsplit(request.url).path}"
    text = "\n".join(
        (
            request.method,
            *(request.headers.get(name, "") for name in _AZURE_SIGNED),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            resource,
            *(f"{name.lower()}:{request.query[name]}" for name in sorted(request.query)),
        )
    )
    try:
        secret = base64.b64decode(key.key, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("the key of the storage account is not base64") from None
    signature = base64.b64encode(_hmac(secret, text)).decode()
    return {**headers, "authorization": f"SharedKey {account}:{signature}"}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _host(url: str) -> str:
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}[parts.scheme]
    return parts.netloc.removesuffix(f":{usual}").lower()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
