"""A store with the XML interface of Google Cloud Storage, as obstore uses it, that can break.

No emulator of others works with obstore: they lack its ETags or its listing. What this one does is
what Google documents: `GET /bucket?list-type=2` in pages, `GET` and `HEAD` of `/bucket/key` with
ranges, `If-Match` and `generation`. S3 has the same interface but for the generations, so that an
`s3://` target can be pointed at it as well. Faults are those of `tests/servers/faulty.py`.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.servers.faulty import Answer, FaultyServer, FileAnswer, Seen, Status, running_faulty

_DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
_XML_DATE = "2026-11-22T12:00:00.000Z"


@dataclass(slots=True, kw_only=True)
class StubStore:
    """Buckets, and what the server saw. Tests change it while it runs.

    Attributes:
        token: when set, a request without this bearer token gets 401.
        page_size: objects of one page.
    """

    server: FaultyServer = field(default_factory=lambda: FaultyServer(answering=lambda _: None))
    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    generations: dict[tuple[str, str], int] = field(default_factory=dict)
    token: str | None = None
    page_size: int = 1000

    @property
    def endpoint(self) -> str:
        return self.server.origin

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Write objects; each that was there gets a new generation and ETag."""
        for key, content in objects.items():
            self.buckets.setdefault(bucket, {})[key] = content
            self.generations[bucket, key] = self.generations.get((bucket, key), 1000) + 1

    def answer(self, seen: Seen) -> Answer | None:
        if self.token is not None and seen.authorization != f"Bearer {self.token}":
            return _error(401, "AuthenticationRequired")
        bucket, _, key = seen.route.removeprefix("/").partition("/")
        objects = self.buckets.get(bucket)
        if objects is None:
            return _error(404, "NoSuchBucket")
        return self._object(seen, bucket, key) if key else self._page(seen, bucket)

    def _object(self, seen: Seen, bucket: str, key: str) -> Answer:
        content = self.buckets[bucket].get(key)
        generation = str(self.generations.get((bucket, key), 0))
        if content is None or seen.query.get("generation", generation) != generation:
            return _error(404, "NoSuchKey")
        etag = _etag(content, generation)
        if seen.headers.get("if-match", etag) != etag:
            return _error(412, "PreconditionFailed")
        headers = {"etag": etag, "last-modified": _DATE, "x-goog-generation": generation}
        return FileAnswer(content, headers)

    def _page(self, seen: Seen, bucket: str) -> Status:
        prefix, after = seen.query.get("prefix", ""), seen.query.get("continuation-token", "")
        keys = sorted(key for key in self.buckets[bucket] if key.startswith(prefix) and key > after)
        page = keys[: self.page_size]
        rows = "".join(self._row(bucket, key) for key in page)
        more = len(keys) > len(page)
        tail = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://doc.s3.amazonaws.com/2006-03-01">'
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{tail}{rows}</ListBucketResult>"
        )
        return Status(200, {"content-type": "application/xml"}, body.encode())

    def _row(self, bucket: str, key: str) -> str:
        content, generation = self.buckets[bucket][key], str(self.generations[bucket, key])
        return (
            f"<Contents><Key>{quote(key)}</Key><Generation>{generation}</Generation>"
            f"<LastModified>{_XML_DATE}</LastModified><ETag>{escape(_etag(content, generation))}</ETag>"
            f"<Size>{len(content)}</Size></Contents>"
        )


def _etag(content: bytes, generation: str) -> str:
    return f'"{hashlib.sha256(content + generation.encode()).hexdigest()[:32]}"'


def _error(status: int, code: str) -> Status:
    return Status(status, {}, f"<Error><Code>{code}</Code></Error>".encode())


@contextmanager
def running_stub_store(*, tls: ssl.SSLContext | None = None) -> Iterator[StubStore]:
    """Run an empty store on loopback until the block ends; with `tls` by HTTPS."""
    store = StubStore()
    with running_faulty(store.answer, tls=tls) as server:
        store.server = server
        yield store
