"""One exchange: what servers ask us to wait, where they lead us, and how long it may last."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import httpx
import pytest

from tests.servers.faulty import (
    METADATA,
    Answer,
    Compressed,
    DrippingBody,
    DrippingHeaders,
    Endless,
    FaultyServer,
    FileAnswer,
    IgnoresRange,
    RedirectTo,
    Reset,
    Seen,
    Status,
    Truncated,
    UnstatedRange,
    WrongRange,
    running_faulty,
)
from weighbridge.bytesource.http_client import Ask, HttpClient
from weighbridge.bytesource.http_patience import asked_delay, is_passing
from weighbridge.bytesource.http_range import RangeSource, RemoteFile
from weighbridge.bytesource.http_redirect import Reach, RedirectPolicy, reach_of
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import ReadError

CONTENT = bytes(range(250)) * 4000
HASTY = HttpSettings(deadline_s=0.3, slowest_bytes_per_s=1 << 40, attempts=2)
PUBLIC = "93.184.216.34"


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with running_faulty({"/f": CONTENT}) as running:
        yield running


def read(server: FaultyServer, url: str | None = None, *, settings: HttpSettings = HASTY) -> bytes:
    client = HttpClient(server.origin, settings=settings, sleep=lambda _: None)
    try:
        file = RemoteFile(url=url or server.url("/f"), expected_bytes=len(CONTENT))
        return bytes(RangeSource(client, file).read_at(0, 100))
    finally:
        client.close()


class TestWaits:
    """Which headers ask for a wait, and for how long."""

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry-after": "1.5"}, 1.5),
            ({"ratelimit": '"burst";r=7;t=10, "daily";r=0;t=90'}, 90.0),
            ({"ratelimit": '"burst";r=0;t=10, "daily";r=0;t=90'}, 90.0),
            (
                {"ratelimit": '"daily";r=0', "ratelimit-policy": '"burst";q=9;w=1, "daily";q=5;w=60'},
                60.0,
            ),
            ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30.0),
            ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12.0),
            ({"x-ratelimit-reset": "8"}, 8.0),
            ({"retry-after": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}, 2.0),
            ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000001"}, 0.0),
            ({"ratelimit": '"burst";r=7;t=10'}, None),
            ({"x-ratelimit-remaining": "4990", "x-ratelimit-reset": "3600"}, None),
            ({"x-ratelimit-reset": "tomorrow"}, None),
            ({"ratelimit": '"daily";r=0'}, None),
        ],
    )
    def test_the_limit_that_is_spent_says_how_long(
        self, headers: dict[str, str], seconds: float | None
    ) -> None:
        assert asked_delay(headers) == seconds

    @pytest.mark.parametrize("factor", [1, 1000])
    def test_a_reset_may_be_a_moment_in_seconds_or_milliseconds(self, factor: int) -> None:
        reset = str(int((time.time() + 100) * factor))

        seconds = asked_delay({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})

        assert seconds is not None
        assert 50 < seconds <= 100

    @pytest.mark.parametrize(
        ("status", "headers", "expected"),
        [
            (429, {}, True),
            (503, {}, True),
            (403, {"x-ratelimit-remaining": "0"}, True),
            (403, {"retry-after": "5"}, True),
            (403, {"x-ratelimit-remaining": "10"}, False),
            (403, {}, False),
            (404, {"retry-after": "5"}, False),
        ],
    )
    def test_a_403_that_is_a_rate_limit_passes(
        self, status: int, headers: dict[str, str], expected: bool
    ) -> None:
        assert is_passing(status, headers) is expected

    def test_such_a_403_is_waited_for_and_asked_again(self, server: FaultyServer) -> None:
        server.fault("/f", Status(403, {"x-ratelimit-remaining": "0", "retry-after": "0"}), times=1)

        assert read(server) == CONTENT[:100]
        assert [seen.status for seen in server.requests] == [403, 206]


class TestWhereTo:
    """The network around us is not reached through a server's word, however it is spelt."""

    @pytest.mark.parametrize(
        "address",
        [
            *("fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "168.63.129.16", "192.0.0.192"),
            *("64:ff9b:1::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "2002:a9fe:a9fe::", "169.254.0.23"),
        ],
    )
    def test_more_addresses_that_hand_out_credentials(self, address: str) -> None:
        assert reach_of(address) is Reach.CREDENTIALS

    @pytest.mark.parametrize(
        "url",
        [
            METADATA,
            *("http://2852039166/", "http://0xa9.0xfe.0xa9.0xfe/", "http://025177524776/"),
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/f",
        ],
    )
    def test_an_address_that_an_answer_names_is_checked_before_it_is_asked(
        self, server: FaultyServer, url: str
    ) -> None:
        with pytest.raises(ReadError, match=r"refused|not plain http"):
            read(server, url)
        assert server.requests == []

    def test_an_answer_of_an_https_endpoint_names_no_plain_http(self) -> None:
        policy = RedirectPolicy("https://hub.example.invalid")

        with pytest.raises(ReadError, match="from https to http"):
            policy.check_first(httpx.URL("http://storage.example.invalid/f"))

    def test_the_endpoint_itself_is_never_the_metadata_address(self) -> None:
        policy = RedirectPolicy("http://hub.example.invalid")

        with pytest.raises(ReadError, match=r"is the cloud metadata address 169\.254\.169\.254"):
            policy.check_peer(httpx.URL("http://hub.example.invalid/f"), "169.254.169.254")

    def test_a_name_that_changes_its_address_after_the_check_is_refused(
        self, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = server.origin.rpartition(":")[2]
        answers = {"hub.test": ["127.0.0.1", PUBLIC], "rebinding.test": [PUBLIC, "127.0.0.1"]}
        rebind(monkeypatch, answers)
        server.fault("/f", RedirectTo(f"http://rebinding.test:{port}/stolen"))
        client = HttpClient(f"http://hub.test:{port}", settings=HASTY, sleep=lambda _: None)

        with pytest.raises(ReadError, match=r"loopback address 127\.0\.0\.1 \(rebinding\.test\)"):
            client.exchange(Ask(url=f"http://hub.test:{port}/f"), lambda reply: reply.status)
        assert [seen.path for seen in server.requests] == ["/f"]

    def test_headers_that_are_secret_stay_at_the_endpoint(self, server: FaultyServer) -> None:
        with running_faulty({"/f": CONTENT}, address="127.0.0.2") as storage:
            server.fault("/f", RedirectTo(storage.url("/f")))
            client = HttpClient(
                server.origin, token="t", credentials=lambda: {"x-api-key": "k", "cookie": "c=1"}
            )
            client.exchange(Ask(url=server.url("/f")), lambda reply: reply.status)

        assert server.requests[0].headers["x-api-key"] == "k"
        secret = {"authorization", "x-api-key", "cookie", "referer"}
        assert secret.isdisjoint(storage.requests[0].headers)


def rebind(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> None:
    """Have names of this test resolve to one address after the other; the last one stays."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        given = answers.get(host)
        if given is None or named.get("flags"):
            return real(host, port, *args, **named)
        return real(given.pop(0) if len(given) > 1 else given[0], port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


class TestHowLong:
    """Nothing lasts for ever, and nothing wrong is taken for the file."""

    @pytest.mark.parametrize("fault", [DrippingBody(), DrippingHeaders()])
    def test_a_server_that_drips_is_left(
        self, server: FaultyServer, fault: DrippingBody | DrippingHeaders
    ) -> None:
        server.fault("/f", fault)

        with pytest.raises(ReadError, match=r"took longer than 0\.3 s"):
            read(server)
        assert len(server.requests) == 1

    def test_redirects_share_one_deadline(self, server: FaultyServer) -> None:
        hops = 0

        def slow(seen: Seen) -> Answer:
            nonlocal hops
            hops += 1
            server.stopped.wait(0.2)
            return Status(302, {"location": f"/hop{hops}"})

        server.answering = slow

        with pytest.raises(ReadError, match=r"took longer than 0\.3 s"):
            read(server)
        assert 1 <= hops <= 3

    @pytest.mark.parametrize(
        ("fault", "words", "requests"),
        [
            (Truncated(after_bytes=10), "without sending complete message body.*2 tries", 2),
            (Reset(), "connection to 127.0.0.1 failed.*2 tries", 2),
            (WrongRange(), "asked for were 0-65535", 1),
            (UnstatedRange(), "without saying which", 1),
            (Compressed(), "compressed", 1),
        ],
    )
    def test_a_broken_answer_is_said(
        self, server: FaultyServer, fault: Any, words: str, requests: int
    ) -> None:
        server.fault("/f", fault)

        with pytest.raises(ReadError, match=words):
            read(server)
        assert len(server.requests) == requests

    def test_what_breaks_once_is_read_in_the_end(self, server: FaultyServer) -> None:
        server.fault("/f", Truncated(after_bytes=10), times=1)

        assert read(server) == CONTENT[:100]
        assert [seen.status for seen in server.requests] == [206, 206]

    def test_of_an_endless_body_a_mebibyte_is_taken(self, server: FaultyServer) -> None:
        server.fault("/f", Endless())
        client = HttpClient(server.origin)

        with pytest.raises(ReadError, match="does not say how large the file is"):
            RangeSource(client, RemoteFile(url=server.url("/f"), expected_bytes=10)).read_at(0, 10)

        assert client.traffic.snapshot().bytes_received < (1 << 20) + (1 << 17)

    def test_a_server_that_ignores_ranges_gives_a_small_file_whole(self, server: FaultyServer) -> None:
        server.fault("/f", IgnoresRange())

        assert read(server) == CONTENT[:100]
        assert [(seen.status, seen.sent_bytes) for seen in server.requests] == [(200, len(CONTENT))]

    def test_no_more_than_sixteen_requests_are_under_way(self, server: FaultyServer) -> None:
        seen_at_once, at_once, lock = [0], [0], Lock()

        def together(_: Seen) -> Answer:
            with lock:
                at_once[0] += 1
                seen_at_once[0] = max(seen_at_once[0], at_once[0])
            server.stopped.wait(0.02)
            with lock:
                at_once[0] -= 1
            return FileAnswer(CONTENT)

        server.answering = together
        client = HttpClient(server.origin)
        with ThreadPoolExecutor(32) as pool:
            statuses = set(
                pool.map(
                    lambda _: client.exchange(Ask(url=server.url("/f")), lambda reply: reply.status),
                    range(48),
                )
            )

        assert statuses == {200}
        assert 4 <= seen_at_once[0] <= 16

    def test_patience_scales_with_the_time_that_the_user_gives(self) -> None:
        hasty = HttpSettings().within(6)

        assert (hasty.deadline_s, hasty.inactivity_s) == (6, 6)
        assert hasty.slowest_bytes_per_s == 10 * HttpSettings().slowest_bytes_per_s
        assert HttpSettings().within(HttpSettings().deadline_s) == HttpSettings()
