"""Bytes over the wire for one model at several sources: we, and a peer that downloads first.

    python bench/sources/run.py --servers FOLDER [--modelaudit PROGRAM]

FOLDER is what `tests/servers/build.py` made. Each server is real and on loopback; a relay in front of
it counts connections and bytes for whoever is measured, so that nobody's own figures are believed.
The model: a torch archive, a safetensors file and a GGUF file of 64 MB each, and a configuration;
clean, then with a call hidden in the pickle. Writes bench/sources.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
SIZE = 64_000_000
CLEAN = b"\x80\x02}q\x00."
DIRTY = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def model(pickle: bytes) -> dict[str, bytes]:
    """Return the files of the model."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("m/data.pkl", pickle)
        file.writestr("m/version", "3\n")
        file.writestr("m/data/0", bytes(SIZE))
    header = json.dumps({"w": {"dtype": "U8", "shape": [SIZE], "data_offsets": [0, SIZE]}}).encode()
    gguf = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w"
    gguf += struct.pack("<IQIQ", 1, SIZE // 4, 0, 0)
    gguf += bytes(-len(gguf) % 32) + bytes(SIZE)
    return {
        "pytorch_model.bin": archive.getvalue(),
        "model.safetensors": struct.pack("<Q", len(header)) + header + bytes(SIZE),
        "model.gguf": gguf,
        "config.json": b'{"model_type": "bert"}',
    }


@dataclass(slots=True)
class Relay:
    """Hands bytes on between a client and a server, and counts what the client gets."""

    upstream: int
    port: int = 0
    received: int = 0
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.upstream))
            for source, sink, counts in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._hand_on, args=(source, sink, counts), daemon=True).start()

    def _hand_on(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if counts:
                    with self.lock:
                        self.received += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def relay(upstream: int) -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Relay(upstream, listener.getsockname()[1])
        threading.Thread(target=made.serve, args=(listener,), daemon=True).start()
        yield made


@dataclass(frozen=True, slots=True)
class Row:
    source: str
    program: str
    verdict: str
    received: int
    seconds: float


def measure(
    source: str, program: str, command: list[str], environment: Mapping[str, str], counter: Relay
) -> Row:
    """Run one scan, with a cache folder of its own."""
    before = counter.received
    with tempfile.TemporaryDirectory() as home:
        started = time.monotonic()
        done = subprocess.run(
            command,
            env={**os.environ, "HOME": home, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        seconds = time.monotonic() - started
    return Row(source, program, f"exit {done.returncode}", counter.received - before, seconds)


def s3(arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    from tests.servers.moto import CREDENTIALS, put, running_moto

    with running_moto(folder) as endpoint, relay(int(endpoint.rsplit(":", 1)[1])) as counter:
        environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{counter.port}"}
        for name, pickle in (("clean", CLEAN), ("dirty", DIRTY)):
            put(endpoint, f"bench-{name}", {f"m/{key}": data for key, data in model(pickle).items()})
            target = f"s3://bench-{name}/m/"
            ours = [sys.executable, "-m", "weighbridge", "scan", target]
            yield measure(f"S3 (moto), {name}", "weighbridge", ours, environment, counter)
            if arguments.modelaudit:
                peer = [arguments.modelaudit, "scan", target, "--no-cache"]
                yield measure(f"S3 (moto), {name}", "modelaudit", peer, environment, counter)


def mlflow(arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    from tests.servers.mlflow_server import running_mlflow

    with running_mlflow(folder) as server, relay(int(server.url.rsplit(":", 1)[1])) as counter:
        environment = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{counter.port}"}
        for name, pickle in (("clean", CLEAN), ("dirty", DIRTY)):
            server.register_files(f"bench-{name}", model(pickle))
            target = f"models:/bench-{name}/1"
            ours = [sys.executable, "-m", "weighbridge", "scan", target]
            yield measure(f"MLflow, {name}", "weighbridge", ours, environment, counter)


def hub(arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """A pull, which scans before and after: what does it cost beyond the download itself?"""
    from tests.hub.server import running_hub
    from tests.pull.repositories import publish

    with running_hub() as server:
        (folder / "hub").mkdir()
        publish(server, folder / "hub", "acme/model", model(CLEAN))
        before = sum(one.sent_bytes for one in server.requests)
        command = [sys.executable, "-m", "weighbridge", "pull", "hf://acme/model", str(folder / "ours")]
        row = measure(
            "Hub, clean", "weighbridge pull", command, {"HF_ENDPOINT": server.endpoint}, Relay(0)
        )
        sent = sum(one.sent_bytes for one in server.requests) - before
        yield Row(row.source, row.program, row.verdict, sent, row.seconds)


def page(rows: list[Row], command: str) -> str:
    lines = [
        "## Bytes over the wire",
        "",
        f"`{command}`",
        "",
        "One model of 192 MB: a torch archive, a safetensors and a GGUF file of 64 MB each, and a",
        "configuration. Servers are on loopback. For S3 and MLflow, bytes are what a relay before the",
        "server handed to the client, headers and listings included; for the hub, a stub of its",
        "protocol, the bodies that it sent. modelaudit is 0.2.54, and downloads first. Seconds are of a",
        "busy machine with two cores; on loopback a download is nearly free.",
        "",
        "| Source | Program | Ended with | Bytes received | Seconds |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.source} | {row.program} | {row.verdict} | {row.received:,} | {row.seconds:.1f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", required=True)
    parser.add_argument("--modelaudit", help="the peer's program")
    parser.add_argument(
        "--only", choices=["s3", "mlflow", "hub"], help="print one source, write nothing"
    )
    arguments = parser.parse_args()
    os.environ["WEIGHBRIDGE_SERVERS"] = arguments.servers
    rows: list[Row] = []
    with ExitStack() as stack:
        for measured in (s3, mlflow, hub):
            if arguments.only not in (None, measured.__name__):
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for row in measured(arguments, folder):
                print(row, flush=True)
                rows.append(row)
    if arguments.only is not None:
        return
    command = "python bench/sources/run.py --servers FOLDER --modelaudit PROGRAM"
    (ROOT / "bench" / "sources.md").write_text(page(rows, command), encoding="utf-8")


if __name__ == "__main__":
    main()
