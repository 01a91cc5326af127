"""A local S3: moto's server, and a quick way to fill a bucket of it.

Inside of `running_moto`, set AWS_ENDPOINT_URL to the endpoint and the variables in CREDENTIALS; then
`s3://bucket/prefix` is a target.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.programs import free_port, program, running

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAWEIGHBRIDGETEST0",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
}
"""What moto takes for a user; any other would do as well."""
_AT_ONCE = 2000
"""Objects in one request."""
_SOMEBODY = (
    "AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
"""Moto looks at it only while it is `strict`."""


@contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    """Run an empty S3 on loopback, in memory, and give its endpoint: `http://127.0.0.1:port`."""
    port = free_port()
    python = Path(program("moto_server")).with_name("python")
    command = [str(python), "-P", str(Path(__file__).with_name("moto_bulk.py")), str(port)]
    with running(command, port=port, folder=folder):
        yield f"http://127.0.0.1:{port}"


def put(endpoint: str, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Write objects, thousands a second; the bucket is made when it is missing."""
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    keys = list(objects)
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        body = json.dumps({key: base64.b64encode(objects[key]).decode() for key in some})
        connection.request("POST", f"/bulk/{bucket}", body=body)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise OSError(f"status {answer.status}: {said[:400]!r}")
    connection.close()


@contextmanager
def strict(endpoint: str) -> Iterator[None]:
    """Until the block ends, let nobody in whom moto's IAM does not know: nobody at all."""
    _refuse_after(endpoint, "0")
    try:
        yield
    finally:
        _refuse_after(endpoint, "inf")


def _refuse_after(endpoint: str, actions: str) -> None:
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    connection.request("POST", "/moto-api/reset-auth", body=actions)
    connection.getresponse().read()
    connection.close()


def request(endpoint: str, method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, str]:
    """Send one request of S3's API and return the headers of its answer."""
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["authorization"] = _SOMEBODY
    connection.request(method, path, body=body, headers=named)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= 300:
        raise OSError(f"{method} {path}: status {answer.status}: {said[:400]!r}")
    return {name.lower(): value for name, value in answer.getheaders()}
