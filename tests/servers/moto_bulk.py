"""Moto's server with one more door: thousands of objects in one request. Run by moto's own Python.

`python -P moto_bulk.py PORT`; then POST to `/bulk/BUCKET` a JSON object, key -> base64 of the
content. The bucket is made when it is missing.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, run_simple

_DOOR = "/bulk/"
_ACCOUNT = "123456789012"


class _Quick(WSGIRequestHandler):
    """Keeps connections open."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the log of twenty thousand requests helps nobody."""


class _Application:
    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if not path.startswith(_DOOR):
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        _store(path.removeprefix(_DOOR), json.loads(body))
        start_response("200 OK", [("content-length", "0")])
        return [b""]


def _store(bucket: str, objects: dict[str, str]) -> None:
    backend = s3_backends[_ACCOUNT]["aws"]
    if bucket not in backend.buckets:
        backend.create_bucket(bucket, "us-east-1")
    for key, content in objects.items():
        backend.put_object(bucket, key, base64.b64decode(content), disable_notification=True)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), _Application(), threaded=True, request_handler=_Quick)
