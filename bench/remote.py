"""What a scan of a remote repository asks for: requests and bytes, at a hub on loopback."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from measure import Measured, measure
from peers import ROOT, WEIGHBRIDGE, WORK
from report import Section, Target, megabytes, seconds

sys.path.insert(0, str(ROOT))

from tests.engine.sparse_models import GIB, safetensors, torch_zip
from tests.hub.repository import HubFile, file_on_disk
from tests.hub.server import Hub, running_hub

_MOST_BYTES, _MOST_REQUESTS = 2_000_000, 3
_TARGET = "hf://acme/big"


def remote() -> Section:
    """Scan 10 files of 20 GB through the real huggingface_hub client and our range reader."""
    files = _files(WORK / "hub")
    size = sum(file.size for file in files.values())
    with running_hub() as hub:
        hub.add("acme/big", files)
        run = _scan(hub)
        most = max(_requests_for(hub, name, file) for name, file in files.items())
        sent, requests = hub.sent_bytes, len(hub.requests)
    print(f"  {_TARGET}: {requests} requests, {sent:,} bytes", flush=True)
    return Section(
        title="A remote repository of 10 files and 20 GB",
        text=(
            "Five torch zips of 2 GiB, one of 1 GiB, three safetensors files of 3 GiB and a "
            "config.json (sparse on the disk), served by `tests/hub/server.py`: API and small files on "
            "one host, large files behind signed locations on another."
        ),
        header=(
            "requests",
            "of these for one file, at most",
            "bytes sent by the servers",
            "of",
            "CPU",
            "exit",
        ),
        rows=(
            (
                str(requests),
                str(most),
                f"{sent:,}",
                megabytes(size),
                seconds(run.cpu_s),
                run.exit_words,
            ),
        ),
        commands=(f"HF_ENDPOINT=http://127.0.0.1:PORT weighbridge scan {_TARGET}",),
        targets=(
            Target(
                "10 files, 20 GB by `hf://`: under 2 MB received",
                f"{sent:,} bytes",
                run.exit_words == "0" and sent < _MOST_BYTES,
            ),
            Target(
                "10 files, 20 GB by `hf://`: at most 3 requests for each file",
                f"{most}",
                run.exit_words == "0" and most <= _MOST_REQUESTS,
            ),
        ),
        notes=(
            "No other tool in the same run: picklescan fetches every file whole, from an address of the "
            "hub that is fixed, and modelscan scans local paths only.",
        ),
    )


def _files(folder: Path) -> Mapping[str, HubFile]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(5):
        torch_zip(folder / f"shard-{number}.bin", 2 * GIB)
    torch_zip(folder / "last.pt", GIB)
    for number in range(3):
        safetensors(folder / f"model-{number}.safetensors", 3 * GIB)
    file_on_disk(folder, "config.json", b'{"model_type": "bert"}')
    return {path.name: HubFile(disk=path) for path in sorted(folder.iterdir())}


def _scan(hub: Hub) -> Measured:
    return measure(
        WEIGHBRIDGE.command(_TARGET),
        env={
            **WEIGHBRIDGE.env,
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(WORK / "hf-home"),
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        },
        cwd=WORK,
    )


def _requests_for(hub: Hub, name: str, file: HubFile) -> int:
    """Requests about one file: its resolution at the hub, and the reads at the storage behind it."""
    resolved = [request for request in hub.seen("/resolve") if request.path.split("?")[0].endswith(name)]
    return len(resolved) + len(hub.seen(file.oid))
