r"""A clamd of ours for tests: it speaks the published protocol, `zCOMMAND\0`, INSTREAM included.

It knows one signature, and can be told to answer with any other text, to hang up, or to have a
limit on the length of a stream.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

MARKER = b"weighbridge-clamav-marker"
SIGNATURE = "Weighbridge.Marker.Test.UNOFFICIAL"


@dataclass
class FakeClamd:
    """What it answers, and what it was sent."""

    address: str = ""
    says: str | None = None
    hangs_up: bool = False
    stream_limit: int = 1 << 30
    streams: list[bytes] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            command = _until_nul(connection)
            if self.hangs_up:
                return
            match command:
                case b"zPING":
                    connection.sendall(b"PONG\0")
                case b"zVERSION":
                    connection.sendall(b"ClamAV 9.9.9/1/Mon Apr  7 08:00:00 2025\0")
                case b"zINSTREAM":
                    connection.sendall(self._verdict(connection).encode() + b"\0")
                case _:
                    connection.sendall(b"UNKNOWN COMMAND\0")

    def _verdict(self, connection: socket.socket) -> str:
        received = b""
        while True:
            (length,) = struct.unpack(">I", _exactly(connection, 4))
            if length == 0:
                break
            received += _exactly(connection, length)
            if len(received) > self.stream_limit:
                return "INSTREAM size limit exceeded. ERROR"
        self.streams.append(received)
        if self.says is not None:
            return self.says
        return f"stream: {SIGNATURE} FOUND" if MARKER in received else "stream: OK"


def _until_nul(connection: socket.socket) -> bytes:
    said = b""
    while (byte := connection.recv(1)) not in (b"\0", b""):
        said += byte
    return said


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(min(65536, length - len(data)))
        if not part:
            raise ConnectionError("the client hung up")
        data += part
    return data


@contextmanager
def fake_clamd(folder: Path, *, over_tcp: bool = False) -> Iterator[FakeClamd]:
    """A server on a Unix socket in `folder`, or on a free port of the loopback address."""
    listener = socket.socket(socket.AF_INET if over_tcp else socket.AF_UNIX)
    listener.bind(("127.0.0.1", 0) if over_tcp else str(folder / "clamd.ctl"))
    listener.listen()
    name = listener.getsockname()
    server = FakeClamd(f"tcp:127.0.0.1:{name[1]}" if over_tcp else f"unix:{name}")
    thread = threading.Thread(target=_accept, args=(listener, server), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        # On Linux closing alone does not wake a thread that waits in accept.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def _accept(listener: socket.socket, server: FakeClamd) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=server.serve, args=(connection,), daemon=True).start()
