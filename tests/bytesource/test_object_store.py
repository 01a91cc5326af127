"""Objects through obstore: real stores for what works, a breaking one for what does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import AzureStore, S3Store

from tests.servers import azurite, moto
from tests.servers.faulty import (
    DrippingBody,
    Endless,
    Fault,
    IgnoresRange,
    RedirectTo,
    Reset,
    Status,
    Truncated,
    UnstatedRange,
    WrongRange,
    running_faulty,
)
from tests.servers.gcs_stub import StubStore, running_stub_store
from weighbridge.bytesource.http_settings import HttpSettings, TrafficCounter, wait_silently
from weighbridge.bytesource.object_store import (
    PIECE_BYTES,
    ObjectReader,
    ObjectSource,
    ObjectStore,
    RemoteObject,
)
from weighbridge.errors import ReadError

CONTENT = bytes(range(256)) * 2048
SESSION = "weighbridge-session-token"
HASTY = {"timeout": timedelta(seconds=0.4), "allow_http": True}
KEYS = {"access_key_id": "AKIAWEIGHBRIDGETEST0", "secret_access_key": "s", "session_token": SESSION}


def s3_store(endpoint: str) -> ObjectStore:
    config = {"endpoint": endpoint, "region": "us-east-1", **KEYS}
    store: ObjectStore = S3Store(
        "bucket", config=config, client_options=HASTY, retry_config={"max_retries": 0}
    )
    return store


def reader(store: ObjectStore, endpoint: str, traffic: TrafficCounter | None = None) -> ObjectReader:
    return ObjectReader(
        store,
        host=endpoint.removeprefix("http://").partition("/")[0],
        settings=HttpSettings(attempts=2, wait_total_s=2),
        traffic=traffic or TrafficCounter(),
        on_wait=wait_silently,
    )


@pytest.fixture
def stub() -> Iterator[StubStore]:
    with running_stub_store() as running:
        running.put("bucket", {"a.bin": CONTENT})
        yield running


def test_it_reads_what_moto_has(tmp_path: Path) -> None:
    with moto.running_moto(tmp_path) as endpoint:
        moto.put(endpoint, "bucket", {"m/a b%2F+ü#?.bin": CONTENT})
        reading = reader(s3_store(endpoint), endpoint)
        found = RemoteObject(key="m/a b%2F+ü#?.bin", size_bytes=len(CONTENT))

        source = ObjectSource(reading, found)

        assert bytes(source.read_at(1000, 200_000)) == CONTENT[1000:201_000]
        assert bytes(source.read_at(len(CONTENT) - 5, 99)) == CONTENT[-5:]


def test_it_reads_what_azurite_has_and_notices_a_change(tmp_path: Path) -> None:
    with azurite.running_azurite(tmp_path) as endpoint:
        azurite.put(endpoint, "bucket", {"m/a b.bin": CONTENT})
        config = {"account_name": azurite.ACCOUNT, "account_key": azurite.KEY, "endpoint": endpoint}
        options = {"allow_http": True}
        retries = {"max_retries": 0}
        store = AzureStore("bucket", config=config, client_options=options, retry_config=retries)
        etag = next(iter(store.list()))[0]["e_tag"]
        found = RemoteObject(key="m/a b.bin", size_bytes=len(CONTENT), etag=etag)
        source = ObjectSource(reader(store, endpoint), found)

        assert bytes(source.read_at(1000, 200_000)) == CONTENT[1000:201_000]
        azurite.put(endpoint, "bucket", {"m/a b.bin": CONTENT[::-1]})
        with pytest.raises(ReadError, match="the object was changed after it was listed"):
            source.read_at(len(CONTENT) - 10, 10)


def test_only_absolute_ranges_are_asked_for_and_counted(stub: StubStore) -> None:
    traffic = TrafficCounter()
    reading = reader(s3_store(stub.endpoint), stub.endpoint, traffic)
    source = ObjectSource(reading, RemoteObject(key="a.bin", size_bytes=len(CONTENT), prefers_tail=True))

    assert source.size == len(CONTENT)
    assert bytes(source.read_at(0, 10)) == CONTENT[:10]
    assert bytes(source.read_at(10, 10)) == CONTENT[10:20]

    assert [seen.range for seen in stub.server.requests] == ["bytes=442368-524287", "bytes=0-65535"]
    assert source.bytes_read == traffic.snapshot().bytes_received == 147_456
    assert traffic.snapshot().requests == 2


def test_a_small_object_is_one_request_without_a_range(stub: StubStore) -> None:
    stub.put("bucket", {"small": b"0123456789"})
    source = ObjectSource(
        reader(s3_store(stub.endpoint), stub.endpoint), RemoteObject(key="small", size_bytes=10)
    )

    assert bytes(source.read_at(3, 4)) == b"3456"
    assert [seen.range for seen in stub.server.requests] == [None]


def test_what_is_listed_as_empty_is_asked_for_too(stub: StubStore) -> None:
    stub.put("bucket", {"void": b"", "hidden": CONTENT})
    reading = reader(s3_store(stub.endpoint), stub.endpoint)
    void, hidden = (
        ObjectSource(reading, RemoteObject(key=key, size_bytes=0)) for key in ("void", "hidden")
    )

    assert (void.size, void.read_at(0, 10)) == (0, b"")
    with pytest.raises(ReadError, match="it had 0 bytes and now has 524,288"):
        _ = hidden.size


def test_a_long_read_is_asked_for_in_pieces(stub: StubStore) -> None:
    content = bytes(PIECE_BYTES + 1000)
    stub.put("bucket", {"long": content})
    found = RemoteObject(key="long", size_bytes=len(content))
    reading = ObjectReader(
        S3Store(
            "bucket",
            config={"endpoint": stub.endpoint, **KEYS},
            client_options={"allow_http": True},
        ),
        host=stub.endpoint.removeprefix("http://"),
        settings=HttpSettings(),
        traffic=TrafficCounter(),
        on_wait=wait_silently,
    )

    assert reading.read(found, 0, len(content)) == content
    assert [seen.range for seen in stub.server.requests] == [
        f"bytes=0-{PIECE_BYTES - 1}",
        f"bytes={PIECE_BYTES}-{len(content) - 1}",
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(403), "refuses access"),
        (Status(401), "does not know these credentials"),
        (Status(404), "does not exist any more"),
        (Status(412), "the object was changed after it was listed"),
        (Status(400), "answered with status 400"),
        (Status(503), "status 503, 2 tries in a row"),
        (Truncated(100), "no whole answer, 2 tries in a row"),
        (Reset(), "no whole answer, 2 tries in a row"),
        (IgnoresRange(), "ignores range requests"),
        (WrongRange(), "sent another range"),
        (UnstatedRange(), "without saying which"),
        (DrippingBody(), "2 requests ran out of time"),
        (Endless(), "left out of its answer"),
    ],
)
def test_what_breaks_is_said(stub: StubStore, fault: Fault, words: str) -> None:
    stub.server.fault(r"a(\.|%2E)bin", fault)
    reading = reader(s3_store(stub.endpoint), stub.endpoint)

    with pytest.raises(ReadError) as caught:
        reading.read(RemoteObject(key="a.bin", size_bytes=len(CONTENT)), 100, 70_000)

    assert words in str(caught.value)
    assert SESSION not in str(caught.value)


def test_a_fault_that_passes_is_counted_and_forgotten(stub: StubStore) -> None:
    stub.server.fault(r"a(\.|%2E)bin", Status(500), times=1)
    reading = reader(s3_store(stub.endpoint), stub.endpoint)

    data = reading.read(RemoteObject(key="a.bin", size_bytes=len(CONTENT)), 100, 200)

    assert data == CONTENT[100:200]
    assert len(stub.server.requests) == 2


@pytest.mark.parametrize(
    ("etag", "size", "words"),
    [('"another"', len(CONTENT), "127.0.0.1:[0-9]+ says so"), (None, 7 << 20, "it had 7,340,032 bytes")],
)
def test_an_object_that_is_another_now_is_said(
    stub: StubStore, etag: str | None, size: int, words: str
) -> None:
    reading = reader(s3_store(stub.endpoint), stub.endpoint)

    with pytest.raises(ReadError, match=words):
        reading.read(RemoteObject(key="a.bin", size_bytes=size, etag=etag), 0, 100)


def test_another_host_to_which_a_store_redirects_gets_no_signature(stub: StubStore) -> None:
    """It does get the session token, which is why obstore reads for nobody who has one."""
    with running_faulty({"/a.bin": CONTENT}, address="127.0.0.2") as other:
        stub.server.fault(r"a(\.|%2E)bin", RedirectTo(other.url("/a.bin")))
        reading = reader(s3_store(stub.endpoint), stub.endpoint)

        with pytest.raises(ReadError, match="its ETag is another"):
            reading.read(RemoteObject(key="a.bin", size_bytes=len(CONTENT), etag='"mine"'), 0, 100)

        assert {seen.authorization for seen in other.requests} == {None}
        assert len(other.requests) == 1
