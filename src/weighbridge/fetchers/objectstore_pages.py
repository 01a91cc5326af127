"""Read what a store answers to a listing: keys as they are, and what it says of each object.

The answers of S3 and of Google's XML API have the same elements; Azure has others. All of it is
hostile: the size of an answer is bounded by who reads it, and an entity is never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

from weighbridge.errors import ReadError
from weighbridge.fetchers.objectstore_target import Cloud

_SIZE = re.compile(r"[0-9]{1,18}")
_LONGEST_FACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as its store states it.

    Attributes:
        key: in its bucket. Where it is not UTF-8, with replacement characters; see `is_exact`.
        etag: as the store spells it, to be given back to it.
        version: of the object (GCS: its generation), when the store tells.
        last_modified: in the store's own format.
        sha256: in hex, when the store vouches for one of the whole object.
        is_folder: the store says that this is a folder, and no object.
    """

    key: str
    size_bytes: int
    etag: str | None = None
    version: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    is_exact: bool = True
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a listing.

    Attributes:
        next: where the next page begins; None when this is the last.
    """

    objects: tuple[Listed, ...]
    next: str | None


def parse_page(cloud: Cloud, body: bytes) -> Page:
    """Parse an answer.

    Raises:
        ReadError: it is not a listing.
    """
    root = _root(body)
    try:
        match cloud:
            case Cloud.S3 | Cloud.GCS:
                return _s3_page(root)
            case Cloud.AZURE:
                return _azure_page(root)
            case _ as never:
                assert_never(never)
    except ValueError as error:
        raise ReadError(f"the store's listing can't be understood: {error}") from None


def error_code(body: bytes) -> str | None:
    """Return the code in a store's answer that reports an error, such as `NoSuchBucket`."""
    try:
        code = _root(body).findtext("{*}Code")
    except ReadError:
        return None
    return code if code and re.fullmatch(r"[A-Za-z]{1,60}", code) else None


def _root(body: bytes) -> ElementTree.Element:
    # Neither a declaration nor another encoding, in which one could hide, is in a real answer.
    if b"<!" in body or b"\0" in body:
        raise ReadError("the store's listing is not plain XML")
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ReadError(f"the store's listing is not well-formed: {error}") from None


def _s3_page(root: ElementTree.Element) -> Page:
    if not root.tag.endswith("ListBucketResult"):
        raise ValueError("it is no ListBucketResult")
    is_encoded = _text(root, "EncodingType") == "url"
    objects = tuple(_s3_object(one, is_encoded) for one in root.findall("{*}Contents"))
    goes_on = _text(root, "IsTruncated") == "true"
    following = _text(root, "NextContinuationToken")
    if goes_on and not following:
        raise ValueError("it goes on, and does not say where")
    return Page(objects=objects, next=following if goes_on else None)


def _s3_object(element: ElementTree.Element, is_encoded: bool) -> Listed:
    raw = _text(element, "Key") or ""
    key, is_exact = _decoded(raw.replace("+", " ")) if is_encoded else (raw, True)
    return Listed(
        key=key,
        is_exact=is_exact,
        size_bytes=_size(_text(element, "Size")),
        etag=_text(element, "ETag"),
        version=_text(element, "Generation"),
        last_modified=_text(element, "LastModified"),
    )


def _azure_page(root: ElementTree.Element) -> Page:
    if root.tag != "EnumerationResults":
        raise ValueError("it is no EnumerationResults")
    objects = tuple(_azure_object(one) for one in root.iterfind("Blobs/Blob"))
    return Page(objects=objects, next=_text(root, "NextMarker"))


def _azure_object(element: ElementTree.Element) -> Listed:
    name = element.find("Name")
    raw = (name.text if name is not None else None) or ""
    is_encoded = name is not None and name.get("Encoded") == "true"
    key, is_exact = _decoded(raw) if is_encoded else (raw, True)
    etag = _text(element, "Properties/Etag")
    return Listed(
        key=key,
        is_exact=is_exact,
        size_bytes=_size(_text(element, "Properties/Content-Length")),
        # Listings leave out the quotes that a condition needs.
        etag=etag if etag is None or etag.startswith('"') else f'"{etag}"',
        version=_text(element, "VersionId"),
        last_modified=_text(element, "Properties/Last-Modified"),
        is_folder=_text(element, "Properties/ResourceType") == "directory",
    )


def _text(element: ElementTree.Element, path: str) -> str | None:
    wild = "/".join(f"{{*}}{step}" for step in path.split("/"))
    return element.findtext(wild) or None


def _decoded(text: str) -> tuple[str, bool]:
    raw = unquote_to_bytes(text)
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), False


def _size(text: str | None) -> int:
    if text is None or not _SIZE.fullmatch(text):
        raise ValueError("an object is without a size")
    return int(text)


def facts_of(listed: Listed) -> Iterator[tuple[str, str]]:
    """What the store says of an object, word by word."""
    if listed.etag:
        yield "etag", listed.etag.strip('"')[:_LONGEST_FACT]
    if listed.last_modified:
        yield "last_modified", listed.last_modified[:_LONGEST_FACT]
