"""The protocol of clamd, against a server that speaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opinions.fake_clamd import MARKER, SIGNATURE, fake_clamd
from weighbridge.errors import UsageError
from weighbridge.opinions.clamd_client import (
    ClamdError,
    Reply,
    ReplyKind,
    ask,
    parse_address,
    stream,
)


@pytest.mark.parametrize("over_tcp", [False, True], ids=["unix", "tcp"])
def test_clean_bytes_are_ok_and_arrive_whole_in_the_chunks_that_were_sent(
    tmp_path: Path, over_tcp: bool
) -> None:
    with fake_clamd(tmp_path, over_tcp=over_tcp) as server:
        reply = stream(parse_address(server.address), [b"abc", memoryview(b"def")], timeout_s=10)
    assert reply == Reply(ReplyKind.OK, "")
    assert server.streams == [b"abcdef"]


def test_a_signature_is_named(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        reply = stream(parse_address(server.address), [b"xx", MARKER], timeout_s=10)
    assert reply == Reply(ReplyKind.FOUND, SIGNATURE)


def test_a_stream_beyond_the_servers_limit_is_an_error_though_we_were_still_sending(
    tmp_path: Path,
) -> None:
    with fake_clamd(tmp_path) as server:
        server.stream_limit = 100
        reply = stream(parse_address(server.address), [b"x" * (1 << 20)] * 8, timeout_s=10)
    assert reply == Reply(ReplyKind.ERROR, "INSTREAM size limit exceeded.")


def test_a_signature_whose_name_is_ok_is_still_found(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        server.says = "stream: OK FOUND"
        reply = stream(parse_address(server.address), [b"x"], timeout_s=10)
    assert reply == Reply(ReplyKind.FOUND, "OK")


@pytest.mark.parametrize("words", ["stream: fine", "stream: not OK", " FOUND", "\ufffd"])
def test_an_answer_that_is_not_in_the_protocol_is_never_ok(tmp_path: Path, words: str) -> None:
    with fake_clamd(tmp_path) as server:
        server.says = words
        with pytest.raises(ClamdError):
            stream(parse_address(server.address), [b"x"], timeout_s=10)


def test_a_server_that_hangs_up_is_an_error(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        server.hangs_up = True
        with pytest.raises(ClamdError):
            stream(parse_address(server.address), [b"x"], timeout_s=10)


def test_commands_are_answered_and_nobody_there_is_said(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        address = parse_address(server.address)
        assert ask(address, "PING") == "PONG"
        assert ask(address, "VERSION").startswith("ClamAV 9.9.9")
    with pytest.raises(ClamdError, match="nowhere"):
        ask(parse_address(f"unix:{tmp_path}/nowhere"), "PING")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("unix:/run/clamav/clamd.ctl", "unix:/run/clamav/clamd.ctl"),
        ("unix:///run/clamav/clamd.ctl", "unix:/run/clamav/clamd.ctl"),
        ("/run/clamd.ctl", "unix:/run/clamd.ctl"),
        ("tcp:127.0.0.1:3311", "tcp:127.0.0.1:3311"),
        ("tcp://127.0.0.1:3311", "tcp:127.0.0.1:3311"),
        ("tcp:localhost:3310", "tcp:127.0.0.1:3310"),
        ("tcp:localhost", "tcp:127.0.0.1:3310"),
        ("tcp:[::1]:3310", "tcp:::1:3310"),
    ],
)
def test_addresses_of_this_host(typed: str, meant: str) -> None:
    assert str(parse_address(typed)) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "tcp:198.51.100.7:3310",
        "tcp:clamd.example.invalid:3310",
        "tcp:127.0.0.1:0",
        "tcp:",
        "",
        "x",
        "127.0.0.1:3310",
        "tcp:127.0.0.1:99999",
        "tcp:0.0.0.0:3310",
    ],
)
def test_other_hosts_and_other_spellings_are_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="stays on this one"):
        parse_address(typed)
