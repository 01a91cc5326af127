r"""Talk to clamd: the few commands that it takes to have bytes looked at.

    zPING\0        -> PONG\0
    zVERSION\0     -> ClamAV 1.4.3/27600/Mon Apr  7 08:00:00 2025\0
    zINSTREAM\0    then chunks: four bytes of length, big-endian, and that many bytes; length 0 ends
                   -> stream: OK\0 | stream: NAME FOUND\0 | REASON ERROR\0

Only a Unix socket or the loopback address: what is scanned leaves no host through us.

Source: clamd(8), section COMMANDS.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path

from weighbridge.errors import ReadError, UsageError

USUAL_PLACE = "unix:/run/clamav/clamd.ctl"
_PING_S = 5.0
_REPLY_BYTES = 8192
_PORT = 3310


class ClamdError(ReadError):
    """clamd does not answer, or not in its protocol."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where clamd listens: a path, or a loopback host and a port."""

    path: Path | None
    host: str
    port: int

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path is not None else f"tcp:{self.host}:{self.port}"


class ReplyKind(Enum):
    """The three ends of a stream."""

    OK = "OK"
    FOUND = "FOUND"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Reply:
    """What clamd says of a stream. `words` is the signature's name, or what went wrong."""

    kind: ReplyKind
    words: str


def parse_address(text: str) -> Address:
    """Parse `unix:/run/clamav/clamd.ctl`, `/run/clamav/clamd.ctl` or `tcp:127.0.0.1:3310`.

    Raises:
        UsageError: another spelling, or a host that is not this one.
    """
    if text.startswith(("unix:", "/")):
        return Address(Path("/" + text.removeprefix("unix:").lstrip("/")), "", 0)
    host, _, port = text.removeprefix("tcp:").removeprefix("//").rpartition(":")
    host = host.strip("[]") or port
    number = int(port) if port.isdecimal() and len(port) < 6 and host != port else _PORT
    host = "127.0.0.1" if host == "localhost" else host
    if not text.startswith("tcp:") or not _is_loopback(host) or not 0 < number < 65536:
        raise UsageError(
            f"can't ask clamd at {text!r}: give unix:/path/of/socket, or tcp:127.0.0.1:{_PORT}; "
            "other hosts are not asked, because what is scanned stays on this one"
        )
    return Address(None, host, number)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def ask(address: Address, command: str) -> str:
    """Send a command without arguments and return the answer: `PING`, `VERSION`.

    Raises:
        ClamdError: no answer.
    """
    with _connected(address, _PING_S) as connection:
        connection.sendall(f"z{command}\0".encode())
        return _answer(connection)


def stream(address: Address, chunks: Iterable[bytes | memoryview], *, timeout_s: float) -> Reply:
    """Have clamd look at bytes.

    Args:
        address: where it listens.
        chunks: in order; each is sent as it comes.
        timeout_s: for each step: one chunk sent, or the answer.

    Raises:
        ClamdError: the connection broke without an answer, or clamd is not one.
    """
    with _connected(address, timeout_s) as connection:
        try:
            connection.sendall(b"zINSTREAM\0")
            for chunk in chunks:
                connection.sendall(struct.pack(">I", len(chunk)))
                connection.sendall(chunk)
            connection.sendall(struct.pack(">I", 0))
        except (BrokenPipeError, ConnectionResetError):
            # It stops reading once the stream is beyond its limit, and has said so by then.
            pass
        return _reply(_answer(connection))


@contextmanager
def _connected(address: Address, timeout_s: float) -> Iterator[socket.socket]:
    try:
        with _socket(address) as connection:
            connection.settimeout(timeout_s)
            target = str(address.path) if address.path is not None else (address.host, address.port)
            connection.connect(target)
            yield connection
    except OSError as error:
        raise ClamdError(f"clamd at {address}: {error.strerror or error}") from error


def _socket(address: Address) -> socket.socket:
    if address.path is not None:
        return socket.socket(socket.AF_UNIX)
    return socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)


def _answer(connection: socket.socket) -> str:
    said = b""
    while b"\0" not in said and len(said) < _REPLY_BYTES:
        part = connection.recv(_REPLY_BYTES)
        if not part:
            break
        said += part
    text = said.partition(b"\0")[0].decode("utf-8", "backslashreplace").strip()
    if not text:
        raise ClamdError("clamd closed the connection without an answer")
    return text


def _reply(text: str) -> Reply:
    words, _, last = text.removeprefix("stream:").strip().rpartition(" ")
    match last:
        case "OK" if not words:
            return Reply(ReplyKind.OK, "")
        case "FOUND" if words:
            return Reply(ReplyKind.FOUND, words)
        case "ERROR":
            return Reply(ReplyKind.ERROR, words)
        case _:
            raise ClamdError(f"clamd gave an answer that is not in its protocol: {text[:200]!r}")
