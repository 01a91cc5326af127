"""Servers that mean harm: sizes that are not said, words that break a request, names of no host."""

from __future__ import annotations

import re

import pytest

from tests.servers.faulty import (
    Answer,
    Answering,
    Endless,
    Fault,
    FileAnswer,
    RedirectTo,
    Seen,
    Status,
    running_faulty,
)
from weighbridge.bytesource.http_client import Ask, HttpClient
from weighbridge.bytesource.http_range import RangeSource, RemoteFile
from weighbridge.errors import ReadError

CONTENT = b"0123456789"
MIB = 1 << 20
TWO_LENGTHS = Status(
    200,
    {"content-length": "10", "transfer-encoding": "chunked"},
    b"%x\r\n%s\r\n0\r\n\r\n" % (2 * MIB, bytes(2 * MIB)),
)


@pytest.mark.parametrize("fault", [Endless(), TWO_LENGTHS], ids=["endless", "two lengths"])
def test_a_registry_that_states_too_little_hides_nothing_in_a_body_without_a_length(
    fault: Fault,
) -> None:
    with running_faulty({"/f": CONTENT}) as server:
        server.fault("/f", fault)
        source = RangeSource(
            HttpClient(server.origin), RemoteFile(url=server.url("/f"), expected_bytes=10)
        )

        with pytest.raises(ReadError, match="does not say how large the file is"):
            source.read_at(0, 10)


def unstated_total(content: bytes, beyond: int) -> Answering:
    """Answer a range without the size of the file; `beyond` is the status behind its end."""

    def answer(seen: Seen) -> Answer:
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", seen.range or "")
        assert asked is not None
        part = content[int(asked[1]) : int(asked[2]) + 1]
        if not part:
            return Status(beyond)
        return Status(206, {"content-range": f"bytes {asked[1]}-{asked[2]}/*"}, part)

    return answer


def test_where_no_answer_states_the_size_the_byte_behind_the_last_is_asked_for() -> None:
    with running_faulty(unstated_total(CONTENT, 416)) as server:
        client = HttpClient(server.origin)
        whole = RangeSource(client, RemoteFile(url=server.url("/f"), expected_bytes=len(CONTENT)))
        part = RangeSource(client, RemoteFile(url=server.url("/f"), expected_bytes=4))

        assert whole.read_at(0, 100) == CONTENT
        with pytest.raises(ReadError, match="the registry states 4 bytes"):
            part.read_at(0, 4)


@pytest.mark.parametrize("token", ["s3cr3t\n", "s3cr3t\u00e9", "s3cr3t "])
def test_a_token_that_no_header_can_hold_is_said_and_not_shown(token: str) -> None:
    with running_faulty({"/f": CONTENT}) as server:
        client = HttpClient(server.origin, token=token)

        with pytest.raises(ReadError, match=r"the token for 127\.0\.0\.1 can't be sent") as raised:
            client.exchange(Ask(url=server.url("/f")), lambda reply: reply.read(10))

    assert "s3cr3t" not in str(raised.value)
    assert server.requests == []


@pytest.mark.parametrize("host", ["a..example.invalid", "a" * 300])
def test_a_redirect_to_what_is_no_name_of_a_host_costs_one_artifact(host: str) -> None:
    with running_faulty({"/f": CONTENT}) as server:
        server.fault("/f", RedirectTo(f"http://{host}/"))
        client = HttpClient(server.origin)

        with pytest.raises(ReadError, match="can't be the name of a host"):
            client.exchange(Ask(url=server.url("/f")), lambda reply: reply.read(10))


@pytest.mark.parametrize("endpoint", ["http://[::1", "https://u:s3cr3t@h:port", "https://h\0/"])
def test_an_endpoint_that_is_no_url_is_said_without_it(endpoint: str) -> None:
    with pytest.raises(ReadError, match="not a URL that can be asked for") as raised:
        HttpClient(endpoint)

    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(("etags", "is_changed"), [(('"a"', '"b"'), True), (('W/"a"', 'W/"b"'), False)])
def test_a_file_that_becomes_another_between_two_reads_is_not_judged_as_one(
    etags: tuple[str, str], is_changed: bool
) -> None:
    asked: list[Seen] = []

    def answer(seen: Seen) -> Answer:
        asked.append(seen)
        return FileAnswer(bytes(MIB), {"etag": etags[min(len(asked), 2) - 1]})

    with running_faulty(answer) as server:
        source = RangeSource(
            HttpClient(server.origin), RemoteFile(url=server.url("/f"), expected_bytes=MIB)
        )
        source.read_at(0, 1)
        if is_changed:
            with pytest.raises(ReadError, match="was changed while it was read"):
                source.read_at(MIB - 1, 1)
        else:
            assert source.read_at(MIB - 1, 1) == b"\0"
