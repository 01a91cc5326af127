"""Reading a remote file by ranges: few requests, right bytes, and no trust in the server."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hub.repository import HubFile, file_on_disk
from tests.hub.server import Hub, running_hub
from weighbridge.bytesource.http_client import HttpClient
from weighbridge.bytesource.http_patience import asked_delay
from weighbridge.bytesource.http_range import RangeSource, RemoteFile
from weighbridge.bytesource.http_redirect import Reach, RedirectPolicy, reach_of
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.errors import ReadError

GIB = 1 << 30
KIB = 1 << 10


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


class Waits:
    """Stands in for `time.sleep` and for who is told of waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.told: list[tuple[float, str]] = []

    def tell(self, seconds: float, reason: str) -> None:
        self.told.append((seconds, reason))


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(hub: Hub, waits: Waits) -> Iterator[HttpClient]:
    client = HttpClient(hub.endpoint, token=hub.token, on_wait=waits.tell, sleep=waits.slept.append)
    yield client
    client.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, HttpClient, Path]]:
    with running_hub() as hub:
        client = HttpClient(hub.endpoint)
        yield hub, client, tmp_path_factory.mktemp("files")
        client.close()


def source(hub: Hub, client: HttpClient, file: HubFile, *, prefers_tail: bool = False) -> RangeSource:
    """Put one file into the hub and return it as a source."""
    repository = hub.add("acme/model", {"file": file})
    url = f"{hub.endpoint}/acme/model/resolve/{repository.commit}/file"
    stated = file.size if file.listed_bytes is None else file.listed_bytes
    return RangeSource(client, RemoteFile(url=url, expected_bytes=stated, prefers_tail=prefers_tail))


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


