"""What a remote repository of 500 small files costs: requests, bytes and time, at a hub on loopback.

    python bench/repository/remote.py [LATENCY_MS]        default: 20

Beside the scan, in the same run: `huggingface_hub.snapshot_download` of the same repository, which is
what every scanner of local files needs first. Files are Python, JSON, Markdown and text, 0.1 to 20 kB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.hub.repository import HubFile  # noqa: E402
from tests.hub.server import Hub, running_hub  # noqa: E402

_FILES = 500
_TARGET = "acme/many"
_DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], cache_dir=sys.argv[2])
"""


def _content(number: int) -> tuple[str, bytes]:
    size = 1 + number % 40
    match number % 4:
        case 0:
            return f"src/module_{number}.py", b"def forward(x):\n    return x\n\n" * (16 * size)
        case 1:
            return (
                f"configs/{number}.json",
                b'{"model_type": "bert", "layers": [' + b"1, " * 100 * size + b"1]}",
            )
        case 2:
            return f"docs/{number}.md", b"A paragraph on how the model was trained.\n" * (12 * size)
        case _:
            return f"notes/{number}.txt", b"A line of notes.\n" * (30 * size)


def _files(folder: Path) -> dict[str, HubFile]:
    files = {}
    for number in range(_FILES):
        name, content = _content(number)
        path = folder / name.replace("/", "-")
        path.write_bytes(content)
        files[name] = HubFile(disk=path)
    return files


def _row(name: str, hub: Hub, command: list[str], scratch: Path) -> str:
    hub.requests.clear()
    hub.most_at_once = 0
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(scratch / "home"),
    }
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    if done.returncode:
        print(done.stderr[-600:], file=sys.stderr)
    listings = len(hub.seen("/tree/"))
    reads = len(hub.seen("/resolve/"))
    return (
        f"| {name} | {len(hub.requests):,} | {listings} | {reads} | {hub.most_at_once} |"
        f" {hub.sent_bytes:,} | {seconds:.1f} s | {done.returncode} |"
    )


def main() -> None:
    latency_ms = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as folder, running_hub() as hub:
        scratch = Path(folder)
        (scratch / "files").mkdir()
        hub.add(_TARGET, _files(scratch / "files"))
        hub.latency_s = latency_ms / 1000
        print("| | requests | listings | files asked for | at once, at most | bytes | seconds | exit |")
        print("|---|---|---|---|---|---|---|---|")
        scan = [sys.executable, "-m", "weighbridge", "scan", f"hf://{_TARGET}"]
        print(_row("weighbridge scan", hub, scan, scratch))
        download = [sys.executable, "-c", _DOWNLOAD, _TARGET, str(scratch / "cache")]
        print(_row("snapshot_download", hub, download, scratch))


if __name__ == "__main__":
    main()
