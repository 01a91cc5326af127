"""A local Azure Blob Storage: Microsoft's Azurite, and a quick way to fill a container of it.

Inside of `running_azurite`, set AZURE_STORAGE_ENDPOINT to the endpoint and the variables in
CREDENTIALS; then `az://container/prefix` is a target.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.servers.programs import free_port, program, running

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The same for everybody: Azurite's manual prints it."""
CREDENTIALS = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
_AT_ONCE = 16


@contextmanager
def running_azurite(folder: Path) -> Iterator[str]:
    """Run an empty blob service on loopback and give its endpoint: `http://127.0.0.1:port/account`."""
    port = free_port()
    command = [
        *(program("azurite-blob"), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck"),
        *("--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", str(port)),
    ]
    with running(command, port=port, folder=folder):
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


def put(endpoint: str, container: str, objects: Mapping[str, bytes], *, is_public: bool = False) -> None:
    """Write blobs into a container, which is made when it is missing."""
    from obstore.store import AzureStore

    _make(endpoint, container, is_public=is_public)
    store = AzureStore(
        container,
        config={"account_name": ACCOUNT, "account_key": KEY, "endpoint": endpoint},
        client_options={"allow_http": True},
    )

    async def write_all() -> None:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def write(name: str, content: bytes) -> None:
            async with slots:
                await store.put_async(name, content)

        await asyncio.gather(*(write(name, content) for name, content in objects.items()))

    asyncio.run(write_all())


def _make(endpoint: str, container: str, *, is_public: bool) -> None:
    parts = urlsplit(endpoint)
    path = f"{parts.path}/{container}"
    headers = {
        "x-ms-date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "x-ms-version": "2023-11-03",
    }
    if is_public:
        headers["x-ms-blob-public-access"] = "container"
    lines = ["PUT", *[""] * 11, *(f"{name}:{headers[name]}" for name in sorted(headers))]
    text = "\n".join((*lines, f"/{ACCOUNT}{path}", "restype:container"))
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers["authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = HTTPConnection(parts.netloc, timeout=60)
    connection.request("PUT", f"{path}?restype=container", headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status not in (201, 409):
        raise OSError(f"status {answer.status}: {said[:400]!r}")


def shared_access(*, permissions: str = "rl") -> str:
    """Return a signature that lets its bearer read and list for an hour.

    Source: the Azure Storage reference, "Create an account SAS", version 2020-12-06.
    """
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = (ACCOUNT, permissions, "b", "sco", "", until, "", "https,http", "2023-11-03", "", "")
    digest = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
    fields = {"sv": "2023-11-03", "ss": "b", "srt": "sco", "sp": permissions, "se": until}
    return urlencode({**fields, "spr": "https,http", "sig": base64.b64encode(digest).decode()})