class TestRequests:
    """What reading costs."""

    def test_a_small_file_comes_whole_with_the_first_read(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(5000)
        file = source(hub, client, file_on_disk(tmp_path, "f", content))

        assert bytes(file.read_at(4000, 5000)) == content[4000:]
        assert bytes(file.read_at(0, 10)) == content[:10]
        assert [request.status for request in hub.requests] == [307, 206]

    def test_head_and_tail_of_a_huge_file_cost_three_requests_and_144_kib(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(
            hub, client, file_on_disk(tmp_path, "f", b"PK\x03\x04", size=20 * GIB), prefers_tail=True
        )

        assert file.size == 20 * GIB
        assert bytes(file.read_at(20 * GIB - 22, 100)) == bytes(22)
        assert bytes(file.read_at(0, 4)) == b"PK\x03\x04"
        assert len(hub.requests) == 3
        assert client.traffic.snapshot().bytes_received < 145 * KIB
        assert file.bytes_read <= 144 * KIB

    def test_a_large_read_is_one_range_request(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(3_000_000)
        file = source(hub, client, file_on_disk(tmp_path, "f", content))
        file.read_at(0, 1)
        before = len(hub.requests)

        assert bytes(file.read_at(500_000, 2_000_000)) == content[500_000:2_500_000]
        assert len(hub.requests) == before + 1

    def test_the_location_behind_the_redirect_is_asked_for_once(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", size=GIB))

        for offset in (0, GIB // 2, GIB // 4, GIB - 1):
            file.read_at(offset, 1)

        assert len(hub.by_host(hub.endpoint)) == 1
        assert client.traffic.endpoint_requests == 1
        assert client.traffic.other_requests == 4

    def test_reading_on_from_front_to_back_fetches_ever_more_at_once(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(8_000_000)
        file = source(hub, client, file_on_disk(tmp_path, "f", content))

        read = b"".join(bytes(file.read_at(offset, 10_000)) for offset in range(0, 8_000_000, 10_000))

        assert read == content
        assert len(hub.requests) < 12

    def test_each_answered_redirect_is_followed(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", b"renamed"))
        hub.renames["models/old/name"] = "acme/model"
        url = f"{hub.endpoint}/old/name/resolve/main/file"

        renamed = RangeSource(client, RemoteFile(url=url, expected_bytes=file.size))

        assert bytes(renamed.read_at(0, 100)) == b"renamed"
        assert [request.status for request in hub.requests[-3:]] == [308, 307, 206]


class TestBytes:
    """Every read gives the bytes of the file, or raises."""

    @settings(max_examples=40, deadline=None)
    @given(
        size=st.sampled_from([0, 1, 16 * KIB, 128 * KIB, 128 * KIB + 1, 300_000]),
        prefers_tail=st.booleans(),
        reads=st.lists(
            st.tuples(st.integers(0, 320_000), st.integers(0, 200_000)), min_size=1, max_size=6
        ),
    )
    def test_any_sequence_of_reads_gives_what_the_file_holds(
        self,
        shared: tuple[Hub, HttpClient, Path],
        size: int,
        prefers_tail: bool,
        reads: list[tuple[int, int]],
    ) -> None:
        hub, client, folder = shared
        content = noise(size)
        file = source(hub, client, file_on_disk(folder, f"f{size}", content), prefers_tail=prefers_tail)

        got = [bytes(file.read_at(offset, length)) for offset, length in reads]

        assert got == [content[offset : offset + length] for offset, length in reads]
        assert file.bytes_read <= size

    def test_threads_may_read_different_files_with_one_client(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        files = {f"f{n}": file_on_disk(tmp_path, f"f{n}", noise(150_000 + n)) for n in range(12)}
        commit = hub.add("acme/many", files).commit
        sources = [
            RangeSource(
                client,
                RemoteFile(
                    url=f"{hub.endpoint}/acme/many/resolve/{commit}/{name}", expected_bytes=file.size
                ),
            )
            for name, file in files.items()
        ]

        with ThreadPoolExecutor(8) as pool:
            read = list(pool.map(lambda file: bytes(file.read_at(0, 1_000_000)), sources))

        assert read == [noise(150_000 + n) for n in range(12)]

    @pytest.mark.parametrize("stated", [0, 100, 149_999, 150_001, 10_000_000])
    @pytest.mark.parametrize("prefers_tail", [False, True])
    def test_size_is_the_true_one_where_the_registry_states_another(
        self, hub: Hub, client: HttpClient, tmp_path: Path, stated: int, prefers_tail: bool
    ) -> None:
        content = noise(150_000)
        on_disk = file_on_disk(tmp_path, "f", content)
        on_disk.listed_bytes = stated
        file = source(hub, client, on_disk, prefers_tail=prefers_tail)

        assert file.size == 150_000
        assert bytes(file.read_at(0, 10_000_000)) == content

    def test_a_file_that_changes_its_size_while_it_is_read_is_an_error(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        on_disk = file_on_disk(tmp_path, "f", size=1_000_000)
        file = source(hub, client, on_disk)
        file.read_at(0, 1)
        with on_disk.disk.open("r+b") as stream:
            stream.truncate(900_000)

        with pytest.raises(ReadError, match="changed its size from 1,000,000 to 900,000"):
            file.read_at(500_000, 1)


class TestLocations:
    """Signed locations expire; storage has moods."""

    def test_a_location_that_expires_in_mid_scan_is_asked_for_again(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(1_000_000)
        file = source(hub, client, file_on_disk(tmp_path, "f", content))
        file.read_at(0, 1)
        hub.expire_signatures()

        assert bytes(file.read_at(900_000, 1000)) == content[900_000:901_000]
        assert [request.status for request in hub.requests] == [302, 206, 403, 302, 206]

    def test_a_location_that_stays_refused_is_an_error_and_not_a_loop(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", size=GIB))
        hub.fail(r"Signature", 403, times=1000)

        with pytest.raises(ReadError, match="refuses access"):
            file.read_at(0, 1)
        assert len(hub.requests) <= 6

    def test_storage_that_refuses_a_valid_range_is_asked_for_a_wider_one(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(3_000_000)
        on_disk = file_on_disk(tmp_path, "f", content)
        on_disk.strict_from_bytes = 500_000
        file = source(hub, client, on_disk)

        assert bytes(file.read_at(2_000_000, 10)) == content[2_000_000:2_000_010]
        assert "bytes=1048576-2097151" in {request.range for request in hub.requests}

    def test_a_gated_file_says_what_to_do(self, hub: Hub, tmp_path: Path) -> None:
        client = HttpClient(hub.endpoint)
        file = source(hub, client, file_on_disk(tmp_path, "f", b"secret"))
        hub.repositories["models/acme/model"].gated = "manual"

        with pytest.raises(ReadError, match="gated"):
            file.read_at(0, 1)


class TestToken:
    """`Authorization` goes to the endpoint's own origin only."""

    def test_the_token_never_reaches_the_second_host(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", size=GIB))
        file.read_at(0, 1)
        file.read_at(GIB - 1, 1)

        assert {request.authorization for request in hub.by_host(hub.storage)} == {None}
        assert {request.authorization for request in hub.by_host(hub.endpoint)} == {
            f"Bearer {hub.token}"
        }

    def test_another_port_of_the_same_host_is_another_origin(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        with running_hub() as other:
            on_disk = file_on_disk(tmp_path, "f", b"x")
            on_disk.redirect_to = f"{other.endpoint}/stolen"

            with pytest.raises(ReadError, match="does not exist"):
                source(hub, client, on_disk).read_at(0, 1)

            assert [request.authorization for request in other.requests] == [None]


class TestRedirects:
    """A redirect does not lead us into the network around us."""

    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://[::ffff:169.254.169.254]/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://[fd00:ec2::254]/",
            "http://100.100.100.200/",
            "http://10.0.0.1/",
            "http://192.168.1.1/",
            "http://[fe80::1]/",
            "http://0.0.0.0/",
        ],
    )
    def test_an_address_that_only_we_can_see_is_refused_and_not_asked(
        self, hub: Hub, client: HttpClient, tmp_path: Path, location: str
    ) -> None:
        on_disk = file_on_disk(tmp_path, "f", b"x")
        on_disk.redirect_to = location

        with pytest.raises(ReadError, match="refused"):
            source(hub, client, on_disk).read_at(0, 1)
        assert client.traffic.other_requests == 0

    @pytest.mark.parametrize(
        "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://user:word@127.0.0.2/"]
    )
    def test_a_location_that_is_not_plain_http_is_refused(
        self, hub: Hub, client: HttpClient, tmp_path: Path, location: str
    ) -> None:
        on_disk = file_on_disk(tmp_path, "f", b"x")
        on_disk.redirect_to = location

        with pytest.raises(ReadError, match="redirects to"):
            source(hub, client, on_disk).read_at(0, 1)
        assert len(hub.requests) == 1

    def test_a_redirect_loop_ends(self, hub: Hub, client: HttpClient, tmp_path: Path) -> None:
        on_disk = file_on_disk(tmp_path, "f", b"x")
        on_disk.redirect_to = "file"

        with pytest.raises(ReadError, match="more than 5 times"):
            source(hub, client, on_disk).read_at(0, 1)
        assert len(hub.requests) == 6

    def test_https_never_becomes_http(self) -> None:
        policy = RedirectPolicy("https://hub.example.invalid")

        with pytest.raises(ReadError, match="from https to http"):
            policy.next_url(httpx.URL("https://hub.example.invalid/f"), "http://hub.example.invalid/f")

    def test_an_endpoint_on_a_private_network_may_redirect_inside_that_kind_only(self) -> None:
        policy = RedirectPolicy("http://10.1.2.3:8080")

        assert (
            policy.next_url(httpx.URL("http://10.1.2.3:8080/f"), "http://10.9.9.9/s").host == "10.9.9.9"
        )
        with pytest.raises(ReadError, match="loopback address"):
            policy.next_url(httpx.URL("http://10.1.2.3:8080/f"), "http://127.0.0.1/s")

    def test_the_address_is_checked_again_when_the_connection_stands(self) -> None:
        policy = RedirectPolicy("https://hub.example.invalid")

        with pytest.raises(ReadError, match="cloud metadata address"):
            policy.check_peer(httpx.URL("https://cdn.example.invalid/f"), "169.254.169.254")

    def test_nothing_is_sent_to_a_peer_that_the_check_refuses(self, hub: Hub, tmp_path: Path) -> None:
        client = HttpClient("http://192.0.2.1")  # so that the hub is a stranger to this client
        file = source(hub, client, file_on_disk(tmp_path, "f", b"x"))

        with pytest.raises(ReadError, match=r"loopback address 127\.0\.0\.1"):
            file.read_at(0, 1)
        assert hub.requests == []

    @pytest.mark.parametrize(
        ("address", "reach"),
        [
            ("8.8.8.8", Reach.PUBLIC),
            ("2606:4700::1111", Reach.PUBLIC),
            ("127.8.8.8", Reach.LOOPBACK),
            ("::1", Reach.LOOPBACK),
            ("::ffff:127.0.0.1", Reach.LOOPBACK),
            ("64:ff9b::7f00:1", Reach.LOOPBACK),
            ("2002:7f00:1::", Reach.LOOPBACK),
            ("172.16.0.1", Reach.PRIVATE),
            ("fd12::1", Reach.PRIVATE),
            ("fe80::1%eth0", Reach.LINK_LOCAL),
            ("169.254.1.1", Reach.LINK_LOCAL),
            ("169.254.169.254", Reach.CREDENTIALS),
            ("64:ff9b::a9fe:a9fe", Reach.CREDENTIALS),
            ("100.64.0.1", Reach.RESERVED),
            ("::7f00:1", Reach.RESERVED),
            ("::", Reach.RESERVED),
            ("224.0.0.1", Reach.RESERVED),
        ],
    )
    def test_addresses_are_classified_by_who_can_see_them(self, address: str, reach: Reach) -> None:
        assert reach_of(address) is reach


class TestWaiting:
    """Rate limits and outages: patient, aloud, and not for ever."""

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"retry-after": "7"}, 7.0),
            ({"ratelimit": '"resolvers";r=0;t=42'}, 42.0),
            ({"retry-after": "3", "ratelimit": '"api";r=0;t=99'}, 3.0),
            ({}, 0.5),
            ({"retry-after": "soon"}, 0.5),
        ],
    )
    def test_a_rate_limit_is_waited_for_as_long_as_it_says(
        self,
        hub: Hub,
        client: HttpClient,
        waits: Waits,
        tmp_path: Path,
        headers: dict[str, str],
        seconds: float,
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", b"content"))
        hub.fail("/resolve/", 429, headers=headers)

        assert bytes(file.read_at(0, 7)) == b"content"
        assert waits.told == [
            (seconds, "127.0.0.1 limits the rate of requests (status 429)"),
        ]
        assert waits.slept[0] == seconds

    def test_a_burst_of_server_errors_is_outlived(
        self, hub: Hub, client: HttpClient, waits: Waits, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", b"content"))
        hub.fail("/resolve/", 503, times=2)
        hub.fail("/resolve-cache/", 502)

        assert bytes(file.read_at(0, 7)) == b"content"
        assert waits.slept == [0.5, 1.0, 2.0]

    def test_an_outage_that_lasts_is_an_error_in_words(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", b"content"))
        hub.fail("/resolve/", 503, times=1000)

        with pytest.raises(ReadError, match=r"127\.0\.0\.1 can't answer now \(status 503\), 4 tries"):
            file.read_at(0, 1)
        assert len(hub.requests) == 4

    def test_a_wait_longer_than_allowed_is_not_begun(
        self, hub: Hub, client: HttpClient, waits: Waits, tmp_path: Path
    ) -> None:
        file = source(hub, client, file_on_disk(tmp_path, "f", b"content"))
        hub.fail("/resolve/", 429, headers={"retry-after": "86400"})

        with pytest.raises(ReadError, match="asks us to wait 86,400 s, longer than the 330 s"):
            file.read_at(0, 1)
        assert waits.slept == []

    def test_a_date_in_the_past_means_now(self) -> None:
        assert asked_delay({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0

    @given(st.dictionaries(st.sampled_from(["retry-after", "ratelimit"]), st.text()))
    def test_any_header_gives_a_wait_or_none(self, headers: dict[str, str]) -> None:
        seconds = asked_delay(headers)

        assert seconds is None or seconds >= 0

    def test_a_refused_connection_is_an_error_in_words(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = HttpClient(url, sleep=lambda _: None)

        with pytest.raises(ReadError, match=r"connection to 127\.0\.0\.1 failed"):
            RangeSource(client, RemoteFile(url=f"{url}/f", expected_bytes=10)).read_at(0, 1)


class TestHostileBodies:
    """What a server sends is checked before it is believed."""

    def test_a_body_cut_short_is_fetched_again(
        self, hub: Hub, client: HttpClient, waits: Waits, tmp_path: Path
    ) -> None:
        content = noise(90_000)
        on_disk = file_on_disk(tmp_path, "f", content)
        on_disk.cut_after_bytes, on_disk.cuts = 1000, 2

        assert bytes(source(hub, client, on_disk).read_at(0, 90_000)) == content
        assert len(waits.slept) == 2

    def test_a_body_that_is_always_cut_short_is_an_error_in_words(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        on_disk = file_on_disk(tmp_path, "f", noise(90_000))
        on_disk.cut_after_bytes, on_disk.cuts = 1000, 1000

        with pytest.raises(ReadError, match=r"the connection to 127\.0\.0\.1 failed"):
            source(hub, client, on_disk).read_at(0, 90_000)

    def test_a_small_file_is_taken_whole_from_storage_that_ignores_ranges(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(900_000)
        on_disk = file_on_disk(tmp_path, "f", content)
        on_disk.storage_ignores_range = True
        file = source(hub, client, on_disk, prefers_tail=True)

        assert bytes(file.read_at(800_000, 10)) == content[800_000:800_010]
        assert bytes(file.read_at(0, 10)) == content[:10]
        assert len(hub.requests) == 2

    def test_of_a_large_file_such_storage_gives_the_start_and_nothing_more(
        self, hub: Hub, client: HttpClient, tmp_path: Path
    ) -> None:
        content = noise(3_000_000)
        on_disk = file_on_disk(tmp_path, "f", content, size=GIB)
        on_disk.storage_ignores_range = True
        file = source(hub, client, on_disk, prefers_tail=True)

        assert bytes(file.read_at(2_000_000, 10)) == content[2_000_000:2_000_010]
        with pytest.raises(ReadError, match="ignores range requests"):
            file.read_at(GIB - 22, 22)
        assert client.traffic.snapshot().bytes_received < 10_000_000

    def test_a_body_that_drips_runs_into_the_deadline(self, hub: Hub, tmp_path: Path) -> None:
        on_disk = file_on_disk(tmp_path, "f", noise(5000))
        on_disk.drip_s = 0.05
        hasty = HttpSettings(deadline_s=0.2, slowest_bytes_per_s=GIB, attempts=1)

        with pytest.raises(ReadError, match="took longer than"):
            source(hub, HttpClient(hub.endpoint, settings=hasty), on_disk).read_at(0, 1)

    def test_headers_that_drip_run_into_the_deadline_too(self) -> None:
        hasty = HttpSettings(deadline_s=0.2, slowest_bytes_per_s=GIB, attempts=1)

        with (
            answering(lambda send: drip_headers(send)) as url,
            pytest.raises(ReadError, match="took longer than"),
        ):
            read_ten(url, hasty)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (b"206 OK\r\ncontent-length: 10\r\n\r\n0123456789", "without saying which"),
            (b"206 OK\r\ncontent-range: bytes 1-10/11\r\n\r\n0123456789", "asked for were 0-9"),
            (b"206 OK\r\ncontent-range: bytes 0-8/10\r\n\r\n012345678", "asked for were 0-9"),
            (
                b"206 OK\r\ncontent-length: 11\r\ncontent-range: bytes 0-9/10\r\n\r\n0123456789X",
                "announces 11 bytes for a range of 10",
            ),
            (b"206 OK\r\ncontent-range: bytes 0-9/10\r\n\r\n0123456789X", "sent more than the 10 bytes"),
            (b"206 OK\r\ncontent-range: bytes 0-9/10\r\n\r\n01234", "stopped after 5 of 10 bytes"),
            (
                b"206 OK\r\ncontent-encoding: gzip\r\ncontent-range: bytes 0-9/10\r\n\r\n0123456789",
                "compressed",
            ),
            (b"418 No\r\ncontent-length: 0\r\n\r\n", "answered with status 418"),
            (b"416 No\r\ncontent-length: 0\r\ncontent-range: bytes */99\r\n\r\n", "status 416"),
            (b"404 No\r\ncontent-length: 0\r\n\r\n", "does not exist"),
        ],
    )
    def test_an_answer_that_is_not_the_range_is_an_error_in_words(
        self, answer: bytes, words: str
    ) -> None:
        with (
            answering(lambda send: send(b"HTTP/1.1 " + answer)) as url,
            pytest.raises(ReadError, match=words),
        ):
            read_ten(url, HttpSettings(attempts=1))

    @settings(max_examples=60, deadline=None)
    @given(answer=st.binary(max_size=200), prefix=st.sampled_from([b"", b"HTTP/1.1 206 OK\r\n"]))
    def test_any_answer_gives_ten_bytes_or_a_read_error(self, answer: bytes, prefix: bytes) -> None:
        with answering(lambda send: send(prefix + answer)) as url:
            try:
                outcome = len(read_ten(url, HttpSettings(attempts=1)))
            except ReadError:
                outcome = 0

        assert outcome <= 10


def read_ten(url: str, http: HttpSettings) -> bytes:
    client = HttpClient(url, settings=http, sleep=lambda _: None)
    try:
        return bytes(RangeSource(client, RemoteFile(url=f"{url}/f", expected_bytes=10)).read_at(0, 10))
    finally:
        client.close()


def drip_headers(send: Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 206 OK\r\n")
    pause = threading.Event()
    for _ in range(200):
        send(b"x-slow: 1\r\n")
        pause.wait(0.05)


@contextmanager
def answering(answer: Callable[[Callable[[bytes], None]], None]) -> Iterator[str]:
    """Serve connections one after another with raw bytes, each closed after its answer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    answer(connection.sendall)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
